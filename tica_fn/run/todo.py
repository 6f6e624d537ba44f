"""What is left to do in a run: files, reference stars, solutions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from tica_fn.fits.outcome import FAILED
from tica_fn.run.outputs import ccd_folder, stars_path, stat_facts
from tica_fn.run.record_writer import RecordWriter
from tica_fn.run.run_job import RunJob

__all__ = ["Todo"]


@attrs.define(kw_only=True)
class Todo:
    """Finds the remaining work in the record, and counts what failed before."""

    record: RecordWriter
    say: Callable[[str], None]
    fingerprint: str
    verify: bool = False
    retry_failed: bool = False
    failed_before: int = 0

    def files(self, sources: list[Path], run: RunJob) -> Iterator[Path]:
        """Files whose products are missing, incomplete, or of other inputs, models or options."""
        known = {row["path"]: row for row in self.record.rows("inputs")}
        products: dict[str, list[Any]] = {}
        for frame in self.record.rows("frames"):
            products.setdefault(frame["input"] or "", []).append(frame)
        for source in sources:
            row = known.get(str(source))
            mine = products.get(str(source), [])
            if row is None or run.job.overwrite or self.verify:
                yield source
            elif self._settled(source, row, mine, run):
                for product in mine:
                    run.job.claim(run.out / product["product"], source)
                if row["state"] == FAILED:
                    self.failed_before += 1
                    self.say(f"failed before, --retry-failed tries again: {row['error']}")
            else:
                yield source

    def _settled(self, source: Path, row: Any, products: list[Any], run: RunJob) -> bool:
        """Tell whether a file's products are complete, of the same input, models and options."""
        if row["fingerprint"] != self.fingerprint or not _same(source, row):
            return False
        if row["state"] == FAILED:
            return not self.retry_failed
        return bool(products) and all(_same(run.out / p["product"], p) for p in products)

    def stars(self, run: RunJob, options: str) -> dict[tuple[int, int], tuple[Path, Path]]:
        """Reference product and file of stars to make, by CCD."""
        seen = self.record.rows("frames", "WHERE kind = 'frame' AND mode IS NOT NULL")
        if not run.solvable or {(row["camera"], row["ccd"]) for row in seen} <= set(run.stars):
            return {}
        from tica_fn.run.summary import choices_of_record

        failed = {
            (row["camera"], row["ccd"]): row
            for row in self.record.rows("stars", "WHERE error != ''")
        }
        wanted = {}
        for one in choices_of_record(self.record):
            for ccd, chosen in one.by_ccd.items():
                key = (one.camera, ccd)
                if key in run.stars:
                    continue
                if chosen.reference < 0:
                    self._no_stars(key, "no frame is good enough to be the reference")
                    continue
                (name,) = one.files(ccd, [chosen.reference])
                product = f"{ccd_folder(*key)}/{name}"
                (row,) = self.record.rows("frames", "WHERE product = ?", (product,))
                before = failed.get(key)
                again = before is None or (before["reference"], before["options"]) != (
                    name,
                    options,
                )
                if before is not None and not again and not self.retry_failed:
                    self.failed_before += 1
                    self.say(f"failed before, --retry-failed tries again: {before['error']}")
                    continue
                if row["sector"] is None:
                    self._no_stars(key, f"{name}: the sector, which the stars need, is unknown")
                    continue
                target = stars_path(run.out, row["sector"], *key)
                wanted[key] = run.out / row["product"], target
        return wanted

    def _no_stars(self, ccd: tuple[int, int], why: str) -> None:
        self.record.put("stars", camera=ccd[0], ccd=ccd[1], path="", error=why)
        self.say(f"no reference stars of camera {ccd[0]} CCD {ccd[1]}: {why}")

    def solutions(
        self, run: RunJob, digests: Mapping[tuple[int, int], str]
    ) -> Iterator[tuple[Path, tuple[int, int]]]:
        """Products that need a solution and whose stars are known, and their CCDs.

        `digests`: hash of the stars of each CCD.
        """
        if not run.solvable:
            return
        for row in self.record.rows("frames", "WHERE kind = 'frame' ORDER BY camera, ccd, cadence"):
            ccd = row["camera"], row["ccd"]
            if ccd not in run.stars:
                continue
            same = (row["wcs_options"], row["wcs_stars"]) == (run.wcs_options, digests[ccd])
            if same and row["wcs"] == "failed" and not self.retry_failed:
                self.failed_before += 1
                self.say(f"no solution, --retry-failed tries again: {row['wcs_error']}")
            elif not (same and row["wcs"] == "done"):
                yield run.out / row["product"], ccd

    def neighbours(self, run: RunJob) -> Iterator[tuple[Path, tuple[Path, Path]]]:
        """Products, each with the two nearest in time of the same CCD and exposure time.

        Says what has no such neighbours.
        """
        order = "WHERE kind = 'frame' ORDER BY camera, ccd, exposure_s, tjd, cadence"
        alike: dict[tuple[Any, ...], list[Path]] = {}
        for row in self.record.rows("frames", order):
            key = row["camera"], row["ccd"], row["exposure_s"]
            alike.setdefault(key, []).append(run.out / row["product"])
        others = len(self.record.rows("frames", "WHERE kind != 'frame'"))
        if others:
            what = "target pixel files and camera frames (--assemble)"
            self.say(f"transients: {others} products are not searched: {what} can't be")
        for (camera, ccd, exposure_s), paths in alike.items():
            if len(paths) < 3:
                self.say(
                    f"transients: {len(paths)} of camera {camera} CCD {ccd}, {exposure_s} s, "
                    "can't be searched: that takes three frames"
                )
                continue
            for n, path in enumerate(paths):
                first = min(max(n - 1, 0), len(paths) - 3)
                beside = [one for one in paths[first : first + 3] if one != path]
                yield path, (beside[0], beside[1])


def _same(path: Path, row: Any) -> bool:
    try:
        return stat_facts(path) == {"size": row["size"], "mtime_ns": row["mtime_ns"]}
    except OSError:
        return False
