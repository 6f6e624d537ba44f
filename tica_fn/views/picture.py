"""A frame drawn on matplotlib's axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from astropy.visualization import (
    AsinhStretch,
    ImageNormalize,
    LinearStretch,
    LogStretch,
    MinMaxInterval,
    ZScaleInterval,
)

from tica_fn.detector import AMPLIFIER_COLUMNS, AMPLIFIERS, SCIENCE_COLUMNS, SCIENCE_ROWS
from tica_fn.frame import RATE, Frame
from tica_fn.views.sky import wcs_of

__all__ = ["draw_frame", "label_evenly", "norm_of", "title_of"]

_STRETCHES = {"asinh": lambda: AsinhStretch(0.1), "linear": LinearStretch, "log": LogStretch}
_INTERVALS = ("zscale", "minmax")


def norm_of(frame: Frame, stretch: str = "asinh", interval: str = "zscale") -> ImageNormalize:
    """Brightness scale: zscale with room above it for stars, or from minimum to maximum."""
    if stretch not in _STRETCHES:
        raise ValueError(f"stretch is one of {', '.join(_STRETCHES)}, not {stretch!r}")
    if interval not in _INTERVALS:
        raise ValueError(f"interval is one of {', '.join(_INTERVALS)}, not {interval!r}")
    known = frame.pixels[np.isfinite(frame.pixels)]
    low, high = 0.0, 1.0
    if known.size:
        chosen = MinMaxInterval() if interval == "minmax" else ZScaleInterval()
        low, high = chosen.get_limits(known)
        if interval == "zscale" and stretch != "linear":
            high = min(high + 4.0 * (high - low), float(known.max()))
    return ImageNormalize(
        vmin=low, vmax=max(high, low + 1e-9), stretch=_STRETCHES[stretch](), clip=True
    )


def draw_frame(
    frame: Frame,
    ax: Any = None,
    *,
    stretch: str = "asinh",
    interval: str = "zscale",
    sky: bool | None = None,
    amplifiers: bool = True,
    flags: int = 0,
    colorbar: bool = True,
    **options: Any,
) -> Any:
    """Draw a frame: see `tica_fn.frame.Frame.plot`."""
    world = wcs_of(frame) if sky or (sky is None and ax is None) else None
    if sky and world is None:
        raise ValueError(f"{frame.name}: no WCS in the header")
    if ax is None:
        from matplotlib import pyplot

        figure = pyplot.figure(figsize=(7.5, 6.2), layout="constrained")
        ax = figure.add_subplot(projection=world)
    on_sky = world is not None and hasattr(ax, "wcs")
    rows, columns = frame.shape
    left, bottom = (0, 0) if on_sky else (frame.column, frame.row)
    options.setdefault("cmap", "gray")
    options.setdefault("interpolation", "nearest" if columns < 100 else "antialiased")
    options.setdefault("aspect", "auto" if rows > 3 * columns else "equal")
    options.setdefault("norm", norm_of(frame, stretch, interval))
    if not on_sky:
        edges = (left - 0.5, left + columns - 0.5, bottom - 0.5, bottom + rows - 0.5)
        options.setdefault("extent", edges)
    shown = ax.imshow(frame.pixels, origin="lower", **options)
    if flags:
        _draw_flags(ax, frame, flags, left, bottom)
    if amplifiers:
        mark_amplifiers(ax, frame, left - frame.column, bottom - frame.row)
    if colorbar:
        unit = "electron / s" if frame.unit == RATE else f"{frame.unit} per exposure"
        bar = ax.figure.colorbar(shown, ax=ax, label=unit, shrink=0.85)
        label_evenly(bar)
    if on_sky:
        ax.coords.grid(color="tab:cyan", alpha=0.4, linewidth=0.5)
        ax.set(xlabel="right ascension", ylabel="declination")
    else:
        ax.set(xlabel="column (from 0)", ylabel="row (from 0)")
    ax.set_title(title_of(frame))
    return ax


def label_evenly(bar: Any) -> None:
    """Put round numbers at nearly even distances along a colour bar, for any stretch."""
    norm = bar.mappable.norm
    if not isinstance(norm, ImageNormalize):
        return
    places = np.linspace(0.0, 1.0, 6)
    low, high = norm.inverse(np.array([0.0, 1.0]))
    levels = []
    for place in places:
        # The roundest number within a third of the distance to the next place; at the ends, the
        # same width on one side.
        middle, *near = norm.inverse(np.clip(place, 0.07, 0.93) + np.array([0.0, -0.07, 0.07]))
        unit = 10.0 ** math.floor(math.log10(near[1] - near[0])) if near[1] > near[0] else 1.0
        for step in (10.0 * unit, 5.0 * unit, 2.0 * unit, unit):
            level = round(float(middle) / step) * step
            if max(low, near[0]) <= level <= min(high, near[1]):
                levels.append(level)
                break
    smallest = min(np.diff(sorted(set(levels))), default=1.0)
    digits = max(0, -math.floor(math.log10(1.001 * smallest)))
    bar.set_ticks(levels, labels=[f"{level:,.{digits}f}" for level in levels])


def title_of(frame: Frame) -> str:
    """One line that identifies the frame."""
    parts = [f"sector {frame.sector}"] if frame.sector is not None else []
    parts.append(frame.name)
    if frame.cadence is not None:
        parts.append(f"cadence {frame.cadence}")
    return ", ".join(parts)


def mark_amplifiers(ax: Any, frame: Frame, right: int = 0, up: int = 0) -> None:
    """Draw the visible boundaries of the science pixels and of the amplifiers."""
    rows, columns = frame.shape
    edges = [SCIENCE_COLUMNS[0] + k * AMPLIFIER_COLUMNS for k in range(len(AMPLIFIERS) + 1)]
    line = {"color": "tab:orange", "linewidth": 0.6, "linestyle": ":"}
    for edge in edges:
        if frame.column < edge < frame.column + columns:
            ax.axvline(edge - 0.5 + right, **line)
    for edge in SCIENCE_ROWS:
        if frame.row < edge < frame.row + rows:
            ax.axhline(edge - 0.5 + up, **line)
    top = frame.row + 0.97 * rows + up
    for letter, first in zip(AMPLIFIERS, edges, strict=False):
        middle = first + 0.5 * AMPLIFIER_COLUMNS
        if frame.column < middle < frame.column + columns:
            ax.text(middle + right, top, letter, color="tab:orange", ha="center", va="top")


def _draw_flags(ax: Any, frame: Frame, flags: int, left: int, bottom: int) -> None:
    """Mark pixels that have any of the bits in `flags`."""
    if frame.quality is None:
        raise ValueError("the frame has no flags: apply tica_fn.flag_pixels first")
    rows, columns = np.nonzero(frame.quality & int(flags))
    ax.plot(columns + left, rows + bottom, ",", color="tab:red", alpha=0.6)
