"""2-D bias: see `tica_fn.kernels.bias` for the formula."""

from __future__ import annotations

from typing import ClassVar

import attrs

from tica_fn import kernels
from tica_fn.frame import ADU, Frame, Place
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.steps.step import Step, filled, window

__all__ = ["SubtractBias", "bias_factor", "subtract_bias"]


def bias_factor(models: Models, piece: Frame | Place) -> float:
    """Factor that turns the bias model into ADU per exposure."""
    return float(piece.coadds) if models.bias_per_read else 1.0


@attrs.frozen(eq=False, repr=False)
class SubtractBias(Step):
    """The step made by `subtract_bias`."""

    name: ClassVar[str] = "subtract_bias"
    needs: ClassVar[str] = ADU
    gives: ClassVar[str] = ADU

    models: Models

    def forward(self, piece: Frame) -> Array:  # noqa: D102
        bias = window(self.models.bias, piece)
        return filled(kernels.subtract_bias, piece, bias, bias_factor(self.models, piece))

    def backward(self, piece: Frame) -> Array:  # noqa: D102
        bias = window(self.models.bias, piece)
        return filled(kernels.add_bias, piece, bias, bias_factor(self.models, piece))


def subtract_bias(models: Models) -> SubtractBias:
    """Make the step that subtracts the 2-D bias from all pixels.

    ``v - bias[r, c]``, times the number of coadds for a bias per read.

    Parameters
    ----------
    models : Models
        Models whose `bias` is (2078, 2136) float32, ADU per exposure or per read.

    Returns
    -------
    SubtractBias
        Step from a frame in ADU to a frame in ADU; the input is not modified.

    Notes
    -----
    Source: Fausnaugh et al. 2020 (RNAAS 4, 251).

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, neutral_models, subtract_bias
    >>> models = neutral_models(2, 3, bias=12.5)
    >>> raw = np.full((2078, 2136), 100, dtype=np.int32)
    >>> frame = Frame(pixels=raw, unit="adu", camera=2, ccd=3, exposure_s=120, coadds=48)
    >>> subtract_bias(models)(frame).pixels[0, 0]
    np.float64(87.5)
    """
    return SubtractBias(models)
