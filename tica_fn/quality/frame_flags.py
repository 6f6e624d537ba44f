"""Flags of whole frames: pedestals, scattered light, saturated or dead amplifiers.

The archive has frames of zeros, or of one value, with a quality of 0.  SPOC's own bits
(`SpocQuality`) stay unchanged; `as_dquality` gives those that correspond to a flag found here.
"""

from __future__ import annotations

from enum import IntFlag

import attrs
import numpy as np
from numpy.typing import ArrayLike

from tica_fn.detector import (
    AMPLIFIERS,
    OVERCLOCK_COLUMNS,
    SCIENCE_COLUMNS,
    SCIENCE_ROWS,
    VIRTUAL_COLUMNS,
    amplifier_of_columns,
)
from tica_fn.frame import ADU, Frame
from tica_fn.immutable import Array, Record, frozen_array
from tica_fn.kernels.medians import MAD_TO_SIGMA
from tica_fn.models import Models
from tica_fn.quality.flag_plan import FULL_WELL_E
from tica_fn.quality.scattered_light import brightest_part
from tica_fn.steps.table import step_at
from tica_fn.steps.undo import electrons_before_smear
from tica_fn.uncertainty.noise import counts_of_virtual_columns

__all__ = [
    "FrameFlag",
    "FrameQuality",
    "SpocQuality",
    "as_dquality",
    "flag_frame",
    "pedestals_out_of_family",
]

_ROW_STEP = 4
_LOW_PERCENTILE = 20
_FULL_SHARE = 0.5
_ZEROS_SHARE = 0.001
_FAMILY_SIGMAS = 6.0
_LEAST_SPREAD_ADU = 0.02


class FrameFlag(IntFlag):
    """Flags of a whole frame."""

    PEDESTAL = 1
    SCATTERED_LIGHT = 2
    SATURATED_CHANNEL = 4
    ALL_ZERO = 8
    CONSTANT = 16
    OVERCLOCK = 32
    ZEROS = 64


class SpocQuality(IntFlag):
    """Bits of SPOC's ``QUALITY`` and ``DQUALITY``, which apply to one CCD."""

    ATTITUDE_TWEAK = 1
    SAFE_MODE = 2
    COARSE_POINT = 4
    EARTH_POINT = 8
    ARGABRIGHTENING = 16
    MOMENTUM_DUMP = 32
    COSMIC_RAY_IN_APERTURE = 64
    MANUAL_EXCLUDE = 128
    DISCONTINUITY = 256
    IMPULSIVE_OUTLIER = 512
    COSMIC_RAY_IN_COLLATERAL = 1024
    STRAY_LIGHT = 2048
    SCATTERED_LIGHT = 4096
    PLANET_SEARCH_EXCLUDE = 8192
    BAD_CALIBRATION = 16384
    INSUFFICIENT_TARGETS = 32768


def as_dquality(flags: FrameFlag) -> int:
    """Bits of SPOC's quality to add to a frame's original ones for its flags.

    Parameters
    ----------
    flags : FrameFlag
        Flags of a frame.

    Returns
    -------
    int
        ``DQUALITY`` bits: 4096 for scattered light; 16384 for an amplifier that is dead, partly
        dead, saturated or out of family; none for overclock pixels left out of the pedestal.

    Examples
    --------
    >>> from tica_fn.quality.frame_flags import FrameFlag, as_dquality
    >>> as_dquality(FrameFlag.SCATTERED_LIGHT | FrameFlag.ALL_ZERO)
    20480
    """
    bits = 0
    if flags & FrameFlag.SCATTERED_LIGHT:
        bits |= SpocQuality.SCATTERED_LIGHT.value
    if flags & ~(FrameFlag.SCATTERED_LIGHT | FrameFlag.OVERCLOCK):
        bits |= SpocQuality.BAD_CALIBRATION.value
    return bits


def _four(value: ArrayLike) -> Array:
    return frozen_array(value, np.float64)


@attrs.frozen(eq=False, repr=False, kw_only=True)
class FrameQuality(Record):
    """Flags of a frame, and the numbers behind them, amplifier by amplifier.

    Parameters
    ----------
    flags : FrameFlag
        All flags of the frame.
    by_amplifier : tuple of FrameFlag
        Flags of A, B, C and D.
    pedestals : ndarray
        (4,) float64, ADU; NaN if not measured.
    background : ndarray
        (4,) float64, electron per second: 20th percentile of the science pixels, minus the smear;
        NaN if not measured.
    saturated : ndarray
        (4,) float64: fraction of the science pixels that is saturated; NaN if not measured.
    brightest : ndarray
        (4,) float64, electron per second: the brightest smooth sky; NaN if not measured.
    """

    flags: FrameFlag
    by_amplifier: tuple[FrameFlag, ...]
    pedestals: Array = attrs.field(converter=_four)
    background: Array = attrs.field(converter=_four)
    saturated: Array = attrs.field(converter=_four)
    brightest: Array = attrs.field(converter=_four, factory=lambda: np.full(4, np.nan))

    @property
    def words(self) -> str:
        """Flags in words, e.g. ``ALL_ZERO (B), SCATTERED_LIGHT (A C)``; empty for none."""
        said = []
        for flag in FrameFlag:
            where = [a for a, f in zip(AMPLIFIERS, self.by_amplifier, strict=True) if f & flag]
            if where:
                said.append(f"{flag.name} ({' '.join(where)})")
        return ", ".join(said)


def flag_frame(
    frame: Frame,
    models: Models,
    *,
    family: ArrayLike | None = None,
    brightest_sky: float = 1000.0,
    full_well_e: float = FULL_WELL_E,
) -> FrameQuality:
    """Flag a frame as a whole.

    Parameters
    ----------
    frame : Frame
        Raw or calibrated frame; not modified.  In a raw frame only counts are checked.
    models : Models
        Models that it was, or will be, calibrated with.
    family : array_like, optional
        (frames, 4) pedestals of at least five other frames of the same CCD and exposure time, ADU.
        A pedestal more than six robust standard deviations from their median is flagged.
    brightest_sky : float
        Electrons per second and pixel above which the smooth sky is scattered light; light
        narrower than about 100 pixels does not count.
    full_well_e : float
        Electrons per read from which a pixel counts as saturated.

    Returns
    -------
    FrameQuality
        The flags, and the numbers behind them.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, flag_frame, neutral_models
    >>> zeros = np.zeros((2078, 2136), dtype=np.int32)
    >>> frame = Frame(pixels=zeros, unit="adu", camera=2, ccd=3, exposure_s=120, coadds=48)
    >>> flag_frame(frame, neutral_models(2, 3)).words
    'ALL_ZERO (A B C D)'
    """
    flags = [FrameFlag(0)] * 4
    pedestals = np.full(4, np.nan) if frame.pedestals is None else np.array(frame.pedestals)
    background, saturated, brightest = (np.full(4, np.nan) for _ in range(3))
    lit = step_at("pedestal", frame.steps) is not None
    dropped = np.zeros(4) if frame.overclocks_dropped is None else frame.overclocks_dropped
    for a in range(4):
        if dropped[a]:
            flags[a] |= FrameFlag.OVERCLOCK
        values = _counts(frame, models, a)
        if values is not None:
            flags[a] |= _sameness(values)
            zeros = float((values == 0).mean()) if frame.unit == ADU and not frame.steps else 0.0
            if _ZEROS_SHARE < zeros < 1.0:
                flags[a] |= FrameFlag.ZEROS
        if lit and (light := _light(frame, models, a)) is not None:
            electrons, smear = light
            saturated[a] = float((electrons >= full_well_e * frame.coadds).mean())
            background[a] = float(np.percentile(electrons - smear, _LOW_PERCENTILE)) / frame.live_s
            full = electrons >= full_well_e * frame.coadds
            brightest[a] = brightest_part(electrons - smear, full) / frame.live_s
            if saturated[a] >= _FULL_SHARE:
                flags[a] |= FrameFlag.SATURATED_CHANNEL
            elif background[a] > brightest_sky or brightest[a] > brightest_sky:
                flags[a] |= FrameFlag.SCATTERED_LIGHT
            if not np.isfinite(pedestals[a]):
                flags[a] |= FrameFlag.PEDESTAL
        if family is not None and np.isfinite(pedestals[a]):
            others = np.asarray(family, dtype=np.float64)[:, a]
            if _apart(pedestals[a], others, frame.coadds):
                flags[a] |= FrameFlag.PEDESTAL
    return FrameQuality(
        flags=flags[0] | flags[1] | flags[2] | flags[3],
        by_amplifier=tuple(flags),
        pedestals=pedestals,
        background=background,
        saturated=saturated,
        brightest=brightest,
    )


def _counts(frame: Frame, models: Models, amplifier: int) -> Array | None:
    """Raw counts: of the science pixels in a raw frame, else of the virtual columns."""
    if frame.unit == ADU and not frame.steps:
        here = _science(frame, amplifier)
        if here is not None:
            return frame.pixels[here][::_ROW_STEP]
    first = OVERCLOCK_COLUMNS[0] + amplifier * VIRTUAL_COLUMNS
    return counts_of_virtual_columns(frame, models, first, first + VIRTUAL_COLUMNS)


def _sameness(counts: Array) -> FrameFlag:
    known = counts[np.isfinite(counts)]
    if known.size < 2 or np.ptp(known) > 1e-2:
        return FrameFlag(0)
    return FrameFlag.ALL_ZERO if abs(float(known.flat[0])) < 1e-2 else FrameFlag.CONSTANT


def _science(frame: Frame, amplifier: int) -> tuple[slice, slice] | None:
    """Science pixels of one amplifier within a frame."""
    columns = np.arange(frame.column, frame.column + frame.pixels.shape[1])
    inside = (columns >= SCIENCE_COLUMNS[0]) & (columns < SCIENCE_COLUMNS[1])
    read_by = amplifier_of_columns(frame.column, frame.pixels.shape[1])
    here = np.flatnonzero(inside & (read_by == amplifier))
    last_row = min(SCIENCE_ROWS[1] - frame.row, frame.pixels.shape[0])
    if not here.size or last_row <= 0:
        return None
    return slice(0, last_row), slice(int(here[0]), int(here[-1]) + 1)


def _light(frame: Frame, models: Models, amplifier: int) -> tuple[Array, Array] | None:
    """Electrons of science pixels, every fourth row, and the smear of their columns."""
    here = _science(frame, amplifier)
    if here is None:
        return None
    electrons = electrons_before_smear(frame, models, *here)[::_ROW_STEP]
    known = np.isfinite(electrons).all(axis=1)
    if not known.any():
        return None
    smear = np.zeros(electrons.shape[1]) if frame.smear is None else frame.smear[here[1]]
    return electrons[known], smear


def pedestals_out_of_family(pedestals: ArrayLike, coadds: float) -> Array:
    """Find pedestals far from those of the other frames.

    `pedestals`: (frames, 4) pedestals of frames of one CCD and exposure time, ADU.  Returns
    (frames, 4) bool.
    """
    values = np.asarray(pedestals, dtype=np.float64)
    return np.array(
        [
            [
                bool(np.isfinite(value)) and _apart(value, np.delete(values[:, a], k), coadds)
                for a, value in enumerate(row)
            ]
            for k, row in enumerate(values)
        ],
        dtype=bool,
    ).reshape(values.shape)


def _apart(pedestal: float, others: Array, coadds: float) -> bool:
    """Tell whether a pedestal is far from those of other frames."""
    known = others[np.isfinite(others)]
    if len(known) < 5:
        return False
    middle = np.median(known)
    spread = max(MAD_TO_SIGMA * np.median(np.abs(known - middle)), _LEAST_SPREAD_ADU * coadds)
    return bool(abs(pedestal - middle) > _FAMILY_SIGMAS * spread)
