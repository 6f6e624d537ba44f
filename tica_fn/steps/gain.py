"""Gain: see `tica_fn.kernels.gain` for the formula."""

from __future__ import annotations

from typing import ClassVar

import attrs

from tica_fn import kernels
from tica_fn.detector import amplifier_of_columns
from tica_fn.frame import ADU, ELECTRON, Frame, Place
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.steps.step import Step, filled

__all__ = ["ApplyGain", "apply_gain", "gain_of_columns"]


def gain_of_columns(models: Models, piece: Frame | Place) -> Array:
    """Gain of each column of a piece.

    Returns (columns,) float64, electron per ADU.
    """
    columns = amplifier_of_columns(piece.column, piece.shape[1])
    out: Array = models.amplifiers.gain[columns]
    return out


@attrs.frozen(eq=False, repr=False)
class ApplyGain(Step):
    """The step made by `apply_gain`."""

    name: ClassVar[str] = "apply_gain"
    needs: ClassVar[str] = ADU
    gives: ClassVar[str] = ELECTRON

    models: Models

    def forward(self, piece: Frame) -> Array:  # noqa: D102
        return filled(kernels.apply_gain, piece, gain_of_columns(self.models, piece))

    def backward(self, piece: Frame) -> Array:  # noqa: D102
        return filled(kernels.remove_gain, piece, gain_of_columns(self.models, piece))


def apply_gain(models: Models) -> ApplyGain:
    """Make the step that turns ADU into electrons.

    Parameters
    ----------
    models : Models
        Models whose `amplifiers.gain` is (4,) float64, electron per ADU.

    Returns
    -------
    ApplyGain
        Step from a frame in ADU to a frame in electrons; the input is not modified.

    Notes
    -----
    Source: Fausnaugh et al. 2020 (RNAAS 4, 251); gain model 41006_100 of the mission.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, apply_gain, neutral_models
    >>> raw = np.full((2078, 2136), 100, dtype=np.int32)
    >>> frame = Frame(pixels=raw, unit="adu", camera=2, ccd=3, exposure_s=120, coadds=48)
    >>> out = apply_gain(neutral_models(2, 3, gain=5.25))(frame)
    >>> out.pixels[0, 0], out.unit
    (np.float64(525.0), 'electron')
    """
    return ApplyGain(models)
