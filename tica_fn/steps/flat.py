"""Flat field: see `tica_fn.kernels.flat` for the formula."""

from __future__ import annotations

from typing import ClassVar

import attrs

from tica_fn import kernels
from tica_fn.frame import ELECTRON, Frame
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.steps.step import Step, filled, window

__all__ = ["DivideFlat", "divide_flat"]


@attrs.frozen(eq=False, repr=False)
class DivideFlat(Step):
    """The step made by `divide_flat`."""

    name: ClassVar[str] = "divide_flat"
    needs: ClassVar[str] = ELECTRON
    gives: ClassVar[str] = ELECTRON

    models: Models

    def forward(self, piece: Frame) -> Array:  # noqa: D102
        return filled(kernels.divide_flat, piece, window(self.models.flat, piece))

    def backward(self, piece: Frame) -> Array:  # noqa: D102
        return filled(kernels.multiply_flat, piece, window(self.models.flat, piece))


def divide_flat(models: Models) -> DivideFlat:
    """Make the step that divides all pixels by the flat field.

    Parameters
    ----------
    models : Models
        Models whose `flat` is (2078, 2136) float32, about 1.

    Returns
    -------
    DivideFlat
        Step from a frame in electrons to a frame in electrons; the input is not modified.

    Notes
    -----
    Source: Fausnaugh et al. 2020 (RNAAS 4, 251).

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, divide_flat, neutral_models
    >>> pixels = np.full((2078, 2136), 3.0)
    >>> frame = Frame(
    ...     pixels=pixels, unit="electron", camera=2, ccd=3, exposure_s=120, coadds=48
    ... )
    >>> divide_flat(neutral_models(2, 3, flat=0.5))(frame).pixels[100, 100]
    np.float64(6.0)
    """
    return DivideFlat(models)
