"""Linearity: see `tica_fn.kernels.linearity` for the formula."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from tica_fn import kernels
from tica_fn.detector import AMPLIFIER_COLUMNS, LIVE_FRACTION, SCIENCE_COLUMNS
from tica_fn.frame import ELECTRON, Frame, Place
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.steps.step import Step, filled

__all__ = ["CorrectLinearity", "correct_linearity", "linearity_of_runs"]


def linearity_of_runs(models: Models, piece: Frame | Place) -> tuple[Array, Array]:
    """Runs of science columns of a piece, amplifier by amplifier, and their coefficients.

    Returns `runs` (n, 2) int64; `coefficients` (n, 5) float64.
    """
    constants = models.amplifiers
    runs, coefficients = [], []
    for a in range(4):
        start = SCIENCE_COLUMNS[0] + a * AMPLIFIER_COLUMNS - piece.column
        first, last = max(start, 0), min(start + AMPLIFIER_COLUMNS, piece.shape[1])
        if first >= last:
            continue
        scale, gain = constants.lin_scale[a], constants.gain[a]
        slope = scale / (piece.coadds * LIVE_FRACTION * gain)
        offset = constants.lin_origin[a] * scale
        runs.append((first, last))
        coefficients.append(
            (slope, offset, constants.lin_c0[a], constants.lin_c1[a], constants.lin_c2[a])
        )
    return (
        np.array(runs, dtype=np.int64).reshape(-1, 2),
        np.array(coefficients, dtype=np.float64).reshape(-1, 5),
    )


@attrs.frozen(eq=False, repr=False)
class CorrectLinearity(Step):
    """The step made by `correct_linearity`."""

    name: ClassVar[str] = "correct_linearity"
    needs: ClassVar[str] = ELECTRON
    gives: ClassVar[str] = ELECTRON

    models: Models

    def forward(self, piece: Frame) -> Array:  # noqa: D102
        return filled(kernels.correct_linearity, piece, *linearity_of_runs(self.models, piece))

    def backward(self, piece: Frame) -> Array:  # noqa: D102
        return filled(kernels.restore_nonlinearity, piece, *linearity_of_runs(self.models, piece))


def correct_linearity(models: Models) -> CorrectLinearity:
    """Make the step that corrects the nonlinear response.

    ``x = (e / N / 0.99 / gain - lin_origin) * lin_scale`` and
    ``e * (lin_c0 + lin_c1 * x + lin_c2 * x**2)`` in the science columns, all rows.

    Parameters
    ----------
    models : Models
        Models whose `amplifiers` hold gain and linearity.

    Returns
    -------
    CorrectLinearity
        Step from a frame in electrons to a frame in electrons; the input is not modified.

    Notes
    -----
    Source: Fausnaugh et al. 2020 (RNAAS 4, 251).  The polynomial is TICA's integral of the
    mission's linearity model 41006_100; SPOC applies the model differently, see
    `tica_fn.correct_mission_linearity`.  The inverse solves the cubic equation by Newton's method,
    to a relative precision of 1e-12 up to `max_domain_adu`.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, amplifiers, correct_linearity, inverse, neutral_models
    >>> pixels = np.full((2078, 2136), 1e6)
    >>> frame = Frame(
    ...     pixels=pixels, unit="electron", camera=2, ccd=3, exposure_s=120, coadds=48
    ... )
    >>> step = correct_linearity(neutral_models(2, 3, constants=amplifiers(2, 3)))
    >>> bool(np.allclose(inverse(step)(step(frame)).pixels, pixels, rtol=1e-12, atol=0))
    True
    """
    return CorrectLinearity(models)
