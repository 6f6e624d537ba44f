"""Make calibration models from raw frames: a 2-D bias from dark ones, a flat from illuminated ones.

**Bias.** Each frame's four pedestals (mean of the amplifier's overclock pixels) are subtracted, so
that their drift from frame to frame does not increase the scatter.  The frames are averaged by
`tica_fn.build.clipped_mean.stack_clipped`, and the mean pedestals are added back.  The model is
thus the mean dark frame, in ADU per exposure.

**Flat.** Each frame is calibrated up to the smear, in electrons, and divided by its own median over
the science pixels.  The frames are averaged with weights proportional to these medians, the inverse
variance of their photon noise, and the mean is divided by its median.  The flat is 1 for pixels
that collect no light (virtual columns, buffer, smear and virtual rows), and for dead ones, below
5 % of the median, whose uncertainty is NaN.  The model holds the response *times* the pattern of
the light: make sure that the illumination is even, or known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import attrs
import numpy as np

from tica_fn.build.clipped_mean import Stack, stack_clipped
from tica_fn.detector import (
    OVERCLOCK_COLUMNS,
    PEDESTAL_FIRST_ROW,
    SCIENCE_COLUMNS,
    SCIENCE_ROWS,
    SHAPE,
    amplifier_of_columns,
)
from tica_fn.errors import FrameError, ModelError, tell_note
from tica_fn.frame import ADU, Frame
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.models.built import BuiltModel
from tica_fn.pipeline.compose import standard_steps
from tica_fn.steps.pedestal import subtract_pedestal

__all__ = ["build_bias", "build_flat"]

_SCIENCE = (slice(*SCIENCE_ROWS), slice(*SCIENCE_COLUMNS))
_SKY, _STAR, _MOST_STARS = 1.5, 20.0, 1e-3
"""Limits beyond which frames are not dark: typical variance of science pixels relative to the
overclocks; variance of a pixel relative to the typical one, and fraction of pixels beyond it."""
_DEAD = 0.05
"""Response, relative to the median, below which a pixel is dead."""

T = TypeVar("T")
Read = Callable[[T], Frame]


@attrs.define(kw_only=True)
class _Alike:
    """Reads frames, and checks that all are raw frames of one CCD and exposure time."""

    read: Callable[[Any], Frame]
    first: Frame | None = None

    @property
    def coadds(self) -> float:
        """Coadded exposures of each frame."""
        assert self.first is not None
        return self.first.coadds

    def __call__(self, item: Any) -> Frame:
        frame = self.read(item)
        if frame.pixels.shape != SHAPE or frame.unit != ADU or frame.steps:
            raise FrameError(f"{item}: not a raw full readout in ADU")
        if self.first is None:
            self.first = attrs.evolve(frame, pixels=np.zeros((1, 1)))
        first = self.first
        if (frame.camera, frame.ccd) != (first.camera, first.ccd):
            raise FrameError(f"{item}: is of {frame.name}, but the first frame is of {first.name}")
        for name in ("exposure_s", "coadds"):
            this, other = getattr(frame, name), getattr(first, name)
            if not np.isclose(this, other, rtol=0.01, atol=0.0):
                raise FrameError(f"{item}: {name} is {this:g}, but {other:g} in the first frame")
        return frame


def build_bias(items: Sequence[T], read: Read[T], *, limit: float = 5.0) -> BuiltModel:
    """Make a 2-D bias model from dark raw frames.

    Parameters
    ----------
    items : sequence
        Sources of the frames: paths, or anything `read` takes.
    read : callable
        Returns the raw frame of an item, such as `tica_fn.read`.  It is called two or three times
        per item, so that only a few frames are held in memory at once.
    limit : float
        Values further than this from the mean, in standard deviations, are left out.

    Returns
    -------
    BuiltModel
        The mean dark frame, ADU per exposure.  A note tells if the frames were not dark.

    Raises
    ------
    FrameError
        If there are fewer than three frames, or they are not raw frames of one CCD and exposure.

    Notes
    -----
    See `tica_fn.build.clipped_mean` for the algorithm and its bias.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, build_bias
    >>> def read(seed):
    ...     pixels = np.random.default_rng(seed).normal(1000, 5, (2078, 2136)).round()
    ...     return Frame(pixels=pixels, unit="adu", camera=1, ccd=1, exposure_s=20, coadds=10)
    >>> bias = build_bias([1, 2, 3, 4], read)
    >>> round(float(bias.image.mean()), 1), round(float(np.median(bias.uncertainty)), 1)
    (1000.0, 2.2)
    """
    alike = _Alike(read=read)
    pedestals: dict[int, Array] = {}

    def load(index: int) -> tuple[Array, float]:
        after = subtract_pedestal()(alike(items[index]))
        assert after.pedestals is not None
        pedestals[index] = after.pedestals
        return after.pixels, 1.0

    stack = stack_clipped(range(len(items)), load, limit=limit)
    if _is_lit(stack.uncertainty):
        tell_note(
            "the frames for the bias are not dark: their science pixels vary more from frame to "
            "frame than their overclocks do"
        )
    each = np.array([pedestals[index] for index in range(len(items))])
    columns = each.mean(axis=0)[amplifier_of_columns()]
    return _built(
        "bias", alike, stack, limit, stack.mean + columns, stack.uncertainty, each.mean(axis=1)
    )


def _is_lit(uncertainty: Array) -> bool:
    """Tell by the scatter from frame to frame whether light fell on the science pixels.

    In dark frames the scatter is read noise, as in the overclocks.  Light adds shot noise: the sky
    to most pixels, stars a lot to some.
    """
    overclocks = uncertainty[PEDESTAL_FIRST_ROW:, slice(*OVERCLOCK_COLUMNS)].astype(np.float64)
    science = uncertainty[_SCIENCE].astype(np.float64) ** 2
    dark, typical = float(np.nanmedian(overclocks**2)), float(np.nanmedian(science))
    if not dark > 0.0 or not typical > 0.0:
        return False
    bright = float(np.mean(science > _STAR * typical))
    return typical > _SKY * dark or bright > _MOST_STARS


def build_flat(
    items: Sequence[T], read: Read[T], models: Models, *, limit: float = 5.0
) -> BuiltModel:
    """Make a flat-field model from illuminated raw frames.

    Parameters
    ----------
    items : sequence
        Sources of the frames: paths, or anything `read` takes.
    read : callable
        Returns the raw frame of an item, such as `tica_fn.read`.  It is called two or three times
        per item, so that only a few frames are held in memory at once.
    models : Models
        Bias and amplifier constants of the CCD; their flat is not used.
    limit : float
        Values further than this from the mean, in standard deviations, are left out.

    Returns
    -------
    BuiltModel
        Response relative to the median of the science pixels; 1 where it is not measured.

    Raises
    ------
    FrameError
        If there are fewer than three frames, they are not raw frames of one CCD and exposure, or
        one has no light or too much.
    ModelError
        If the models are for another CCD or exposure time.

    Notes
    -----
    See `tica_fn.build.clipped_mean` for the algorithm and its bias.
    """
    alike = _Alike(read=read)
    steps = standard_steps(models, without=("divide_flat",))
    levels: dict[int, float] = {}

    def load(index: int) -> tuple[Array, float]:
        electrons = steps(alike(items[index])).pixels
        level = float(np.median(electrons[_SCIENCE]))
        _check_level(level, items[index], alike.coadds, models)
        levels[index] = level
        return electrons / level, level

    stack = stack_clipped(range(len(items)), load, limit=limit)
    response = stack.mean[_SCIENCE]
    scale = float(np.median(response))
    image, uncertainty = np.ones(SHAPE), np.zeros(SHAPE)
    alive = response > _DEAD * scale
    if not alive.any():
        raise ModelError("no pixel responds to light: these are not illuminated frames")
    image[_SCIENCE] = np.where(alive, response / scale, 1.0)
    uncertainty[_SCIENCE] = np.where(alive, stack.uncertainty[_SCIENCE] / scale, np.nan)
    each = np.array([levels[index] for index in range(len(items))])
    return _built("flat", alike, stack, limit, image, uncertainty, each)


def _check_level(level: float, item: object, coadds: float, models: Models) -> None:
    """Refuse a frame with no light, or with more than the linearity was measured for."""
    if not level > 0.0:
        raise FrameError(f"{item}: no light: the median signal is {level:.1f} electrons")
    amplifiers = models.amplifiers
    adu_per_read = level / (coadds * float(amplifiers.gain.mean()))
    most = float(amplifiers.max_domain_adu.min())
    if adu_per_read > most:
        raise FrameError(
            f"{item}: too much light: the median signal is {adu_per_read:.0f} ADU per read, but "
            f"linearity was measured only up to {most:.0f}"
        )


def _built(
    kind: str,
    alike: _Alike,
    stack: Stack,
    limit: float,
    image: Array,
    uncertainty: Array,
    levels: Array,
) -> BuiltModel:
    first = alike.first
    assert first is not None
    return BuiltModel(
        kind=kind,
        camera=first.camera,
        ccd=first.ccd,
        image=image,
        uncertainty=uncertainty,
        count=stack.count,
        exposure_s=first.exposure_s,
        coadds=first.coadds,
        frames=stack.frames,
        limit=limit,
        levels=levels,
    )
