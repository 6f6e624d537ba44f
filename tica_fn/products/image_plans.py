"""What a raw full-frame image becomes: one CCD or four, in any layout, with or without extras.

A plain product of a file whose counts can be calibrated word by word is streamed; all others are
made of frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import attrs
import numpy as np

from tica_fn.detector import AMPLIFIERS, SCIENCE_COLUMNS, SCIENCE_ROWS
from tica_fn.errors import FrameError
from tica_fn.fits.blocks import verify_sums
from tica_fn.fits.header import with_card
from tica_fn.fits.layouts import LAYOUTS
from tica_fn.fits.names import hlsp_name, product_name, spoc_name
from tica_fn.fits.poc_out import write_camera
from tica_fn.fits.stream import stream, words_of
from tica_fn.frame import Frame
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.pipeline.compose import Pipeline
from tica_fn.pipeline.fuse import is_one_sweep
from tica_fn.pipeline.stack import measured_part
from tica_fn.pipeline.trim import trim_science
from tica_fn.products.flagging import say_flags
from tica_fn.products.job import Job
from tica_fn.products.options import Product, steps_for
from tica_fn.products.plan import Plan, RawFile
from tica_fn.products.staleness import expected_of
from tica_fn.quality.pixels import flag_pixels
from tica_fn.wcs.time_corrections import correct_times

__all__ = ["plans_of_image"]


def plans_of_image(raw: RawFile, job: Job) -> list[Plan]:
    """Plan the products of a raw full-frame image."""
    if job.product.assemble and "camera" not in raw.kind.becomes:
        raise FrameError(f"{raw.path}: holds one CCD; only camera frames are assembled again")
    if streamed := _streamed(raw, job):
        return [streamed]
    verify_sums(raw.path, raw.hdus)
    assert raw.kind.frames is not None
    frames = raw.kind.frames(raw.path, raw.hdus, raw.stamp, raw.kind.ccds or ())
    frames = tuple(_prepared(frame, job.product) for frame in frames)
    models = [job.models(frame.camera, frame.ccd) for frame in frames]
    made = [
        _Made(raw=frame, models=one, steps=steps_for(one, job.product, job.without))
        for frame, one in zip(frames, models, strict=True)
    ]
    if job.product.assemble:
        return [_assembled(raw, made, job)]
    return [_one_ccd(raw, one, job) for one in made]


@attrs.frozen(kw_only=True, eq=False)
class _Made:
    """A raw frame with what calibrates it."""

    raw: Frame
    models: Models
    steps: Pipeline

    @property
    def ccd(self) -> tuple[int, int, int | None]:
        return self.raw.camera, self.raw.ccd, self.raw.sector

    def calibrated(self, product: Product) -> Frame:
        out = self.steps(self.raw, dtype=np.float32)
        if product.quality or product.needs_variance or _without_signal(self.raw.pixels):
            out = say_flags(self.raw, out, self.models)
        if product.quality:
            out = flag_pixels(out, self.models)
        return trim_science(out) if product.trim else out


def _streamed(raw: RawFile, job: Job) -> Plan | None:
    """Plan the short way from the file's words to the product's, where it can be gone."""
    counts = raw.kind.counts
    if counts is None or not job.product.plain or job.compress not in ("none", "gzip"):
        return None
    words = words_of(raw.hdus[counts.hdu])
    if words is None or _without_signal(words):
        return None
    facts = counts.facts(raw.path, raw.hdus)
    ccd = facts["camera"], facts["ccd"], facts["sector"]
    steps = steps_for(job.models(*ccd[:2]), job.product, job.without)
    if not is_one_sweep(steps.steps):
        return None

    def write(done: Frame, target: Path, on_written: Callable[[], None] | None) -> tuple[str, ...]:
        stream(raw.path, raw.hdus, counts.hdu, steps, done, target, on_written, job.look)
        return ()

    return Plan(
        target=job.outdir / product_name(raw.path, compress=job.compress),
        expected=expected_of(raw.stamp, [steps], job.product, compress=job.compress),
        ccds=(ccd,),
        calibrate=lambda: steps(measured_part(words, source=raw.stamp, **facts)),
        write=write,
    )


def _without_signal(counts: Array) -> bool:
    """Tell, by one row, whether all counts of an amplifier may be the same.

    `counts`: (2078, 2136) raw counts.
    """
    first, last = SCIENCE_COLUMNS
    row = counts[SCIENCE_ROWS[1] // 2, first:last].reshape(len(AMPLIFIERS), -1)
    return bool((row == row[:, :1]).all(axis=1).any())


def _prepared(frame: Frame, product: Product) -> Frame:
    """The raw frame with what options say of it."""
    if product.segment is not None:
        frame = attrs.evolve(frame, header=with_card(frame.header, "ORB_SEG", product.segment))
    if product.time_corrections:
        state = None
        if product.state is not None and frame.times is not None:
            state = product.state(frame.times.zero + frame.times.mid)
        frame = correct_times(frame, product.time_corrections, state)
    return frame


def _one_ccd(raw: RawFile, made: _Made, job: Job) -> Plan:
    """Plan the product of one CCD."""
    frame, product = made.raw, job.product
    if product.name == "hlsp":
        name = hlsp_name(frame, product.segment, job.compress)
    elif product.name == "spoc":
        name = spoc_name(frame, job.compress)
    else:
        ccd = frame.ccd if raw.kind.ccds else None
        name = product_name(raw.path, ccd=ccd, layout=product.layout, compress=job.compress)

    def write(out: Frame, target: Path, _: Callable[[], None] | None) -> tuple[str, ...]:
        LAYOUTS[product.layout].write(out, target, job.compress)
        return (f"{target.name}: {out.header['FRAMEFLG']}",) if "FRAMEFLG" in out.header else ()

    return Plan(
        target=job.outdir / name,
        expected=expected_of(
            frame.source, [made.steps], product, compress=job.compress, before=frame.steps
        ),
        ccds=(made.ccd,),
        calibrate=partial(made.calibrated, product),
        write=write,
    )


def _assembled(raw: RawFile, made: Sequence[_Made], job: Job) -> Plan:
    """Plan one camera frame of four CCDs."""
    if job.compress not in ("none", "gzip"):
        raise FrameError(f"{raw.path}: camera frames are written plain or gzipped")

    def write(frames: list[Frame], target: Path, _: Callable[[], None] | None) -> tuple[str, ...]:
        write_camera(frames, target)
        return ()

    return Plan(
        target=job.outdir / product_name(raw.path, compress=job.compress),
        expected=expected_of(
            raw.stamp,
            [one.steps for one in made],
            job.product,
            compress=job.compress,
            before=made[0].raw.steps,
        ),
        ccds=tuple(one.ccd for one in made),
        calibrate=lambda: [one.calibrated(job.product) for one in made],
        write=write,
        frames=len(made),
    )
