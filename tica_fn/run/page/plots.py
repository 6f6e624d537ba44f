"""Numbers and labels of the page's plots against time, which ``plots.js`` draws.

BokehJS makes the plots in the browser: loading Bokeh and building its models here would take as
long as calibrating some fifty frames.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tica_fn.immutable import Array
from tica_fn.run.families import drift_of_frames
from tica_fn.run.page.thinning import thinned
from tica_fn.run.schema import LETTERS

__all__ = ["COLOURS", "PLOTS", "plotted"]

Frames = Mapping[tuple[int, int], Mapping[str, Array]]
_HUES = {1: (0.58, 0.75), 2: (0.07, 0.85), 3: (0.38, 0.65), 4: (0.85, 0.55)}
_MOST = 1500
_ONE_READOUT_D = 10.0 / 86400.0


def _colour(camera: int, ccd: int) -> str:
    """A colour that is visible on white and on black."""
    import colorsys

    hue, saturation = _HUES[camera]
    red, green, blue = colorsys.hls_to_rgb(hue, 0.38 + 0.08 * ccd, saturation)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


COLOURS = {(c, d): _colour(c, d) for c in (1, 2, 3, 4) for d in (1, 2, 3, 4)}
_NAMES = {ccd: f"cam{ccd[0]}-ccd{ccd[1]}" for ccd in COLOURS}
_QUANTITIES = (
    ("background", "background mode [e-]", ("mode",), True),
    ("pedestals", "pedestals - median [adu]", tuple(f"offset_{x}" for x in LETTERS), False),
    ("smear", "smear level [e-]", ("smear",), False),
    ("noise", "read noise, 4 amplifiers [e-]", tuple(f"noise_{x}" for x in LETTERS), False),
    ("residuals", "residual [arcsec]", ("rms_arcsec",), False),
    ("drift", "drift: columns o, rows x [pixel]", ("drift_columns", "drift_rows"), False),
    ("roll", "roll [arcsec]", ("roll",), False),
    ("stars", "good-star fraction", ("good_fraction",), False),
)
PLOTS = (*(name for name, *_ in _QUANTITIES), "flags")
"""The plots, in order."""


def plotted(frames: Frames, references: Mapping[tuple[int, int], float]) -> dict[str, Any]:
    """Collect the plotted data for JSON; `references` are times of the reference frames.

    Columns of numbers are little-endian bytes in base64, after the name of their type.
    """
    columns = {ccd: _columns(one) for ccd, one in frames.items()}
    times = np.concatenate([one["time"] for one in columns.values()])
    low, high = (float(np.nanmin(times)), float(np.nanmax(times))) if times.size else (0.0, 1.0)
    points = _points(frames, columns)
    plots = []
    for name, label, quantities, logarithmic in _QUANTITIES:
        known = any(np.isfinite(points[one]).any() for one in quantities)
        plots.append(
            {
                "name": name,
                "label": label if known else f"{label}: not known of any frame",
                "quantities": quantities,
                # Without values the browser could not find a range.
                "known": known,
                "logarithmic": logarithmic and known,
            }
        )
    return {
        "ccds": list(_NAMES.values()),
        "colours": list(COLOURS.values()),
        "times": [low, high],
        "references": _apart(references.values()),
        "plots": plots,
        "points": {name: _packed(values) for name, values in points.items()},
        "flags": _flag_points(frames, columns),
    }


def _packed(values: Array) -> list[str]:
    data = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    return [values.dtype.name, base64.b64encode(data.tobytes()).decode()]


def _points(frames: Frames, columns: Mapping[tuple[int, int], Mapping[str, Array]]) -> Any:
    """Plotted data of all CCDs in one table, with the CCD's number in the list."""
    parts: dict[str, list[Array]] = {}
    for ccd, one in columns.items():
        flagged = np.array([bool(flags) for flags in frames[ccd]["flags"]])
        shown = [one[name] for _, _, quantities, _ in _QUANTITIES for name in quantities]
        kept = thinned(shown, flagged & (np.cumsum(flagged) <= _MOST // 2), _MOST)
        which = np.full(flagged.size, list(_NAMES).index(ccd))
        for name, values in {**one, "cadence": frames[ccd]["cadence"], "ccd": which}.items():
            parts.setdefault(name, []).append(values[kept])
    kinds = {"time": np.float64, "cadence": np.int32, "ccd": np.uint8}
    return {
        name: np.concatenate(values).astype(kinds.get(name, np.float32))
        for name, values in parts.items()
    }


def _columns(frames: Mapping[str, Array]) -> dict[str, Array]:
    time = np.asarray(frames["tjd"], float)
    if not np.isfinite(time).all():
        time = np.asarray(frames["cadence"], float)
    out = {"time": time}
    mode = np.asarray(frames["mode"], float)
    out["mode"] = np.where(mode > 0, mode, np.nan)
    for letter in LETTERS:
        pedestal = np.asarray(frames[f"pedestal_{letter}"], float)
        known = pedestal[np.isfinite(pedestal)]
        out[f"offset_{letter}"] = pedestal - (np.median(known) if known.size else 0.0)
        out[f"noise_{letter}"] = np.asarray(frames[f"noise_{letter}"], float)
    for name in ("smear", "rms_arcsec", "good_fraction"):
        out[name] = np.asarray(frames[name], float)
    out["rms_arcsec"] = np.where(out["rms_arcsec"] >= 0, out["rms_arcsec"], np.nan)
    return out | drift_of_frames(frames)


def _flag_points(frames: Frames, columns: Mapping[Any, Any]) -> dict[str, Any]:
    """Points of the plot of flags, without amplifiers; long series are thinned."""
    points: list[tuple[float, str, int, int]] = []
    for ccd, one in frames.items():
        seen: dict[str, int] = {}
        for k, flags in enumerate(one["flags"]):
            for word in str(flags).split():
                flag = word.partition("(")[0]
                seen[flag] = seen.get(flag, 0) + 1
                if seen[flag] <= 300 or seen[flag] % 10 == 0:
                    time = float(columns[ccd]["time"][k])
                    points.append((time, flag, int(one["cadence"][k]), list(_NAMES).index(ccd)))
    names = ("time", "flag", "cadence", "ccd")
    return {name: [one[n] for one in points] for n, name in enumerate(names)}


def _apart(times: Iterable[float]) -> list[float]:
    """Times, with those of CCDs that are read out seconds apart only once."""
    found: list[float] = []
    for time in sorted(time for time in times if np.isfinite(time)):
        if not found or time - found[-1] > _ONE_READOUT_D:
            found.append(time)
    return found
