"""Variance of sums of pixels, including errors that they share: smear and pedestals."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from tica_fn.detector import amplifier_of_columns
from tica_fn.errors import FrameError
from tica_fn.frame import RATE, Frame
from tica_fn.immutable import Array
from tica_fn.kernels.variance import before_linearity
from tica_fn.models import Models
from tica_fn.steps.table import step_at
from tica_fn.uncertainty.estimate_variance import linearity_of_columns

__all__ = ["variance_of_sum"]

_BEFORE_LINEARITY = 9
"""How many of a run's numbers precede those of its linearity."""


def variance_of_sum(frame: Frame, models: Models, mask: ArrayLike) -> float:
    """Variance of the sum of some pixels, including the errors of smear and pedestal they share.

    It is ``sum of var y + sum over columns of var M ((sum 1/(f s))**2 - sum 1/(f s)**2)``: the same
    smear was subtracted from all pixels of a column, so its error has the same sign in each.  A
    like term is added per amplifier for the pedestal, whose error enters a pixel with the factor
    ``(D - D_M) g``: the smear rows have the same pedestal, so only the difference between the
    slopes D of the linearity correction remains.

    Parameters
    ----------
    frame : Frame
        Frame with `variance`, from `tica_fn.estimate_variance`.
    models : Models
        Models that it was calibrated with.
    mask : array_like
        (rows, columns) bool or weights: the pixels to sum.

    Returns
    -------
    float
        Variance of the sum, square of the frame's unit.

    Raises
    ------
    FrameError
        If the frame has no variance, if the mask has another shape, or if the pixels share errors
        that the frame lacks because it was read from a product without the table
        ``SHARED_VARIANCE`` or made by other software.

    Notes
    -----
    Leave out pixels in the rows whose median is the smear.

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
            f"variance_of_sum needs a frame with variance, and a mask of shape {frame.pixels.shape}"
        )
    rows, columns = np.nonzero(weights)
    weight = weights[rows, columns]
    total = float((weight**2 * frame.variance[rows, columns]).sum())
    scale = frame.live_s if frame.unit == RATE else 1.0
    divisor = np.full(weight.shape, scale)
    if "divide_flat" in frame.steps:
        divisor *= models.flat[frame.row + rows, frame.column + columns]
    lever = weight / divisor
    count = frame.shape[1]
    smeared = step_at("smear", frame.steps) is not None
    if smeared:
        shared = _shared(columns, lever, count)
        if frame.smear_variance is None or frame.smear is None:
            _refuse_unknown(frame, columns, "smear of its column")
        else:
            total += float((frame.smear_variance * shared)[shared != 0].sum())
    amplifier = amplifier_of_columns(frame.column, count)[columns]
    if frame.pedestal_variance is None or (smeared and frame.smear is None):
        _refuse_unknown(frame, amplifier, "pedestal of its amplifier")
        return total
    electrons = frame.pixels[rows, columns] * divisor
    slope = np.zeros(weight.shape)
    if smeared and frame.smear is not None:
        electrons = electrons + frame.smear[columns]
        slope = -_slopes(models, frame, frame.smear[columns], columns)
    slope = slope + _slopes(models, frame, electrons, columns)
    shared = _shared(amplifier, lever * slope * models.amplifiers.gain[amplifier], 4)
    return total + float((frame.pedestal_variance * shared)[shared != 0].sum())


def _shared(places: Array, lever: Array, count: int) -> Array:
    """Covariance that shared errors add to a sum, for each column or amplifier in `places`."""
    sums = np.bincount(places, lever, count)
    return np.asarray(sums**2 - np.bincount(places, lever**2, count))


def _refuse_unknown(frame: Frame, places: Array, what: str) -> None:
    """Refuse a sum whose pixels share an error that is not known."""
    if np.unique(places).size < places.size:
        raise FrameError(
            f"{frame.name}: the variance of a sum needs the variance of the {what}, an error that "
            "its pixels share, and the frame lacks it: it was read from a product without a table "
            "SHARED_VARIANCE. Calibrate the raw file again with uncertainties"
        )


def _slopes(models: Models, frame: Frame, electrons: Array, columns: Array) -> Array:
    """Derivative of the linearity correction at its result in electrons."""
    table = linearity_of_columns(models, frame)[columns]
    out = np.ones(electrons.shape)
    for numbers in np.unique(table, axis=0):
        here = (table == numbers).all(axis=1)
        run = np.concatenate([np.zeros(_BEFORE_LINEARITY), numbers])
        if numbers[0]:
            out[here] = [before_linearity(float(one), run)[1] for one in electrons[here]]
    return out
