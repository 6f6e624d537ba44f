"""The plan for a target pixel file: every cadence calibrated, in the file's own structure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import attrs
import numpy as np

from tica_fn.clock import CORRECTION_STEP
from tica_fn.errors import FrameError
from tica_fn.fits.blocks import verify_sums
from tica_fn.fits.collateral import COLLATERAL_KINDS, Collateral, find_collateral, read_collateral
from tica_fn.fits.names import product_name
from tica_fn.fits.provenance import steps_of
from tica_fn.fits.target import TargetPixels, target_of
from tica_fn.fits.target_out import write_target_product
from tica_fn.fits.target_rays import RAYS_NAME, RAYS_STEP
from tica_fn.fits.tiled import TILE_COMPRESSION
from tica_fn.frame import Frame
from tica_fn.immutable import freeze
from tica_fn.models import Models
from tica_fn.pipeline.strips import as_reals
from tica_fn.products.flagging import dropped_words
from tica_fn.products.job import Job
from tica_fn.products.options import Product, steps_for
from tica_fn.products.plan import Plan, RawFile
from tica_fn.products.readouts import as_written
from tica_fn.products.staleness import expected_of
from tica_fn.quality.pixels import Pixel, flag_pixels
from tica_fn.quality.transients import mark_series
from tica_fn.wcs.time_corrections import check_correction, correct_times

__all__ = ["plan_of_target"]


def plan_of_target(raw: RawFile, job: Job) -> Plan:
    """Plan the product of a target pixel file."""
    source = raw.path
    verify_sums(source, raw.hdus)
    pixels = target_of(source, raw.hdus, raw.stamp)
    if job.compress in TILE_COMPRESSION:
        raise FrameError(f"{source}: target pixel files are written plain or gzipped")
    if job.product.not_for_targets:
        raise FrameError(
            f"{source}: target pixel files keep their own structure and times: calibrate them "
            f"without {', '.join(job.product.not_for_targets)}"
        )
    for name in job.product.time_corrections:
        check_correction(str(source), name, steps_of(pixels.header) or (), pixels.header)
    models = job.models(pixels.camera, pixels.ccd)
    steps = steps_for(models, job.product, job.without)
    clean = None
    if pixels.cosmic_rays is not None and not job.product.keep_cosmic_rays:
        clean = pixels.subtract_cosmic_rays
    found = find_collateral(
        source,
        (source.parent, job.models.folder),
        camera=pixels.camera,
        ccd=pixels.ccd,
        sector=pixels.sector,
        amplifiers=pixels.amplifiers,
        kinds=[kind for kind, step in COLLATERAL_KINDS.items() if step not in job.without],
    )
    collateral = tuple(read_collateral(path) for path in found)
    files = tuple(piece.file for piece in collateral)
    notes = (*_notes_on_rays(pixels, job.product), *_notes_on(pixels, collateral))

    def calibrated() -> Iterator[Frame]:
        for frame in pixels.frames(collateral):
            out = steps(as_reals(_corrected(frame, job.product.time_corrections)))
            yield _with_flags(out, models) if job.product.quality else out

    def flagged() -> Iterator[Frame]:
        for frame in mark_series(calibrated(), models):
            yield _with_rays(frame, pixels)

    def write(
        frames: Iterable[Frame], target: Path, _: Callable[[], None] | None
    ) -> tuple[str, ...]:
        said = list(notes)  # Notes about cadences are added while they are processed.
        noted = _noting(frames, said)
        write_target_product(raw.data, noted, pixels.read_s, target, files, said, clean)
        return tuple(said[len(notes) :])

    return Plan(
        target=job.outdir / product_name(source, compress=job.compress),
        expected=expected_of(
            pixels.source,
            [steps],
            job.product,
            before=tuple(CORRECTION_STEP + name for name in job.product.time_corrections),
            after=() if clean is None else (RAYS_STEP,),
            collateral=files,
        ),
        ccds=((pixels.camera, pixels.ccd, pixels.sector),),
        calibrate=flagged if job.product.quality else calibrated,
        write=write,
        frames=len(pixels.cadences),
        notes=notes,
        alone=False,  # Next time other collateral may be found.
    )


def _with_flags(frame: Frame, models: Models) -> Frame:
    """Frame with the flags of its pixels as they are written, like those of images."""
    flagged = flag_pixels(as_written(frame), models)
    pieces = tuple(
        attrs.evolve(piece, quality=other.quality)
        for piece, other in zip(frame.collateral, flagged.collateral, strict=True)
    )
    return attrs.evolve(flagged, pixels=frame.pixels, collateral=pieces)


def _corrected(frame: Frame, corrections: tuple[str, ...]) -> Frame:
    """Frame with corrected times, if it has times."""
    if frame.times is not None:
        return correct_times(frame, corrections)
    named = (CORRECTION_STEP + name for name in corrections)
    return attrs.evolve(frame, steps=(*frame.steps, *named))


def _with_rays(frame: Frame, pixels: TargetPixels) -> Frame:
    """Frame whose flags include the mission's cosmic rays."""
    if pixels.cosmic_rays is None or frame.quality is None or frame.cadence is None:
        return frame
    found = pixels.cosmic_rays.image_of(frame.cadence, frame.row, frame.column, frame.shape)
    quality = np.where(found != 0.0, frame.quality | Pixel.COSMIC_RAY.value, frame.quality)
    return attrs.evolve(frame, quality=freeze(quality.astype(np.int32)))


def _notes_on_rays(pixels: TargetPixels, product: Product) -> tuple[str, ...]:
    """Notes about cosmic rays that the mission removed and that stay in FLUX."""
    if not pixels.header.get("CRSPOC"):
        return ()
    if pixels.cosmic_rays is None:
        which = f"the file does not list them (no HDU {RAYS_NAME})"
        return (f"the mission removed cosmic rays from FLUX, but {which}: they stay, CRSPOC is F",)
    row, column = pixels.cosmic_rays.rows - pixels.row, pixels.cosmic_rays.columns - pixels.column
    _, rows, columns = pixels.counts.shape
    beyond = int(((row < 0) | (row >= rows) | (column < 0) | (column >= columns)).sum())
    said = ["cosmic rays stay in FLUX, and CRSPOC is F"] if product.keep_cosmic_rays else []
    if beyond:
        said.append(f"HDU {RAYS_NAME}: {beyond} of its rows are outside this file, and ignored")
    return tuple(said)


def _noting(frames: Iterable[Frame], said: list[str]) -> Iterator[Frame]:
    """Pass cadences on, and note those whose pedestals lack overclock pixels."""
    for frame in frames:
        if words := dropped_words(frame):
            said.append(f"cadence {frame.cadence}: {words}")
        yield frame


def _notes_on(pixels: TargetPixels, collateral: tuple[Collateral, ...]) -> tuple[str, ...]:
    """Notes about collateral that is not verified or not of the same cadence."""
    notes = []
    for piece in collateral:
        if not piece.checked:
            notes.append(f"{piece.file.name}: CHECKSUM is not that of its content; used anyway")
        for cadence in pixels.cadences.tolist():
            nearest = piece.nearest(cadence)
            if nearest != cadence:
                notes.append(
                    f"{piece.file.name}: no cadence {cadence}; used cadence {nearest} instead"
                )
    return tuple(notes)
