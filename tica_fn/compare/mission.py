"""Compare a calibrated frame with the mission's: ratio, offset and scatter, as for photometry.

Two pipelines never give the same bits.  What matters is a constant factor between them (gain, flat
field, linearity), a constant shift (pedestal, smear), and the remaining scatter of single pixels.
All numbers are in electrons per second, by amplifier and by brightness.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from tica_fn.detector import AMPLIFIERS, SCIENCE_COLUMNS, SCIENCE_ROWS, amplifier_of_columns
from tica_fn.errors import FrameError
from tica_fn.fits.gate import open_checked
from tica_fn.frame import ADU, RATE, Frame
from tica_fn.immutable import Array
from tica_fn.kernels.medians import MAD_TO_SIGMA

__all__ = ["MissionComparison", "Ratio", "compare_with_mission", "is_mission_product"]

EDGES = (0.0, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999, 1.0)
"""Fractions of an amplifier's pixels, ordered by the mission's value, that separate the bins."""

_FEWEST = 20
_CLIP = 4.0
_ROUNDS = 5


@attrs.frozen(kw_only=True)
class Ratio:
    """Comparison of two sets of pixels.

    Parameters
    ----------
    amplifier : str
        ``"A"`` to ``"D"``.
    low, high : float
        Range of the mission's values, electron per second.
    pixels : int
        Number of pixels.
    ratio : float
        For a whole amplifier, the slope of a straight line through ours against theirs, with
        outliers clipped; for a bin, the median of ours divided by theirs.
    offset : float
        For a whole amplifier, the intercept of that line; for a bin, the median of ours minus
        theirs; electron per second.
    scatter : float
        Robust standard deviation of ours about the line, or of the differences about their median;
        electron per second.
    noise : float
        Median of the larger of the two standard deviations in the files; NaN if there is none.
    """

    amplifier: str
    low: float
    high: float
    pixels: int
    ratio: float
    offset: float
    scatter: float
    noise: float


@attrs.frozen(kw_only=True)
class MissionComparison:
    """Comparison of a calibrated frame with the mission's.

    Parameters
    ----------
    mission, ours : str
        Names of the files.
    amplifiers : tuple of Ratio
        One for each amplifier.
    bins : tuple of Ratio
        By amplifier and brightness.
    difference : ndarray
        Science pixels, ours minus the mission's, electron per second.
    """

    mission: str
    ours: str
    amplifiers: tuple[Ratio, ...]
    bins: tuple[Ratio, ...]
    difference: Array = attrs.field(eq=False, repr=False)


def is_mission_product(path: str | Path) -> bool:
    """Tell whether a file is a calibrated full-frame image of the mission's pipeline."""
    with open_checked(path) as hdus:
        first = hdus[0].header
        if first.get("NAXIS") != 0 or len(hdus) < 2 or not hdus[1].is_image:
            return False
        reals = hdus[1].header.get("ZBITPIX", hdus[1].header.get("BITPIX", 0)) < 0
        return reals and str(first.get("PROCVER", "")).strip().lower().startswith("spoc")


def compare_with_mission(mission: str | Path, ours: str | Path) -> MissionComparison:
    """Compare a calibrated frame with the mission's.

    Parameters
    ----------
    mission : path
        The mission's ``*_ffic.fits``.
    ours : path
        A calibrated product in either layout.

    Returns
    -------
    MissionComparison
        Ratio, offset and scatter of the science pixels.

    Raises
    ------
    BadFileError
        If a file is not a calibrated frame.
    FrameError
        If CCD, exposure, time or size differ.
    """
    from tica_fn.fits.files import read

    theirs, mine = read(mission), read(ours)
    _check_same(theirs, mine, ours)
    a, b = (_science_rate(frame) for frame in (theirs, mine))
    noise = [_science_noise(frame) for frame in (theirs, mine)]
    known = [plane for plane in noise if plane is not None]
    sigma = np.full(a.shape, np.nan) if not known else np.fmax.reduce(known)
    whole: list[Ratio] = []
    bins: list[Ratio] = []
    read_by = amplifier_of_columns(SCIENCE_COLUMNS[0], a.shape[1])
    for k, letter in enumerate(AMPLIFIERS):
        x, y, s = (plane[:, read_by == k].ravel() for plane in (a, b, sigma))
        good = np.isfinite(x) & np.isfinite(y)
        x, y, s = x[good], y[good], s[good]
        if x.size >= _FEWEST:
            whole.append(_line(letter, x, y, s))
            bins += _bins(letter, x, y, s)
    if not whole:
        raise FrameError(f"{ours}: no science pixels that both files have a number for")
    return MissionComparison(
        mission=Path(mission).name,
        ours=Path(ours).name,
        amplifiers=tuple(whole),
        bins=tuple(bins),
        difference=b - a,
    )


def _check_same(theirs: Frame, mine: Frame, ours: str | Path) -> None:
    for what, left, right in (
        ("camera and CCD", theirs.name, mine.name),
        ("exposure time", theirs.exposure_s, mine.exposure_s),
        ("cadence", theirs.cadence, mine.cadence),
    ):
        if left != right and left is not None and right is not None:
            raise FrameError(
                f"{ours}: another frame than the mission's: {what} {right}, not {left}"
            )
    for frame in (theirs, mine):
        if frame.unit == ADU:
            raise FrameError(f"{ours}: a raw frame can't be compared: calibrate it first")


def _science(plane: Array, frame: Frame) -> Array:
    rows = slice(SCIENCE_ROWS[0] - frame.row, SCIENCE_ROWS[1] - frame.row)
    columns = slice(SCIENCE_COLUMNS[0] - frame.column, SCIENCE_COLUMNS[1] - frame.column)
    return plane[rows, columns].astype(np.float64)


def _science_rate(frame: Frame) -> Array:
    pixels = _science(frame.pixels, frame)
    return pixels if frame.unit == RATE else pixels / frame.live_s


def _science_noise(frame: Frame) -> Array | None:
    if frame.variance is None:
        return None
    noise = np.sqrt(_science(frame.variance, frame))
    return noise if frame.unit == RATE else noise / frame.live_s


def _spread(values: Array) -> float:
    return float(MAD_TO_SIGMA * np.median(np.abs(values - np.median(values))))


def _median(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")


def _line(letter: str, x: Array, y: Array, sigma: Array) -> Ratio:
    """Straight line through all pixels of an amplifier, with outliers clipped."""
    kept = np.ones(x.size, dtype=np.bool_)
    slope, offset = 1.0, 0.0
    for _ in range(_ROUNDS):
        centre = x[kept].mean()
        away = x[kept] - centre
        spread = float(away @ away)
        slope = float(away @ y[kept]) / spread if spread > 0 else 1.0
        offset = float(y[kept].mean() - slope * centre)
        residual = y - slope * x - offset
        limit = _CLIP * _spread(residual[kept])
        inside = np.abs(residual - np.median(residual[kept])) <= limit
        if inside.sum() < _FEWEST or np.array_equal(inside, kept):
            break
        kept = inside
    return Ratio(
        amplifier=letter,
        low=float(x.min()),
        high=float(x.max()),
        pixels=int(x.size),
        ratio=slope,
        offset=offset,
        scatter=_spread(y - slope * x - offset),
        noise=_median(sigma),
    )


def _bins(letter: str, x: Array, y: Array, sigma: Array) -> list[Ratio]:
    order = np.argsort(x, kind="stable")
    places = [round(part * x.size) for part in EDGES]
    found = []
    for first, last in pairwise(places):
        if last - first < _FEWEST:
            continue
        here = order[first:last]
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = y[here] / x[here]
        apart = y[here] - x[here]
        found.append(
            Ratio(
                amplifier=letter,
                low=float(x[here[0]]),
                high=float(x[here[-1]]),
                pixels=int(here.size),
                ratio=_median(ratio),
                offset=float(np.median(apart)),
                scatter=_spread(apart),
                noise=_median(sigma[here]),
            )
        )
    return found


def rows_of(found: MissionComparison) -> list[tuple[Any, ...]]:
    """List the numbers: amplifiers first, then bins."""
    return [
        (kind, *attrs.astuple(ratio))
        for kind, ratios in (("all", found.amplifiers), ("bin", found.bins))
        for ratio in ratios
    ]
