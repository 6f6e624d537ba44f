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

    Parameters
    ----------
    piece : Frame
        A frame whose pedestals were subtracted, or a piece of its collateral, calibrated as far as
        it may be; not modified.
    models : Models
        Models that it was calibrated with.
    rows, columns : slice
        Which pixels, counted within the piece; all by default.

    Returns
    -------
    ndarray
        (rows, columns) float64, electron.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, apply_gain, compose, divide_flat, neutral_models
    >>> from tica_fn import subtract_pedestal, subtract_smear
    >>> from tica_fn.steps.electrons import electrons_before_smear
    >>> raw = np.random.default_rng(1).integers(100, 200, (2078, 2136))
    >>> frame = Frame(pixels=raw, unit="adu", camera=2, ccd=3, exposure_s=120, coadds=48)
    >>> models = neutral_models(2, 3, gain=5.0, flat=0.9)
    >>> held = compose(subtract_pedestal(), apply_gain(models))(frame)
    >>> out = compose(subtract_smear(), divide_flat(models))(held)
    >>> bool(np.allclose(electrons_before_smear(out, models), held.pixels))
    True
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
