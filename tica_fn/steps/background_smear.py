"""Smear measured on the background of contaminated columns and their neighbours."""

from __future__ import annotations

import numpy as np

from tica_fn import kernels
from tica_fn.detector import LIVE_FRACTION, SCIENCE_COLUMNS, SCIENCE_ROWS, amplifier_of_columns
from tica_fn.frame import Frame
from tica_fn.immutable import Array
from tica_fn.kernels.robust_smear import median_light
from tica_fn.models import Models
from tica_fn.steps.undo import electrons_before_smear

__all__ = ["baseline", "smear_of_run"]

_REFERENCES = 12
"""Number of clean columns on either side whose sky a column is compared with."""
_NEIGHBOURS = 16
_FEWEST_ROWS = 30
_BRIGHT = 0.3
"""Fraction of the linearity model's range above which a pixel is not background."""
_LOW_QUANTILE = 0.2
_MEDIAN_EFFICIENCY = np.pi / 2.0


def baseline(smear: Array, good: Array, columns: Array) -> tuple[Array, Array]:
    """Smear of columns, interpolated between their clean neighbours.

    `smear`: (2136,) float64; `good`: (2136,) bool; `columns`: (n,) int64; returns `level` (n,)
    float64; `variance` (n,) float64.
    """
    known = np.flatnonzero(good)
    level, variance = np.zeros(len(columns)), np.zeros(len(columns))
    for k, column in enumerate(columns):
        place = np.searchsorted(known, column)
        sides = [known[max(place - _NEIGHBOURS, 0) : place], known[place : place + _NEIGHBOURS]]
        sides = [side for side in sides if len(side)]
        if not sides:
            continue
        middles = [float(np.median(smear[side])) for side in sides]
        spreads = [float(np.var(smear[side])) for side in sides]
        if len(sides) == 2:
            gap = (sides[0][-1], sides[1][0])
            weight = (column - gap[0]) / (gap[1] - gap[0])
            level[k] = (1.0 - weight) * middles[0] + weight * middles[1]
        else:
            level[k] = middles[0]
        variance[k] = max(spreads)
    return level, variance


def smear_of_run(
    piece: Frame, models: Models, first: int, last: int, smear: Array, good: Array
) -> tuple[Array, Array]:
    """Smear of a run of contaminated columns from a piece's science rows.

    `smear`: (2136,) float64; `good`: (2136,) bool; returns `level` (last - first,) float64,
    electron; `variance` (last - first,) float64, electron squared.
    """
    left, right = _references(piece, first, last, good)
    start, stop = min([first, *left]), max([last, *(right + 1)])
    rows = slice(0, SCIENCE_ROWS[1] - piece.row)
    within = slice(start - piece.column, stop - piece.column)
    electrons = electrons_before_smear(piece, models, rows, within)
    top = piece.row + electrons.shape[0]
    flat = models.flat[piece.row : top, start:stop].astype(np.float64)
    dark, background = _background(electrons, models, piece, start)
    inside = slice(first - start, last - start)
    level, variance = np.full(last - first, np.nan), np.full(last - first, np.nan)
    if len(left) or len(right):
        sky = _sky(electrons, flat, smear, left - start, right - start, start)
        shared = float(np.var(smear[np.r_[left, right]])) / (len(left) + len(right))
    else:
        column = _darkest(electrons[:, inside] / flat[:, inside], background[:, inside])
        own, own_variance = baseline(smear, good, np.array([first + column]))
        level[column], variance[column] = own[0], 0.0
        k = column + first - start
        reference = np.where(background[:, k], (electrons[:, k] - own[0]) / flat[:, k], np.nan)
        sky, shared = np.broadcast_to(reference[:, None], electrons.shape), float(own_variance[0])
    for k in np.flatnonzero(np.isnan(level)):
        c = k + first - start
        difference = electrons[:, c] - flat[:, c] * sky[:, c]
        level[k], variance[k] = _level(difference[background[:, c]])
        if np.isnan(level[k]):
            # Beside a star that fills its column there are no better pixels.
            level[k], variance[k] = _level(difference[dark[:, c]])
    return level, variance + shared


def _level(values: Array) -> tuple[float, float]:
    """Level of the background, and its variance; NaN if there are too few values."""
    found = np.empty(2)
    count = kernels.background_level(np.sort(values), found)
    if count < _FEWEST_ROWS:
        return np.nan, np.nan
    return float(found[0]), _MEDIAN_EFFICIENCY * float(found[1]) ** 2 / count


def _references(piece: Frame, first: int, last: int, good: Array) -> tuple[Array, Array]:
    """Nearest clean science columns of the piece, left and right of a run."""
    start = max(piece.column, SCIENCE_COLUMNS[0])
    stop = min(piece.column + piece.pixels.shape[1], SCIENCE_COLUMNS[1])
    known = np.flatnonzero(good)
    known = known[(known >= start) & (known < stop)]
    return known[known < first][-_REFERENCES:], known[known >= last][:_REFERENCES]


def _background(electrons: Array, models: Models, piece: Frame, start: int) -> tuple[Array, Array]:
    """Pixels without a bright star, and those of them without one in the next columns either."""
    amplifier = amplifier_of_columns(start, electrons.shape[1])
    constants = models.amplifiers
    range_of_model = constants.max_domain_adu * constants.gain * piece.coadds * LIVE_FRACTION
    bright = ~(electrons < _BRIGHT * range_of_model[amplifier])
    near = bright.copy()
    near[:, 1:] |= bright[:, :-1]
    near[:, :-1] |= bright[:, 1:]
    return ~bright, ~near


def _sky(
    electrons: Array, flat: Array, smear: Array, left: Array, right: Array, start: int
) -> Array:
    """Sky of every pixel: in each row, interpolated between the medians of either side."""
    columns = np.arange(electrons.shape[1], dtype=np.float64)
    sides = []
    for side in (left, right):
        if len(side):
            light = np.empty(len(electrons))
            median_light(electrons, flat, smear[start + side], side, light)
            sides.append((float(side.mean()), light))
    if len(sides) == 1:
        return np.broadcast_to(sides[0][1][:, None], electrons.shape)
    (near, low), (far, high) = sides
    weight = (columns - near) / (far - near)
    return np.asarray(low[:, None] * (1.0 - weight) + high[:, None] * weight)


def _darkest(light: Array, background: Array) -> int:
    """Column with the least light in its darkest rows, among columns with enough rows."""
    levels = np.full(light.shape[1], np.inf)
    for k in range(light.shape[1]):
        values = light[background[:, k], k]
        if len(values) >= _FEWEST_ROWS:
            levels[k] = np.quantile(values, _LOW_QUANTILE)
    return int(np.argmin(levels))
