"""Flags of pixels.

`Pixel` defines the bits; `flag_pixels` sets them.  Flags of whole frames are in
`tica_fn.quality.frame_flags`, those of calibration models in `tica_fn.quality.known_models`.
"""

from __future__ import annotations

import attrs
import numpy as np

from tica_fn.errors import FrameError
from tica_fn.frame import Frame
from tica_fn.immutable import freeze
from tica_fn.models import Models
from tica_fn.quality.bits import STRAP_COLUMNS, Pixel
from tica_fn.quality.flag_plan import FULL_WELL_E, FlagPlan, flag_missing
from tica_fn.steps.contamination import contaminated_in_readout
from tica_fn.steps.table import step_at
from tica_fn.uncertainty.estimate_variance import estimate_variance
from tica_fn.uncertainty.noise import Noise

__all__ = ["FULL_WELL_E", "STRAP_COLUMNS", "FlagPlan", "Pixel", "flag_pixels", "naming_map"]


def flag_pixels(
    frame: Frame,
    models: Models,
    *,
    full_well_e: float = FULL_WELL_E,
    cosmic_rays: bool = True,
    noise: Noise | None = None,
) -> Frame:
    """Flag the pixels of a frame and of its collateral.

    Parameters
    ----------
    frame : Frame
        Frame whose pedestals were subtracted, at any later stage of calibration; not modified.
    models : Models
        Models that it was calibrated with.
    full_well_e : float
        Electrons per read from which a pixel counts as saturated.
    cosmic_rays : bool
        Look for cosmic rays, hot and dead pixels; this needs the frame's variance or noise.
    noise : Noise, optional
        Noise of a frame without variance; by default measured in its overclock pixels.

    Returns
    -------
    Frame
        The same frame with `Frame.quality`, (rows, columns) int32 of `Pixel` bits; existing bits
        are kept.

    Raises
    ------
    FrameError
        If the pedestals were not subtracted.
    MissingCollateralError
        If the noise is neither given nor measurable.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, calibrate, flag_pixels, neutral_models
    >>> from tica_fn.quality.pixels import Pixel
    >>> raw = np.random.default_rng(1).normal(5000, 30, (2078, 2136)).astype(np.int32)
    >>> raw[100:120, 700] += 2_000_000
    >>> frame = Frame(pixels=raw, unit="adu", camera=2, ccd=3, exposure_s=120, coadds=48)
    >>> models = neutral_models(2, 3, gain=5.2)
    >>> out = flag_pixels(calibrate(frame, models), models)
    >>> Pixel(int(out.quality[110, 700]))
    <Pixel.SATURATED|BLEED_COLUMN: 80>
    """
    if step_at("pedestal", frame.steps) is None:
        raise FrameError("flags need a frame whose pedestals were subtracted: they are not signal")
    noisy = frame
    if cosmic_rays and frame.variance is None:
        noisy = estimate_variance(models, noise)(frame)
    spoilt = contaminated_in_readout(frame, models)

    def flagged(piece: Frame, with_variance: Frame) -> Frame:
        plan = FlagPlan.of(piece, models, spoilt, full_well_e)
        quality = np.empty(piece.shape, dtype=np.int32)
        plan.fill(piece.pixels, with_variance.variance if cosmic_rays else None, 0, quality)
        plan.finish(quality)
        flag_missing(piece, models, quality)
        if piece.quality is not None:
            quality |= piece.quality
        return attrs.evolve(piece, quality=freeze(quality))

    pieces = tuple(
        flagged(piece, other)
        for piece, other in zip(frame.collateral, noisy.collateral, strict=True)
    )
    return attrs.evolve(naming_map(flagged(frame, noisy), models), collateral=pieces)


def naming_map(frame: Frame, models: Models) -> Frame:
    """Frame whose provenance names the map of bad pixels, if there is one."""
    file, known = models.bad_pixels_file, frame.provenance
    if file is None or known is None or file in known.files:
        return frame
    return attrs.evolve(frame, provenance=attrs.evolve(known, files=(*known.files, file)))
