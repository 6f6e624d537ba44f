"""POC linearity: see `tica_fn.kernels.poc_linearity` for the formula."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from tica_fn import kernels
from tica_fn.detector import LIVE_FRACTION, amplifier_of_columns
from tica_fn.frame import ELECTRON, Frame
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.steps.linearity import linearity_of_runs
from tica_fn.steps.step import Step, filled

__all__ = ["CorrectPocLinearity", "correct_poc_linearity", "poc_linearity_of_runs"]


def poc_linearity_of_runs(models: Models, piece: Frame) -> tuple[Array, Array]:
    """Runs of science columns of a piece, amplifier by amplifier, and their coefficients.

    Returns `runs` (n, 2) int64; `coefficients` (n, 2) float64.
    """
    runs, _ = linearity_of_runs(models, piece)
    read_by = amplifier_of_columns(piece.column, piece.shape[1])[runs[:, 0]]
    constants = models.amplifiers
    pair = np.stack((constants.poc_gain_gain[read_by], constants.poc_gain_loss[read_by]), axis=1)
    return runs, np.ascontiguousarray(pair / (piece.coadds * LIVE_FRACTION))


@attrs.frozen(eq=False, repr=False)
class CorrectPocLinearity(Step):
    """The step made by `correct_poc_linearity`."""

    name: ClassVar[str] = "correct_poc_linearity"
    needs: ClassVar[str] = ELECTRON
    gives: ClassVar[str] = ELECTRON

    models: Models

    def forward(self, piece: Frame) -> Array:  # noqa: D102
        runs = poc_linearity_of_runs(self.models, piece)
        return filled(kernels.correct_poc_linearity, piece, *runs)

    def backward(self, piece: Frame) -> Array:  # noqa: D102
        runs = poc_linearity_of_runs(self.models, piece)
        return filled(kernels.restore_poc_nonlinearity, piece, *runs)


def correct_poc_linearity(models: Models) -> CorrectPocLinearity:
    """Make the step that corrects linearity with the older POC model, in place of TICA's.

    ``e / ((1 + e gg / (N 0.99)) (1 - e gl / (N 0.99)))`` in the science columns, all rows, with N
    coadds (720 in 30 minutes).

    Parameters
    ----------
    models : Models
        Models whose `amplifiers` hold `poc_gain_gain` and `poc_gain_loss`.

    Returns
    -------
    CorrectPocLinearity
        Step from a frame in electrons to a frame in electrons; the input is not modified.

    Notes
    -----
    Source: the older linearity tables of the Payload Operations Center, as tabulated in TICA 1.4.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, amplifiers, correct_poc_linearity, inverse, neutral_models
    >>> frame = Frame(
    ...     pixels=np.full((2078, 2136), 1e6),
    ...     unit="electron",
    ...     camera=2,
    ...     ccd=3,
    ...     exposure_s=120,
    ...     coadds=48,
    ... )
    >>> step = correct_poc_linearity(neutral_models(2, 3, constants=amplifiers(2, 3)))
    >>> bool(np.allclose(inverse(step)(step(frame)).pixels, 1e6, rtol=1e-12, atol=0))
    True
    """
    return CorrectPocLinearity(models)
