"""Whatever came before, and wherever the server breaks off, the same bytes are there at last."""

import io
import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tica_fn.errors import RemoteError
from tica_fn.remote.http import Client
from tica_fn.remote.progress_bar import ProgressBar, show_progress

DATA = bytes(range(256)) * 1200


@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    kept=st.integers(0, len(DATA)),
    breaks=st.lists(st.integers(1, len(DATA)), max_size=4),
    ranges=st.lists(st.booleans(), min_size=5, max_size=5),
)
def test_any_breaks_and_any_beginning(serve, tmp_path_factory, kept, breaks, ranges):
    root = tmp_path_factory.mktemp("resume")
    (root / "file").write_bytes(DATA)
    server = serve(root)
    part = (root / "part").open("a+b")
    part.write(DATA[:kept])
    seen = []
    with part:
        for limit, understands in itertools.zip_longest(breaks, ranges[: len(breaks)]):
            server.break_after, server.ranges = limit, understands
            before = part.seek(0, io.SEEK_END)
            try:
                Client(tries=1, pause_s=0).download(server.url + "file", part, lambda *a: None)
            except RemoteError as error:
                assert "broke off" in str(error)  # noqa: PT017
            after = part.seek(0, io.SEEK_END)
            assert after >= before or not understands
            part.seek(0)
            assert DATA.startswith(part.read())
        server.break_after, server.ranges = None, ranges[-1]
        Client().download(server.url + "file", part, lambda *a: seen.append(a))
        part.seek(0)
        assert part.read() == DATA
    assert not seen or seen[-1] == (len(DATA), len(DATA))


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_sees_a_bar():
    stream = Terminal()
    with show_progress(2, stream) as progress:
        report = progress.reporter("a")
        report(500, 1000)
        report(1000, 1000)
        progress.finished("a", 1000)
        progress.reporter("b")(1000, None)
        progress.finished("b", 1000)
    shown = stream.getvalue()
    assert "2 of 2 files" in shown
    assert "2.0/2.0 kB" in shown


def test_a_file_sees_a_line_for_each_finished_file():
    stream = io.StringIO()
    progress = ProgressBar(2, stream)
    progress.reporter("a")(500, 1000)
    assert stream.getvalue() == ""
    progress.finished("a", 1000)
    progress.finished("b", 17_760_960)
    assert stream.getvalue() == "[1/2] a 1.0 kB\n[2/2] b 17.8 MB\n"


@pytest.mark.parametrize("status", [401, 403, 418])
def test_answers_that_trying_again_cannot_mend(serve, tmp_path, status):
    server = serve(tmp_path)
    server.always = status
    with (tmp_path / "part").open("a+b") as part, pytest.raises(RemoteError, match=str(status)):
        Client(tries=3, pause_s=0).download(server.url + "x", part, lambda *a: None)
    assert len(server.log) == 1
