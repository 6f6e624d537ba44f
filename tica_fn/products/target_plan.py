"""What a target pixel file becomes: every cadence calibrated, in the file's own structure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from tica_fn.errors import FrameError
from tica_fn.fits.blocks import verify_sums
from tica_fn.fits.collateral import KINDS, Collateral, find_collateral, read_collateral
from tica_fn.fits.names import product_name
from tica_fn.fits.target import TargetPixels, target_of
from tica_fn.fits.target_out import write_target_product
from tica_fn.fits.tiled import TILE_COMPRESSION
from tica_fn.frame import Frame
from tica_fn.products.flagging import dropped_words
from tica_fn.products.job import Job
from tica_fn.products.options import steps_for
from tica_fn.products.plan import Plan, RawFile
from tica_fn.products.staleness import expected_of

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
    steps = steps_for(job.models(pixels.camera, pixels.ccd), job.product, job.without)
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
    notes = _notes_on(pixels, collateral)

    def write(
        frames: Iterable[Frame], target: Path, _: Callable[[], None] | None
    ) -> tuple[str, ...]:
        said = list(notes)  # What the cadences show is added while they are gone through.
        noted = _noting(frames, said)
        write_target_product(raw.data, noted, pixels.read_s, target, files, said)
        return tuple(said[len(notes) :])

    return Plan(
        target=job.outdir / product_name(source, compress=job.compress),
        expected=expected_of(pixels.source, [steps], job.product, collateral=files),
        ccds=((pixels.camera, pixels.ccd, pixels.sector),),
        calibrate=lambda: (steps(frame) for frame in pixels.frames(collateral)),
        write=write,
        frames=len(pixels.cadences),
        notes=notes,
        alone=False,  # Other collateral may be found the next time.
    )


def _noting(frames: Iterable[Frame], said: list[str]) -> Iterator[Frame]:
    """Go through cadences and note those whose pedestals lack overclock pixels."""
    for frame in frames:
        if words := dropped_words(frame):
            said.append(f"cadence {frame.cadence}: {words}")
        yield frame


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
