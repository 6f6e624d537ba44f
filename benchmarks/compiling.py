"""What compiling every kernel takes, from nothing: ``python -m benchmarks.compiling [--list]``.

Commands with all their options, and with ``--examples`` also every example of the documentation,
run in one process with an empty cache.  ``--list`` prints the processor time of each kernel and its
types, alone and with what it draws in.  The ratio to one small kernel, compiled beside them, shows
a regression on any machine.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import attrs
import numba
import numpy as np
from numba.core import event

Row = tuple[str, str]
ROOT = Path(__file__).parents[1]
_EXAMPLE = ROOT / "tica_fn" / "data" / "example"
_REAL_PIXELS = next(_EXAMPLE.glob("*s_tp.fits.gz"))
_SMALL_RUNS = 15


@attrs.define
class Compiled:
    """One function for one set of types; what numba compiles for it has entries of its own."""

    name: str
    types: str
    alone_s: float = 0.0
    """Without what it draws in."""
    all_s: float = 0.0


class Listener(event.Listener):
    """Keeps what is compiled, with the processor time of this thread, without the system's."""

    def __init__(self) -> None:
        self.found: list[Compiled] = []
        self.open: list[tuple[Compiled, float]] = []

    def on_start(self, happens: Any) -> None:
        """A function is begun, perhaps in the middle of another."""
        function = happens.data["dispatcher"].py_func
        name = f"{function.__module__}.{function.__qualname__}".removeprefix("tica_fn.kernels.")
        types = ", ".join(map(str, happens.data["args"]))
        self.open.append((Compiled(name, types), _user_s()))

    def on_end(self, _: Any) -> None:
        """It is done."""
        one, start = self.open.pop()
        one.all_s = _user_s() - start
        one.alone_s += one.all_s
        if self.open:
            self.open[-1][0].alone_s -= one.all_s
        self.found.append(one)


def _user_s() -> float:
    return resource.getrusage(resource.RUSAGE_THREAD).ru_utime


def calibration(folder: Path) -> list[str]:
    """Command lines of every product of frames, camera frames and target pixels."""
    models = folder / "sky/calibration_10min"
    frames = f"calibrate {folder}/sky --caldir {models} --jobs 1 --outdir {folder}"
    camera = f"calibrate {folder}/camera --caldir {folder}/camera/calibration_10min --jobs 1"
    pixels = f"{folder}/target --caldir {models} --jobs 1 --outdir {folder}"
    real = f"--caldir {_EXAMPLE} --jobs 1 --like spoc --outdir {folder}"  # with errors of the bias
    return [
        f"{frames}/plain",
        f"{frames}/gzip --compress gzip --without flat",
        f"{frames}/gzip2 --compress gzip2 --trim",
        f"{frames}/rice --compress rice --undershoot",
        f"{frames}/errors --uncertainty --quality --without linearity",
        f"{frames}/robust --smear robust --uncertainty --trim",
        f"{frames}/spoc --layout spoc --compress gzip",
        f"{frames}/all --layout spoc --quality --smear robust --compress rice",
        f"{frames}/undershoot --quality --smear robust --undershoot",
        f"{frames}/like --linearity mission --undershoot --quality --uncertainty",
        f"{frames}/poc --linearity poc --pedestal row --quality --uncertainty",
        f"{camera} --outdir {folder}/cameras --assemble --smear robust",
        f"{camera} --outdir {folder}/split --layout spoc --quality",
        f"calibrate {folder}/sky {real}/mission --pedestal mean --layout spoc --quality",
        f"calibrate {_REAL_PIXELS} {real}/real",
        f"calibrate {pixels}/cadences --quality",
        f"calibrate {pixels}/cadences-like --linearity mission --undershoot",
    ]


def solutions(folder: Path) -> list[str]:
    """Command lines of a run with solutions, and of what is done with its products."""
    models, done = folder / "sky/calibration_10min", folder / "run/cam2-ccd3"
    run = f"run {folder}/sky --caldir {models} --jobs 1 --no-report --outdir {folder}"
    first = done / "tess2021054015352-s0035-2-3-0155-s_ffir.cal.fits"
    return [
        f"{run}/run --transients",
        f"{run}/spoc-run --layout spoc --quality --centroid tica --degree 4 --smear robust",
        f"wcs refstars {first} -o {folder}/tica.h5 --centroid tica --wing 7 --jobs 1",
        f"wcs fit {done} --refstars {folder}/tica.h5 --centroid tica --jobs 1",
        f"wcs compare {first} {first}",
        f"cutout {done} --ra 149.377 --dec -24.872 -o {folder}/cutout.fits",
        f"wcs diagnose {done} -o {folder}/diagnosis.ecsv",
        f"report {done} --outdir {folder}/pictures --jobs 1",
        f"compare {done} {done} --jobs 1",
        f"convert {first} --caldir {models} --outdir {folder}/converted",
        f"split {folder}/camera --outdir {folder}/ccds",
        f"models build bias {folder}/sky -o {folder}/bias.fits",
        f"models build flat {folder}/sky -o {folder}/flat.fits --caldir {models}",
        f"models build black {folder}/sky -o {folder}/black.fits --caldir {models}",
        f"models build badpixels {folder}/sky -o {folder}/bad.fits --caldir {models}",
    ]


def simulation(folder: Path) -> list[str]:
    """Command lines that make the inputs of the others."""
    effects = "--cosmic-rays 5 --hot 1e-4 --straps 0.1 --glow 20 --psf-growth 0.1 --full-well 2e5"
    models, target = folder / "sky/calibration_10min", folder / "target"
    frames = f"simulate --sector 35 --exposure 600 --outdir {folder}"
    return [
        f"{frames}/sky --frames 3 {effects}",
        f"{frames}/camera --format poc --no-truth --no-mitigation --stars random:500",
        f"simulate --format target --sector 35 --frames 3 --caldir {models} --outdir {target}",
    ]


def _inside(examples: bool) -> None:
    """In a process of its own: run everything, and print what was compiled as JSON."""
    from tica_fn.cli import main

    small = [_small_kernel() for _ in range(_SMALL_RUNS)]
    listener = Listener()
    event.register("numba:compile", listener)
    totals = {}
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as place:
        folder = Path(place)
        for part in (simulation, calibration, solutions):
            before = len(listener.found)
            for line in part(folder):
                if main(line.split()) != 0:
                    raise SystemExit(f"tica-fn {line}: failed, so not everything was compiled")
            totals[part.__name__] = sum(one.alone_s for one in listener.found[before:])
    if examples:
        import pytest

        before = len(listener.found)
        words = ["-q", "-p", "no:cacheprovider", "--doctest-modules", "--doctest-glob=*.md"]
        pytest.main([*words, *(str(ROOT / name) for name in ("tica_fn", "README.md", "docs"))])
        totals["examples"] = sum(one.alone_s for one in listener.found[before:])
    event.unregister("numba:compile", listener)
    small += [_small_kernel() for _ in range(_SMALL_RUNS)]
    found = [attrs.asdict(one) for one in listener.found]
    print("\n" + json.dumps([totals, float(np.median(small[1:])), found]))


def _small_kernel() -> float:
    """Time to compile a loop over two arrays, which is what all else is compared with."""

    def added(pixels: Any, out: Any) -> None:
        for r in range(pixels.shape[0]):
            for c in range(pixels.shape[1]):
                out[r, c] += pixels[r, c]

    start = _user_s()
    numba.njit("void(float64[:, ::1], float64[:, ::1])", error_model="numpy")(added)
    return _user_s() - start


def compiled(*, examples: bool) -> tuple[dict[str, float], float, list[Compiled]]:
    """Seconds of each part, of the small kernel, and all that was compiled."""
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.compiling", "--inside"] + ["--examples"] * examples,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            env=dict(os.environ, NUMBA_CACHE_DIR=empty),
        )
    totals, small, found = json.loads(done.stdout.splitlines()[-1])
    return totals, small, [Compiled(**one) for one in found]


def measure() -> list[Row]:
    """Rows of the table."""
    totals, small, _ = compiled(examples=False)
    total = sum(totals.values())
    return [
        ("compiling the kernels of simulated frames", f"{totals['simulation']:.0f} s"),
        ("... what all products need besides", f"{totals['calibration']:.0f} s"),
        ("... what solutions and models need besides", f"{totals['solutions']:.0f} s"),
        ("... all of them", f"{total:.0f} s, {total / small:.0f} x a small kernel"),
    ]


def _print_list(found: list[Compiled]) -> None:
    """Print every function and its types, those first that take longest."""
    by_name: Counter[str] = Counter()
    for one in found:
        by_name[one.name] += one.alone_s  # type: ignore[assignment]
    for name, seconds in by_name.most_common():
        versions = [one for one in found if one.name == name]
        print(f"{seconds:6.2f} {sum(one.all_s for one in versions):6.2f} {len(versions):3d} {name}")
        for one in versions:
            print(f"{one.alone_s:17.2f} {one.all_s:6.2f} {one.types}")


def main() -> None:
    """Print the sums, or the list."""
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--list", action="store_true", help="every kernel with its types")
    words.add_argument("--examples", action="store_true", help="the documentation's examples too")
    words.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.inside:
        _inside(given.examples)
        return
    totals, small, found = compiled(examples=given.examples)
    if given.list:
        _print_list(found)
    total = sum(totals.values())
    for name, seconds in (*totals.items(), ("everything", total), ("a small kernel", small)):
        print(f"{name:30s} {seconds:6.2f} s {seconds / small:7.1f} x")


if __name__ == "__main__":
    main()
