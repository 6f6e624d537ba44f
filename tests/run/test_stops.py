"""Runs that end before their time: signals, kills, a full disk, a cluster's dead worker."""

import errno
import gzip
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tica_fn
from tests.run.conftest import contents
from tica_fn.errors import ClusterError
from tica_fn.fits import atomic
from tica_fn.fits.outcome import NOT_BEGUN, Outcome
from tica_fn.run.fleet import Threads
from tica_fn.run.record_writer import RecordWriter
from tica_fn.run.stars_work import find_stars


def start(plain, out, *options):
    (caldir,) = plain.glob("calibration_*")
    words = [
        "run", str(plain / "raw"), "--caldir", str(caldir), "--outdir", str(out), "--no-wcs",
        *map(str, options),
    ]  # fmt: skip
    return subprocess.Popen(
        [sys.executable, "-m", "tica_fn", *words],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def wait_for_products(out, count):
    for _ in range(6000):
        if len(list(out.glob("cam*/*.cal.fits"))) >= count:
            return
        time.sleep(0.01)
    raise AssertionError("no products appear")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_finishes_what_is_in_hand(plain, tmp_path, go, number):
    with start(plain, tmp_path, "--jobs", 1) as process:  # Or all eight may be in hand.
        wait_for_products(tmp_path, 1)
        process.send_signal(number)
        said = process.communicate(timeout=120)[0]
    if process.returncode == 0:
        pytest.skip("the run was quicker than the signal")
    assert process.returncode == 128 + number, said
    assert f"{signal.Signals(number).name}: finishing the files in progress" in said
    assert "to go on: tica-fn run" in said
    assert "Traceback" not in said
    record = tica_fn.run.open_record(tmp_path)
    assert record.rows("runs")[0]["state"] == "stopped"
    done = len(record["inputs"])
    assert done == len(contents(tmp_path)) < 8
    assert f"{8 - done} done, {done} skipped" in go(plain, tmp_path, "--no-wcs").out


def test_killed_again_and_again_every_frame_is_done_once(plain, tmp_path, go):
    """Each go is killed a little later; products and record agree in the end."""
    whole = tmp_path / "whole"
    go(plain, whole, "--no-wcs")
    out = tmp_path / "out"
    chance = random.Random(5)
    for count in range(5):
        with start(plain, out, "--jobs", 2) as process:
            wait_for_products(out, count + 1)
            time.sleep(0.02 * chance.random())
            process.kill()
        # Only what is renamed at this very moment may have been left.
        assert len([path for path in out.rglob("*") if path.suffix in (".part", ".tmp")]) < 3
        whole_ones = contents(whole)
        assert all(data == whole_ones[name] for name, data in contents(out).items())
    left = out / "cam4-ccd3" / ".x.cal.fits.0123abcd.part"
    for path in (left, *out.glob("cam*/.*.part")):
        path.touch()
        os.utime(path, (1e9, 1e9))
    before = {path: path.stat().st_mtime_ns for path in out.glob("cam*/[!.]*")}
    go(plain, out, "--no-wcs")
    assert not [path for path in out.rglob("*") if path.suffix in (".part", ".tmp")]
    assert contents(out) == contents(whole)
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    rows = tica_fn.run.open_record(out).rows("frames")
    assert {row["product"] for row in rows} == set(contents(whole))
    assert all(row["smear"] > 0 and row["mode"] > 0 for row in rows)
    states = [row["state"] for row in tica_fn.run.open_record(out).rows("runs")]
    assert states[-1] == "done"


def test_a_killed_run_is_told(plain, tmp_path, capsys):
    from tica_fn.cli import main

    with start(plain, tmp_path) as process:
        wait_for_products(tmp_path, 1)
        process.kill()
    main(["status", str(tmp_path)])
    said = capsys.readouterr().out
    assert said.startswith(("killed: ", "done: "))


def test_a_full_disk_stops_with_one_message(plain, tmp_path, go, monkeypatch):
    written = []
    write = atomic.write_whole

    def until_full(path, *arguments, **named):
        if len(written) == 3:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
        written.append(path)
        write(path, *arguments, **named)

    monkeypatch.setattr("tica_fn.fits.stream.write_whole", until_full)
    printed = go(plain, tmp_path, "--no-wcs", "--jobs", 2, code=1)
    assert printed.err.count("No space left on device") == 1
    assert "5 files are left" in printed.err
    assert "to go on: " in printed.err
    record = tica_fn.run.open_record(tmp_path)
    assert {row["state"] for row in record.rows("inputs")} == {"done"}
    assert record.rows("runs")[0]["state"] == "stopped"
    monkeypatch.undo()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert "5 done, 3 skipped, 0 failed" in go(plain, tmp_path, "--no-wcs").out


def test_a_really_full_disk(plain, tmp_path, go):
    """A file system of 60 MB holds three products and the record."""
    out = tmp_path / "small"
    out.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=60m", "none", str(out)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("file systems can't be mounted here")
    try:
        printed = go(plain, out, "--no-wcs", code=1)
        assert printed.err.count("No space left on device") == 1
        assert len(contents(out)) == 3
        assert not [path for path in out.rglob("*") if path.suffix == ".part"]
        assert len(tica_fn.run.open_record(out)["inputs"]) == 3
    finally:
        subprocess.run(["umount", str(out)], check=True)


def test_an_input_that_vanishes_is_told_and_the_others_are_done(plain, tmp_path, go, monkeypatch):
    (tmp_path / "raw").mkdir()
    files = [Path(shutil.copy(p, tmp_path / "raw")) for p in sorted((plain / "raw").iterdir())[:4]]
    read = tica_fn.run.work.read_raw

    def vanishing(source):
        files[2].unlink(missing_ok=True)
        return read(source)

    monkeypatch.setattr("tica_fn.run.work.read_raw", vanishing)
    printed = go(plain, tmp_path / "out", "--no-wcs", files=files, code=1)
    assert f"{files[2]}: No such file or directory" in printed.err
    assert "3 done, 0 skipped, 1 failed" in printed.out


def test_a_run_whose_workers_are_gone_tells_what_is_left(plain, tmp_path, go, monkeypatch):
    each = Threads.each

    def dying(self, work, items, **named):
        items = list(items)
        yield from each(self, work, items[:6], **named)
        gone = ClusterError("tcp://x: all workers went away")
        for path, _ in items[6:]:
            yield Outcome(source=path, state=NOT_BEGUN, error=gone)

    monkeypatch.setattr(Threads, "each", dying)
    printed = go(plain, tmp_path, "--no-wcs", code=1)
    (line,) = printed.err.splitlines()
    assert line.startswith("tica-fn: tcp://x: all workers went away; 2 files are left; to go on: ")
    assert tica_fn.run.open_record(tmp_path).rows("runs")[0]["state"] == "stopped"
    monkeypatch.undo()
    assert "2 done, 6 skipped, 0 failed" in go(plain, tmp_path, "--no-wcs").out


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    environment = {"SOURCE_DATE_EPOCH": "1700000000"}
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0", silence_logs=50
    ) as found:
        yield found
    for name, value in before.items():
        if value is not None:
            os.environ[name] = value


@pytest.mark.filterwarnings("ignore")
def test_a_second_input_of_a_product_is_refused_before_it_is_written(plain, tmp_path, go, cluster):
    files = sorted((plain / "raw").iterdir())[:3]
    (tmp_path / "other").mkdir()
    twin = tmp_path / "other" / files[0].name
    shutil.copy(files[1], twin)  # Other pixels under the first one's name.
    packed = tmp_path / "other" / (files[2].name + ".gz")
    packed.write_bytes(gzip.compress(files[2].read_bytes(), 1))
    out = tmp_path / "out"
    words = ["--no-wcs", "--scheduler", cluster.scheduler_address]
    printed = go(plain, out, *words, files=[*files, twin, packed], code=1)
    assert "3 done, 0 skipped, 2 failed" in printed.out
    for path, first in ((twin, files[0]), (packed, files[2])):
        assert f"{path}: " in printed.err
        assert f"is made from {first} already; give one of them" in printed.err
    go(plain, tmp_path / "alone", "--no-wcs", files=files)
    assert contents(out) == contents(tmp_path / "alone")
    # And when the first one was done before.
    printed = go(plain, out, *words, files=[*files, twin], code=1)
    assert contents(out) == contents(tmp_path / "alone")


@pytest.mark.filterwarnings("ignore")
def test_a_cluster_makes_the_same_bytes_though_a_worker_dies(sky, sky_run, tmp_path, go, cluster):
    killed = []

    def kill_one(*_):
        pid = next(iter(cluster.workers.values())).pid
        if not killed and contents(tmp_path):
            killed.append(pid)
            os.kill(pid, signal.SIGKILL)

    import threading

    watching = threading.Event()

    def watch():
        while not watching.wait(0.02):
            kill_one()

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        go(sky, tmp_path, "--scheduler", cluster.scheduler_address)
    finally:
        watching.set()
        thread.join()
    assert killed
    assert contents(tmp_path) == contents(sky_run)
    rows = tica_fn.run.open_record(tmp_path).rows("frames")
    assert {row["wcs"] for row in rows} == {"done"}
    assert len(rows) == 8


def test_a_second_run_in_the_same_folder_is_refused(plain, tmp_path, go):
    with RecordWriter(tmp_path):
        said = go(plain, tmp_path, "--no-wcs", code=1).err
    (line,) = said.splitlines()
    assert line.endswith("another tica-fn is at work on this run; wait for it, or stop it")
    assert not contents(tmp_path)


def test_what_another_program_writes_meanwhile_is_not_lost(plain, tmp_path, monkeypatch, go):
    """It stands, its file fails, and the next go makes it anew."""
    go(plain, tmp_path, "--no-wcs")
    first = min(tmp_path.glob("cam*/*.cal.fits"))
    first.write_bytes(first.read_bytes()[:-2880])  # The next go makes it anew.
    calibrate = tica_fn.products.readouts.Strips.of

    def writing(*arguments):
        first.write_text("another program's")
        return calibrate(*arguments)

    monkeypatch.setattr(tica_fn.products.readouts.Strips, "of", writing)
    said = go(plain, tmp_path, "--no-wcs", code=1)
    monkeypatch.undo()
    assert f"{first}: was changed by another program since it was read" in said.err
    assert first.read_text() == "another program's"
    assert "1 done, 7 skipped, 0 failed" in go(plain, tmp_path, "--no-wcs", "--retry-failed").out
    assert tica_fn.read(first).pixels.shape == (2078, 2136)


def test_a_stop_says_what_is_left_to_be_solved(sky, tmp_path, monkeypatch, go):
    def stopping(*arguments):
        signal.raise_signal(signal.SIGTERM)
        return find_stars(*arguments)

    monkeypatch.setattr("tica_fn.run.stars_work.find_stars", stopping)
    frames = sorted((sky / "raw").iterdir())[:2]
    said = go(sky, tmp_path, "--jobs", 1, files=frames, code=128 + signal.SIGTERM)
    assert "SIGTERM; 0 files and 2 frames to be solved are left; to go on: " in said.err
