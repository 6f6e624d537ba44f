"""Undershoot: see `tica_fn.kernels.undershoot` for the formula."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from tica_fn import kernels
from tica_fn.detector import amplifier_of_columns
from tica_fn.frame import ELECTRON, Frame
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.steps.linearity import linearity_of_runs
from tica_fn.steps.step import Step, filled

__all__ = ["CorrectUndershoot", "correct_undershoot", "undershoot_of_runs"]


def undershoot_of_runs(models: Models, piece: Frame) -> tuple[Array, Array]:
    """Runs of science columns of a piece in the order they are read, and their undershoot.

    Returns `runs` (n, 2) int64; `fractions` (n,) float64.
    """
    runs, _ = linearity_of_runs(models, piece)
    read_by = amplifier_of_columns(piece.column, piece.shape[1])[runs[:, 0]]
    rising = np.stack((runs[:, 0], runs[:, 1] - 1), axis=1)
    falls = (read_by == 1) | (read_by == 3)
    ordered = np.where(falls[:, None], rising[:, ::-1], rising)
    return np.ascontiguousarray(ordered), models.amplifiers.undershoot[read_by]


@attrs.frozen(eq=False, repr=False)
class CorrectUndershoot(Step):
    """The step made by `correct_undershoot`."""

    name: ClassVar[str] = "correct_undershoot"
    needs: ClassVar[str] = ELECTRON
    gives: ClassVar[str] = ELECTRON

    models: Models

    def forward(self, piece: Frame) -> Array:  # noqa: D102
        return filled(kernels.correct_undershoot, piece, *undershoot_of_runs(self.models, piece))

    def backward(self, piece: Frame) -> Array:  # noqa: D102
        return filled(kernels.restore_undershoot, piece, *undershoot_of_runs(self.models, piece))


def correct_undershoot(models: Models) -> CorrectUndershoot:
    """Make the step that corrects the undershoot of pixels read after bright ones.

    ``true[i] = measured[i] + undershoot * true[i - 1]`` along each row of an amplifier's science
    columns, in the order they are read: increasing for A and C, decreasing for B and D.  The step
    comes between linearity and smear.  SPOC's ``FLUX`` of sector 6 is not corrected for undershoot:
    the fraction fitted to it is below 1e-7, the model's is 1.84e-3.

    Parameters
    ----------
    models : Models
        Models whose `amplifiers.undershoot` is (4,) float64, about 0.002.

    Returns
    -------
    CorrectUndershoot
        Step from a frame in electrons to a frame in electrons; the input is not modified.

    Notes
    -----
    The first column read of a piece has no known neighbour and stays as it is.  Source: undershoot
    model of the mission (MAST).

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, amplifiers, correct_undershoot, neutral_models
    >>> pixels = np.zeros((2078, 2136))
    >>> pixels[100, 700] = 1e6
    >>> frame = Frame(
    ...     pixels=pixels, unit="electron", camera=2, ccd=3, exposure_s=120, coadds=48
    ... )
    >>> step = correct_undershoot(neutral_models(2, 3, constants=amplifiers(2, 3)))
    >>> step(frame).pixels[100, 699:702]
    array([   1840., 1000000.,       0.])
    """
    return CorrectUndershoot(models)
