"""Maps of bad pixels: hot and dead ones, found in the clipped mean of many frames.

Frames of one CCD are calibrated and averaged without outliers (`tica_fn.build.clipped_mean`).  This
removes cosmic rays and reduces the noise; isolated bright pixels in the mean are hot.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import attrs
import numpy as np

from tica_fn.build.clipped_mean import stack_clipped
from tica_fn.detector import SCIENCE_COLUMNS, SCIENCE_ROWS, SHAPE
from tica_fn.errors import FrameError
from tica_fn.frame import ADU, Frame, Place
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.pipeline.compose import standard_steps
from tica_fn.quality.bits import FLAT_RANGE, BadPixels
from tica_fn.quality.outliers import SKY_BLOCK, Outliers

__all__ = ["build_bad_pixels"]

_PART_OF_LIGHT = 0.005
"""Least standard deviation, as a fraction of a pixel's light: the accuracy of flat fields."""

_FAINT_PART = (10, 30)
_FAINT_SIGMAS = 0.7572
"""Distance between these two percentiles of normal noise, in standard deviations."""

T = TypeVar("T")


def _scatter(mean: Array) -> Array:
    """Pixel-to-pixel standard deviation of the faint part of each block, (2078, 2136).

    It includes the noise of bias and flat field, which is the same in all frames.
    """
    out = np.zeros(mean.shape)
    for row in range(0, SCIENCE_ROWS[1], SKY_BLOCK):
        for column in range(*SCIENCE_COLUMNS, SKY_BLOCK):
            block = np.s_[row : row + SKY_BLOCK, column : column + SKY_BLOCK]
            low, more = np.nanpercentile(mean[block][::2, ::2], _FAINT_PART)
            out[block] = (more - low) / _FAINT_SIGMAS
    return out


def build_bad_pixels(
    items: Sequence[T], read: Callable[[T], Frame], models: Models, *, limit: float = 5.0
) -> BadPixels:
    """Find the hot and the dead pixels of a CCD in many raw frames.

    Parameters
    ----------
    items : sequence
        Sources of the frames: paths, or anything `read` takes.
    read : callable
        Returns the raw frame of an item, such as `tica_fn.read`.  It is called two or three times
        per item, so that only a few frames are held in memory at once.
    models : Models
        Models of the CCD.
    limit : float
        Values further than this from the mean, in standard deviations, are left out.

    Returns
    -------
    BadPixels
        The map.  Dead pixels are found only where there is light.

    Raises
    ------
    FrameError
        If there are fewer than three frames, or they are not raw frames of one CCD and exposure.
    ModelError
        If the models are for another CCD or exposure time.

    Notes
    -----
    A pixel is hot if it is brighter than a star can make a single pixel
    (`tica_fn.kernels.outlying_pixels`).  The standard deviation used for this is that of the mean,
    but at least half a per cent of the pixel's light.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, build_bad_pixels, neutral_models
    >>> def read(seed):
    ...     pixels = np.random.default_rng(seed).normal(1000, 5, (2078, 2136)).round()
    ...     pixels[300, 400] += 200
    ...     return Frame(pixels=pixels, unit="adu", camera=1, ccd=1, exposure_s=20, coadds=10)
    >>> found = build_bad_pixels([1, 2, 3, 4], read, neutral_models(1, 1))
    >>> np.argwhere(found.bits), found.hot
    (array([[300, 400]]), 1)
    """
    steps = standard_steps(models)
    first: list[Frame] = []

    def load(index: int) -> tuple[Array, float]:
        item: Any = items[index]
        frame = read(item)
        if frame.pixels.shape != SHAPE or frame.unit != ADU or frame.steps:
            raise FrameError(f"{item}: not a raw full readout in ADU")
        out = steps(frame)
        if not first:
            first.append(attrs.evolve(out, pixels=np.zeros((1, 1)), variance=None))
        before = first[0]
        if (frame.camera, frame.ccd) != (before.camera, before.ccd):
            raise FrameError(f"{item}: is of {frame.name}, but the first frame is of {before.name}")
        for name in ("exposure_s", "coadds"):
            this, other = getattr(frame, name), getattr(before, name)
            if not np.isclose(this, other, rtol=0.01, atol=0.0):
                raise FrameError(f"{item}: {name} is {this:g}, but {other:g} in the first frame")
        return out.pixels, 1.0

    stack = stack_clipped(range(len(items)), load, limit=limit)
    least = _PART_OF_LIGHT * np.maximum(stack.mean, 0.0)
    own = np.maximum(stack.uncertainty, _scatter(stack.mean))
    variance = (own**2 + least**2).astype(np.float32)
    plan = Outliers.of(first[0], attrs.evolve(models, bad_pixels=None), Place(coadds=1.0))
    bits = np.zeros(SHAPE, dtype=np.int32)
    # In single precision, in which flags of frames are found, too.
    plan.fill(stack.mean.astype(np.float32), variance, 0, bits)
    plan.map(bits)
    bits[SCIENCE_ROWS[1] :] = 0
    bits[~((models.flat >= FLAT_RANGE[0]) & (models.flat <= FLAT_RANGE[1]))] = 0
    return BadPixels(
        camera=models.camera,
        ccd=models.ccd,
        bits=bits,
        frames=stack.frames,
        exposure_s=first[0].exposure_s,
    )
