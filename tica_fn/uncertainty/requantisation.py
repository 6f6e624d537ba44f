"""Whether the step of the on-board requantisation grows with the signal.

The raw values of faint pixels lie on a grid, 8 ADU apart in 2-minute data.  Where the step grows,
those of bright pixels leave that grid; where it does not, all lie on it.
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
"""Values of a growing step are near the grid by chance: three in eight, for one of 8 ADU."""
_WHOLE = 2.0**19
"""Steps up to which counts that were float32 once are known to a sixteenth of a step."""


def raw_counts(frame: Frame, models: Models, first: int, last: int) -> Array | None:
    """Raw counts of some rows of a frame, found again after calibration.

    Gives (last - first, columns) float64, ADU; None where not all that was done can be undone.
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
    """Tell whether bright pixels have left the grid of the faint ones.

    `rows_of` gives rows of the whole readout where the frame is only a part of it.
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
