"""Why downloads use code of their own: bytes that a server must send if transfers break off.

    python -m benchmarks.downloads

A file of a model's size is downloaded from a server that breaks off after each third of it, and
from one that delays every byte.  pooch, which is compared if installed, starts again each time.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tica_fn.errors import RemoteError
from tica_fn.remote.http import Client

SIZE = 17_760_960
DATA = os.urandom(SIZE)
RETRIES = 5


class Breaking(BaseHTTPRequestHandler):
    """Breaks off after a third of the file, or sends a byte per second."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer."""
        asked = self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-")
        start = int(asked)
        self.send_response(206 if start else 200)
        self.send_header("Content-Range", f"bytes {start}-{SIZE - 1}/{SIZE}")
        self.send_header("Content-Length", str(SIZE - start))
        self.end_headers()
        server: Any = self.server
        if server.drips:
            with suppress(OSError):
                while not server.ended.wait(0.2):
                    self.wfile.write(b".")
            return
        stop = min(start + SIZE // 3, SIZE)
        self.wfile.write(DATA[start:stop])
        server.sent += stop - start
        self.close_connection = True


def main() -> None:
    """Measure and print."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Breaking)
    server.sent, server.drips, server.ended = 0, False, threading.Event()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/model.fits"
    with tempfile.TemporaryDirectory() as folder:
        with (Path(folder) / "part").open("a+b", buffering=0) as part:
            Client().download(url, part, lambda *_: None)
            part.seek(0)
            assert part.read() == DATA
        print(f"tica-fn: complete after {server.sent / SIZE:.2f} times its bytes")
        server.sent = 0
        try:
            import pooch

            pooch.retrieve(url, None, path=folder, downloader=pooch.HTTPDownloader())
            print(f"pooch: complete after {server.sent / SIZE:.2f} times its bytes")
        except ImportError:
            print("pooch: not installed")
        except Exception as error:
            print(f"pooch: {type(error).__name__} after {server.sent / SIZE:.2f} times its bytes")
        server.drips = True
        begun = time.monotonic()
        with (Path(folder) / "slow").open("a+b", buffering=0) as part:
            try:
                Client(timeout_s=2.0, tries=2).download(url, part, lambda *_: None)
            except RemoteError:
                print(
                    f"tica-fn: five bytes a second given up after {time.monotonic() - begun:.1f} s"
                )
    server.ended.set()


if __name__ == "__main__":
    main()
