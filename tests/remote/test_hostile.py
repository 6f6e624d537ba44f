"""Servers that lie, stall and never end: refused or given up, in bounded time and space."""

import contextlib
import socketserver
import threading
import time

import pytest

from tica_fn.errors import RemoteError
from tica_fn.remote.http import Client, RefusedError
from tica_fn.remote.patience import SLOWEST

BODY = bytes(range(256)) * 400


class Script(socketserver.StreamRequestHandler):
    """Reads a request and lets the server's script answer it as it likes."""

    def handle(self):
        request = b""
        while not request.endswith(b"\r\n\r\n"):
            line = self.rfile.readline()
            if not line:
                return
            request += line
        self.server.requests.append(request.decode())
        with contextlib.suppress(OSError):
            self.server.script(self.wfile.write, self.server)


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}/file"


@pytest.fixture
def hostile(monkeypatch):
    """Start a server that answers by a script."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running = []

    def start(script):
        server = Server(("127.0.0.1", 0), Script)
        server.script, server.requests, server.ended = script, [], threading.Event()
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        running.append(server)
        return server

    yield start
    for server in running:
        server.ended.set()
        server.shutdown()
        server.server_close()


def head(status, *headers):
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode()


def download(server, tmp_path, kept=b"", limit=None, **more):
    client = Client(**{"timeout_s": 0.2, "tries": 3, "pause_s": 0.0} | more)
    with (tmp_path / "part").open("a+b", buffering=0) as part:
        part.write(kept)
        client.download(server.url, part, lambda *_: None, limit=limit)
    return (tmp_path / "part").read_bytes()


ANSWERS = {
    "a length that is a word": (head("200 OK", "Content-Length: many") + BODY, "'many'"),
    "a negative length": (head("200 OK", "Content-Length: -5") + BODY, "'-5'"),
    "two lengths": (head("200 OK", "Content-Length: 5", "Content-Length: 7") + BODY, ""),
    "a length in other digits": (head("200 OK", "Content-Length: 0x10") + BODY, "'0x10'"),
    "more than the file can be": (head("200 OK", "Content-Length: 999999999999"), "999999999999"),
    "another range": (head("206 Partial", "Content-Range: bytes 107-199/200"), "107-199/200"),
    "a range from the start": (head("206 Partial", "Content-Range: bytes 0-199/200"), "0-199/200"),
    "a range backwards": (head("206 Partial", "Content-Range: bytes 100-50/200"), "100-50/200"),
    "a range past the end": (
        head("206 Partial", "Content-Range: bytes 100-300/200"),
        "100-300/200",
    ),
    "a range of nothing": (head("206 Partial", "Content-Length: 5") + b"12345", "''"),
    "a range in words": (head("206 Partial", "Content-Range: bytes all/many"), "all/many"),
    "a file of ours": (head("302 Found", "Location: file:///etc/passwd"), "file:///etc/passwd"),
    "another protocol": (head("301 Moved", "Location: ftp://127.0.0.1/x"), "ftp://"),
    "no address": (head("302 Found", "Location: http://[]/x"), "redirects to http://[]/x"),
    "a port that is none": (head("302 Found", "Location: http://a:b/x"), "redirects to http://a"),
    "a host that is none": (head("302 Found", "Location: http://*.é..x/"), "not allowed"),
    "itself": (head("302 Found", "Location: /file"), "more than 5 times"),
    "a choice": (head("300 Multiple Choices"), "300"),
    "no leave": (head("403 Forbidden"), "403"),
}


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_what_can_t_be_right_is_refused_at_once(hostile, tmp_path, answer):
    content, said = answer

    server = hostile(lambda write, _: write(content))
    begun = time.monotonic()
    with pytest.raises(RefusedError) as refused:
        download(server, tmp_path, kept=bytes(100), limit=1_000_000)
    assert server.url in str(refused.value)
    assert said in str(refused.value)
    assert time.monotonic() - begun < 5.0
    assert len(server.requests) == (6 if said == "more than 5 times" else 1)


def test_a_body_without_length_ends_at_the_limit(hostile, tmp_path):
    def endless(write, server):
        write(head("200 OK"))
        while not server.ended.is_set():
            write(BODY)

    with pytest.raises(RefusedError, match="more than the expected 300000 bytes"):
        download(hostile(endless), tmp_path, limit=300_000)
    assert (tmp_path / "part").stat().st_size <= 300_000


def test_a_redirect_s_endless_body_is_not_read(hostile, tmp_path):
    def script(write, server):
        if len(server.requests) > 1:
            write(head("200 OK", f"Content-Length: {len(BODY)}") + BODY)
            return
        write(head("302 Found", "Location: /other"))
        while not server.ended.is_set():
            write(BODY)

    assert download(hostile(script), tmp_path) == BODY


def drip(write, server, first, piece, pause_s):
    write(first)
    while not server.ended.wait(pause_s):
        write(piece)


DRIPS = {
    "the status line": (b"HTTP/1.1 2", b"0"),
    "a header": (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
    "headers without end": (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
    "the body": (head("200 OK", f"Content-Length: {len(BODY)}"), b"."),
    "the body without length": (head("200 OK"), b"."),
    "a chunk": (head("200 OK", "Transfer-Encoding: chunked") + b"fffff\r\n", b"."),
    "a chunk's length": (head("200 OK", "Transfer-Encoding: chunked"), b"0"),
    "tiny chunks": (head("200 OK", "Transfer-Encoding: chunked"), b"1\r\n.\r\n"),
}


@pytest.mark.parametrize("where", DRIPS.values(), ids=DRIPS)
def test_a_byte_at_a_time_does_not_hold_us(hostile, tmp_path, where):
    """Each byte comes well within the timeout; the whole would take hours."""
    server = hostile(lambda write, server: drip(write, server, *where, 0.04))
    begun = time.monotonic()
    with pytest.raises(RemoteError, match="failed attempts: 3"):
        download(server, tmp_path)
    assert len(server.requests) == 3
    assert time.monotonic() - begun < 12.0


def test_a_file_given_by_the_byte_in_many_answers_is_given_up(hostile, tmp_path):
    def script(write, server):
        start = int(server.requests[-1].partition("bytes=")[2].partition("-")[0] or 0)
        last = len(BODY) - 1
        status = "206 Partial" if start else "200 OK"
        span = f"Content-Range: bytes {start}-{last}/{len(BODY)}"
        write(head(status, span, f"Content-Length: {len(BODY) - start}") + b".")

    server = hostile(script)
    with pytest.raises(RemoteError, match="failed attempts: 3; bytes kept: 3"):
        download(server, tmp_path)
    assert len(server.requests) == 3


def test_a_slow_but_honest_server_is_waited_for(hostile, tmp_path):
    """Twice the slowest rate, for several windows."""
    piece = BODY[: int(2 * SLOWEST * 0.25)]

    def script(write, server):
        write(head("200 OK", f"Content-Length: {8 * len(piece)}"))
        for _ in range(8):
            write(piece)
            server.ended.wait(0.25)

    assert download(hostile(script), tmp_path, timeout_s=1.0) == 8 * piece


def test_a_shorter_range_than_asked_for_is_continued(hostile, tmp_path):
    """A server may give less of a range; the rest is asked for."""

    def script(write, server):
        start = int(server.requests[-1].partition("bytes=")[2].partition("-")[0] or 0)
        stop = min(start + 30_000, len(BODY))
        span = f"Content-Range: bytes {start}-{stop - 1}/{len(BODY)}"
        write(head("206 Partial", span, f"Content-Length: {stop - start}") + BODY[start:stop])

    assert download(hostile(script), tmp_path, kept=BODY[:100]) == BODY


def test_what_the_server_packs_again_is_kept_as_it_is_sent(hostile, tmp_path):
    """As curl does: a packed file served as such stays packed."""
    import gzip

    packed = gzip.compress(BODY)
    lines = ("Content-Encoding: gzip", f"Content-Length: {len(packed)}")
    server = hostile(lambda write, _: write(head("200 OK", *lines) + packed))
    assert download(server, tmp_path) == packed
