"""Bad, dark and reference frames of a CCD: TICA's rules on plain arrays.

Rules and defaults are those of TICA 1.4.  Arrays are in order of time, with one value per frame.
A missing frame has the mode NaN and is never chosen.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np
from numpy.typing import ArrayLike

from tica_fn.immutable import Array, Record, frozen_array

__all__ = ["Choices", "Rules", "bad_calibrations", "choose_frames", "fill_gaps"]

_MAD_TO_SIGMA = 1.0 / 0.67449


def _least(low: float) -> Any:
    return attrs.validators.ge(low)


@attrs.frozen(kw_only=True)
class Rules:
    """Numbers of the rules; the defaults are TICA's.

    Parameters
    ----------
    pedestal_sigmas : float
        A frame is bad if a pedestal is this many robust standard deviations from its median.
    dark_factor : float
        Frames are dark below lowest mode + this x sqrt(lowest mode).
    gap : int
        Gaps between chosen frames that are shorter than this are filled.
    fewest_dark : int
        With fewer dark frames, all below `dark_share` x the lowest mode are dark.
    dark_share : float
        See `fewest_dark`.
    levels : int
        The reference list takes the frames of this many lowest modes.
    fewest_references : int
        More modes are taken until there are this many frames.
    references : int
        Length of the reference list.
    ends : float
        Fraction of the stretch of the darkest frames that is left out at each end.
    frames_per_day : float
        Frames per day; TICA's 432 are of 200 s.
    """

    pedestal_sigmas: float = attrs.field(default=20.0, validator=_least(0.0))
    dark_factor: float = attrs.field(default=8.0, validator=_least(0.0))
    gap: int = attrs.field(default=120, validator=_least(0))
    fewest_dark: int = attrs.field(default=20, validator=_least(0))
    dark_share: float = attrs.field(default=1.10, validator=_least(1.0))
    levels: int = attrs.field(default=3, validator=_least(1))
    fewest_references: int = attrs.field(default=25, validator=_least(1))
    references: int = attrs.field(default=20, validator=_least(1))
    ends: float = attrs.field(default=0.25, validator=[_least(0.0), attrs.validators.lt(0.5)])
    frames_per_day: float = attrs.field(default=432.0, validator=_least(1.0))


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Choices(Record):
    """The choices among a CCD's frames.

    Parameters
    ----------
    bad : ndarray
        (n,) bool: pedestals out of family, or no background at all.
    dark : ndarray
        (n,) bool: dark time.
    threshold : float
        Mode below which a frame is dark, electron per exposure; NaN if no frame is good.
    reference : int
        Index of the reference frame; -1 if no frame is good.
    references : ndarray
        (m,) int64: indices of the reference list, in order of time.
    """

    bad: Array = attrs.field(converter=frozen_array)
    dark: Array = attrs.field(converter=frozen_array)
    threshold: float
    reference: int
    references: Array = attrs.field(converter=frozen_array)

    def dark_intervals(self) -> list[tuple[int, int]]:
        """First and last index of each run of dark frames; bad ones do not end a run.

        Returns
        -------
        list of tuple
            In order of time.
        """
        places = np.flatnonzero(self.dark | self.bad)
        runs = np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)
        kept = (run[self.dark[run]] for run in runs if run.size)
        return [(int(run[0]), int(run[-1])) for run in kept if run.size]


def bad_calibrations(modes: ArrayLike, pedestals: ArrayLike, sigmas: float = 20.0) -> Array:
    """Find frames whose calibration can't be right.

    Parameters
    ----------
    modes : array_like
        (n,) background modes, electron per exposure.
    pedestals : array_like
        (n, 4) pedestals of the amplifiers, ADU.
    sigmas : float
        Robust standard deviations (median absolute deviation / 0.67449) that a pedestal may be
        from its median.

    Returns
    -------
    ndarray
        (n,) bool: any pedestal is out of family or not finite, or the mode is 0.
    """
    level = np.asarray(modes, np.float64)
    values = np.asarray(pedestals, np.float64)
    there = np.isfinite(level)
    finite = np.isfinite(values)
    out = np.zeros(level.shape, dtype=bool)
    for a in range(values.shape[1]):
        known = values[there & finite[:, a], a]
        if not known.size:
            continue
        middle = np.median(known)
        sigma = _MAD_TO_SIGMA * np.median(np.abs(known - middle))
        out |= np.abs(values[:, a] - middle) > sigmas * sigma
    return np.asarray((out | ~finite.all(axis=1) | (level == 0)) & there)


def fill_gaps(chosen: ArrayLike, shortest: int) -> Array:
    """Fill gaps between chosen frames that are shorter than so many frames.

    Parameters
    ----------
    chosen : array_like
        (n,) bool.
    shortest : int
        Length from which on a gap stays one.

    Returns
    -------
    ndarray
        (n,) bool.
    """
    out = np.array(chosen, dtype=bool)
    places = np.flatnonzero(out)
    for before, after in zip(places[:-1].tolist(), places[1:].tolist(), strict=True):
        if after - before - 1 < shortest:
            out[before:after] = True
    return out


def choose_frames(
    modes: ArrayLike, pedestals: ArrayLike, rules: Rules | None = None, barred: ArrayLike = False
) -> Choices:
    """Choose the dark frames, the reference frame and the reference list of a CCD.

    Parameters
    ----------
    modes : array_like
        (n,) background modes in order of time, electron per exposure; NaN where no frame is.
    pedestals : array_like
        (n, 4) pedestals, ADU.
    rules : Rules, optional
        TICA's by default.
    barred : array_like
        (n,) bool: frames that are no references for another reason, though they may be dark.

    Returns
    -------
    Choices
        What was chosen.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.run import choose_frames
    >>> modes = [900.0, 500.0, 500.0, 500.0, 0.0]
    >>> found = choose_frames(modes, np.full((5, 4), 6500.0))
    >>> found.reference, found.bad.tolist()
    (2, [False, False, False, False, True])
    """
    rules = rules or Rules()
    level = np.asarray(modes, np.float64)
    bad = bad_calibrations(level, pedestals, rules.pedestal_sigmas)
    good = np.isfinite(level) & ~bad
    if not good.any():
        none = np.zeros(level.shape, dtype=bool)
        return Choices(
            bad=bad, dark=none, threshold=np.nan, reference=-1, references=np.empty(0, np.int64)
        )
    lowest = level[good].min()
    threshold = lowest + rules.dark_factor * np.sqrt(lowest)
    dark = fill_gaps(good & (level < threshold), rules.gap) & good
    if np.count_nonzero(dark) < rules.fewest_dark:
        threshold = rules.dark_share * lowest
        dark = good & (level < threshold)
    usable = good & ~np.broadcast_to(np.asarray(barred, dtype=bool), level.shape)
    if not usable.any():
        usable = good
    lowest_frames = np.flatnonzero(usable & (level == level[usable].min()))
    return Choices(
        bad=bad,
        dark=dark,
        threshold=float(threshold),
        reference=int(lowest_frames[lowest_frames.size // 2]),
        references=_reference_list(level, usable, rules),
    )


def _reference_list(level: Array, good: Array, rules: Rules) -> Array:
    """Indices of frames for difference imaging: the lowest modes, evenly over the middle day."""
    steps, counts = np.unique(level[good], return_counts=True)
    enough = int(np.searchsorted(np.cumsum(counts), rules.fewest_references)) + 1
    highest = steps[min(max(rules.levels, enough), steps.size) - 1]
    low = good & (level <= highest)
    places = np.flatnonzero(fill_gaps(low, rules.gap) & good)
    cut = int(places.size * rules.ends)
    places = places[cut : places.size - cut]
    day = int(rules.frames_per_day)
    if places.size > day:
        first = (places.size - day) // 2
        places = places[first : first + day]
    if places.size <= rules.references:
        return places
    even = np.linspace(0, places.size - 1, rules.references)
    return places[np.rint(even).astype(np.int64)]
