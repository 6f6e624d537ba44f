"""A long run with damage and kills, with a verdict: ``python -m benchmarks.endurance FOLDER``.

1,000 raw files, 5 % of them damaged in ten ways, are processed three times: without interruption,
monitoring the memory; killed ten times at random; and on a Dask cluster of two workers, one of
which is killed.  Each time, every good file must be done once, every bad one must be named, record
and products must agree, and the products must be identical.  The raw files are hard links to a few
simulated ones, so they take no space; products take 18 MB per frame, or 5 MB with ``--compress
rice``, and are removed afterwards.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np
from astropy.io import fits

from benchmarks.orbit import EXPOSURE_S, SECTOR
from tica_fn.run.facts import facts_of_header_file
from tica_fn.run.rebuild import rebuild_record
from tica_fn.run.record import open_record
from tica_fn.simulate import (
    Background,
    catalogue_stars,
    full_frame,
    make_models,
    write_models,
    write_spoc_raw,
)

CCDS = ((2, 3), (1, 4))
COMPRESS = "none"
DISTINCT = 8
SAID_BY_PRODUCTS_NOT = ("input", "seconds", "wcs_seconds")
"""Columns that a record rebuilt from products can't have."""
MEASURED = ("mode", "full_share", "hot_share", "noise_a", "noise_b", "noise_c", "noise_d")
"""Columns whose values differ for rounded pixels."""


def changed(path: Path, target: Path, change: Callable[[Any], object]) -> None:
    """Write a copy with other headers or pixels, and correct checksums."""
    with fits.open(path) as opened:
        for hdu in opened:
            hdu.data = hdu.data
        change(opened)
        opened.writeto(target, checksum=True)


def flipped(path: Path, target: Path) -> None:
    """Copy with one bit of a pixel changed."""
    data = bytearray(path.read_bytes())
    data[9_000_000] ^= 1
    target.write_bytes(data)


def packed_and_cut(path: Path, target: Path) -> None:
    """Write a gzipped copy without its end."""
    data = gzip.compress(path.read_bytes()[:3_000_000], 1)
    target.with_name(target.name + ".gz").write_bytes(data[:-200_000])


def small(opened: Any) -> None:
    """Leave no collateral."""
    opened[1].data = opened[1].data[:2048, :2048]


DAMAGES: dict[str, Callable[[Path, Path], object]] = {
    "cut": lambda path, target: target.write_bytes(path.read_bytes()[:-40_000]),
    "a bit flipped": flipped,
    "no FITS file": lambda _, target: target.write_text("404 not found\n" * 2000),
    "empty": lambda _, target: target.write_bytes(b""),
    "gzipped and cut": packed_and_cut,
    "a link to nothing": lambda _, target: target.symlink_to("/nowhere/at_all.fits"),
    "no models": lambda path, target: changed(
        path, target, lambda opened: opened[1].header.update(CAMERA=3)
    ),
    "exposures that contradict": lambda path, target: changed(
        path, target, lambda opened: opened[1].header.update(NREADOUT=48)
    ),
    "another shape": lambda path, target: changed(path, target, small),
    "no CCD": lambda path, target: changed(
        path, target, lambda opened: opened[1].header.remove("CCD")
    ),
}


def make_raw(folder: Path, count: int, seed: int) -> tuple[set[str], set[str]]:
    """Write raw files and models; return names of good and of bad files."""
    plan = folder / "plan.json"
    if plan.exists():
        good, bad = json.loads(plan.read_text())
        return set(good), set(bad)
    (folder / "distinct").mkdir(parents=True)
    (folder / "raw").mkdir()
    sources = []
    levels = np.random.default_rng(seed).uniform(95.0, 105.0, DISTINCT)
    for camera, ccd in CCDS:
        models = make_models(camera, ccd, EXPOSURE_S, seed=seed)
        write_models(models, folder)
        stars = catalogue_stars(SECTOR, camera, ccd)
        for number, level in enumerate(levels.tolist()):
            made = full_frame(
                models, sector=SECTOR, exposure_s=EXPOSURE_S, seed=seed, number=number,
                stars=stars, background=Background(level=level),
            )  # fmt: skip
            sources.append(write_spoc_raw(made.frame, folder / "distinct"))
    chance = random.Random(seed)
    damages = list(DAMAGES) * (count // 20 // len(DAMAGES))
    places = dict(zip(chance.sample(range(count), len(damages)), damages, strict=True))
    good, bad = set(), set()
    for number in range(count):
        source = sources[number % len(sources)]
        _, rest = source.name.split("-", 1)
        target = folder / "raw" / f"tess{2021054000000 + number}-{rest}"
        if number not in places:
            os.link(source, target)
            good.add(target.name)
            continue
        before = set((folder / "raw").iterdir())
        DAMAGES[places[number]](source, target)
        (made_file,) = set((folder / "raw").iterdir()) - before
        bad.add(made_file.name)
    plan.write_text(json.dumps([sorted(good), sorted(bad)]))
    return good, bad


@attrs.define
class Go:
    """A process of a run that is monitored."""

    process: Any
    out: Path
    memory: list[tuple[int, float]] = attrs.field(factory=list)

    def done(self) -> int:
        """Items that are done: files calibrated and frames solved."""
        try:
            record = open_record(self.out)
            return int(
                record.query("SELECT count(*) FROM inputs")[0][0]
                + record.query("SELECT count(*) FROM frames WHERE wcs = 'done'")[0][0]
            )
        except OSError:
            return 0

    def watch(self, until: float = float("inf")) -> bool:
        """Wait until it ends or this much is done; tell whether it ended."""
        status = Path(f"/proc/{self.process.pid}/status")
        while self.process.poll() is None:
            count = self.done()
            try:
                (line,) = (x for x in status.read_text().splitlines() if x.startswith("VmRSS"))
                self.memory.append((count, int(line.split()[1]) / 1e6))
            except (OSError, ValueError):
                pass
            if count >= until:
                return False
            time.sleep(0.1)
        return True


def start(folder: Path, out: Path, *options: object) -> Go:
    """Start a run."""
    (models,) = folder.glob("calibration_*")
    words = ["run", folder / "raw", "--caldir", models, "--outdir", out, "--no-report"]
    words += ["--log", folder / f"{out.name}.jsonl", "--compress", COMPRESS, *options]
    said = (folder / f"{out.name}.txt").open("a")
    process = subprocess.Popen(
        [sys.executable, "-m", "tica_fn", *map(str, words)], stdout=said, stderr=said,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"},
    )  # fmt: skip
    return Go(process, out)


def sums(out: Path) -> dict[str, str]:
    """SHA-256 of the products by name."""
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.glob("cam*/*"))
    }


def judged(folder: Path, out: Path, good: set[str], bad: set[str]) -> list[str]:
    """Problems of a finished run."""
    wrong = []
    record = open_record(out)
    said = (folder / f"{out.name}.txt").read_text()
    inputs = {Path(row["path"]).name: row for row in record.rows("inputs")}
    failed = {name for name, row in inputs.items() if row["state"] == "failed"}
    if set(inputs) != good | bad:
        wrong.append(f"{len(inputs)} inputs on record, not {len(good | bad)}")
    if failed != bad:
        wrong.append(
            f"failed, but good: {sorted(failed - bad)}; not failed: {sorted(bad - failed)}"
        )
    wrong += [f"{name} is not named" for name in sorted(bad) if f"{name}: " not in said]
    wrong += [f"{n}: no cause on record" for n in sorted(bad & failed) if not inputs[n]["error"]]
    products = {str(path.relative_to(out)): path for path in out.glob("cam*/*")}
    rows = {row["product"]: row for row in record.rows("frames")}
    if set(products) != set(rows):
        wrong.append(f"{len(products)} products, {len(rows)} on record")
    if {Path(row["input"]).name for row in rows.values()} != good:
        wrong.append("products on record are not those of the good files")
    for name in sorted(set(products) & set(rows)):
        facts = facts_of_header_file(products[name])
        differ = [key for key, value in facts.items() if rows[name][key] != value]
        if differ or rows[name]["mode"] is None or rows[name]["smear"] is None:
            wrong.append(f"{name}: the record has another {', '.join(differ) or 'mode or smear'}")
    events = [json.loads(line) for line in (folder / f"{out.name}.jsonl").open()]
    done = Counter(
        (one["stage"], one["file"])
        for one in events
        if one["event"] == "outcome" and one["state"] == "done"
    )
    wrong += [f"{stage}: {file} was done {n} times" for (stage, file), n in done.items() if n > 1]
    strays = [p for p in out.rglob("*") if p.name.endswith((".part", ".tmp"))]
    wrong += [f"{path} was left behind" for path in strays]
    return wrong


def rebuilt(out: Path) -> list[str]:
    """Differences between a record rebuilt from the products and the run's own."""
    before = {row["product"]: dict(row) for row in open_record(out).rows("frames")}
    rebuild_record(out, lambda _: None)
    after = {row["product"]: dict(row) for row in open_record(out).rows("frames")}
    no = (*SAID_BY_PRODUCTS_NOT, *(MEASURED if COMPRESS == "rice" else ()))
    names = [name for name in next(iter(before.values())) if name not in no]
    differ = Counter(
        name for product, row in before.items() for name in names
        if after.get(product, {}).get(name) != row[name]
    )  # fmt: skip
    return [f"rebuilt: {name} differs of {count} frames" for name, count in differ.items()]


def flat(memory: list[tuple[int, float]], frames: int) -> tuple[list[str], str]:
    """Whether memory grew, while files are calibrated and while frames are solved."""
    wrong, said = [], []
    for what, first, count in (
        ("calibrating", 0, frames),
        ("fitting", frames, memory[-1][0] - frames),
    ):
        thirds = [
            [gb for n, gb in memory if first + k * count / 3 < n < first + (k + 1) * count / 3]
            for k in (1, 2)
        ]  # Not when all is calibrated: then the stars are found.
        early, late = (float(np.mean(one)) if one else 0.0 for one in thirds)
        said.append(f"{early:.2f} GB in the second third of {what}, {late:.2f} GB in the last")
        if late > 1.05 * early + 0.02:
            wrong.append(f"memory grew: {said[-1]}")
    return wrong, f"{', '.join(said)}, {max(gb for _, gb in memory):.2f} GB at most"


def in_one_go(folder: Path, out: Path, jobs: int, frames: int) -> list[str]:
    """Run without interruption."""
    go = start(folder, out, "--jobs", jobs)
    go.watch()
    wrong, said = flat(go.memory, frames)
    print(f"    memory: {said}")
    return wrong + ([] if go.process.returncode == 1 else [f"exit code {go.process.returncode}"])


def killed(folder: Path, out: Path, jobs: int, kills: int, total: int, seed: int) -> list[str]:
    """Run with kills at random times."""
    chance = random.Random(seed)
    ends = sorted(chance.uniform(0.02, 0.95) * total for _ in range(kills))
    for count in ends:
        go = start(folder, out, "--jobs", jobs)
        time.sleep(chance.random() * 0.3)
        if go.watch(count):
            return [f"ended by itself at {go.done()} items, before the kill at {count:.0f}"]
        go.process.kill()
        go.process.wait()
    go = start(folder, out, "--jobs", jobs)
    go.watch()
    print(f"    killed at {', '.join(f'{count:.0f}' for count in ends)} of {total} items")
    return [] if go.process.returncode == 1 else [f"exit code {go.process.returncode}"]


def on_a_cluster(folder: Path, out: Path, total: int, seed: int) -> list[str]:
    """Run on two workers, one of which is killed."""
    from distributed import LocalCluster

    os.environ["SOURCE_DATE_EPOCH"] = "1700000000"
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=":0", silence_logs=50
    ) as cluster:
        go = start(folder, out, "--scheduler", cluster.scheduler_address)
        count = random.Random(seed).uniform(0.1, 0.4) * total
        if go.watch(count):
            return [f"ended by itself with {go.process.returncode}, before the kill"]
        os.kill(next(iter(cluster.workers.values())).pid, signal.SIGKILL)
        print(f"    a worker killed at {go.done()} of {total} items")
        go.watch()
    return [] if go.process.returncode == 1 else [f"exit code {go.process.returncode}"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the files, run, judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--frames", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compress", default=COMPRESS)
    args = parser.parse_args(arguments)
    globals()["COMPRESS"] = args.compress
    good, bad = make_raw(args.folder, args.frames, args.seed)
    print(f"{len(good)} good files, {len(bad)} bad ones", flush=True)
    total = args.frames + len(good)
    whole: dict[str, str] = {}
    failed = False
    for name, work in {
        "one-go": lambda out: in_one_go(args.folder, out, args.jobs, args.frames),
        "killed": lambda out: killed(args.folder, out, args.jobs, args.kills, total, args.seed),
        "cluster": lambda out: on_a_cluster(args.folder, out, total, args.seed),
    }.items():
        out = args.folder / name
        shutil.rmtree(out, ignore_errors=True)
        for ending in ("txt", "jsonl"):
            (args.folder / f"{name}.{ending}").unlink(missing_ok=True)
        begun = time.perf_counter()
        wrong = work(out)
        spent = time.perf_counter() - begun
        wrong += judged(args.folder, out, good, bad)
        found = sums(out)
        whole = whole or found
        differ = [key for key in set(whole) | set(found) if whole.get(key) != found.get(key)]
        wrong += [f"{len(differ)} products differ from those of one go"] if differ else []
        if name == "killed":
            wrong += rebuilt(out)
        print(f"{name}: {'FAILED' if wrong else 'held'} in {spent:.0f} s", flush=True)
        for line in wrong[:40]:
            print(f"    {line}", flush=True)
        failed = failed or bool(wrong)
        shutil.rmtree(out)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
