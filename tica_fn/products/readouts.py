"""Raw readouts that are calibrated in strips: which can be, and the plan for their strips."""

from __future__ import annotations

from typing import Any, cast

import attrs
import numpy as np

from tica_fn.detector import AMPLIFIERS, PEDESTAL_FIRST_ROW, VIRTUAL_COLUMNS
from tica_fn.fits.stream import STREAMED_LAYOUTS
from tica_fn.fits.strip_words import RawReadout
from tica_fn.frame import ELECTRON, RATE, Frame, Place
from tica_fn.immutable import Array, freeze
from tica_fn.models import Models
from tica_fn.pipeline.compose import Pipeline
from tica_fn.pipeline.stack import measured_part
from tica_fn.pipeline.strips import Strips, can_be_stripped, measured_by
from tica_fn.products.options import Product
from tica_fn.steps.contamination import contaminated_in_readout
from tica_fn.steps.step import Step

__all__ = ["as_written", "can_stream", "part_for", "part_of", "readout_of"]


def can_stream(product: Product, compress: str) -> bool:
    """Tell whether strips can be written directly to the words of a product's file."""
    plain = not (product.trim or product.assemble) and compress in ("none", "gzip")
    return plain and product.layout in STREAMED_LAYOUTS


def _pixel_steps(steps: Pipeline) -> tuple[Step, ...]:
    """Steps that act on pixels: all except the variance, which comes last."""
    done = steps.steps
    if done and getattr(done[-1], "name", "") == "estimate_variance":
        done = done[:-1]
    return cast("tuple[Step, ...]", done)


def part_for(steps: Pipeline, counts: Array, **facts: Any) -> Frame:
    """Small part of a readout on which the steps take their measurements.

    `counts`: (2078, 2136).
    """
    by_row = any("row_pedestals" in getattr(step, "measures", ()) for step in steps.steps)
    return measured_part(counts, 0 if by_row else PEDESTAL_FIRST_ROW, **facts)


def part_of(steps: Pipeline, frame: Frame) -> Frame:
    """Small part of a whole raw frame, in the same way."""
    small = part_for(steps, frame.pixels, **dict.fromkeys(_FACTS, 1))
    pieces = tuple(_with_pixels_of(piece, frame) for piece in small.collateral)
    return attrs.evolve(_with_pixels_of(small, frame), collateral=pieces)


def _with_pixels_of(piece: Frame, frame: Frame) -> Frame:
    return attrs.evolve(frame, pixels=piece.pixels, row=piece.row, column=piece.column)


_FACTS = ("camera", "ccd", "exposure_s", "coadds")


def readout_of(
    part: Frame, counts: Array, models: Models, steps: Pipeline, product: Product
) -> RawReadout | None:
    """Plan the strips of a readout; None where it has to be calibrated whole.

    `counts`: (2078, 2136) int32, or uint32 words of a file.
    """
    on_pixels = _pixel_steps(steps)
    if not can_be_stripped(on_pixels):
        return None
    done = measured_by(on_pixels, part, counts)
    if done.overclocks_dropped is not None:
        return None  # The whole frame and these pixels must be flagged.
    if done.unit != (RATE if product.layout == "spoc" else ELECTRON):
        return None
    strips = Strips.of(on_pixels, done)
    looked_at = product.quality or product.needs_variance
    rounded = as_written(done)
    if looked_at and not _virtual_columns_vary(part):
        return None
    if looked_at:  # Else they need not be loaded.
        from tica_fn.quality.pixels import FlagPlan, naming_map
        from tica_fn.uncertainty.estimate_variance import EstimateVariance, VariancePlan
        from tica_fn.uncertainty.noise import measure_noise

    place = Place(coadds=done.coadds)
    variance = flags = flat = None
    if product.quality:
        spoilt = contaminated_in_readout(rounded, models)
        flags = FlagPlan.of(rounded, models, spoilt, place=place)
    if product.needs_variance:
        noise = measure_noise(done, models, rows_of=lambda a, b: strips(counts, a, b))
        variance = VariancePlan.of(done, models, noise, place)
        done = EstimateVariance(models, noise)(done)
    elif product.quality:  # From the product's rounded pixels, since it has no variance.
        noise = measure_noise(
            rounded, models, rows_of=lambda a, b: as_written(strips(counts, a, b))
        )
        variance = VariancePlan.of(rounded, models, noise, place)
    if product.quality:
        done = naming_map(done, models)
    if looked_at:
        divided = "divide_flat" in done.steps
        flat = models.flat if divided else np.ones((1, counts.shape[1]), dtype=np.float32)
    return RawReadout(
        counts=counts,
        strips=strips,
        frame=done,
        variance=variance,
        of_rounded=not product.needs_variance,
        flags=flags,
        flat=flat,
    )


def as_written(frame: Frame) -> Frame:
    """Frame with pixels rounded as in its product."""
    pieces = tuple(as_written(piece) for piece in frame.collateral)
    return attrs.evolve(frame, pixels=freeze(frame.pixels.astype(np.float32)), collateral=pieces)


def _virtual_columns_vary(part: Frame) -> bool:
    """Tell whether the counts of each amplifier's virtual columns vary."""
    counts = part.collateral[0].pixels.reshape(-1, len(AMPLIFIERS), VIRTUAL_COLUMNS)
    return bool((np.ptp(counts, axis=(0, 2)) > 1).all())
