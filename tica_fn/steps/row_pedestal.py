"""Row-dependent pedestal: see `tica_fn.kernels.row_pedestal` for the formula."""

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
from tica_fn.frame import ADU, Frame
from tica_fn.immutable import Array, freeze
from tica_fn.kernels.medians import MAD_TO_SIGMA
from tica_fn.models import Models
from tica_fn.steps.pedestal import good_overclocks, told
from tica_fn.steps.step import Step, filled

__all__ = [
    "HIGHEST_ORDER",
    "SubtractRowPedestal",
    "measure_row_pedestals",
    "piece_with_overclocks",
    "subtract_row_pedestal",
    "table_of",
]

HIGHEST_ORDER = 10
"""Highest order of the polynomial in row."""

_CLIP = 5.0
_MOST_TURNS = 10


def measure_row_pedestals(frame: Frame, highest: int = HIGHEST_ORDER) -> tuple[Array, Array, Array]:
    """Smooth pedestal of each amplifier in each row.

    Returns `pedestals`, (4, 2078) float64, ADU, read-only; `orders`, (4,) int64; `dropped`, (4,)
    float64, number of unusable overclock pixels, whose rows were left out of the fit.
    """
    pedestals, orders, dropped = np.full((4, ROWS), np.nan), np.full(4, -1), np.zeros(4)
    amplifiers = {
        int(a)
        for piece in frame.pieces()
        for a in amplifiers_of_columns(piece.column, piece.shape[1])
    }
    for amplifier in sorted(amplifiers):
        last = OVERCLOCK_COLUMNS[0] + (amplifier + 1) * VIRTUAL_COLUMNS
        piece = piece_with_overclocks(frame, amplifier, last - PEDESTAL_COLUMNS, last)
        values = np.empty(ROWS)
        pixels = piece.pixels.astype(np.float64, copy=False)
        kernels.overclock_rows(
            pixels, last - PEDESTAL_COLUMNS - piece.column, last - piece.column, values
        )
        good = good_overclocks(
            pixels[:, last - PEDESTAL_COLUMNS - piece.column : last - piece.column]
        )
        dropped[amplifier] = good.size - good.sum()
        values[~good.all(axis=1)] = np.nan
        orders[amplifier] = _fit(values, highest, pedestals[amplifier])
    return freeze(pedestals), orders, dropped


def _fit(values: Array, highest: int, out: Array) -> int:
    """Fit rows without outliers such as cosmic rays and bleeding stars."""
    known = np.isfinite(values)
    if not known.any():
        return -1
    offset = np.median(values[known])
    centred = np.where(known, values - offset, 0.0)
    spread = MAD_TO_SIGMA * np.median(np.abs(centred[known]))
    kept = known & (np.abs(centred) <= 2.0 * _CLIP * spread)
    for _ in range(_MOST_TURNS):
        order = int(kernels.fit_rows(centred, kept.astype(np.float64), highest, out))
        away = np.abs(centred - out)
        sigma = MAD_TO_SIGMA * np.median(away[kept])
        again = known & (away <= _CLIP * sigma)
        if again.sum() <= highest + 2 or (again == kept).all():
            break
        kept = again
    out += offset
    return order


def piece_with_overclocks(frame: Frame, amplifier: int, first: int, last: int) -> Frame:
    """Piece with all rows of the overclock columns from `first` to `last`."""
    for piece in frame.pieces():
        rows, columns = piece.pixels.shape
        if rows == ROWS and piece.column <= first and last <= piece.column + columns:
            return piece
    raise MissingCollateralError(
        f"all rows of the overclock columns of amplifier {AMPLIFIERS[amplifier]} of {frame.name} "
        "are needed: give the trailing virtual columns (tvcol) as collateral"
    )


@attrs.frozen(eq=False, repr=False)
class SubtractRowPedestal(Step):
    """The step made by `subtract_row_pedestal`."""

    name: ClassVar[str] = "subtract_row_pedestal"
    needs: ClassVar[str] = ADU
    gives: ClassVar[str] = ADU
    bound: ClassVar[bool] = False
    measures: ClassVar[tuple[str, ...]] = ("row_pedestals", "pedestals", "overclocks_dropped")

    def measure(self, frame: Frame) -> dict[str, Array]:  # noqa: D102
        by_row, _, dropped = measure_row_pedestals(frame)
        means = freeze(by_row[:, PEDESTAL_FIRST_ROW:].mean(axis=1))
        return told(row_pedestals=by_row, pedestals=means, dropped=dropped)

    def forward(self, piece: Frame) -> Array:  # noqa: D102
        return filled(kernels.subtract_row_pedestal, piece, *table_of(piece))

    def backward(self, piece: Frame) -> Array:  # noqa: D102
        return filled(kernels.add_row_pedestal, piece, *table_of(piece))


def table_of(piece: Frame) -> tuple[Array, Array]:
    """Pedestals in the rows of a piece, and the amplifiers of its columns."""
    assert piece.row_pedestals is not None
    rows, columns = piece.pixels.shape
    table = np.ascontiguousarray(piece.row_pedestals[:, piece.row : piece.row + rows])
    return freeze(table.copy()), amplifier_of_columns(piece.column, columns)


def subtract_row_pedestal(models: Models | None = None) -> SubtractRowPedestal:
    """Make the step that subtracts a pedestal that changes smoothly with the row.

    It replaces `subtract_pedestal`.  For each amplifier a polynomial in row is fitted to the means
    of the overclock columns and subtracted from all columns; its order, up to 10, is chosen from
    the data.  Rows with cosmic rays are left out of the fit.

    Parameters
    ----------
    models : Models, optional
        Not needed, as pedestals are measured on the frame; if given, the frame must be of their
        camera, CCD and exposure time, as in the other steps.

    Returns
    -------
    SubtractRowPedestal
        Step from a frame in ADU to a frame in ADU, with `Frame.row_pedestals` and their means over
        rows 750 on in `Frame.pedestals`; the input is not modified.

    Notes
    -----
    Source: TESS Instrument Handbook ("1-D black"); the order is chosen by the Akaike criterion,
    corrected for small samples.  SPOC's own black is a fixed profile and one number per frame: see
    `tica_fn.subtract_mission_pedestal`.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, subtract_row_pedestal
    >>> rows = np.arange(2078)[:, None]
    >>> noise = np.random.default_rng(1).normal(0.0, 5.0, (2078, 2136))
    >>> raw = 1000.0 + 3e-6 * (rows - 900) ** 2 + noise
    >>> frame = Frame(pixels=raw, unit="adu", camera=2, ccd=3, exposure_s=120, coadds=48)
    >>> out = subtract_row_pedestal()(frame)
    >>> bool(abs(out.pixels.mean(axis=1)).max() < 1.0)
    True
    """
    return SubtractRowPedestal(models)
