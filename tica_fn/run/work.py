"""What is done with one file of a run: calibrated, measured, solved; here or on a cluster's worker.

Each function takes one item and what is the same for all, and gives an `Outcome` with facts for
the record.  Nothing here knows the record.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from tica_fn.errors import describe
from tica_fn.fits.outcome import DONE, SKIPPED
from tica_fn.fits.strip_words import Readout
from tica_fn.frame import RATE, Frame
from tica_fn.immutable import Array
from tica_fn.products.kept import kept_of, refuse_loss, told_planes
from tica_fn.products.plan import Plan
from tica_fn.products.raw_files import plans_of, read_raw
from tica_fn.products.staleness import why_again
from tica_fn.run.facts import (
    facts_of_file,
    facts_of_frame,
    facts_of_header_file,
    measured_pixels,
    series_name,
)
from tica_fn.run.outputs import ccd_folder
from tica_fn.run.run_job import Made, RunJob
from tica_fn.run.scratch import scratch
from tica_fn.run.star_facts import digest_of, facts_of_columns, facts_of_solved
from tica_fn.wcs.refstars import ReferenceStars
from tica_fn.wcs.refstars_file import read_reference_stars

__all__ = ["fit_product", "make_products", "mark_product_transients"]


def make_products(source: Path, run: RunJob, on_written: Callable[[], None] | None = None) -> Made:
    """Calibrate one file, solve it where the stars are known, and measure what came out."""
    before = source.stat()
    raw = read_raw(source)
    seen: list[dict[str, float]] = []

    def look(frame: Frame, words: Array) -> None:
        pixels = words
        if frame.unit == RATE:
            pixels = words.byteswap().view(np.float32) * frame.live_s
        seen.append(measured_pixels(pixels, frame.coadds))

    job = attrs.evolve(run.job, look=look)
    plans = []
    for plan in plans_of(raw, job):
        camera, ccd, _ = plan.ccds[0]
        folder = run.out / ccd_folder(camera, ccd if len(plan.ccds) == 1 else None)
        plan = attrs.evolve(plan, target=folder / plan.target.name)
        job.claim(plan.target, source)
        plans.append(plan)
    again = [() if job.overwrite else why_again(plan.target, plan.expected) for plan in plans]
    facts: dict[str, dict[str, Any]] = {}
    notes: list[str] = []
    # All are calibrated before the first is written: a CCD that fails leaves nothing behind.
    ready = [
        (plan, why, None if why is None else plan.calibrate())
        for plan, why in zip(plans, again, strict=True)
    ]
    todo = sum(why is not None for _, why, _ in ready)
    for plan, why, _ in ready:
        kept = None if why is None or job.overwrite else kept_of(plan.target, raw.hdus)
        if kept is not None and kept.added:  # A solution is fitted again; this would be lost.
            refuse_loss(plan.target, kept, "it belongs to pixels made in another way")
    for plan, why, result in ready:
        start = time.perf_counter()
        name = str(plan.target.relative_to(run.out))
        if why is None:
            facts[name] = facts_of_product(plan.target, run.stars)
            continue
        plan.target.parent.mkdir(parents=True, exist_ok=True)
        notes += [
            *why,
            *told_planes(plan.target, plan.expected.extensions),
            *plan.notes,
            *(said for ccd in plan.ccds for said in job.models.remarks(*ccd)),
        ]
        seen.clear()
        said, solved = _write(plan, result, run, on_written)
        notes += said
        facts[name] = _facts(plan, result, seen) | solved
        facts[name] |= facts_of_header_file(plan.target)
        facts[name]["seconds"] = time.perf_counter() - start
    for one in facts.values():
        one["input"] = str(source)
        if one.get("camera") and "series_name" not in one:
            one["series_name"] = series_name(source.name, one["camera"], one.get("cadence"))
        one.setdefault("wcs", "" if one.get("kind") == "frame" and run.solvable else "none")
    return Made(
        source=source,
        state=DONE if todo else SKIPPED,
        outputs=tuple(plan.target for plan in plans),
        frames=sum(plan.frames for plan, why, _ in ready if why is not None),
        notes=tuple(notes),
        input_facts={
            "size": before.st_size,
            "mtime_ns": before.st_mtime_ns,
            "crc32": raw.stamp.crc32,
        },
        facts=facts,
    )


def facts_of_product(path: Path, stars: Mapping[tuple[int, int], Path]) -> dict[str, Any]:
    """What can be said of a product that is there; `stars`: files of reference stars by CCD."""
    facts = facts_of_file(path)
    known = stars.get((facts["camera"], facts["ccd"])) if facts.get("wcs") == "done" else None
    return facts if known is None else facts | facts_of_solved(path, stars_of(known))


def _frame_in(result: Any) -> Frame | None:
    """What is known of the one frame that a plan's result is, or will be."""
    if isinstance(result, Readout):
        return result.frame
    return result if isinstance(result, Frame) else None


def _facts(plan: Plan, result: Any, seen: list[dict[str, float]]) -> dict[str, Any]:
    """What can be said of a product while its pixels are in hand."""
    camera, ccd, sector = plan.ccds[0]
    frame = _frame_in(result)
    if frame is None:
        kind = "camera" if len(plan.ccds) > 1 else "target"
        one = None if kind == "camera" else ccd
        return {"kind": kind, "camera": camera, "ccd": one, "sector": sector}
    facts = facts_of_frame(frame)
    if seen:
        facts |= seen[-1]
        return facts
    pixels = result.pixels if result.unit != RATE else result.pixels * result.live_s
    return facts | measured_pixels(pixels, result.coadds)


def _write(
    plan: Plan, result: Any, run: RunJob, on_written: Callable[[], None] | None
) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Write a product, with its solution where the stars of its CCD are known."""
    stars = run.stars.get(plan.ccds[0][:2]) if _frame_in(result) is not None else None
    if stars is None or not run.solvable:
        return plan.write(result, plan.target, on_written), {}
    from tica_fn.wcs.fit_many import describe_solution, solve_file

    with scratch() as folder:
        aside = folder / plan.target.name
        said = plan.write(result, aside, None)
        start = time.perf_counter()
        known = stars_of(stars)
        try:
            found, write = solve_file(
                aside, known, run.method, ephemeris_of(run), plan.target, run.degree
            )
        except ValueError as error:
            plan.write(result, plan.target, on_written)
            why = describe(error).replace(str(aside), str(plan.target))
            failed = _unsolved(run, known, why)
            return (*said, f"no solution: {why}"), failed
        write()
    facts = _solved(run, known, found) | {"wcs_seconds": time.perf_counter() - start}
    return (*said, f"{plan.target.name}: {describe_solution(found)}"), facts


def _solved(run: RunJob, stars: ReferenceStars, found: Any) -> dict[str, Any]:
    from tica_fn.wcs.cards import star_columns

    said = {"wcs": "done", "wcs_error": "", "wcs_options": run.wcs_options}
    return said | facts_of_columns(stars, star_columns(found))


def _unsolved(run: RunJob, stars: ReferenceStars, why: str) -> dict[str, Any]:
    options = {"wcs_options": run.wcs_options, "wcs_stars": digest_of(stars.ids)}
    return {"wcs": "failed", "wcs_error": why, **options}


def fit_product(product: Path, run: RunJob, ccd: tuple[int, int], computing: Any = None) -> Made:
    """Fit the solution of a product that is there and write it in."""
    from tica_fn.fits.image_file import read_image
    from tica_fn.wcs.fit_many import describe_solution, solve_image

    start = time.perf_counter()
    name = str(product.relative_to(run.out))
    stars = stars_of(run.stars[ccd])
    facts: dict[str, Any]
    try:
        image = read_image(product, anonymous=True)
        with computing or contextlib.nullcontext():
            found, write = solve_image(
                image, stars, run.method, ephemeris_of(run), None, run.degree
            )
        write()
    except ValueError as error:
        facts = _unsolved(run, stars, describe(error))
        return Made(source=product, state="failed", error=error, facts={name: facts})
    facts = facts_of_header_file(product) | _solved(run, stars, found)
    facts["wcs_seconds"] = time.perf_counter() - start
    return Made(
        source=product,
        state=DONE,
        outputs=(product,),
        frames=1,
        notes=(f"{product.name}: {describe_solution(found)}",),
        facts={name: facts},
    )


def mark_product_transients(
    product: Path, run: RunJob, before: Path, after: Path, computing: Any = None
) -> Made:
    """Tell the cosmic rays of a product by the frames before and after it."""
    from tica_fn.products.transients import mark_product

    camera, ccd = (int(word[3]) for word in product.parent.name.split("-"))
    with computing or contextlib.nullcontext():
        count = mark_product(product, before, after, run.job.models(camera, ccd))
    if count is None:
        return Made(source=product, state=SKIPPED, outputs=(product,))
    return Made(
        source=product,
        state=DONE,
        outputs=(product,),
        frames=1,
        notes=(f"{product.name}: cosmic rays in {count} pixels",),
        facts={str(product.relative_to(run.out)): facts_of_header_file(product)},
    )


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
