"""Live time: see `tica_fn.kernels.live_time` for the formula."""

from __future__ import annotations

from typing import ClassVar

import attrs

from tica_fn import kernels
from tica_fn.frame import ELECTRON, RATE, Frame
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.steps.step import Step, filled

__all__ = ["DivideLiveTime", "divide_live_time"]


@attrs.frozen(eq=False, repr=False)
class DivideLiveTime(Step):
    """The step made by `divide_live_time`."""

    name: ClassVar[str] = "divide_live_time"
    needs: ClassVar[str] = ELECTRON
    gives: ClassVar[str] = RATE
    bound: ClassVar[bool] = False

    def forward(self, piece: Frame) -> Array:  # noqa: D102
        return filled(kernels.divide_live_time, piece, piece.live_s)

    def backward(self, piece: Frame) -> Array:  # noqa: D102
        return filled(kernels.multiply_live_time, piece, piece.live_s)


def divide_live_time(models: Models | None = None) -> DivideLiveTime:
    """Make the step that turns electrons per exposure into electrons per second.

    The live time is the number of coadds times 1.98 s (`Frame.live_s`), as in SPOC.  `Frame.smear`
    stays in electrons per exposure.

    Parameters
    ----------
    models : Models, optional
        Not needed; when given, the frame must be of their camera, CCD and exposure time, as in the
        other steps.

    Returns
    -------
    DivideLiveTime
        Step from a frame in electrons to a frame in electrons per second; the input is not
        modified.

    Notes
    -----
    Source: TESS Science Data Products Description Document.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, divide_live_time
    >>> pixels = np.full((2078, 2136), 9504.0)
    >>> frame = Frame(
    ...     pixels=pixels, unit="electron", camera=2, ccd=3, exposure_s=120, coadds=48
    ... )
    >>> out = divide_live_time()(frame)
    >>> round(out.pixels[0, 0], 9), out.unit
    (np.float64(100.0), 'electron / s')
    """
    return DivideLiveTime(models)
