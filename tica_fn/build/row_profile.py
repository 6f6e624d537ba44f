"""SPOC's fixed 1-D black: the row profile of an amplifier's overclock columns.

Columns 1 to 10 of each frame are used (the eleventh is noisy), in ADU per read, after subtracting
the 2-D bias and each column's own level.  The profile is the mean of each row over many frames,
without values far from the row's median.  If files hold SPOC's calibrated overclocks beside the raw
ones, the two differ by exactly the black, without noise, and the profile is taken from that.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs
import numpy as np

from tica_fn.detector import (
    AMPLIFIERS,
    LIVE_FRACTION,
    OVERCLOCK_COLUMNS,
    READ_INTERVAL_S,
    ROWS,
    SHAPE,
    VIRTUAL_COLUMNS,
)
from tica_fn.errors import FrameError, ModelError
from tica_fn.frame import ADU, Frame
from tica_fn.immutable import Array
from tica_fn.kernels.medians import MAD_TO_SIGMA
from tica_fn.models import Models
from tica_fn.models.built import Overclocks, RowProfile

__all__ = ["build_row_profile", "overclocks_of"]

_COLUMNS = 10
_AT_ONCE = 32
_FAR = 20.0


def overclocks_of(name: str, frame: Frame) -> Iterator[Overclocks]:
    """Overclock columns of a raw full readout, amplifier by amplifier."""
    if frame.pixels.shape != SHAPE or frame.unit != ADU or frame.steps:
        raise FrameError(f"{name}: not a raw full readout in ADU")
    for a in range(len(AMPLIFIERS)):
        yield Overclocks(
            name=name,
            camera=frame.camera,
            ccd=frame.ccd,
            amplifier=a,
            coadds=frame.coadds,
            counts=frame.pixels[:, _columns(a)],
        )


def _columns(amplifier: int) -> slice:
    first = OVERCLOCK_COLUMNS[0] + amplifier * VIRTUAL_COLUMNS
    return slice(first, first + VIRTUAL_COLUMNS)


def build_row_profile(
    readouts: Iterable[Overclocks], models: Models, *, limit: float = 5.0
) -> RowProfile:
    """Make row profiles from overclock columns of many readouts of one CCD.

    Parameters
    ----------
    readouts : iterable of Overclocks
        Overclock columns; iterated over once, with a few readouts in memory at a time.
    models : Models
        SPOC's models of the CCD; only the 2-D bias is used.
    limit : float
        Values further than this from a row's median, in standard deviations, are left out.

    Returns
    -------
    RowProfile
        The profiles of the amplifiers that have readouts.

    Raises
    ------
    FrameError
        If a readout is of another CCD.
    ModelError
        If there are no readouts, or a row has no value.
    """
    sums: dict[int, _Sums] = {}
    for one in readouts:
        if (one.camera, one.ccd) != (models.camera, models.ccd):
            raise FrameError(
                f"{one.name}: is of camera {one.camera} CCD {one.ccd}, but the models are for "
                f"{models.name}"
            )
        sums.setdefault(one.amplifier, _Sums(limit=limit)).add(one, models)
    if not sums:
        raise ModelError("no overclock columns to make a row profile from")
    profile, uncertainty = np.full((4, ROWS), np.nan), np.full((4, ROWS), np.nan)
    for a, one_sums in sums.items():
        profile[a], uncertainty[a] = one_sums.result()
        if not np.isfinite(profile[a]).all():
            row = int(np.argmin(np.isfinite(profile[a])))
            raise ModelError(
                f"row {row} of amplifier {AMPLIFIERS[a]} of {models.name} has no usable overclock "
                "pixel"
            )
    order = range(len(AMPLIFIERS))
    return RowProfile(
        camera=models.camera,
        ccd=models.ccd,
        profile=profile,
        uncertainty=uncertainty,
        frames=tuple(sums[a].frames if a in sums else 0 for a in order),
        exact=tuple(a in sums and bool(sums[a].told) for a in order),
    )


@attrs.define(kw_only=True)
class _Sums:
    """Sums over one amplifier's readouts; `told` holds profiles from calibrated overclocks."""

    limit: float
    frames: int = 0
    told: list[Array] = attrs.field(factory=list)
    waiting: list[Array] = attrs.field(factory=list)
    count: Array = attrs.field(factory=lambda: np.zeros(ROWS))
    total: Array = attrs.field(factory=lambda: np.zeros(ROWS))
    squares: Array = attrs.field(factory=lambda: np.zeros(ROWS))

    def add(self, one: Overclocks, models: Models) -> None:
        bias = models.bias[:, _columns(one.amplifier)].astype(np.float64)
        values = one.counts.astype(np.float64) / one.coadds
        values -= bias if models.bias_per_read else bias / one.coadds
        if one.calibrated is not None:
            seconds = READ_INTERVAL_S * LIVE_FRACTION
            black = (values - seconds * one.calibrated).mean(axis=1)
            if np.isfinite(black).all():
                self.told.append(black - black.mean())
                self.frames = len(self.told)
                return
        if self.told:
            return
        self.frames += 1
        self.waiting.append(_levelled(values[:, :_COLUMNS]))
        if len(self.waiting) == _AT_ONCE:
            self.empty()

    def empty(self) -> None:
        """Add the waiting values to the sums, without those far from the median of their row."""
        values = np.concatenate(self.waiting, axis=1)
        self.waiting.clear()
        away = values - np.nanmedian(values, axis=1, keepdims=True)
        sigma = MAD_TO_SIGMA * np.nanmedian(np.abs(away))
        if sigma == 0.0:
            sigma = float(np.nanstd(away))
        kept = np.abs(away) <= self.limit * sigma
        used = np.where(kept, values, 0.0)
        self.count += kept.sum(axis=1)
        self.total += used.sum(axis=1)
        self.squares += (used**2).sum(axis=1)

    def result(self) -> tuple[Array, Array]:
        """Profile and its uncertainty."""
        if self.told:
            stack = np.array(self.told)
            spread = stack.std(axis=0) / np.sqrt(len(stack))
            return stack.mean(axis=0), spread
        if self.waiting:
            self.empty()
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = self.total / self.count
            variance = np.maximum(self.squares / self.count - mean**2, 0.0)
            return mean - np.nanmean(mean), np.sqrt(variance / self.count)


def _levelled(values: Array) -> Array:
    """Subtract each column's level, measured without outliers."""
    middle = np.nanmedian(values, axis=0)
    away = np.abs(values - middle)
    sigma = MAD_TO_SIGMA * np.nanmedian(away)
    near = np.where(away <= _FAR * max(sigma, 1e-12), values, np.nan)
    return np.asarray(values - np.nanmean(near, axis=0))
