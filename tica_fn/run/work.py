"""The work on one file of a run: calibrate, measure and solve it, here or on a cluster's worker.

Each function takes one item and the options for all, and returns an `Outcome` with facts for the
record.  These functions do not access the record.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from tica_fn.errors import describe
from tica_fn.fits.atomic import ChangedError, identity_of, replacing
from tica_fn.fits.outcome import DONE, SKIPPED
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
from tica_fn.run.solving import Solver, ephemeris_of, frame_in, solved, stars_of, unsolved
from tica_fn.run.star_facts import check_sector, facts_of_solved

__all__ = ["fit_product", "make_products", "mark_product_transients"]


def make_products(source: Path, run: RunJob, on_written: Callable[[], None] | None = None) -> Made:
    """Calibrate one file, solve it if the stars are known, and measure the products."""
    before = source.stat()
    raw = read_raw(source)
    seen: list[dict[str, float]] = []

    def look(frame: Frame, words: Array) -> None:
        pixels = words
        if frame.unit == RATE:
            pixels = words.byteswap().view(np.float32) * frame.live_s
        seen.append(measured_pixels(pixels, frame.coadds))

    job = attrs.evolve(run.job, look=look)
    solver = Solver(run)
    if run.stars and run.solvable:
        job = attrs.evolve(job, put=solver.put)
    plans = []
    for plan in plans_of(raw, job):
        camera, ccd, _ = plan.ccds[0]
        folder = run.out / ccd_folder(camera, ccd if len(plan.ccds) == 1 else None)
        plan = attrs.evolve(plan, target=folder / plan.target.name)
        job.claim(plan.target, source)
        plans.append(plan)
    looked_at = {plan.target: identity_of(plan.target) for plan in plans}
    again = [() if job.overwrite else why_again(plan.target, plan.expected) for plan in plans]
    facts: dict[str, dict[str, Any]] = {}
    notes: list[str] = []
    # All are calibrated before the first is written, so a CCD that fails leaves no file behind.
    ready = [
        (plan, why, None if why is None else plan.calibrate())
        for plan, why in zip(plans, again, strict=True)
    ]
    todo = sum(why is not None for _, why, _ in ready)
    for plan, why, _ in ready:
        kept = None if why is None or job.overwrite else kept_of(plan.target, raw.hdus)
        if kept is not None and kept.added:  # A solution is fitted again; this would be lost.
            refuse_loss(plan.target, kept, "it belongs to pixels with other options")
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
        try:
            with nullcontext() if job.overwrite else replacing(plan.target, looked_at[plan.target]):
                said, solution = solver.write(plan, result, on_written)
        except ChangedError:
            # Another program has written the file meanwhile; it stays if it is what was wanted.
            if why_again(plan.target, plan.expected) is not None:
                raise
            facts[name] = facts_of_product(plan.target, run.stars)
            continue
        notes += said
        facts[name] = _facts(plan, result, seen) | solution
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


def _facts(plan: Plan, result: Any, seen: list[dict[str, float]]) -> dict[str, Any]:
    """What can be said of a product while its pixels are in hand."""
    camera, ccd, sector = plan.ccds[0]
    frame = frame_in(result)
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


def fit_product(product: Path, run: RunJob, ccd: tuple[int, int], computing: Any = None) -> Made:
    """Fit the solution of an existing product and write it into the file."""
    from tica_fn.fits.image_file import read_image
    from tica_fn.wcs.fit_many import describe_solution, solve_image

    start = time.perf_counter()
    name = str(product.relative_to(run.out))
    stars = stars_of(run.stars[ccd])
    facts: dict[str, Any]
    try:
        image = read_image(product, anonymous=True)
        check_sector(run.stars[ccd], image)
        with computing or nullcontext():
            found, write = solve_image(
                image, stars, run.method, ephemeris_of(run), None, run.degree
            )
        write()
    except ValueError as error:
        facts = unsolved(run, stars, describe(error))
        return Made(source=product, state="failed", error=error, facts={name: facts})
    facts = facts_of_header_file(product) | solved(run, stars, found)
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
    """Flag the cosmic rays of a product by the frames before and after it."""
    from tica_fn.products.transients import mark_product

    camera, ccd = (int(word[3]) for word in product.parent.name.split("-"))
    with computing or nullcontext():
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
