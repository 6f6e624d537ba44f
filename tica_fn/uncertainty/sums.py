"""Variance of sums of pixels, which share the smear of their columns."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tica_fn.errors import FrameError
from tica_fn.frame import RATE, Frame
from tica_fn.models import Models

__all__ = ["variance_of_sum"]


def variance_of_sum(frame: Frame, models: Models, mask: ArrayLike) -> float:
    """Variance of the sum of some pixels, with the smear that pixels of one column share.

    ``sum of var y + sum over columns of var M ((sum 1/(f s))**2 - sum 1/(f s)**2)``: all pixels of
    a column had the same smear subtracted, and its error is in each of them with the same sign.

    Parameters
    ----------
    frame : Frame
        Frame with `variance`, from `tica_fn.estimate_variance`.
    models : Models
        Models that it was calibrated with.
    mask : array_like
        (rows, columns) bool, or weights: which pixels are summed.

    Returns
    -------
    float
        Variance of the sum, square of the frame's unit.

    Raises
    ------
    FrameError
        If the frame has no variance, or the mask another shape.

    Notes
    -----
    Pixels in the rows that the smear is the median of are meant to stay out.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, calibrate, estimate_variance, neutral_models
    >>> from tica_fn.uncertainty.sums import variance_of_sum
    >>> raw = np.random.default_rng(1).normal(5000, 60, (2078, 2136)).astype(np.int32)
    >>> frame = Frame(pixels=raw, unit="adu", camera=2, ccd=3, exposure_s=1800, coadds=720)
    >>> models = neutral_models(2, 3, gain=5.2)
    >>> out = estimate_variance(models)(calibrate(frame, models))
    >>> column = np.zeros(out.pixels.shape)
    >>> column[:100, 500] = 1
    >>> bool(variance_of_sum(out, models, column) > 10 * out.variance[:100, 500].sum())
    True
    """
    weights = np.asarray(mask, dtype=np.float64)
    if frame.variance is None or weights.shape != frame.pixels.shape:
        raise FrameError(
            f"the sum needs a frame with variance and a mask of its shape {frame.pixels.shape}"
        )
    total = float((weights**2 * frame.variance).sum())
    if frame.smear_variance is None or frame.smear is None:
        return total
    divisor = np.full(frame.pixels.shape, frame.live_s if frame.unit == RATE else 1.0)
    if "divide_flat" in frame.steps:
        rows, columns = frame.pixels.shape
        here = np.s_[frame.row : frame.row + rows, frame.column : frame.column + columns]
        divisor *= models.flat[here]
    lever = weights / divisor
    shared = lever.sum(axis=0) ** 2 - (lever**2).sum(axis=0)
    return total + float((frame.smear_variance * shared).sum())
