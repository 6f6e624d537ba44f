"""Conversion of products in TICA's layout, also TICA's own, to SPOC's layout."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import attrs

from tica_fn.errors import BadFileError, FrameError
from tica_fn.fits.atomic import identity_of, replacing
from tica_fn.fits.batch import DONE, SKIPPED, ModelShelf, Outcome
from tica_fn.fits.blocks import content, crc32, read_blocks
from tica_fn.fits.files import frames_of
from tica_fn.fits.kinds import kind_of
from tica_fn.fits.names import product_name, spoc_name
from tica_fn.fits.spoc_out import write_spoc
from tica_fn.fits.unpack import untiled
from tica_fn.fits.update import extension_name
from tica_fn.frame import Frame
from tica_fn.models import SourceFile
from tica_fn.products.job import Claims
from tica_fn.products.kept import kept_of, refuse_loss, told_loss, told_planes
from tica_fn.products.staleness import Expected, why_again
from tica_fn.uncertainty.estimate_variance import estimate_variance
from tica_fn.wcs.solved_images import STARS_NAME

__all__ = ["Conversion", "convert_file"]


@attrs.frozen(kw_only=True)
class Conversion:
    """Options of the conversion, for every product."""

    outdir: Path
    models: ModelShelf | None = None
    name: str = "stem"
    compress: str = "none"
    overwrite: bool = False
    claim: Claims = attrs.field(factory=Claims, eq=False, repr=False)


def convert_file(source: Path, job: Conversion) -> Outcome:
    """Write a product in SPOC's layout."""
    data = content(source)
    stamp = SourceFile(name=source.name, crc32=crc32(data))
    hdus = untiled(source, read_blocks(source, data))
    kind = kind_of(source, hdus)
    if "converted" not in kind.becomes:
        one = "products" in kind.becomes and not kind.ccds
        how = ", to be calibrated with --layout spoc" if one else ""
        raise BadFileError(
            f"{source}: {kind.what}{how}; only products of one CCD in TICA's layout are converted"
        )
    (frame,) = frames_of(source, hdus, stamp)
    name = (
        spoc_name(frame, job.compress)
        if job.name == "spoc"
        else product_name(source, layout="spoc", compress=job.compress)
    )
    target = job.outdir / name
    job.claim(target, source)
    frame, notes = _with_variance(source, frame, job.models)
    expected, now = _expected(frame), identity_of(target)
    reasons = () if job.overwrite else why_again(target, expected)
    if reasons is None:
        return Outcome(source=source, state=SKIPPED, outputs=(target,))
    stars = [
        hdu.text.encode("ascii") + bytes(hdu.data)
        for hdu in hdus[1:]
        if extension_name(hdu) == STARS_NAME
    ]
    kept = kept_of(target, hdus)
    if kept is not None and stars:  # The input's solution replaces the existing one.
        kept = attrs.evolve(kept, solution=None) if kept.added else None
    if not job.overwrite:
        refuse_loss(target, kept, f"{source.name} has nothing of the kind")
    notes = (*notes, *told_loss(target, kept), *told_planes(target, expected.extensions))
    with nullcontext() if job.overwrite else replacing(target, now):
        write_spoc(frame, target, quality=frame.quality is not None, tables=stars)
    return Outcome(source=source, state=DONE, outputs=(target,), frames=1, notes=(*reasons, *notes))


def _with_variance(
    source: Path, frame: Frame, models: ModelShelf | None
) -> tuple[Frame, tuple[str, ...]]:
    """The frame with its variance, and notes about it."""
    if frame.variance is not None:
        return frame, ()
    if models is None:
        raise FrameError(
            f"{source}: has no uncertainties, which SPOC's layout needs; give --caldir, the folder "
            "of its models, to estimate them"
        )
    own = models(frame.camera, frame.ccd)
    made = frame.provenance or own.provenance
    if not {file.sha256 for file in made.files} <= {file.sha256 for file in own.files}:
        raise FrameError(f"{source}: was calibrated with other models than those of {own.name}")
    frame = attrs.evolve(frame, provenance=made)
    return estimate_variance(own)(frame), models.remarks(frame.camera, frame.ccd, frame.sector)


def _expected(frame: Frame) -> Expected:
    made = frame.provenance
    return Expected(
        input_crc32=frame.source.crc32 if frame.source else "",
        models=frozenset(file.sha256 for file in made.files) if made else frozenset(),
        steps=frame.steps,
        columns=frame.shape[1],
        extensions=frozenset({"PIXEL_QUALITY"} if frame.quality is not None else ()),
    )
