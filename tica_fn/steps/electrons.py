"""Electrons that pixels held before the smear was taken off, found again whatever came after."""

from __future__ import annotations

import numpy as np

from tica_fn.frame import ADU, RATE, Frame
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.steps.gain import gain_of_columns

__all__ = ["electrons_before_smear"]


def electrons_before_smear(
    piece: Frame, models: Models, rows: slice = slice(None), columns: slice = slice(None)
) -> Array:
    """Electrons per exposure of some pixels, smear included, flat field not divided by.

    Gives (rows, columns) float64, electron.
    """
    electrons = piece.pixels[rows, columns].astype(np.float64)
    if piece.unit == RATE:
        electrons *= piece.live_s
    elif piece.unit == ADU:
        electrons *= gain_of_columns(models, piece)[columns]
    if "divide_flat" in piece.steps:
        height, width = piece.pixels.shape
        flat = models.flat[piece.row : piece.row + height, piece.column : piece.column + width]
        electrons *= flat[rows, columns]
    if piece.smear is not None:
        electrons += piece.smear[columns]
    return electrons
