"""Flags of frames by comparison with the other frames of their CCD; plain arrays in, words out.

A value is out of family if it is more than a number of robust standard deviations (median absolute
deviation x 1.4826) from the median, and farther than a floor that normal frames stay within.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tica_fn.detector import AMPLIFIERS
from tica_fn.immutable import Array
from tica_fn.quality.frame_flags import SpocQuality, pedestals_out_of_family
from tica_fn.run.choices import bad_calibrations

__all__ = ["drift_of_frames", "flags_of_frames", "out_of_family"]

_FULL_SHARE = 0.02
_BRIGHT_SKY, _SKY_SIGMAS, _QUIET_PART = 1.25, 6.0, 25
"""Limits of scattered light: sky relative to a quiet frame (the 25th percentile, since single
frames may be too low), and deviations of the quieter half above it."""
_POINTING_PIXELS = 0.1
_BARRING = (
    SpocQuality.ATTITUDE_TWEAK
    | SpocQuality.SAFE_MODE
    | SpocQuality.COARSE_POINT
    | SpocQuality.EARTH_POINT
    | SpocQuality.MOMENTUM_DUMP
    | SpocQuality.MANUAL_EXCLUDE
)
"""Bits of a raw frame's quality that exclude it as a reference."""


def barred(dquality: Array) -> Array:
    """Frames that can't be references by their quality: (n,) int64 to (n,) bool."""
    return np.asarray((dquality & int(_BARRING)) != 0)


def out_of_family(values: Array, sigmas: float, floor: float, *, above_only: bool = False) -> Array:
    """Tell which of (n,) float64 values are far from the others; needs at least five."""
    known = values[np.isfinite(values)]
    if known.size < 5:
        return np.zeros(values.shape, dtype=bool)
    middle = np.median(known)
    spread = 1.4826 * np.median(np.abs(known - middle))
    apart = values - middle if above_only else np.abs(values - middle)
    with np.errstate(invalid="ignore"):
        return np.asarray(apart > max(sigmas * spread, floor))


def drift_of_frames(frames: Mapping[str, Array]) -> dict[str, Array]:
    """Pointing of one CCD's frames relative to the median frame.

    `frames`: columns ``crval1`` to ``cd2_2`` of the record, (n,) float64; NaN without a solution.
    Returns ``drift_columns``, ``drift_rows`` [pixel] and ``roll`` [arcsec], (n,) float64.
    """
    from tica_fn.wcs.diagnostics import drift_of

    keys = ("crpix1", "crpix2", "crval1", "crval2", "cd1_1", "cd1_2", "cd2_1", "cd2_2")
    known = np.isfinite([frames[key] for key in keys]).all(axis=0)
    out = {name: np.full(known.shape, np.nan) for name in ("drift_columns", "drift_rows", "roll")}
    if known.any():
        places = np.flatnonzero(known).tolist()
        headers = [{key.upper(): float(frames[key][k]) for key in keys} for k in places]
        found = drift_of(headers)
        for name, values in out.items():
            values[known] = found[name]
    return out


def flags_of_frames(frames: Mapping[str, Any]) -> list[str]:
    """Flags of each frame of a CCD.

    `frames`: columns of the record's table ``frames`` of one CCD and exposure time, in order of
    time.  Returns words separated by spaces, such as ``SATURATED PEDESTAL(AC)``.
    """
    mode = np.asarray(frames["mode"], float)
    pedestals = np.stack([np.asarray(frames[f"pedestal_{x}"], float) for x in "abcd"], axis=1)
    noise = np.stack([np.asarray(frames[f"noise_{x}"], float) for x in "abcd"], axis=1)
    coadds = float(np.nanmedian(np.asarray(frames["coadds"], float)))
    full, hot = (np.asarray(frames[name], float) for name in ("full_share", "hot_share"))
    bad = bad_calibrations(mode, pedestals)
    positive = mode[np.isfinite(mode) & (mode > 0) & ~bad]
    quiet = np.percentile(positive, _QUIET_PART) if positive.size else np.nan
    below = positive[positive <= np.median(positive)] if positive.size else positive
    spread = 1.4826 * _median(np.abs(below - quiet))
    with np.errstate(invalid="ignore"):
        saturated = (full > _FULL_SHARE) & out_of_family(full, 6.0, _FULL_SHARE, above_only=True)
        saturated |= full > 0.5
        least = np.fmax(_BRIGHT_SKY * quiet, quiet + _SKY_SIGMAS * spread)
        lit = (mode > least) & ~saturated
    drift = drift_of_frames(frames)
    away = np.hypot(
        *(drift[name] - _median(drift[name]) for name in ("drift_columns", "drift_rows"))
    )
    own = np.where(saturated, np.nan, hot)
    good = np.asarray(frames["good_fraction"], float)
    rms = np.asarray(frames["rms_arcsec"], float)
    solved = np.array([one == "done" for one in frames["wcs"]])
    words: dict[str, Array] = {
        "BAD_CALIBRATION": bad,
        "NO_BACKGROUND": mode == 0,
        "SATURATED": saturated,
        "SCATTERED_LIGHT": lit,
        "HOT_PIXELS": out_of_family(own, 8.0, 5e-4 + 0.5 * _median(own), above_only=True),
        "POINTING": out_of_family(away, 8.0, _POINTING_PIXELS, above_only=True),
        "ROLL": out_of_family(drift["roll"], 8.0, 5.0),
        "FEW_STARS": solved & (out_of_family(-good, 6.0, 0.05, above_only=True) | (good < 0.5)),
        "RESIDUAL": out_of_family(rms, 8.0, 0.05 + 0.3 * _median(rms), above_only=True),
        "NO_SOLUTION": np.array([one == "failed" for one in frames["wcs"]]),
    }
    said: list[list[str]] = [[] for _ in mode]
    for word, which in words.items():
        for k in np.flatnonzero(which).tolist():
            said[k].append(word)
    far = pedestals_out_of_family(pedestals, coadds)
    noisy = np.stack(
        [out_of_family(noise[:, a], 8.0, 0.1 * _median(noise[:, a])) for a in range(4)]
    )
    for word, which in (("PEDESTAL", far), ("NOISE", noisy.T)):
        for k in np.flatnonzero(which.any(axis=1)).tolist():
            letters = "".join(x for x, one in zip(AMPLIFIERS, which[k], strict=True) if one)
            said[k].append(f"{word}({letters})")
    for k, (bits, own) in enumerate(zip(frames["dquality"], frames["frame_flags"], strict=True)):
        said[k] += [f"SPOC_{bit.name}" for bit in SpocQuality if int(bits or 0) & bit]
        said[k] += [word.partition(" ")[0] for word in str(own or "").split(", ") if word]
    return [" ".join(dict.fromkeys(words)) for words in said]


def _median(values: Array) -> float:
    known = values[np.isfinite(values)]
    return float(np.median(known)) if known.size else float("nan")
