"""Reconstruct a region of a frame as it was before some of its steps."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from tica_fn.frame import ADU, PER_COLUMN, Frame
from tica_fn.immutable import Array, freeze
from tica_fn.models import Models
from tica_fn.steps.gain import gain_of_columns
from tica_fn.steps.step import Step
from tica_fn.steps.table import TABLE, row_of

__all__ = ["can_be_undone", "electrons_before_smear", "undone"]


def undone(
    frame: Frame,
    models: Models,
    place: str,
    rows: slice = slice(None),
    columns: slice = slice(None),
) -> Frame:
    """Region of a frame, without its collateral, as it was before the step at a place.

    Slices count from the frame's first pixel and have no stride.  Effects of steps outside this
    package stay, and so does a pedestal or smear that the frame does not keep.
    """
    first = min(k for k, row in enumerate(TABLE) if row.place == place)
    later = {row.name for row in TABLE[first:]}
    piece = _cut(frame, rows, columns)
    for name in reversed(frame.steps):
        row = row_of(name)
        if row is None or name not in later:
            continue
        step = row.maker(models)
        if isinstance(step, Step) and step.keeps_what_it_measured(piece):
            piece = step.undo(attrs.evolve(piece, steps=(name,)))
    return piece


def can_be_undone(frame: Frame, models: Models) -> bool:
    """Tell whether all steps of a frame can be undone."""
    rows = [row_of(name) for name in frame.steps]
    steps = [None if row is None else row.maker(models) for row in rows]
    known = [step for step in steps if isinstance(step, Step)]
    return None not in rows and all(step.keeps_what_it_measured(frame) for step in known)


def _cut(frame: Frame, rows: slice, columns: slice) -> Frame:
    first_row, last_row, _ = rows.indices(frame.shape[0])
    first, last, _ = columns.indices(frame.shape[1])
    own: dict[str, Any] = {
        name: values[first:last]
        for name in PER_COLUMN
        if (values := getattr(frame, name)) is not None
    }
    return attrs.evolve(
        frame,
        pixels=freeze(frame.pixels[first_row:last_row, first:last].astype(np.float64)),
        row=frame.row + first_row,
        column=frame.column + first,
        collateral=(),
        variance=None,
        quality=None,
        calibrated=None,
        **own,
    )


def electrons_before_smear(
    piece: Frame, models: Models, rows: slice = slice(None), columns: slice = slice(None)
) -> Array:
    """Electrons per exposure of a region, including the smear, before the flat field.

    Returns (rows, columns) float64, electron.
    """
    region = undone(piece, models, "smear", rows, columns)
    if region.unit == ADU:
        return region.pixels * gain_of_columns(models, region)
    return region.pixels
