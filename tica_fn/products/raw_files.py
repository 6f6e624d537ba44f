"""From a raw file to its products: what ``tica-fn calibrate`` does with each input.

Read, plan, skip finished products, calibrate, write.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import attrs

from tica_fn.errors import BadFileError
from tica_fn.fits.atomic import ChangedError, identity_of, replacing
from tica_fn.fits.batch import DONE, SKIPPED, Outcome
from tica_fn.fits.blocks import Buffer, content, crc32, read_blocks, verify_sums
from tica_fn.fits.kinds import kind_of
from tica_fn.fits.sizes import is_packed
from tica_fn.fits.unpack import untiled
from tica_fn.models import SourceFile
from tica_fn.products.image_plans import plans_of_image
from tica_fn.products.job import Job
from tica_fn.products.kept import Kept, kept_of, refuse_loss, told_loss, told_planes, write_keeping
from tica_fn.products.plan import Plan, RawFile
from tica_fn.products.staleness import has_same_pixels, why_again

__all__ = ["calibrate_file", "plans_of", "read_raw"]


def calibrate_file(source: Path, job: Job, on_written: Callable[[], None] | None = None) -> Outcome:
    """Calibrate one file."""
    raw = read_raw(source)
    plans = plans_of(raw, job)
    for plan in plans:
        job.claim(plan.target, source)
    seen = {plan.target: identity_of(plan.target) for plan in plans}
    again = [() if job.overwrite else why_again(plan.target, plan.expected) for plan in plans]
    todo = [(plan, why) for plan, why in zip(plans, again, strict=True) if why is not None]
    outcome = Outcome(
        source=source,
        state=SKIPPED,
        outputs=tuple(plan.target for plan in plans),
        alone=all(plan.alone for plan in plans),
    )
    if not todo:
        return outcome
    notes: list[str] = []
    kept = {plan.target: _kept_of(plan, raw, job) for plan, _ in todo}
    for plan, why in todo:
        notes += [*why, *told_planes(plan.target, plan.expected.extensions), *plan.notes]
        if job.overwrite:
            notes += told_loss(plan.target, kept.pop(plan.target))
        notes += [said for ccd in plan.ccds for said in job.models.remarks(*ccd)]
    # All are calibrated before the first is written, so a CCD that fails leaves nothing behind.
    ready = [(plan, plan.calibrate()) for plan, _ in todo]
    for plan, result in ready:
        now = identity_of(plan.target)
        if now != seen[plan.target] and not job.overwrite:
            # Another program wrote it meanwhile: check it again.
            if why_again(plan.target, plan.expected) is None:
                continue
            kept[plan.target] = _kept_of(plan, raw, job)
        write = partial(_write, plan, result, on_written)
        try:
            with nullcontext() if job.overwrite else replacing(plan.target, now):
                notes += write_keeping(write, plan.target, kept.get(plan.target))
        except ChangedError:
            if why_again(plan.target, plan.expected) is not None:
                raise
    frames = sum(plan.frames for plan, _ in todo)
    return attrs.evolve(outcome, state=DONE, frames=frames, notes=tuple(notes))


def _kept_of(plan: Plan, raw: RawFile, job: Job) -> Kept | None:
    """Additions to the existing product; refuse if they can't be kept."""
    kept = kept_of(plan.target, raw.hdus)
    if kept is not None and not job.overwrite and not has_same_pixels(plan.target, plan.expected):
        refuse_loss(plan.target, kept, "it belongs to pixels with other options")
    return kept


def _write(
    plan: Plan, result: Any, on_written: Callable[[], None] | None, target: Path
) -> tuple[str, ...]:
    return plan.write(result, target, on_written)


def plans_of(raw: RawFile, job: Job) -> list[Plan]:
    """Decide which products a file becomes."""
    if not raw.kind.raw:
        raise BadFileError(f"{raw.path}: this is already a calibrated frame")
    if "target" in raw.kind.becomes:
        from tica_fn.products.target_plan import plan_of_target

        return [plan_of_target(raw, job)]
    return plans_of_image(raw, job)


_kept = threading.local()


def read_raw(source: Path) -> RawFile:
    """Read a file; the checksums of plain pixels are verified later, when they are processed."""
    if not hasattr(_kept, "buffer"):
        _kept.buffer = Buffer()
    data = content(source, _kept.buffer)
    hdus = read_blocks(source, data, verify=False)
    stamp = SourceFile(name=source.name, crc32=crc32(data))
    if any(is_packed(hdu.header) for hdu in hdus):
        verify_sums(source, hdus)
    hdus = untiled(source, hdus)
    return RawFile(path=source, data=data, hdus=hdus, kind=kind_of(source, hdus), stamp=stamp)
