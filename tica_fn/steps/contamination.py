"""Columns whose smear rows are contaminated by stars that bleed over the buffer into them."""

from __future__ import annotations

import itertools

import numpy as np

from tica_fn import kernels
from tica_fn.detector import COLUMNS, SCIENCE_COLUMNS, SMEAR_MEDIAN_ROWS, SMEAR_ROWS
from tica_fn.frame import Frame
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.steps.smear import covers_smear_rows
from tica_fn.steps.undo import electrons_before_smear

__all__ = ["contaminated_in_readout", "find_contaminated_columns"]

_SIGMAS = 5.0
_READ_NOISE_E = 10.0
_QUANTUM_ADU = 8.0
_ROWS_OF_MEAN = 3
_HIGHEST_SMEAR_E = 5000.0
"""Electrons per read above any star's smear: Sirius gives 2,400 in its brightest column."""
_LARGEST_GAP = 3
_FEWEST_FOR_OFFSET = 100


def contaminated_in_readout(frame: Frame, models: Models) -> Array:
    """Tell for each column of the readout whether its smear rows are contaminated.

    Returns (2136,) bool.
    """
    found = np.zeros(COLUMNS, dtype=bool)
    for piece in frame.pieces():
        if covers_smear_rows(piece):
            here = slice(piece.column, piece.column + piece.pixels.shape[1])
            found[here] |= _contaminated(piece, models)
    found[: SCIENCE_COLUMNS[0]] = False
    found[SCIENCE_COLUMNS[1] :] = False
    return found


def _contaminated(piece: Frame, models: Models) -> Array:
    first = max(SMEAR_ROWS[0] - piece.row, 0)
    last = SMEAR_ROWS[1] - piece.row
    electrons = electrons_before_smear(piece, models, slice(first, last))
    fall = np.empty(electrons.shape[1])
    kernels.fall_off(electrons, fall)
    known = np.isfinite(fall)
    if known.sum() >= _FEWEST_FOR_OFFSET:
        fall = fall - np.median(fall[known])
    used = electrons[SMEAR_MEDIAN_ROWS[0] - SMEAR_ROWS[1] :]
    level, low = np.median(used, axis=0), electrons[-_ROWS_OF_MEAN:].mean(axis=0)
    gain = models.amplifiers.gain.max()
    noise = piece.coadds * _READ_NOISE_E**2 + (gain * _QUANTUM_ADU) ** 2 / 12.0
    sigma = np.sqrt(2.0 / _ROWS_OF_MEAN * (noise + np.maximum(low, 0.0)))
    marked = (
        (fall > _SIGMAS * sigma)
        | (level > _HIGHEST_SMEAR_E * piece.coadds)
        | ~known
        | ~np.isfinite(level)
    )
    return _closed(marked)


def _closed(marked: Array) -> Array:
    """Close small gaps, and mark the neighbours."""
    columns = np.flatnonzero(marked)
    closed = marked.copy()
    for left, right in itertools.pairwise(columns):
        if right - left <= _LARGEST_GAP:
            closed[left:right] = True
    closed[1:] |= closed[:-1].copy()
    closed[:-1] |= closed[1:].copy()
    return closed


def find_contaminated_columns(frame: Frame, models: Models) -> Array:
    """Find the columns whose smear rows are contaminated by a bleeding star.

    The true smear is the same in all smear rows of a column.  A column is contaminated if the first
    three of its rows are more than five standard deviations above the last three, if its level is
    higher than any star's smear, or if a value is missing.  Gaps of up to two columns and one
    neighbour on either side count too.

    Parameters
    ----------
    frame : Frame
        Frame whose pedestals were subtracted, with or without later steps, and with smear rows in
        its pixels or collateral; not modified.
    models : Models
        Models that it was calibrated with.

    Returns
    -------
    ndarray
        (columns,) bool, for the frame's own columns.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, apply_gain, compose, find_contaminated_columns
    >>> from tica_fn import neutral_models, subtract_pedestal
    >>> raw = np.full((2078, 2136), 100)
    >>> raw[2000:2062, 700] = 500_000
    >>> frame = Frame(pixels=raw, unit="adu", camera=2, ccd=3, exposure_s=120, coadds=48)
    >>> models = neutral_models(2, 3, gain=5.0)
    >>> done = compose(subtract_pedestal(), apply_gain(models))(frame)
    >>> np.flatnonzero(find_contaminated_columns(done, models))
    array([699, 700, 701])
    """
    found = contaminated_in_readout(frame, models)
    return found[frame.column : frame.column + frame.pixels.shape[1]]
