"""SPOC's 1-D black: a fixed row profile of an amplifier, and one number per frame.

    pedestal[r] = N profile[r] + mean over all rows and all 11 overclock columns of (v - N profile)

with v in ADU after subtracting the 2-D bias.  If a frame includes SPOC's calibrated overclocks
(``TVCOL_CAL`` beside ``TVCOL_RAW``), the black that SPOC subtracted is known exactly:
``v - N * 1.98 s * TVCOL_CAL``, the same in all 11 columns.

Source: real raw and calibrated overclock columns of sector 6: the profile is the same in every
cadence to 2e-8 ADU per read, and the number agrees with that mean to 0.0027 ADU per read.
"""

from __future__ import annotations

from typing import ClassVar

import attrs
import numpy as np

from tica_fn import kernels
from tica_fn.detector import (
    AMPLIFIERS,
    OVERCLOCK_COLUMNS,
    PEDESTAL_FIRST_ROW,
    ROWS,
    VIRTUAL_COLUMNS,
    amplifiers_of_columns,
)
from tica_fn.errors import ModelError
from tica_fn.frame import ADU, Frame
from tica_fn.immutable import Array, freeze
from tica_fn.models import Models
from tica_fn.steps.pedestal import good_overclocks, told
from tica_fn.steps.row_pedestal import piece_with_overclocks, table_of
from tica_fn.steps.step import Step, filled

__all__ = ["SubtractMissionPedestal", "measure_mission_pedestals", "subtract_mission_pedestal"]


def measure_mission_pedestals(frame: Frame, models: Models) -> tuple[Array, Array]:
    """Black of each amplifier in each row.

    Returns `pedestals`, (4, 2078) float64, ADU, read-only, NaN for amplifiers without pixels in the
    frame; `dropped`, (4,) float64, number of overclock pixels left out.
    """
    out, dropped = np.full((len(AMPLIFIERS), ROWS), np.nan), np.zeros(len(AMPLIFIERS))
    amplifiers = {a for p in frame.pieces() for a in amplifiers_of_columns(p.column, p.shape[1])}
    for amplifier in sorted(amplifiers):
        first = OVERCLOCK_COLUMNS[0] + amplifier * VIRTUAL_COLUMNS
        last = first + VIRTUAL_COLUMNS
        piece = piece_with_overclocks(frame, amplifier, first, last)
        across = slice(first - piece.column, last - piece.column)
        values = piece.pixels[:, across].astype(np.float64)
        black = _black_told(piece, values, across)
        dropped[amplifier] = np.count_nonzero(~np.isfinite(values))
        if black is None:
            profile = _profile(models, amplifier) * float(piece.coadds)
            level = values - profile[:, None]
            good = good_overclocks(level)
            dropped[amplifier] = good.size - good.sum()
            black = profile + (float(level[good].mean()) if good.any() else np.nan)
        out[amplifier] = black
    return freeze(out), dropped


def _black_told(piece: Frame, values: Array, across: slice) -> Array | None:
    """Black that SPOC subtracted; None if the piece has no calibrated overclocks."""
    if piece.calibrated is None:
        return None
    black = values - piece.live_s * piece.calibrated[:, across]
    known = np.isfinite(black)
    if not known.any(axis=1).all():
        return None
    return np.asarray(np.where(known, black, 0.0).sum(axis=1) / known.sum(axis=1))


def _profile(models: Models, amplifier: int) -> Array:
    profile = None if models.row_profile is None else models.row_profile[amplifier]
    if profile is None or not np.isfinite(profile).all():
        raise ModelError(
            f"the row profile of amplifier {AMPLIFIERS[amplifier]} of {models.name} is not known: "
            "make it (tica-fn models build black) and copy it to the folder of the models, or give "
            "overclock columns with TVCOL_CAL as collateral"
        )
    return np.asarray(profile)


@attrs.frozen(eq=False, repr=False)
class SubtractMissionPedestal(Step):
    """The step made by `subtract_mission_pedestal`."""

    name: ClassVar[str] = "subtract_mission_pedestal"
    needs: ClassVar[str] = ADU
    gives: ClassVar[str] = ADU
    measures: ClassVar[tuple[str, ...]] = ("row_pedestals", "pedestals", "overclocks_dropped")

    models: Models

    def measure(self, frame: Frame) -> dict[str, Array]:  # noqa: D102
        by_row, dropped = measure_mission_pedestals(frame, self.models)
        means = freeze(by_row[:, PEDESTAL_FIRST_ROW:].mean(axis=1))
        return told(row_pedestals=by_row, pedestals=means, dropped=dropped)

    def forward(self, piece: Frame) -> Array:  # noqa: D102
        return filled(kernels.subtract_row_pedestal, piece, *table_of(piece))

    def backward(self, piece: Frame) -> Array:  # noqa: D102
        return filled(kernels.add_row_pedestal, piece, *table_of(piece))


def subtract_mission_pedestal(models: Models) -> SubtractMissionPedestal:
    """Make the step that subtracts each amplifier's black as SPOC does.

    The black is a fixed row profile (`Models.row_profile`) plus one number per amplifier and frame,
    the mean of all its overclock pixels.  If the collateral of target pixels includes SPOC's
    calibrated overclocks, the black that SPOC subtracted is used.  The step replaces
    `subtract_pedestal`.

    Parameters
    ----------
    models : Models
        Models of the CCD with a row profile, unless the collateral gives the black.

    Returns
    -------
    SubtractMissionPedestal
        Step from a frame in ADU to a frame in ADU, with `Frame.row_pedestals` and their means over
        rows 750 on in `Frame.pedestals`; the input is not modified.

    Raises
    ------
    ModelError
        When it is called with a frame for which no profile is known.

    Notes
    -----
    Source: real raw and calibrated overclock columns of sector 6 (camera 2, CCD 3, amplifier B).

    Examples
    --------
    >>> import attrs
    >>> import numpy as np
    >>> from tica_fn import Frame, neutral_models, subtract_mission_pedestal
    >>> profile = np.tile(np.linspace(-0.1, 0.1, 2078), (4, 1))
    >>> models = attrs.evolve(neutral_models(2, 3), row_profile=profile)
    >>> raw = 1000.0 + 48 * np.broadcast_to(profile[0][:, None], (2078, 2136))
    >>> frame = Frame(pixels=raw, unit="adu", camera=2, ccd=3, exposure_s=120, coadds=48)
    >>> bool(abs(subtract_mission_pedestal(models)(frame).pixels).max() < 1e-9)
    True
    """
    if isinstance(models, Models) and models.row_profile_file is not None:
        files = (*models.files, models.row_profile_file)
        models = attrs.evolve(models, files=tuple(dict.fromkeys(files)))
    return SubtractMissionPedestal(models)
