"""Pictures and tables of frames."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from tica_fn.detector import (
    AMPLIFIER_COLUMNS,
    AMPLIFIERS,
    OVERCLOCK_COLUMNS,
    ROWS,
    SCIENCE_COLUMNS,
    SCIENCE_ROWS,
    VIRTUAL_COLUMNS,
)
from tica_fn.errors import keep_notes
from tica_fn.fits.batch import DONE, Outcome
from tica_fn.fits.files import read_ccds
from tica_fn.fits.names import stem_of
from tica_fn.fits.whole_files import save_figure
from tica_fn.frame import Frame
from tica_fn.immutable import Array
from tica_fn.kernels.medians import MAD_TO_SIGMA
from tica_fn.products.ccd_figures import draw_ccd, place_words
from tica_fn.products.ccd_report import AmplifierNumbers, numbers_of
from tica_fn.quality.frame_flags import pedestals_out_of_family
from tica_fn.views.picture import label_evenly

__all__ = [
    "MeasuredPedestals",
    "amplifier_table",
    "pedestal_remarks",
    "picture_of",
    "report_file",
    "robust_scatter",
    "save_picture",
]

_LARGE = 1800
"""Number of rows and columns from which a picture shows means of 2 x 2 pixels."""


def robust_scatter(values: Array, middle: float = math.nan) -> float:
    """Scatter of values about their median, or a given `middle`, as a standard deviation."""
    if math.isnan(middle):
        middle = np.nanmedian(values)
    return float(MAD_TO_SIGMA * np.nanmedian(np.abs(values - middle)))


def amplifier_table(frame: Frame) -> list[str]:
    """Lines of a table with levels and scatter of each amplifier."""
    names = f"{'':3s} {'median':>12s} {'scatter':>10s} {'overclock':>12s} {'pedestal':>13s}"
    lines = [f"{names}  [{frame.unit}; pedestal in adu]"]
    for a, letter in enumerate(AMPLIFIERS):
        first = SCIENCE_COLUMNS[0] + a * AMPLIFIER_COLUMNS
        science = _part(frame, SCIENCE_ROWS, (first, first + AMPLIFIER_COLUMNS))
        last = OVERCLOCK_COLUMNS[0] + VIRTUAL_COLUMNS * (a + 1)
        overclock = _part(frame, (0, ROWS), (last - 8, last))
        pedestal = np.nan if frame.pedestals is None else frame.pedestals[a]
        middle = _median(science)
        lines.append(
            f"{letter:3s} {middle:12.2f} {robust_scatter(science, middle):10.2f} "
            f"{_median(overclock):12.2f} {pedestal:13.2f}"
        )
    return lines


@attrs.frozen(kw_only=True)
class MeasuredPedestals:
    """Pedestals of one frame, and what identifies comparable frames."""

    source: str
    name: str
    exposure_s: float
    coadds: float
    pedestals: tuple[float, ...]


def pedestal_remarks(measured: Iterable[MeasuredPedestals]) -> list[str]:
    """Sentences about pedestals that are far from those of the other frames."""
    families: dict[tuple[str, float, float], list[MeasuredPedestals]] = {}
    for one in measured:
        families.setdefault((one.name, one.exposure_s, one.coadds), []).append(one)
    said = []
    for (name, _, coadds), family in families.items():
        values = np.array([one.pedestals for one in family])
        for k, a in np.argwhere(pedestals_out_of_family(values, coadds)):
            middle = np.nanmedian(np.delete(values[:, a], k))
            said.append(
                f"{family[k].source}: pedestal {AMPLIFIERS[a]} of {name} is out of family: "
                f"{values[k, a]:.2f} adu, others {middle:.2f}"
            )
    return said


def picture_of(path: Path, outdir: Path) -> Path:
    """Path of the first picture of a file."""
    return outdir / f"{stem_of(path)}.png"


def report_file(
    path: Path, outdir: Path
) -> tuple[Outcome, list[MeasuredPedestals], list[AmplifierNumbers]]:
    """Draw and tabulate the frames of a file; return the outcome, pedestals and numbers."""
    with keep_notes() as notes:
        outcome, measured, numbers = _reported(path, picture_of(path, outdir))
    return attrs.evolve(outcome, notes=tuple(notes)), measured, numbers


def _reported(
    path: Path, target: Path
) -> tuple[Outcome, list[MeasuredPedestals], list[AmplifierNumbers]]:
    frames = read_ccds(path)
    stem = stem_of(path)
    named = [(path.name, frames[0])]
    if len(frames) > 1:
        named = [(frame.name, frame) for frame in frames]
    lines, measured = [], []
    for frame in frames:
        steps = ", ".join(frame.steps) or "none"
        lines.append(f"{path}: {frame.name}, {frame.exposure_s:g} s, steps: {steps}")
        lines += amplifier_table(frame)
        if frame.pedestals is not None:
            one = MeasuredPedestals(
                source=str(path),
                name=frame.name,
                exposure_s=frame.exposure_s,
                coadds=frame.coadds,
                pedestals=tuple(frame.pedestals.tolist()),
            )
            measured.append(one)
    pictures = [save_picture(named, target, path.name * (len(named) > 1))]
    numbers = []
    for frame in frames:
        own = target if len(frames) == 1 else target.with_name(f"{stem}_ccd{frame.ccd}.png")
        pictures += draw_ccd(frame, own, f"{path.name}, {frame.name}")
        numbers += numbers_of(frame, path.name)
    lines += [f"picture: {picture}" for picture in pictures]
    outcome = Outcome(
        source=path, state=DONE, outputs=tuple(pictures), frames=len(frames), lines=tuple(lines)
    )
    return outcome, measured, numbers


def _part(frame: Frame, rows: tuple[int, int], columns: tuple[int, int]) -> Array:
    """The frame's pixels in a part of the readout."""
    place = zip((rows, columns), (frame.row, frame.column), frame.shape, strict=True)
    ranges = [
        slice(*(min(max(edge - start, 0), size) for edge in edges)) for edges, start, size in place
    ]
    return frame.pixels[tuple(ranges)]


def _median(values: Array) -> float:
    return float(np.median(values)) if values.size else math.nan


def save_picture(
    frames: Sequence[tuple[str, Frame]], path: str | os.PathLike[str], title: str = ""
) -> Path:
    """Save frames side by side as a picture that also shows amplifiers and virtual pixels."""
    from astropy.visualization import AsinhStretch, ImageNormalize, ZScaleInterval
    from matplotlib.figure import Figure

    # Places that are known beforehand: finding them takes longer than to draw.
    figure = Figure(figsize=(7.0 * len(frames), 6.2))
    places = {"left": 0.11 / len(frames), "right": 1.0 - 0.06 / len(frames), "wspace": 0.16}
    axes: Any = figure.subplots(
        1, len(frames), squeeze=False, gridspec_kw=places | {"bottom": 0.08, "top": 0.93}
    )[0]
    for axis, (caption, frame) in zip(axes, frames, strict=True):
        known = np.isfinite(frame.pixels)
        low, high = ZScaleInterval().get_limits(frame.pixels) if known.any() else (0.0, 1.0)
        # The range above zscale's upper limit shows stars; its lower limit shows virtual pixels.
        top = min(high + 4.0 * (high - low), np.max(frame.pixels, initial=low, where=known))
        norm = ImageNormalize(
            vmin=low, vmax=max(top, low + 1.0), stretch=AsinhStretch(0.1), clip=True
        )
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
            norm=norm,
            cmap="gray",
            extent=extent,
            # A narrow stamp is stretched to be visible; a readout keeps its shape.
            aspect="auto" if rows > 3 * columns else "equal",
            interpolation="nearest" if columns < 100 else "antialiased",
        )
        label = f"{frame.unit} per exposure"
        bar = figure.colorbar(shown, ax=axis, label=label, shrink=0.8, pad=0.03)
        label_evenly(bar)
        _mark_detector(axis, frame)
        _mark_sky(axis, frame)
        axis.set(title=caption, xlabel="column (from 0)", ylabel="row (from 0)")
        place_words(axis, -0.075, -0.125)
    figure.suptitle(title)
    return save_figure(figure, path, dpi=150)


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
