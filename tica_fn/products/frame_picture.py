"""The picture of a frame, or of the CCDs of a camera, with axes and labels that are reused."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tica_fn.detector import AMPLIFIER_COLUMNS, AMPLIFIERS, SCIENCE_COLUMNS, SCIENCE_ROWS
from tica_fn.fits.whole_files import save_figure
from tica_fn.frame import Frame
from tica_fn.immutable import Array
from tica_fn.products.ccd_figures import place_words
from tica_fn.views.picture import label_evenly

__all__ = ["save_picture"]

_LARGE = 1800
"""Number of rows and columns from which a picture shows means of 2 x 2 pixels."""
_kept = threading.local()
"""The figure that a thread reuses."""


def save_picture(
    frames: Sequence[tuple[str, Frame]], path: str | os.PathLike[str], title: str = ""
) -> Path:
    """Save frames side by side as a picture that also shows amplifiers and virtual pixels."""
    places = tuple((frame.row, frame.column, *frame.pixels.shape) for _, frame in frames)
    if getattr(_kept, "places", None) != places:
        _kept.places, _kept.sheet = places, _Sheet([frame for _, frame in frames])
    sheet: _Sheet = _kept.sheet
    try:
        for k, (caption, frame) in enumerate(frames):
            sheet.fill(k, frame, caption)
        sheet.title.set_text(title)
        return save_figure(sheet.figure, path, dpi=150)
    except BaseException:
        _kept.places = None  # It may be half filled.
        raise


class _Sheet:
    """Axes, colour bars and marks of frames of given places and shapes."""

    def __init__(self, frames: Sequence[Frame]) -> None:
        from matplotlib.figure import Figure

        # Places that are known beforehand: finding them takes longer than to draw.
        self.figure = Figure(figsize=(7.0 * len(frames), 6.2))
        places = {"left": 0.11 / len(frames), "right": 1.0 - 0.06 / len(frames), "wspace": 0.16}
        axes: Any = self.figure.subplots(
            1, len(frames), squeeze=False, gridspec_kw=places | {"bottom": 0.08, "top": 0.93}
        )[0]
        self.title = self.figure.suptitle("")
        self.drawn: list[tuple[Any, Any, Any]] = []
        for axis, frame in zip(axes, frames, strict=True):
            image = _in_pairs(frame.pixels)
            size = 2 if image is not frame.pixels else 1
            rows, columns = image.shape[0] * size, image.shape[1] * size
            extent = (
                frame.column - 0.5,
                frame.column + columns - 0.5,
                frame.row - 0.5,
                frame.row + rows - 0.5,
            )
            shown = axis.imshow(
                image,
                origin="lower",
                cmap="gray",
                extent=extent,
                # A narrow stamp is stretched to be visible; a readout keeps its shape.
                aspect="auto" if rows > 3 * columns else "equal",
                interpolation="nearest" if columns < 100 else "antialiased",
            )
            bar = self.figure.colorbar(shown, ax=axis, shrink=0.8, pad=0.03)
            _mark_detector(axis, frame)
            axis.set(xlabel="column (from 0)", ylabel="row (from 0)")
            place_words(axis, -0.075, -0.125)
            axis.apply_aspect()  # Labels of lines find their places by it.
            self.drawn.append((axis, shown, bar))

    def fill(self, k: int, frame: Frame, caption: str) -> None:
        """Draw a frame's pixels, and its lines of the sky."""
        from astropy.visualization import AsinhStretch, ImageNormalize, ZScaleInterval

        axis, shown, bar = self.drawn[k]
        known = np.isfinite(frame.pixels)
        low, high = ZScaleInterval().get_limits(frame.pixels) if known.any() else (0.0, 1.0)
        # The range above zscale's upper limit shows stars; its lower limit shows virtual pixels.
        top = min(high + 4.0 * (high - low), np.max(frame.pixels, initial=low, where=known))
        norm = ImageNormalize(
            vmin=low, vmax=max(top, low + 1.0), stretch=AsinhStretch(0.1), clip=True
        )
        shown.set_data(_in_pairs(frame.pixels))
        shown.set_norm(norm)
        bar.set_label(f"{frame.unit} per exposure")
        label_evenly(bar)
        axis.set_title(caption, y=1.035, pad=0)
        for lines in list(axis.collections):
            lines.remove()  # with their labels
        _mark_sky(axis, frame)


def _in_pairs(pixels: Array) -> Array:
    """Means of 2 x 2 pixels, if the frame is larger than its picture."""
    if min(pixels.shape) < _LARGE:
        return pixels
    rows, columns = (size // 2 for size in pixels.shape)
    pairs = pixels[: 2 * rows, : 2 * columns].astype(np.float32).reshape(rows, 2, columns, 2)
    return np.asarray(0.25 * (pairs[:, 0, :, 0] + pairs[:, 0, :, 1] + pairs[:, 1, :, 0]
                              + pairs[:, 1, :, 1]))  # fmt: skip


def _mark_detector(axis: Any, frame: Frame) -> None:
    """Draw the visible boundaries of the science pixels and of the amplifiers."""
    rows, columns = frame.pixels.shape
    edges = [SCIENCE_COLUMNS[0] + k * AMPLIFIER_COLUMNS for k in range(5)]
    for edge in edges:
        if frame.column < edge < frame.column + columns:
            axis.axvline(edge - 0.5, color="tab:orange", linewidth=0.6, linestyle=":")
    for edge in SCIENCE_ROWS:
        if frame.row < edge < frame.row + rows:
            axis.axhline(edge - 0.5, color="tab:orange", linewidth=0.6, linestyle=":")
    for letter, first in zip(AMPLIFIERS, edges, strict=False):
        middle = first + 0.5 * AMPLIFIER_COLUMNS
        if frame.column < middle < frame.column + columns:
            axis.text(
                middle,
                frame.row + 0.97 * rows,
                letter,
                color="tab:orange",
                ha="center",
                va="top",
            )


def _mark_sky(axis: Any, frame: Frame) -> None:
    """Draw lines of right ascension and declination if the frame has a solution."""
    wcs = frame.wcs
    if wcs is None:
        return
    rows, columns = frame.pixels.shape
    x, y = np.meshgrid(np.linspace(0, columns - 1, 40), np.linspace(0, rows - 1, 40))
    ra, dec = wcs.all_pix2world(x, y, 0)
    middle = float(ra[20, 20])
    ra = middle + (ra - middle + 180.0) % 360.0 - 180.0  # Continuous across 0 and 360.
    for values, name in ((ra, "RA"), (dec, "Dec")):
        step = _step(float(np.ptp(values)))
        levels = np.arange(np.ceil(values.min() / step), values.max() / step) * step
        if np.isfinite(values).all() and 0 < levels.size < 50:
            lines = axis.contour(
                x + frame.column, y + frame.row, values, levels, colors="tab:cyan", linewidths=0.6
            )
            turn = 360.0 if name == "RA" else 1e9
            axis.clabel(lines, fmt=lambda v, name=name, turn=turn: f"{name} {np.fmod(v, turn):g}")


def _step(span: float) -> float:
    """A round number of degrees that divides a span into about five parts."""
    return next((s for s in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30) if s * 6 > span), 60)
