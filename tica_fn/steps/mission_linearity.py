"""The mission's linearity: see `tica_fn.kernels.mission_linearity` for the formula."""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from tica_fn import kernels
from tica_fn.detector import amplifier_of_columns
from tica_fn.frame import ADU, Frame
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.steps.linearity import linearity_of_runs
from tica_fn.steps.step import Step, filled

__all__ = ["CorrectMissionLinearity", "correct_mission_linearity", "mission_linearity_of_runs"]


def mission_linearity_of_runs(models: Models, piece: Frame) -> tuple[Array, Array]:
    """Runs of science columns of a piece, amplifier by amplifier, and their coefficients.

    Returns `runs` (n, 2) int64; `coefficients` (n, 6) float64.
    """
    runs, _ = linearity_of_runs(models, piece)
    a = amplifier_of_columns(piece.column, piece.shape[1])[runs[:, 0]]
    k = models.amplifiers
    table = (
        k.lin_scale[a] / piece.coadds,
        k.lin_origin[a] * k.lin_scale[a],
        k.max_domain_adu[a] * piece.coadds,
        k.spoc_c0[a],
        k.spoc_c1[a],
        k.spoc_c2[a],
    )
    return runs, np.ascontiguousarray(np.stack(table, axis=1))


@attrs.frozen(eq=False, repr=False)
class CorrectMissionLinearity(Step):
    """The step made by `correct_mission_linearity`."""

    name: ClassVar[str] = "correct_mission_linearity"
    needs: ClassVar[str] = ADU
    gives: ClassVar[str] = ADU

    models: Models

    def forward(self, piece: Frame) -> Array:  # noqa: D102
        return filled(
            kernels.correct_mission_linearity, piece, *mission_linearity_of_runs(self.models, piece)
        )

    def backward(self, piece: Frame) -> Array:  # noqa: D102
        return filled(
            kernels.restore_mission_nonlinearity,
            piece,
            *mission_linearity_of_runs(self.models, piece),
        )


def correct_mission_linearity(models: Models) -> CorrectMissionLinearity:
    """Make the step that corrects the response as SPOC does.

    ``x = (min(v / N, max_domain_adu) - lin_origin) * lin_scale`` and ``v * (spoc_c0 + spoc_c1 * x +
    spoc_c2 * x**2)`` in the science columns, all rows, with v in ADU after subtracting the blacks.
    It comes before the gain and replaces `correct_linearity`, which integrates the polynomial and
    differs from this by up to 1.8 % (``docs/mission.md``).

    Parameters
    ----------
    models : Models
        Models whose `amplifiers` hold the linearity.

    Returns
    -------
    CorrectMissionLinearity
        Step from a frame in ADU to a frame in ADU; the input is not modified.

    Notes
    -----
    Source: real raw and calibrated pixels of sector 6 (camera 2, CCD 3, amplifier B), all 127,413
    of which agree to 0.0094 electron/s; linearity model 41006_100 of the mission.  The inverse
    solves the cubic equation by Newton's method.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, amplifiers, correct_mission_linearity, neutral_models
    >>> raw = np.full((2078, 2136), 48 * 10_000.0)
    >>> frame = Frame(pixels=raw, unit="adu", camera=2, ccd=3, exposure_s=120, coadds=48)
    >>> step = correct_mission_linearity(neutral_models(2, 3, constants=amplifiers(2, 3)))
    >>> round(float(step(frame).pixels[0, 600] / raw[0, 600]), 6)
    0.992312
    """
    return CorrectMissionLinearity(models)
