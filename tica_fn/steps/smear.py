"""Smear: see `tica_fn.kernels.smear` for the formula."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from tica_fn import kernels
from tica_fn.detector import COLUMNS, SMEAR_MEDIAN_ROWS
from tica_fn.errors import MissingCollateralError
from tica_fn.frame import ELECTRON, Frame
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.steps.step import Step, filled

__all__ = [
    "SmearRows",
    "SubtractSmear",
    "refuse_missing",
    "smear_of_readout",
    "smear_rows",
    "subtract_smear",
]

SmearRows = tuple[tuple[int, Array], ...]
"""Pairs of first column in the readout, and (7, columns) float64 electrons of rows 2061:2068."""


def smear_rows(frame: Frame) -> SmearRows:
    """Rows whose median is the smear, for every piece that has them."""
    return tuple(
        (piece.column, rows_of_median(piece).astype(np.float64))
        for piece in frame.pieces()
        if covers_smear_rows(piece)
    )


def covers_smear_rows(piece: Frame) -> bool:
    """Tell whether a piece holds the rows whose median is the smear."""
    first, last = SMEAR_MEDIAN_ROWS
    return piece.row <= first and last <= piece.row + piece.shape[0]


def rows_of_median(piece: Frame) -> Array:
    """Rows 2061 to 2067 of a piece.

    Returns a (7, columns) view of its pixels.
    """
    first, last = (row - piece.row for row in SMEAR_MEDIAN_ROWS)
    return piece.pixels[first:last]


def smear_of_readout(rows: SmearRows, frame: Frame) -> Array:
    """Median of the smear rows in each column; refuse a frame that lacks some.

    Returns (2136,) float64, electron; NaN in columns outside the frame.
    """
    smear = np.full(COLUMNS, np.nan)
    seen = np.zeros(COLUMNS, dtype=bool)
    for column, values in rows:
        here = slice(column, column + values.shape[1])
        kernels.measure_smear(values, smear[here])
        seen[here] = True
    refuse_missing(seen, frame)
    return smear


def refuse_missing(seen: Array, frame: Frame) -> None:
    """Refuse a frame with columns whose smear rows are missing.  `seen`: (2136,) bool."""
    for piece in (*frame.collateral, frame):
        first, last = piece.column, piece.column + piece.shape[1]
        if not seen[first:last].all():
            raise MissingCollateralError(
                f"the smear rows of column {first + int(np.argmin(seen[first:last]))} of "
                f"{piece.name} are missing: give the smear rows (smrow) as collateral, or leave "
                "out the smear"
            )


@attrs.frozen(eq=False, repr=False)
class SubtractSmear(Step):
    """The step made by `subtract_smear`."""

    name: ClassVar[str] = "subtract_smear"
    needs: ClassVar[str] = ELECTRON
    gives: ClassVar[str] = ELECTRON
    bound: ClassVar[bool] = False
    measures: ClassVar[tuple[str, ...]] = ("smear",)

    def measure(self, frame: Frame) -> dict[str, Array]:  # noqa: D102
        return {"smear": smear_of_readout(smear_rows(frame), frame)}

    def forward(self, piece: Frame) -> Array:  # noqa: D102
        return filled(kernels.subtract_smear, piece, piece.smear)

    def backward(self, piece: Frame) -> Array:  # noqa: D102
        return filled(kernels.add_smear, piece, piece.smear)


def subtract_smear(models: Models | None = None) -> SubtractSmear:
    """Make the step that subtracts each column's smear.

    The median of rows 2061 to 2067 of a column is subtracted from all its rows, including those of
    virtual columns.  The frame keeps the medians in `Frame.smear`.

    Parameters
    ----------
    models : Models, optional
        Not needed, as the smear is measured on the frame; if given, the frame must be of their
        camera, CCD and exposure time, as in the other steps.

    Returns
    -------
    SubtractSmear
        Step from a frame in electrons to a frame in electrons; the input is not modified.

    Notes
    -----
    Source: Fausnaugh et al. 2020 (RNAAS 4, 251).

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, subtract_smear
    >>> frame = Frame(
    ...     pixels=np.full((2078, 2136), 7.0),
    ...     unit="electron",
    ...     camera=2,
    ...     ccd=3,
    ...     exposure_s=120,
    ...     coadds=48,
    ... )
    >>> subtract_smear()(frame).pixels[100, 100]
    np.float64(0.0)
    """
    return SubtractSmear(models)
