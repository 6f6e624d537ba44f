"""Smear that is robust to bright stars: see `tica_fn.kernels.robust_smear` for the method."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from tica_fn import kernels
from tica_fn.detector import COLUMNS, SCIENCE_COLUMNS, SCIENCE_ROWS
from tica_fn.frame import ELECTRON, Frame
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.steps.background_smear import baseline, smear_of_run
from tica_fn.steps.contamination import contaminated_in_readout
from tica_fn.steps.smear import smear_of_readout, smear_rows
from tica_fn.steps.step import Step, filled

__all__ = ["SubtractRobustSmear", "measure_robust_smear", "subtract_robust_smear"]


def measure_robust_smear(frame: Frame, models: Models) -> tuple[Array, Array]:
    """Smear of every column: the median, or from the background if the median is contaminated.

    Returns `smear`, (2136,) float64, electron; `variance`, (2136,) float64, electron squared.
    """
    smear, variance = np.full(COLUMNS, np.nan), np.full(COLUMNS, np.nan)
    for column, rows in smear_rows(frame):
        kernels.measure_smear(rows, smear[column : column + rows.shape[1]])
    spoilt = contaminated_in_readout(frame, models)
    if not spoilt.any():
        return smear, variance
    science = np.zeros(COLUMNS, dtype=bool)
    science[slice(*SCIENCE_COLUMNS)] = True
    good = np.isfinite(smear) & science & ~spoilt
    level = np.full(COLUMNS, np.nan)
    for piece in sorted(frame.pieces(), key=_science_rows, reverse=True):
        if not _science_rows(piece):
            break
        here = np.zeros(COLUMNS, dtype=bool)
        here[piece.column : piece.column + piece.pixels.shape[1]] = True
        for first, last in _runs(spoilt & here & np.isnan(level)):
            run = slice(first, last)
            level[run], variance[run] = smear_of_run(piece, models, first, last, smear, good)
    smear[spoilt] = level[spoilt]
    _bridge(smear, variance, good | np.isfinite(level), spoilt & np.isnan(level))
    return smear, variance


def _science_rows(piece: Frame) -> int:
    return max(min(int(piece.row) + len(piece.pixels), SCIENCE_ROWS[1]) - int(piece.row), 0)


def _runs(marked: Array) -> list[tuple[int, int]]:
    """Runs of marked columns, half-open."""
    edges = np.flatnonzero(np.diff(np.r_[False, marked, False]))
    return [(int(a), int(b)) for a, b in edges.reshape(-1, 2)]


def _bridge(smear: Array, variance: Array, known: Array, missing: Array) -> None:
    """Interpolate columns without background between their neighbours, in place."""
    for first, last in _runs(missing):
        columns = np.arange(first, last)
        beside = [c for c in (first - 1, last) if 0 <= c < COLUMNS and known[c]]
        if beside:
            smear[columns] = np.interp(columns, beside, smear[beside])
            # There may be the peak of a star that fills its columns.
            variance[columns] = smear[columns] ** 2
        else:
            smear[columns], variance[columns] = baseline(smear, known, columns)


@attrs.frozen(eq=False, repr=False)
class SubtractRobustSmear(Step):
    """The step made by `subtract_robust_smear`."""

    name: ClassVar[str] = "subtract_robust_smear"
    needs: ClassVar[str] = ELECTRON
    gives: ClassVar[str] = ELECTRON
    measures: ClassVar[tuple[str, ...]] = ("smear", "smear_variance")

    models: Models

    def measure(self, frame: Frame) -> dict[str, Array]:  # noqa: D102
        # Raises if smear rows are missing.
        smear_of_readout(smear_rows(frame), frame)
        smear, variance = measure_robust_smear(frame, self.models)
        return {"smear": smear, "smear_variance": variance}

    def forward(self, piece: Frame) -> Array:  # noqa: D102
        return filled(kernels.subtract_smear, piece, piece.smear)

    def backward(self, piece: Frame) -> Array:  # noqa: D102
        return filled(kernels.add_smear, piece, piece.smear)


def subtract_robust_smear(models: Models) -> SubtractRobustSmear:
    """Make the step that subtracts each column's smear even if stars bleed.

    If a star bleeds into the smear rows of a column (`find_contaminated_columns`), the smear is
    measured on the background: pixels of the column without a bright star are compared with the sky
    of the nearest clean columns in the same rows.  If all columns of a stamp are contaminated, they
    are compared with its darkest column, whose smear is interpolated between clean columns in the
    smear rows.  All other columns get the median of rows 2061 to 2067, bit for bit that of
    `subtract_smear`.

    Parameters
    ----------
    models : Models
        Models of the CCD: the flat field, gain, and range of the linearity.

    Returns
    -------
    SubtractRobustSmear
        Step from a frame in electrons to a frame in electrons, with `Frame.smear` and, for
        contaminated columns, `Frame.smear_variance`; the input is not modified.

    Notes
    -----
    Source: the method follows White and Pope's recalibration of bright TESS stars (``mundey``).

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, neutral_models, subtract_robust_smear
    >>> pixels = np.random.default_rng(1).normal(5000.0, 80.0, (2078, 2136))
    >>> pixels[2048:] -= 4000.0  # of 5,000 electrons 1,000 are smear
    >>> pixels[1900:2064, 700] += 9e6  # a star that bleeds
    >>> frame = Frame(
    ...     pixels=pixels,
    ...     unit="electron",
    ...     camera=2,
    ...     ccd=3,
    ...     exposure_s=120,
    ...     coadds=48,
    ... )
    >>> out = subtract_robust_smear(neutral_models(2, 3))(frame)
    >>> round(float(np.median(out.pixels[:1900, 700])), -2)
    4000.0
    """
    return SubtractRobustSmear(models)
