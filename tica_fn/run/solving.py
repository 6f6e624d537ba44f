"""Solutions of a run's products, fitted as a product is written if its stars are known."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import attrs

from tica_fn.errors import describe
from tica_fn.fits.atomic import replacing
from tica_fn.fits.blocks import read_blocks
from tica_fn.fits.hdu_bytes import Bytes
from tica_fn.fits.image_file import ImageFile, image_of_hdus, read_image
from tica_fn.fits.strip_words import RawReadout
from tica_fn.frame import Frame
from tica_fn.products.plan import Plan
from tica_fn.run.run_job import RunJob
from tica_fn.run.scratch import scratch
from tica_fn.run.star_facts import check_sector, digest_of, facts_of_columns
from tica_fn.wcs.refstars import ReferenceStars
from tica_fn.wcs.refstars_file import read_reference_stars

__all__ = ["Solver", "ephemeris_of", "frame_in", "solved", "stars_of", "unsolved"]


@attrs.define
class Solver:
    """Writes products of one file with their solutions.

    A streamed product is solved while it is in memory; any other is written to a scratch folder, or
    to its target, and read again.
    """

    run: RunJob
    _tried: dict[Path, tuple[str, dict[str, Any]]] = attrs.field(factory=dict, init=False)

    def write(
        self, plan: Plan, result: Any, on_written: Callable[[], None] | None
    ) -> tuple[tuple[str, ...], dict[str, Any]]:
        """Write a product; return lines to print, and facts about its solution for the record."""
        stars = self.run.stars.get(plan.ccds[0][:2]) if frame_in(result) is not None else None
        if stars is None or not self.run.solvable:
            return plan.write(result, plan.target, on_written), {}
        if isinstance(result, RawReadout):
            said = plan.write(result, plan.target, on_written)
            if plan.target not in self._tried:  # An unusual frame, which was not streamed.
                image = read_image(plan.target, anonymous=True)
                with replacing(plan.target, image.identity):
                    self._solve(image, plan.target, stars, None)
        else:
            with scratch() as folder:
                aside = folder / plan.target.name
                said = plan.write(result, aside, None)
                image = attrs.evolve(read_image(aside, anonymous=True), path=plan.target)
                if not self._solve(image, plan.target, stars, None):
                    plan.write(result, plan.target, on_written)
        line, facts = self._tried.pop(plan.target)
        return (*said, line), facts

    def put(self, target: Path, parts: list[Bytes], on_written: Callable[[], None] | None) -> bool:
        """Write a product in memory with its solution; return False if it has none."""
        data = memoryview(parts[0] if len(parts) == 1 else b"".join(parts))
        image = image_of_hdus(target, read_blocks(target, data, verify=False), anonymous=True)
        stars = self.run.stars.get((image.frame.camera, image.frame.ccd))
        return stars is not None and self._solve(image, target, stars, on_written)

    def _solve(
        self,
        image: ImageFile,
        target: Path,
        path: Path,
        on_written: Callable[[], None] | None,
    ) -> bool:
        """Solve an image and write it; return False, without writing, if it has no solution."""
        from tica_fn.wcs.fit_many import describe_solution, solve_image

        start = time.perf_counter()
        run, stars = self.run, stars_of(path)
        try:
            check_sector(path, image)
            found, write = solve_image(
                image, stars, run.method, ephemeris_of(run), target, run.degree
            )
        except ValueError as error:
            why = describe(error)
            self._tried[target] = f"no solution: {why}", unsolved(run, stars, why)
            return False
        if on_written is not None:
            on_written()
        write()
        facts = solved(run, stars, found) | {"wcs_seconds": time.perf_counter() - start}
        self._tried[target] = f"{target.name}: {describe_solution(found)}", facts
        return True


def frame_in(result: Any) -> Frame | None:
    """The frame in a plan's result, or None if it is not a single frame."""
    if isinstance(result, RawReadout):
        return result.frame
    return result if isinstance(result, Frame) else None


def solved(run: RunJob, stars: ReferenceStars, found: Any) -> dict[str, Any]:
    """Facts for the record about a frame with a solution."""
    from tica_fn.wcs.cards import star_columns

    said = {"wcs": "done", "wcs_error": "", "wcs_options": run.wcs_options}
    return said | facts_of_columns(stars, star_columns(found))


def unsolved(run: RunJob, stars: ReferenceStars, why: str) -> dict[str, Any]:
    """Facts for the record about a frame without a solution."""
    options = {"wcs_options": run.wcs_options, "wcs_stars": digest_of(stars.ids)}
    return {"wcs": "failed", "wcs_error": why, **options}


def stars_of(path: Path) -> ReferenceStars:
    """Reference stars, read once in each process."""
    return _stars_of(path, path.stat().st_mtime_ns)


@cache
def _stars_of(path: Path, _: int) -> ReferenceStars:
    return read_reference_stars(path)


def ephemeris_of(run: RunJob) -> Any:
    """Positions of the spacecraft, read once in each process."""
    return None if run.ephemeris is None else _ephemeris_of(run.ephemeris)


@cache
def _ephemeris_of(path: str) -> Any:
    from tica_fn.wcs.ephemeris import LkSpacecraft, read_ephemeris

    return LkSpacecraft() if path == "lkspacecraft" else read_ephemeris(path)
