"""Raw frames to products of every kind: one CCD or four, either layout, with or without extras."""

from __future__ import annotations

from pathlib import Path

import attrs
import numpy as np

from tica_fn.detector import AMPLIFIERS, CCDS, SCIENCE_COLUMNS, SCIENCE_ROWS
from tica_fn.errors import FrameError
from tica_fn.fits.batch import DONE, SKIPPED, Outcome
from tica_fn.fits.blocks import RawHDU
from tica_fn.fits.files import frame_of, write
from tica_fn.fits.header import with_card
from tica_fn.fits.names import hlsp_name, product_name, spoc_name
from tica_fn.fits.poc import frames_of_camera
from tica_fn.fits.poc_out import write_camera
from tica_fn.fits.reader_cards import frame_quality
from tica_fn.fits.tiled import write_tiled
from tica_fn.frame import Frame
from tica_fn.immutable import Array
from tica_fn.models import Models, SourceFile
from tica_fn.pipeline.compose import Pipeline
from tica_fn.pipeline.trim import trim_science
from tica_fn.products.job import Job
from tica_fn.products.options import Product, steps_for
from tica_fn.products.staleness import Wanted, wanted_of, why_again
from tica_fn.quality.frame_flags import as_dquality, flag_frame
from tica_fn.quality.pixels import flag_pixels
from tica_fn.wcs.time_corrections import correct_times

__all__ = ["calibrate_products", "without_signal"]


def calibrate_products(
    source: Path, hdus: list[RawHDU], kind: str, stamp: SourceFile, job: Job
) -> Outcome:
    """Calibrate the one CCD or the four of a raw file."""
    product = job.product
    camera = kind == "camera"
    if product.assemble and not camera:
        raise FrameError(f"{source}: holds one CCD; only camera frames are assembled again")
    if camera:
        raw = frames_of_camera(source, hdus, stamp, CCDS)
    else:
        raw = (frame_of(source, hdus, stamp),)
    raw = tuple(_prepared(frame, product) for frame in raw)
    models = [job.models(frame.camera, frame.ccd) for frame in raw]
    pipelines = [steps_for(one, product, job.without) for one in models]
    if camera and product.assemble:
        return _assembled(source, raw, pipelines, models, job)
    targets = [job.outdir / _name(source, frame, camera, job) for frame in raw]
    for target in targets:
        job.claim(target, source)
    todo: list[tuple[Frame, Pipeline, Models, Path]] = []
    notes: list[str] = []
    for frame, steps, one, target in zip(raw, pipelines, models, targets, strict=True):
        redo = () if job.overwrite else why_again(target, _wanted(frame, [steps], job))
        if redo is not None:
            todo.append((frame, steps, one, target))
            notes.extend((*redo, *job.models.remarks(frame.camera, frame.ccd, frame.sector)))
    if not todo:
        return Outcome(source=source, state=SKIPPED, outputs=tuple(targets))
    # All are calibrated before the first is written: a CCD that fails leaves nothing behind.
    done = [(_calibrated(frame, steps, one, product), target) for frame, steps, one, target in todo]
    for frame in raw:
        notes += job.models.remarks(frame.camera, frame.ccd, frame.sector)
    for frame, target in done:
        if "FRAMEFLG" in frame.header:
            notes.append(f"{target.name}: {frame.header['FRAMEFLG']}")
        _write(frame, target, job)
    return Outcome(
        source=source, state=DONE, outputs=tuple(targets), frames=len(done), notes=tuple(notes)
    )


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


def _wanted(frame: Frame, pipelines: list[Pipeline], job: Job) -> Wanted:
    return wanted_of(
        frame.source, pipelines, job.product, compress=job.compress, before=frame.steps
    )


def _name(source: Path, frame: Frame, camera: bool, job: Job) -> str:
    if job.product.name == "hlsp":
        return hlsp_name(frame, job.product.segment, job.compress)
    if job.product.name == "spoc":
        return spoc_name(frame, job.compress)
    return product_name(
        source,
        ccd=frame.ccd if camera else None,
        layout=job.product.layout,
        compress=job.compress,
    )


def _calibrated(frame: Frame, steps: Pipeline, models: Models, product: Product) -> Frame:
    out = steps(frame, dtype=np.float32)
    if product.quality or product.needs_variance or without_signal(frame.pixels):
        out = _flagged(frame, out, models)
    if product.quality:
        out = flag_pixels(out, models)
    return trim_science(out) if product.trim else out


def without_signal(counts: Array) -> bool:
    """Tell, by one row, whether all counts of an amplifier may be the same.

    `counts`: (2078, 2136) raw counts.
    """
    first, last = SCIENCE_COLUMNS
    row = counts[SCIENCE_ROWS[1] // 2, first:last].reshape(len(AMPLIFIERS), -1)
    return bool((row == row[:, :1]).all(axis=1).any())


def _flagged(raw: Frame, out: Frame, models: Models) -> Frame:
    """Say in the header what is wrong with the raw counts or with what they became."""
    before, after = flag_frame(raw, models), flag_frame(out, models)
    flags = before.flags | after.flags
    if not flags:
        return out
    both = tuple(a | b for a, b in zip(before.by_amplifier, after.by_amplifier, strict=True))
    words = attrs.evolve(after, flags=flags, by_amplifier=both).words
    header = with_card(out.header, "DQUALITY", frame_quality(out) | as_dquality(flags))
    return attrs.evolve(out, header=with_card(header, "FRAMEFLG", words))


def _write(frame: Frame, target: Path, job: Job) -> None:
    if job.compress in ("none", "gzip"):
        write(frame, target, layout=job.product.layout)
    else:
        write_tiled(frame, target, job.compress, layout=job.product.layout)


def _assembled(
    source: Path,
    raw: tuple[Frame, ...],
    pipelines: list[Pipeline],
    models: list[Models],
    job: Job,
) -> Outcome:
    """Calibrate the four CCDs of a camera frame into one."""
    if job.compress not in ("none", "gzip"):
        raise FrameError(f"{source}: camera frames are written plain or gzipped")
    target = job.outdir / product_name(source, compress=job.compress)
    redo = () if job.overwrite else why_again(target, _wanted(raw[0], pipelines, job))
    if redo is None:
        return Outcome(source=source, state=SKIPPED, outputs=(target,))
    frames = [
        _calibrated(frame, steps, one, job.product)
        for frame, steps, one in zip(raw, pipelines, models, strict=True)
    ]
    write_camera(frames, target)
    return Outcome(source=source, state=DONE, outputs=(target,), frames=len(frames), notes=redo)
