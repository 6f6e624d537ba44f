"""An orbit of 16 CCDs in one command, with a verdict: ``python -m benchmarks.orbit [FOLDER]``.

The times of events are drawn with the seed: an earthshine ramp at the end, saturated frames, one
frame with another pointing, two with hot pixels, and each CCD's darkest frame.  One ``tica-fn run``
must find and name all of them, and nothing else, in the record and the report, choose the darkest
frames, and solve every frame.  The staged delivery must have no faults, and `check` must report
each fault that is introduced afterwards, with its file, and no other.

The frames are simulated by `tica_fn.simulate`: the test is whether events are found, not how good
the calibration is.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from benchmarks.spoil import spoil_delivery
from tica_fn.run.record import open_record
from tica_fn.simulate import (
    Background,
    Blemishes,
    catalogue_stars,
    full_frame,
    make_models,
    write_models,
    write_spoc_raw,
)

SECTOR, EXPOSURE_S, FIRST = 35, 600, 9000
CCDS = [(camera, ccd) for camera in (1, 2, 3, 4) for ccd in (1, 2, 3, 4)]
FOLLOWS = {"FEW_STARS", "RESIDUAL", "ROLL", "NO_SOLUTION"}
"""Other flags that frames of an event may have, because their stars are hard to see."""
RAMP = (0.35, 0.9, 2.0)
"""Earthshine relative to the zodiacal light."""


@attrs.frozen(kw_only=True)
class Orbit:
    """Frame numbers of events."""

    frames: int
    ramp: tuple[int, ...]
    saturated: tuple[int, ...]
    pointing: int
    hot: tuple[int, ...]
    darkest: dict[tuple[int, int], int]

    @property
    def events(self) -> dict[str, set[int]]:
        """Frames by the flag that the record must have for them."""
        return {
            "SCATTERED_LIGHT": set(self.ramp),
            "SATURATED": set(self.saturated),
            "POINTING": {self.pointing},
            "HOT_PIXELS": set(self.hot),
        }


def draw_orbit(frames: int, seed: int) -> Orbit:
    """Draw the times of events."""
    random = np.random.default_rng(seed)
    ramp = tuple(range(frames - len(RAMP), frames))
    first = int(random.integers(1, frames - len(RAMP) - 2))
    saturated = (first, first + 1)
    ordinary = [k for k in range(frames) if k not in (*ramp, *saturated)]
    pointing, *hot = random.permutation(ordinary)[:3].tolist()
    quiet = [k for k in ordinary if k not in (pointing, *hot)]
    darkest = {ccd: int(random.choice(quiet)) for ccd in CCDS}
    return Orbit(
        frames=frames, ramp=ramp, saturated=saturated, pointing=pointing,
        hot=tuple(sorted(hot)), darkest=darkest,
    )  # fmt: skip


def simulate(orbit: Orbit, folder: Path, seed: int) -> None:
    """Write the raw frames and their models."""
    (folder / "raw").mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(seed)
    for camera, ccd in CCDS:
        models = make_models(camera, ccd, EXPOSURE_S, seed=seed)
        write_models(models, folder)
        stars = catalogue_stars(SECTOR, camera, ccd)
        zodiacal = float(random.uniform(90.0, 130.0))
        for number in range(orbit.frames):
            level = zodiacal * float(random.uniform(1.02, 1.06))
            level = zodiacal if number == orbit.darkest[camera, ccd] else level
            earth = 0.0
            if number in orbit.ramp:
                earth = zodiacal * RAMP[orbit.ramp.index(number)]
            if number in orbit.saturated:
                level = 95000.0
            made = full_frame(
                models,
                sector=SECTOR,
                exposure_s=EXPOSURE_S,
                seed=seed,
                number=number,
                stars=stars.shifted(1.4, -0.6) if number == orbit.pointing else stars,
                background=Background(level=level + earth, glow=2 * earth, direction_deg=30.0),
                blemishes=Blemishes(hot=0.01) if number in orbit.hot else None,
            )
            write_spoc_raw(made.frame, folder / "raw")


def command(*words: object, code: int = 0) -> str:
    """Run ``tica-fn``; return its output on both channels."""
    done = subprocess.run(
        [sys.executable, "-m", "tica_fn", *map(str, words)], capture_output=True, text=True
    )
    said = done.stdout + done.stderr
    if done.returncode != code:
        raise SystemExit(f"tica-fn {words[0]}: exit code {done.returncode}, not {code}\n{said}")
    return said


def wrong_events(orbit: Orbit, out: Path) -> list[str]:
    """Errors about events in the record and the report."""
    wrong = []
    rows = open_record(out).rows("frames")
    page = re.sub(r"<[^>]*>", " ", (out / "report.html").read_text())
    if len(rows) != len(CCDS) * orbit.frames:
        wrong.append(f"{len(rows)} frames on record")
    for ccd in CCDS:
        mine = {r["cadence"] - FIRST: r for r in rows if (r["camera"], r["ccd"]) == ccd}
        words = {k: {w.partition("(")[0] for w in r["flags"].split()} for k, r in mine.items()}
        for flag in sorted(set(orbit.events).union(*words.values())):
            said = {k for k, flags in words.items() if flag in flags}
            wanted = orbit.events.get(flag, set())
            if flag in FOLLOWS:
                wanted = said & set().union(*orbit.events.values())
            if said != wanted:
                wrong.append(f"{ccd}: {flag} of {sorted(said)}, not {sorted(wanted)}")
        wrong += [f"{r['product']}: {r['wcs_error']}" for r in mine.values() if r["wcs"] != "done"]
    for flag, frames in orbit.events.items():
        if f"{flag} {FIRST + min(frames)}" not in " ".join(page.split()):
            wrong.append(f"the report names no {flag} from {FIRST + min(frames)} on")
    return wrong


def wrong_choices(orbit: Orbit, out: Path, folder: Path) -> list[str]:
    """Reference frames that are not the darkest."""
    command("select-dark", out, "--tica", folder)
    said = dict(line.split() for line in (folder / "reffin.txt").read_text().splitlines())
    wanted = {f"cam{c}_ccd{d}": f"{FIRST + k:08d}" for (c, d), k in orbit.darkest.items()}
    wrong = [
        f"{k}: reference {said.get(k)}, not {v}" for k, v in wanted.items() if said.get(k) != v
    ]
    starred = {(r["camera"], r["ccd"]): r["cadence"] for r in open_record(out).rows("stars")}
    wrong += [
        f"{ccd}: stars of {starred.get(ccd)}, not {FIRST + k}"
        for ccd, k in orbit.darkest.items()
        if starred.get(ccd) != FIRST + k
    ]
    return wrong


def wrong_checks(out: Path, delivery: Path, seed: int) -> list[str]:
    """Faults reported for a clean delivery, missed in a damaged one, or wrongly reported."""
    said = command("stage", out, delivery, "--sector", SECTOR, "--orbit", "o1", "--copy")
    print(said.strip())
    said = command("check", delivery, "--jobs", 2)
    print(said.strip())
    spoiled = spoil_delivery(delivery, seed)
    print(f"{len(spoiled)} files and folders spoiled")
    lines = command("check", delivery, "--jobs", 2, code=1).splitlines()
    faults = [line.removeprefix("tica-fn: ") for line in lines if line.startswith("tica-fn: ")]
    wrong = []
    for path, what in spoiled.items():
        own = [line for line in faults if line.startswith(f"{path}: ")]
        if not any(re.search(what, line) for line in own):
            wrong.append(f"{path}: {what!r} is not told, but {own}")
    named = {line.partition(": ")[0] for line in faults}
    others = sorted(named - {str(path) for path in spoiled})
    wrong += [f"{path}: told, but not spoiled" for path in others]
    print(lines[-1] if lines else "")
    return wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Simulate, run, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "folder", nargs="?", type=Path, help="folder for the files; existing raw frames are reused"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--frames", type=int, default=12)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args(arguments)
    orbit = draw_orbit(args.frames, args.seed)
    folder = args.folder or Path(tempfile.mkdtemp(prefix="tica-fn-orbit-"))
    try:
        return _judge(orbit, folder, args)
    finally:
        if args.folder is None:
            shutil.rmtree(folder)


def _judge(orbit: Orbit, folder: Path, args: Any) -> int:
    begun = time.perf_counter()
    if not (folder / "raw").is_dir():
        simulate(orbit, folder, args.seed)
        print(f"simulated in {time.perf_counter() - begun:.0f} s")
    (models,) = folder.glob("calibration_*")
    out, delivery, tica = folder / "out", folder / "delivery", folder / "tica"
    for old in (out, delivery, tica):
        shutil.rmtree(old, ignore_errors=True)
    begun = time.perf_counter()
    words = ["run", folder / "raw", "--caldir", models, "--outdir", out, "--jobs", args.jobs]
    print(command(*words).strip().splitlines()[-2])
    print(f"run in {time.perf_counter() - begun:.0f} s")
    parts = {
        "events": wrong_events(orbit, out),
        "choices": wrong_choices(orbit, out, tica),
        "delivery": wrong_checks(out, delivery, args.seed),
    }
    for name, wrong in parts.items():
        print(f"{name}: {'FAILED' if wrong else 'held'}")
        for line in wrong:
            print(f"    {line}")
    return int(any(parts.values()))


if __name__ == "__main__":
    sys.exit(main())
