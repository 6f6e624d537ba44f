"""From a raw file to a calibrated one: what ``tica-fn calibrate`` does with each input."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tica_fn.detector import COLUMNS, ROWS, SHAPE
from tica_fn.errors import BadFileError, FrameError
from tica_fn.fits.batch import DONE, SKIPPED, Outcome
from tica_fn.fits.blocks import Buffer, RawHDU, content, crc32, read_blocks, verify_sums
from tica_fn.fits.collateral import KINDS, Collateral, find_collateral, read_collateral
from tica_fn.fits.files import frame_of, kind_of
from tica_fn.fits.names import product_name
from tica_fn.fits.spoc import spoc_facts
from tica_fn.fits.stream import can_stream, stream_spoc
from tica_fn.fits.target import TargetPixels, target_of
from tica_fn.fits.target_out import write_target
from tica_fn.fits.tica import write_tica
from tica_fn.fits.tiled import TILE_COMPRESSION, untiled, write_tiled
from tica_fn.models import SourceFile
from tica_fn.pipeline.compose import standard_steps
from tica_fn.products.frames import calibrate_products, without_signal
from tica_fn.products.job import Job
from tica_fn.products.options import steps_for
from tica_fn.products.staleness import wanted_of, why_again

__all__ = ["calibrate_file"]


def calibrate_file(source: Path, job: Job, on_written: Callable[[], None] | None = None) -> Outcome:
    """Calibrate one file."""
    data = content(source, _buffer())
    hdus = read_blocks(source, data, verify=False)
    stamp = SourceFile(name=source.name, crc32=crc32(data))
    target = job.outdir / product_name(source, compress=job.compress)
    if any(hdu.header.get("ZIMAGE") for hdu in hdus):
        verify_sums(source, hdus)
        hdus = untiled(source, data, hdus)
    kind = kind_of(source, hdus)
    if kind in ("tica", "ffic") or str(hdus[0].header.get("UNITS")) == "electrons":
        raise BadFileError(f"{source}: this is a calibrated frame already")
    if kind == "target":
        verify_sums(source, hdus)
        pixels = target_of(source, hdus, stamp)
        return _calibrate_target(source, target, pixels, data, job)
    if kind in ("camera", "poc") or not job.product.plain or _without_signal(hdus[1]):
        verify_sums(source, hdus)
        return calibrate_products(source, hdus, kind, stamp, job)
    facts = spoc_facts(source, hdus)
    steps = standard_steps(job.models(facts["camera"], facts["ccd"]), job.without)
    wanted = wanted_of(stamp, [steps], job.product, compress=job.compress)
    redo = () if job.overwrite else why_again(target, wanted)
    if redo is None:
        return Outcome(source=source, state=SKIPPED, outputs=(target,))
    if job.compress not in TILE_COMPRESSION and can_stream(hdus, steps):
        stream_spoc(source, hdus, stamp, steps, target, on_written)
    else:
        verify_sums(source, hdus)
        out = steps(frame_of(source, hdus, stamp), dtype=np.float32)
        if job.compress in TILE_COMPRESSION:
            write_tiled(out, target, job.compress)
        else:
            write_tica(out, target)
    notes = (*redo, *job.models.remarks(facts["camera"], facts["ccd"], facts["sector"]))
    return Outcome(source=source, state=DONE, outputs=(target,), frames=1, notes=notes)


def _without_signal(hdu: RawHDU) -> bool:
    """Tell whether an amplifier's counts may all be the same: then the frame is looked at."""
    words = np.frombuffer(hdu.data, dtype=np.uint32)
    return words.size >= ROWS * COLUMNS and without_signal(words[: ROWS * COLUMNS].reshape(SHAPE))


_kept = threading.local()


def _buffer() -> Buffer:
    """Memory for input files, one for each thread."""
    if not hasattr(_kept, "buffer"):
        _kept.buffer = Buffer()
    buffer: Buffer = _kept.buffer
    return buffer


def _calibrate_target(
    source: Path, target: Path, pixels: TargetPixels, data: memoryview, job: Job
) -> Outcome:
    """Calibrate every cadence of a target pixel file."""
    if job.compress in TILE_COMPRESSION:
        raise FrameError(f"{source}: target pixel files are written plain or gzipped")
    if job.product.not_for_targets:
        raise FrameError(
            f"{source}: target pixel files keep their own structure and times: calibrate them "
            f"without {', '.join(job.product.not_for_targets)}"
        )
    models = job.models(pixels.camera, pixels.ccd)
    steps = steps_for(models, job.product, job.without)
    found = find_collateral(
        source,
        (source.parent, job.models.folder),
        camera=pixels.camera,
        ccd=pixels.ccd,
        sector=pixels.sector,
        amplifiers=pixels.amplifiers,
        kinds=[kind for kind, step in KINDS.items() if step not in job.without],
    )
    collateral = tuple(read_collateral(path) for path in found)
    files = tuple(piece.file for piece in collateral)
    wanted = wanted_of(pixels.source, [steps], job.product, collateral=files)
    redo = () if job.overwrite else why_again(target, wanted)
    if redo is None:
        return Outcome(source=source, state=SKIPPED, outputs=(target,))
    notes = _notes_on(pixels, collateral)
    calibrated = (steps(frame) for frame in pixels.frames(collateral))
    write_target(data, calibrated, pixels.read_s, target, files, notes)
    return Outcome(
        source=source,
        state=DONE,
        outputs=(target,),
        frames=len(pixels.cadences),
        notes=(*redo, *notes, *job.models.remarks(pixels.camera, pixels.ccd, pixels.sector)),
    )


def _notes_on(pixels: TargetPixels, collateral: tuple[Collateral, ...]) -> tuple[str, ...]:
    """Say what the collateral used is not: of the very cadence, or of a verified file."""
    notes = []
    for piece in collateral:
        if not piece.checked:
            notes.append(
                f"{piece.file.name}: CHECKSUM is not that of its content; used all the same"
            )
        for cadence in pixels.cadences.tolist():
            nearest = piece.nearest(cadence)
            if nearest != cadence:
                notes.append(
                    f"{piece.file.name}: no cadence {cadence}; used cadence {nearest} for it"
                )
    return tuple(notes)
