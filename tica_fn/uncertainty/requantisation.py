"""Find out whether the step of the on-board requantisation grows with the signal.

The raw values of faint pixels lie on a grid, 8 ADU apart in 2-minute data.  If the step grows,
bright pixels do not lie on that grid; if it does not, all pixels do.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np

from tica_fn.clock import CORRECTION_STEP
from tica_fn.detector import SCIENCE_ROWS
from tica_fn.frame import Frame
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.steps.undo import can_be_undone, undone

__all__ = ["raw_counts", "step_grows"]

_STRIPS, _ROWS_OF_STRIP = 16, 4
_FEWEST = 20
_NEAR = 0.125
_ON_THE_GRID = 0.8
"""Fraction of values near the grid if the step is constant; with a growing step three in eight are
near it by chance, for a grid of 8 ADU."""
_WHOLE = 2.0**19
"""Counts, in steps, up to which float32 resolves a sixteenth of a step."""


def raw_counts(frame: Frame, models: Models, first: int, last: int) -> Array | None:
    """Raw counts of some rows of a frame, reconstructed after calibration.

    Returns (last - first, columns) float64, ADU; None if a step cannot be undone.
    """
    known = tuple(name for name in frame.steps if not name.startswith(CORRECTION_STEP))
    if not can_be_undone(attrs.evolve(frame, steps=known), models):
        return None
    return undone(frame, models, "bias", slice(first, last)).pixels


def step_grows(
    frame: Frame,
    models: Models,
    quantum: float,
    on_grid: float,
    bright: float,
    rows_of: Callable[[int, int], Frame] | None = None,
) -> bool:
    """Tell whether bright pixels lie off the grid of the faint ones.

    `rows_of` returns rows of the whole readout if the frame is only a part of it.
    """
    rows = SCIENCE_ROWS[1]
    if rows_of is None:
        rows = min(frame.pixels.shape[0], max(SCIENCE_ROWS[1] - frame.row, 0))
    places = np.unique(np.linspace(0, max(rows - _ROWS_OF_STRIP, 0), _STRIPS).astype(int))
    found = []
    for place in places.tolist():
        last = min(place + _ROWS_OF_STRIP, rows)
        if rows_of is None:
            counts = raw_counts(frame, models, place, last)
        else:
            counts = raw_counts(rows_of(place, last), models, 0, last - place)
        if counts is None:
            return True
        found.append(counts[(counts > bright) & (counts < _WHOLE * quantum)])
    steps = (np.concatenate(found) - on_grid) / quantum
    if steps.size < _FEWEST:
        return True
    return bool((np.abs(steps - np.rint(steps)) <= _NEAR).mean() < _ON_THE_GRID)
