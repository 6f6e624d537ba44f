"""The command line compared with durable copies of the same bytes; start-up; memory; scaling."""

from __future__ import annotations

import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import numpy as np

from tica_fn.clock import DAY_S
from tica_fn.simulate import full_frame, make_models, random_stars, write_models, write_spoc_raw

Row = tuple[str, str]
FRAMES = 40
_RUNS = 5
_SETTLE_S = 4.0


def measure() -> list[Row]:
    """Rows of the table."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as place:
        folder = Path(place)
        caldir, raw = inputs(folder)
        files = sorted(raw.iterdir())
        return [
            *_start(caldir, files[0], folder),
            *_pictures(files, folder),
            *_against_copy(caldir, files, folder),
            *_growth(caldir, raw, folder),
        ]


def inputs(folder: Path, frames: int = FRAMES) -> tuple[Path, Path]:
    """Make models and raw files; return their folders."""
    models = make_models(2, 3, 1800)
    caldir = write_models(models, folder)
    raw = folder / "raw"
    raw.mkdir()
    frame = full_frame(models, stars=random_stars(2000, seed=1), seed=1).frame
    assert frame.times is not None
    for n in range(frames):  # Each at its own time, as in a sector: no header is another's.
        later = {
            name: getattr(frame.times, name) + n * frame.exposure_s / DAY_S
            for name in ("start", "mid", "end")
        }
        times = attrs.evolve(frame.times, **later)
        write_spoc_raw(attrs.evolve(frame, times=times, cadence=9000 + n), raw)
    return caldir, raw


def _tica_fn(*words: object, env: Mapping[str, str] = os.environ) -> None:
    # An installed package has its bytecode, so a source tree that is measured keeps it too.
    kept = {name: value for name, value in env.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-m", "tica_fn", *map(str, words)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=kept)


def _start(caldir: Path, file: Path, folder: Path) -> list[Row]:
    calibrate = ["calibrate", file, "--caldir", caldir, "--outdir", folder / "start", "--overwrite"]
    empty = dict(os.environ, NUMBA_CACHE_DIR=str(folder / "numba"))
    start = time.perf_counter()
    _tica_fn(*calibrate, env=empty)
    first = time.perf_counter() - start
    helps: list[tuple[float, float]] = []
    frames: list[tuple[float, float]] = []
    for _ in range(3 * _RUNS + 1):
        for words, taken in ((["--help"], helps), (calibrate, frames)):
            start, used = time.perf_counter(), _of_commands()
            _tica_fn(*words)
            taken.append((time.perf_counter() - start, _of_commands() - used))

    def said(taken: list[tuple[float, float]]) -> str:
        wall, processor = np.median(taken[1:], axis=0)
        return f"{wall:.2f} s ({processor:.2f} s of processor time)"

    return [
        ("`tica-fn --help`", said(helps)),
        ("one frame, cold process, warm cache", said(frames)),
        ("one frame, nothing compiled yet", f"{first:.1f} s"),
    ]


def _pictures(files: list[Path], folder: Path) -> list[Row]:
    """Processor time of a picture of ``report``, start-up left out."""
    command = ["report", "--outdir", folder / "pictures", "--jobs", 1]
    taken = []
    for _ in range(3):
        seconds = []
        for count in (1, 3):
            start = _of_commands()
            _tica_fn(*command, *files[:count])
            seconds.append(_of_commands() - start)
        taken.append((seconds[1] - seconds[0]) / 2)
    each = np.median(taken) / len(list((folder / "pictures").glob("*.png"))) * 3
    what = "`report`: processor time per picture, including its part of the tables"
    return [(what, f"{each:.2f} s")]


def _of_commands() -> float:
    """Processor time of all commands so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def copied(files: list[Path], target: Path, made: list[Path] | None = None) -> None:
    """Copy as durably as products are written (temporary file, fsync, rename), two at a time.

    With `made`, files of the same sizes as these are written.
    """
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()

    def one(file: Path, size: int) -> None:
        aside = target / f".{file.name}.part"
        with file.open("rb", buffering=0) as source, aside.open("wb", buffering=0) as sink:
            content = memoryview(source.read())
            for start in range(0, size, len(content)):
                sink.write(content[: size - start])
            os.fsync(sink.fileno())
        aside.replace(target / file.name)
        handle = os.open(target, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(one, files, [path.stat().st_size for path in made or files]))


def _copy(files: list[Path], target: Path) -> float:
    _cleared(target)
    start = time.perf_counter()
    copied(files, target)
    return time.perf_counter() - start


def _cleared(folder: Path) -> Path:
    """Remove a folder and let the system settle, so that no run profits from newly freed memory."""
    shutil.rmtree(folder, ignore_errors=True)
    os.sync()
    time.sleep(_SETTLE_S)
    return folder


def _calibrate(caldir: Path, files: list[Path], out: Path, compress: str) -> float:
    _cleared(out)
    words = ["calibrate", *files, "--caldir", caldir, "--outdir", out, "--jobs", 2]
    start = time.perf_counter()
    _tica_fn(*words, "--compress", compress)
    return time.perf_counter() - start


def _against_copy(caldir: Path, files: list[Path], folder: Path) -> list[Row]:
    taken = []
    for _ in range(_RUNS + 1):
        copy = _copy(files, folder / "copy")
        one = _calibrate(caldir, files[:1], folder / "one", "none")
        plain = _calibrate(caldir, files, folder / "plain", "none")
        gzip = _calibrate(caldir, files, folder / "gzip", "gzip")
        taken.append((copy, one, plain, gzip))
    copy, one, plain, gzip = np.array(taken[1:]).T
    start = one - copy / len(files)  # one frame's run, less what one copy takes
    return [
        (f"copying {FRAMES} raw files durably, two at a time", f"{np.median(copy):.2f} s"),
        ("start-up of the command", f"{np.median(start):.2f} s"),
        ("calibrating them, `--jobs 2`, without start-up", f"{np.median(plain - start):.2f} s"),
        ("... relative to copying", f"{np.median((plain - start) / copy):.2f} x"),
        ("... with `--compress gzip`", f"{np.median(FRAMES / (gzip - start)):.0f} frames/s"),
    ]


_GROWTH = """
import sys, time, resource
from pathlib import Path
from tica_fn.fits.batch import ModelShelf, run_batch
from tica_fn.products.job import Job
from tica_fn.products.options import Product
from tica_fn.products.raw_files import calibrate_file
caldir, raw, out = map(Path, sys.argv[1:4])
count, jobs = map(int, sys.argv[4:6])
out.mkdir(exist_ok=True)
files = sorted(raw.iterdir())
job = Job(models=ModelShelf(caldir), outdir=out, overwrite=True)
if sys.argv[6:]:
    everything = Product(layout="spoc", quality=True, smear="robust")
    job = Job(models=ModelShelf(caldir, errors=True), outdir=out, overwrite=True,
              compress="gzip", product=everything)
calibrate_file(files[0], job)
start = time.perf_counter()
sources = [files[n % len(files)] for n in range(count)]
for outcome in run_batch(sources, lambda file, waits: calibrate_file(file, job, waits), jobs):
    assert outcome.state == "done", outcome
print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""


def _growth(caldir: Path, raw: Path, folder: Path) -> list[Row]:
    """Time and memory by number of frames and of jobs."""
    rows = []
    plain = [(1, 2), (10, 2), (100, 2), (1000, 2), (100, 1), (100, 4)]
    for count, jobs, *more in [*plain, (100, 2, "SPOC, flags, robust smear, gzipped")]:
        words = [caldir, raw, folder / "growth", count, jobs, *more]
        command = [sys.executable, "-c", _GROWTH, *map(str, words)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        seconds, megabytes = map(float, said.split())
        value = f"{seconds / count * 1e3:.0f} ms per frame, at most {megabytes:.0f} MB"
        what = ", ".join([f"{count} frame{'s' * (count > 1)}", f"`--jobs {jobs}`", *more])
        rows.append((what, value))
    return rows


def machine() -> str:
    """The machine on which the figures were measured."""
    model = "unknown processor"
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = re.search(r"model name\s*: (.*)", info.read_text())
        model = found[1] if found else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{model}, {os.cpu_count()} processors, {memory:.0f} GB"
