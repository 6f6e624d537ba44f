"""``tica-fn calibrate --scheduler``: the workers of a Dask cluster make the same files."""

import contextlib
import http.server
import json
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
import time

import pytest

from tests import inputs
from tests.data.made_frames import made_frame
from tica_fn.cli import main
from tica_fn.products.cluster import _PATIENCE_S

CAMERA, CCD, EXPOSURE_S, SEED = 4, 3, 1800, 2


@pytest.fixture(scope="module")
def made():
    return made_frame(CAMERA, CCD, EXPOSURE_S, SEED)


@pytest.fixture(scope="module")
def caldir(tmp_path_factory, made):
    folder = tmp_path_factory.mktemp("models") / "calibration_30min"
    return inputs.tica_models(folder, *made[1:], CAMERA, CCD)


@pytest.fixture(scope="module")
def raws(tmp_path_factory, made):
    folder = tmp_path_factory.mktemp("raw")
    how = {"camera": CAMERA, "ccd": CCD, "exposure_s": EXPOSURE_S}
    names = [inputs.name_of(number, CAMERA, CCD) for number in range(3)]
    return [inputs.raw_ffi(folder / name, made[0] + n, **how) for n, name in enumerate(names)]


DATE = "SOURCE_DATE_EPOCH", "1700000000"


@pytest.fixture(scope="module")
def cluster():
    """A cluster of one worker process, reached over TCP as any other."""
    distributed = pytest.importorskip("distributed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(*DATE)
        running = distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, dashboard_address=":0", silence_logs=50
        )
    with running:
        yield running.scheduler_address


@pytest.fixture
def scheduler(cluster, monkeypatch):
    monkeypatch.setenv(*DATE)
    return cluster


def test_a_cluster_makes_the_files_that_one_process_makes(
    scheduler, caldir, raws, tmp_path, capsys
):
    bad = tmp_path / inputs.name_of(9, CAMERA, CCD)
    bad.write_text("not FITS")
    files = [*map(str, raws), str(bad)]
    here, there = tmp_path / "here", tmp_path / "there"
    assert main(["calibrate", *files[:3], "--caldir", str(caldir), "--outdir", str(here)]) == 0
    words = ["calibrate", *files, "--caldir", str(caldir), "--outdir", str(there)]
    assert main([*words, "--scheduler", scheduler]) == 1
    printed = capsys.readouterr()
    assert "3 done, 0 skipped, 1 failed" in printed.out
    assert printed.err.splitlines() == [
        f"tica-fn: {bad}: not a FITS file (it does not start with SIMPLE)"
    ]
    made = {path.name: path.read_bytes() for path in there.iterdir()}
    assert made == {path.name: path.read_bytes() for path in here.iterdir()}
    assert len(made) == 3


def test_two_files_of_one_product_are_told(scheduler, caldir, raws, tmp_path, capsys):
    twin = tmp_path / inputs.name_of(5, CAMERA, CCD)
    twin.write_bytes(raws[0].read_bytes())
    files = [str(raws[0]), str(twin)]
    options = ["--name", "hlsp", "--orbit-segment", "o1a", "--scheduler", scheduler]
    words = ["calibrate", *files, "--caldir", str(caldir), "--outdir", str(tmp_path / "out")]
    assert main([*words, *options]) == 1
    printed = capsys.readouterr()
    assert "1 failed" in printed.out
    assert "give one of them" in printed.err


class Garbage(socketserver.BaseRequestHandler):
    """Answers with bytes that mean nothing, among them sizes of exabytes."""

    def handle(self):
        self.request.sendall(bytes(range(256)) * 64)


class Silence(socketserver.BaseRequestHandler):
    def handle(self):
        time.sleep(60)


@contextlib.contextmanager
def serving(handler):
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"tcp://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


HANDLERS = {
    "a web server": http.server.SimpleHTTPRequestHandler,
    "garbage": Garbage,
    "silence": Silence,
}


PLACES = [*HANDLERS, "tcp://127.0.0.1:9", "nowhere", "http://127.0.0.1:9", "tcp://", ":-1"]

COMMANDS = """
import json, os, sys
import distributed, numpy
from tica_fn.cli import main
from tica_fn.products import cluster, job, raw_files
cluster._ANSWER_S = 3.0
words, addresses = json.loads(sys.argv[1])
children = []
for number, address in enumerate(addresses):
    sys.stdout.flush()
    children.append(os.fork())
    if children[-1] == 0:
        os.dup2(os.open(f"{number}.txt", os.O_WRONLY | os.O_CREAT), 2)
        sys.exit(main([*words, "--outdir", str(number), "--scheduler", address]))
print(*[os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""


@pytest.fixture(scope="module")
def answers(raws, caldir, tmp_path_factory):
    """What commands say whose scheduler does not answer, all at once: most of it is waiting.

    In processes of their own, forked from one that has all modules: what libraries log would be
    seen, and that they end.
    """
    pytest.importorskip("distributed")
    out = tmp_path_factory.mktemp("unanswered")
    with contextlib.ExitStack() as stack:
        addresses = [
            stack.enter_context(serving(HANDLERS[place])) if place in HANDLERS else place
            for place in PLACES
        ]
        words = ["calibrate", str(raws[0]), "--caldir", str(caldir)]
        done = subprocess.run(
            [sys.executable, "-c", COMMANDS, json.dumps([words, addresses])],
            cwd=out, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
    assert done.stderr == ""
    codes = map(int, done.stdout.splitlines()[-1].split())
    said = [(out / f"{number}.txt").read_text() for number in range(len(PLACES))]
    return dict(zip(PLACES, zip(addresses, said, codes, strict=True), strict=True))


@pytest.mark.parametrize("place", PLACES)
def test_no_scheduler_is_one_clear_line(place, answers):
    address, said, code = answers[place]
    assert code == 1
    (line,) = said.splitlines()
    assert line.startswith(f"tica-fn: {address}: no Dask scheduler answers there")


PATIENCE_S = 3.0
IMPATIENT = f"""
from tica_fn.cli import main
from tica_fn.products import cluster
cluster._PATIENCE_S = {PATIENCE_S}
raise SystemExit(main())
"""


def command(files, caldir, outdir, address, *, how=("-m", "tica_fn")):
    words = ["calibrate", *files, "--caldir", caldir, "--outdir", outdir, "--scheduler", address]
    return subprocess.Popen(
        [sys.executable, *how, *map(str, words)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@contextlib.contextmanager
def dask(*words, cwd=None, env=None):
    """A scheduler or worker in a process group of its own, killed at the end."""
    running = subprocess.Popen(
        [sys.executable, "-m", "dask", *map(str, words)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        cwd=cwd, env=env,
    )  # fmt: skip
    try:
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def far_scheduler():
    port = free_port()
    with dask("scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard") as running:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield running, f"tcp://127.0.0.1:{port}"


WORKER = ("--nthreads", "1", "--no-dashboard")


@pytest.fixture(scope="module")
def one_scheduler():
    pytest.importorskip("distributed")
    with far_scheduler() as (_, address):
        yield address


@pytest.fixture
def far(one_scheduler):
    """Address of a scheduler that outlives its workers, and knows none."""
    import distributed

    yield one_scheduler
    with distributed.Client(one_scheduler, timeout=30, set_as_default=False) as client:
        while client.nthreads():
            time.sleep(0.05)


@contextlib.contextmanager
def far_worker(address, *more, count=1, **how):
    import distributed

    with dask("worker", address, *WORKER, *more, **how) as running:
        with distributed.Client(address, timeout=30, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=60)
        yield running


@pytest.fixture(scope="module")
def many(tmp_path_factory, raws):
    folder = tmp_path_factory.mktemp("many")
    paths = []
    for number in range(12):
        path = folder / inputs.name_of(number, CAMERA, CCD)
        path.write_bytes(raws[0].read_bytes())
        paths.append(path)
    return paths


@pytest.mark.parametrize("dies", ["scheduler", "workers"])
def test_when_all_are_gone_every_file_is_accounted_for_and_the_next_run_completes(
    dies, many, caldir, tmp_path, capsys
):
    pytest.importorskip("distributed")
    out = tmp_path / "out"
    with far_scheduler() as (scheduler, address), far_worker(address, "--no-nanny") as worker:
        running = command(many, caldir, out, address, how=("-c", IMPATIENT))
        first = running.stdout.readline()  # One is done, and others are under way.
        assert first.startswith(("compiling", "done ")), first
        os.killpg((scheduler if dies == "scheduler" else worker).pid, signal.SIGKILL)
        start = time.monotonic()
        printed, said = running.communicate(timeout=90)
        printed = first + printed
        assert time.monotonic() - start < 30 - (_PATIENCE_S - PATIENCE_S)
    assert running.returncode == 1
    (line,) = said.splitlines()
    what = "the Dask scheduler" if dies == "scheduler" else "all workers"
    assert line.startswith(f"tica-fn: {address}: {what} went away")
    lines = printed.splitlines()
    done = [one for one in lines if one.startswith("done ")]
    left = [one.removeprefix("not begun ") for one in lines if one.startswith("not begun ")]
    assert len(done) + len(left) == len(many)
    assert set(left) <= set(map(str, many))
    assert f"{len(done)} done, 0 skipped, 0 failed, {len(left)} not begun" in lines[-1]
    words = ["calibrate", *many, "--caldir", caldir, "--outdir", out, "--jobs", "2"]
    assert main([str(word) for word in words]) == 0
    assert len(list(out.glob("*.cal.fits"))) == len(many)


def test_workers_without_the_package_are_one_line(raws, caldir, tmp_path, far):
    hide = tmp_path / "hide"
    (hide / "sitecustomize.py").parent.mkdir()
    (hide / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hide:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'tica_fn':\n"
        "            raise ModuleNotFoundError(name)\n"
        "sys.meta_path.insert(0, Hide())\n"
    )
    env = {**os.environ, "PYTHONPATH": str(hide)}
    with far_worker(far, "--no-nanny", env=env):
        done = command(raws, caldir, tmp_path / "out", far)
        said = done.communicate(timeout=60)[1]
    assert done.returncode == 1
    (line,) = said.splitlines()
    assert f"{far}: tica-fn is not installed where 1 of 1 workers run" in line


def test_a_file_of_a_worker_that_dies_is_done_by_another(many, caldir, tmp_path, far):
    out = tmp_path / "out"
    with far_worker(far, "--no-nanny") as one, far_worker(far, "--no-nanny", count=2):
        running = command(many, caldir, out, far)
        while not (out.is_dir() and list(out.glob("*.cal.fits"))):
            time.sleep(0.02)
            assert running.poll() is None, running.stderr.read()
        os.killpg(one.pid, signal.SIGKILL)
        printed, said = running.communicate(timeout=120)
    assert (running.returncode, said) == (0, "")
    # One that was written before its worker could say so is skipped by the other.
    assert "0 failed" in printed
    assert printed.count("\ndone ") + printed.count("skipped /") + 1 >= len(many)
    assert len(list(out.iterdir())) == len(many)


def test_two_clients_of_one_scheduler_do_not_take_each_others_results(
    scheduler, many, caldir, tmp_path
):
    outs = [tmp_path / "one", tmp_path / "two"]
    running = [command(many, caldir, out, scheduler) for out in outs]
    for one, out in zip(running, outs, strict=True):
        printed, said = one.communicate(timeout=180)
        assert (one.returncode, said) == (0, "")
        assert f"{len(many)} done, 0 skipped, 0 failed" in printed
        assert len(list(out.iterdir())) == len(many)


def test_a_link_gives_the_product_of_its_own_name(scheduler, raws, caldir, tmp_path):
    link = tmp_path / "link_ffir.fits"
    link.symlink_to(raws[0])
    words = ["calibrate", link, "--caldir", caldir, "--outdir", tmp_path / "out"]
    assert main([*map(str, words), "--scheduler", scheduler]) == 0
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["link_ffir.cal.fits"]
