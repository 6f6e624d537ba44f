"""The mission's 1-D black: a fixed profile over the rows of an amplifier, and one number a frame.

    pedestal[r] = N profile[r] + mean over all rows and all 11 overclock columns of (v - N profile)

with v in ADU after the 2-D bias.  Where a frame brings the mission's own calibrated overclocks
(``TVCOL_CAL`` beside ``TVCOL_RAW``), the two differ by the very black that the mission took off:
``v - N * 1.98 s * TVCOL_CAL``, the same in all 11 columns.

Source: real raw and calibrated overclock columns of sector 6: the profile is the same in every
cadence to 2e-8 ADU a read, the number is that mean to 0.0027 ADU a read.
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

    Gives `pedestals` (4, 2078) float64, ADU, read-only, NaN for amplifiers that read nothing of
    the frame; `dropped` (4,) float64, overclock pixels that were left out.
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
    """Black that the mission took off, where its calibrated overclocks are at hand."""
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
            "make it (tica-fn models build black) and put it into the folder of the models, or "
            "give overclock columns that hold TVCOL_CAL as collateral"
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
    """Bind the step that subtracts each amplifier's black as the mission's pipeline does.

    A fixed profile over the rows (`Models.row_profile`) and one number for each amplifier and
    frame, the mean of all its overclock pixels.  Frames of target pixels whose collateral holds
    the mission's calibrated overclocks get the black that was taken off there.  It stands in for
    `subtract_pedestal`.

    Parameters
    ----------
    models : Models
        Models of the CCD; those read from a folder with a row profile have one.

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
