"""Pedestal (scalar bias): see `tica_fn.kernels.pedestal` for the formula."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from tica_fn import kernels
from tica_fn.detector import (
    AMPLIFIERS,
    OVERCLOCK_COLUMNS,
    PEDESTAL_COLUMNS,
    PEDESTAL_FIRST_ROW,
    ROWS,
    VIRTUAL_COLUMNS,
    amplifier_of_columns,
    amplifiers_of_columns,
)
from tica_fn.errors import MissingCollateralError
from tica_fn.frame import ADU, Frame, Place
from tica_fn.immutable import Array, freeze
from tica_fn.kernels.medians import MAD_TO_SIGMA
from tica_fn.models import Models
from tica_fn.steps.bias import bias_factor
from tica_fn.steps.step import Step, filled, window

__all__ = [
    "SubtractPedestal",
    "good_overclocks",
    "measure_pedestals",
    "pedestal_of_columns",
    "subtract_pedestal",
    "told",
]

_NO_BIAS = freeze(np.zeros((1, 1), dtype=np.float32))


_LOW_SIGMAS, _LEAST_LOW_ADU = 100.0, 400.0
_HIGH_SIGMAS, _LEAST_HIGH_ADU = 1000.0, 32_000.0
"""Upper limits are wider: cosmic rays and bleeding stars raise counts, nothing lowers them."""


def measure_pedestals(frame: Frame, models: Models | None = None) -> dict[str, Array]:
    """Mean of each amplifier's overclock pixels after the 2-D bias, and how many were left out.

    Returns `pedestals`, (4,) float64, ADU; and, if any pixels were left out, `overclocks_dropped`,
    (4,) float64.
    """
    amplifiers: set[int] = set()
    for piece in frame.pieces():
        amplifiers.update(amplifiers_of_columns(piece.column, piece.shape[1]))
    found: dict[int, tuple[Frame, list[int]]] = {}
    for amplifier in sorted(amplifiers):
        piece = _piece_with_overclocks(frame, amplifier)
        found.setdefault(id(piece), (piece, []))[1].append(amplifier)
    pedestals, dropped = np.full(4, np.nan), np.zeros(4)
    for piece, read in found.values():
        means = np.empty(len(read))
        bias = _NO_BIAS if models is None else window(models.bias, piece)
        factor = 1.0 if models is None else bias_factor(models, piece)
        first_row = PEDESTAL_FIRST_ROW - piece.row
        runs = freeze(np.array([_overclocks_of(one) for one in read]) - piece.column)
        kernels.measure_pedestals(piece.pixels, bias, factor, first_row, runs, means)
        pedestals[read] = means
        for amplifier, (first, last) in zip(read, runs.tolist(), strict=True):
            counts = piece.pixels[first_row:, first:last]
            if float(counts.max()) - float(counts.min()) <= _LEAST_LOW_ADU:
                continue
            values = counts.astype(np.float64)
            if models is not None:
                values -= bias[first_row:, first:last].astype(np.float64) * factor
            good = good_overclocks(values)
            if not good.all():
                dropped[amplifier] = values.size - good.sum()
                pedestals[amplifier] = values[good].mean() if good.any() else np.nan
    return told(pedestals=freeze(pedestals), dropped=dropped)


def told(*, dropped: Array, **measured: Array) -> dict[str, Array]:
    """Measured values, with the number of overclock pixels left out if there are any."""
    return measured | ({"overclocks_dropped": freeze(dropped)} if dropped.any() else {})


def good_overclocks(values: Array) -> Array:
    """Tell which overclock pixels are usable: finite, and not far from the others.

    Far is a hundred standard deviations below the median (real pixels in the first rows reach 52),
    or a thousand above it, more than any cosmic ray gives.  Such pixels were not downlinked, or are
    corrupt.  Returns bool of the same shape.
    """
    if _near_their_median(values):
        return np.ones(values.shape, dtype=np.bool_)
    good = np.isfinite(values)
    if good.any():
        away = values - np.median(values[good])
        sigma = MAD_TO_SIGMA * float(np.median(np.abs(away[good])))
        good &= away >= -max(_LOW_SIGMAS * sigma, _LEAST_LOW_ADU)
        good &= away <= max(_HIGH_SIGMAS * sigma, _LEAST_HIGH_ADU)
    return good


def _near_their_median(values: Array) -> bool:
    """Tell, without their median, that none lies further from it than is allowed at the least.

    Half of them lie no further above the lowest than that may lie under the median, so nor does it.
    """
    lowest = values.min(initial=np.inf)
    low = np.count_nonzero(values <= lowest + (_LEAST_LOW_ADU - 1.0))
    return bool(2 * low > values.size and values.max() - lowest <= _LEAST_HIGH_ADU - 1.0)


def _overclocks_of(amplifier: int) -> tuple[int, int]:
    """Overclock columns used for an amplifier's pedestal, half-open."""
    last = OVERCLOCK_COLUMNS[0] + (amplifier + 1) * VIRTUAL_COLUMNS
    return last - PEDESTAL_COLUMNS, last


def _piece_with_overclocks(frame: Frame, amplifier: int) -> Frame:
    first, last = _overclocks_of(amplifier)
    for piece in frame.pieces():
        rows, columns = piece.shape
        across = piece.column <= first and last <= piece.column + columns
        along = piece.row <= PEDESTAL_FIRST_ROW and piece.row + rows == ROWS
        if across and along:
            return piece
    raise MissingCollateralError(
        f"the overclock columns of amplifier {AMPLIFIERS[amplifier]} of {frame.name} are missing: "
        "give the trailing virtual columns (tvcol) as collateral, or leave out the pedestal"
    )


def pedestal_of_columns(pedestals: Array, piece: Frame | Place) -> Array:
    """Pedestal of each column of a piece.

    `pedestals`: (4,) float64, ADU; returns (columns,) float64, ADU.
    """
    out: Array = pedestals[amplifier_of_columns(piece.column, piece.shape[1])]
    return out


@attrs.frozen(eq=False, repr=False)
class SubtractPedestal(Step):
    """The step made by `subtract_pedestal`."""

    name: ClassVar[str] = "subtract_pedestal"
    needs: ClassVar[str] = ADU
    gives: ClassVar[str] = ADU
    bound: ClassVar[bool] = False
    measures: ClassVar[tuple[str, ...]] = ("pedestals", "overclocks_dropped")

    def measure(self, frame: Frame) -> dict[str, Array]:  # noqa: D102
        return measure_pedestals(frame)

    def forward(self, piece: Frame) -> Array:  # noqa: D102
        assert piece.pedestals is not None
        pedestal = pedestal_of_columns(piece.pedestals, piece)
        return filled(kernels.subtract_pedestal, piece, pedestal)

    def backward(self, piece: Frame) -> Array:  # noqa: D102
        assert piece.pedestals is not None
        return filled(kernels.add_pedestal, piece, pedestal_of_columns(piece.pedestals, piece))


def subtract_pedestal(models: Models | None = None) -> SubtractPedestal:
    """Make the step that subtracts each amplifier's pedestal.

    The mean of the amplifier's overclock pixels, in rows from 750 on and the last 8 of 11 columns,
    is subtracted from all its pixels.  The frame keeps the four numbers in `Frame.pedestals`: they
    are the best indicator of a saturated or corrupt frame.  Overclock pixels that are not finite,
    or far outside the noise, are left out and counted in `Frame.overclocks_dropped`.

    Parameters
    ----------
    models : Models, optional
        Not needed, as pedestals are measured on the frame; if given, the frame must be of their
        camera, CCD and exposure time, as in the other steps.

    Returns
    -------
    SubtractPedestal
        Step from a frame in ADU to a frame in ADU; the input is not modified.

    Notes
    -----
    Source: Fausnaugh et al. 2020 (RNAAS 4, 251).

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, subtract_pedestal
    >>> raw = np.full((2078, 2136), 100, dtype=np.int32)
    >>> frame = Frame(pixels=raw, unit="adu", camera=2, ccd=3, exposure_s=120, coadds=48)
    >>> subtract_pedestal()(frame).pedestals
    array([100., 100., 100., 100.])
    """
    return SubtractPedestal(models)
