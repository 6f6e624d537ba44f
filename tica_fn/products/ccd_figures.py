"""Pictures of a CCD as in TICA's report, with axes and labels that are reused.

Making matplotlib's axes, ticks and words, and finding room for them, takes longer than the data.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tica_fn.detector import AMPLIFIERS, SMEAR_ROWS
from tica_fn.fits.clocks import spacecraft_times
from tica_fn.fits.whole_files import save_drawn, save_figure
from tica_fn.frame import Frame
from tica_fn.immutable import Array
from tica_fn.products.ccd_report import REGIONS, region_of
from tica_fn.wcs.stated import fault_of_solution

__all__ = ["draw_ccd", "place_words"]


def draw_ccd(frame: Frame, path: Path, title: str) -> list[Path]:
    """Draw a CCD: twelve panels of science pixels, twelve of overclocks, and profiles.

    Gives ``<stem>_science.png``, ``<stem>_overclock.png`` (where the frame has them) and
    ``<stem>_profiles.png``.
    """
    made = []
    for region in REGIONS:
        if region_of(frame, 0, region).size:
            target = path.with_name(f"{path.stem}_{region}.png")
            made.append(_panels(frame, region, target, f"{title}: {region} pixels"))
    made.append(_profiles(frame, path.with_name(f"{path.stem}_profiles.png"), title))
    return made


class _Panels:
    """Twelve panels whose axes, ticks and labels are made once: they take longer than the data.

    What is the same in every frame is even drawn only once.
    """

    def __init__(self, present: Sequence[bool]) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        # Fixed positions: computing a layout takes longer than drawing.
        self.figure = Figure(figsize=(15.0, 9.5), dpi=100)
        self.canvas: Any = FigureCanvasAgg(self.figure)
        self.backgrounds: dict[Any, Any] = {}
        places = {"left": 0.06, "right": 0.985, "bottom": 0.06, "top": 0.91, "wspace": 0.34}
        axes: Any = self.figure.subplots(3, 4, gridspec_kw=places | {"hspace": 0.42})
        self.title = self.figure.suptitle("")
        self.of_rows, self.of_columns, self.histograms = axes
        self.drawn: dict[int, tuple[Any, Any, Any]] = {}
        for a in np.flatnonzero(present).tolist():
            of_rows, of_columns, histogram = axes[:, a]
            (rows,), (columns,) = of_rows.plot([], lw=0.6), of_columns.plot([], lw=0.6)
            steps = histogram.stairs(np.ones(1), np.arange(2), baseline=0)
            self.drawn[a] = rows, columns, steps
            of_rows.set(title=f"{AMPLIFIERS[a]}: mean of rows", ylabel="row (from 0)")
            of_columns.set(
                title=f"{AMPLIFIERS[a]}: mean of columns", xlabel="column of the region (from 0)"
            )
            _count_in_powers(histogram, "pixels")
            histogram.set_title("", size=10)
            for axis in axes[:, a]:
                axis.locator_params(axis="x", nbins=4)  # Room for numbers of six digits.
                place_words(axis, -0.155, -0.26)

    def fill(self, a: int, pixels: Array, first_row: int, unit: str) -> None:
        """Draw the data of an amplifier's region in its panels."""
        rows, columns, steps = self.drawn[a]
        rows.set_data(_means(pixels, 1), np.arange(pixels.shape[0]) + first_row)
        columns.set_data(np.arange(pixels.shape[1]), _means(pixels, 0))
        known = pixels[np.isfinite(pixels)]
        low, high = np.percentile(known, [0.1, 99.0]) if known.size else (0.0, 1.0)
        room = 0.1 * (high - low) or 1.0
        counts, edges = np.histogram(known, bins=120, range=(low - room, high + room))
        steps.set_data(counts, edges)
        histogram = self.histograms[a]
        mean, std = (found(known, dtype=np.float64) for found in (np.mean, np.std))
        histogram.set_title(f"{AMPLIFIERS[a]}: mean {mean:,.3f}, std {std:,.3f}", size=10)
        histogram.set_xlabel(unit)
        histogram.set_xlim(low - 1.1 * room, high + 1.1 * room)
        histogram.set_ylim(0.5, 2.0 * max(counts.max(initial=1), 1))
        self.of_rows[a].set_xlabel(unit)
        self.of_columns[a].set_ylabel(unit)
        for axis in (self.of_rows[a], self.of_columns[a]):
            axis.relim()
            axis.autoscale_view()

    def save(self, path: Path) -> Path:
        """Draw what differs between frames over the rest, and write the picture."""
        limits = tuple(
            (self.of_rows[a].get_ylim(), self.of_columns[a].get_xlim()) for a in self.drawn
        )
        differing = [self.title]
        for a, data in self.drawn.items():
            counts = self.histograms[a]
            axes = self.of_rows[a].xaxis, self.of_columns[a].yaxis, counts.xaxis, counts.yaxis
            differing += [*axes, *data, counts.title]
        if limits not in self.backgrounds:
            while len(self.backgrounds) >= len(REGIONS):
                self.backgrounds.pop(next(iter(self.backgrounds)))
            try:
                for artist in differing:
                    artist.set_visible(False)
                self.canvas.draw()
                self.backgrounds[limits] = self.canvas.copy_from_bbox(self.figure.bbox)
            finally:
                for artist in differing:
                    artist.set_visible(True)
        self.canvas.restore_region(self.backgrounds[limits])
        for artist in differing:
            self.figure.draw_artist(artist)
        return save_drawn(self.canvas, path)


_kept = threading.local()
"""Figures that a thread reuses."""


def _sheet(kind: type[_Panels] | type[_Profiles], present: tuple[bool, ...]) -> Any:
    """Figure of a kind for the available amplifiers."""
    sheets = _kept.__dict__
    if kind.__name__ not in sheets or sheets[kind.__name__][0] != present:
        sheets[kind.__name__] = present, kind(present)
    return sheets[kind.__name__][1]


def _panels(frame: Frame, region: str, path: Path, title: str) -> Path:
    regions = [region_of(frame, a, region) for a in range(len(AMPLIFIERS))]
    panels: _Panels = _sheet(_Panels, tuple(pixels.size > 0 for pixels in regions))
    for a in panels.drawn:
        panels.fill(a, regions[a], frame.row, _unit(frame))
    panels.title.set_text(title)
    return panels.save(path)


def place_words(axis: Any, below: float, left: float) -> None:
    """Fix the positions of title and labels, which matplotlib would compute each time."""
    axis.set_title(axis.get_title(), y=1.035, pad=0)
    axis.xaxis.set_label_coords(0.5, below)
    axis.yaxis.set_label_coords(left, 0.5)
    for one in (axis.xaxis, axis.yaxis):
        one._get_ticklabel_bboxes = partial(_boxes, one, one._get_ticklabel_bboxes)


def _boxes(axis: Any, measured: Any, *words: Any) -> Any:
    """Boxes of tick labels; none unless they place an offset, because measuring them takes long."""
    return measured(*words) if axis.major.formatter.get_offset() else ([], [])


def _count_in_powers(axis: Any, label: str) -> None:
    """Label a histogram's counts only at powers of ten, as plain numbers."""
    axis.set(ylabel=label, yscale="log")
    axis.yaxis.set_major_formatter("{x:,.0f}")
    axis.minorticks_off()


def _means(pixels: Array, axis: int) -> Array:
    """Means along an axis, without NaN and infinite pixels."""
    known = np.isfinite(pixels)
    if pixels.size and known.all():
        return np.asarray(pixels.mean(axis=axis, dtype=np.float64))
    count = known.sum(axis=axis)
    total = np.where(known, pixels, 0.0).sum(axis=axis, dtype=np.float64)
    return np.asarray(np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0))


def _unit(frame: Frame) -> str:
    return frame.unit if "/" in frame.unit else f"{frame.unit} per exposure"


class _Profiles:
    """Histogram of the science pixels, overclocks by row, smear rows by column, and facts."""

    def __init__(self, present: Sequence[bool]) -> None:
        from matplotlib.figure import Figure

        self.figure = Figure(figsize=(14.0, 8.0))
        places = {"left": 0.07, "right": 0.985, "bottom": 0.07, "top": 0.93, "wspace": 0.18}
        axes: Any = self.figure.subplots(2, 2, gridspec_kw=places | {"hspace": 0.22})
        self.title = self.figure.suptitle("")
        (self.histogram, self.overclocks), (self.smear, told) = axes
        science, overclock = present[: len(AMPLIFIERS)], present[len(AMPLIFIERS) :]
        self.steps = {
            a: self.histogram.stairs(
                np.ones(1), np.arange(2), baseline=0, label=AMPLIFIERS[a], color=f"C{a}"
            )
            for a in np.flatnonzero(science).tolist()
        }
        self.lines = {
            a: self.overclocks.plot([], lw=0.6, label=AMPLIFIERS[a])[0]
            for a in np.flatnonzero(overclock).tolist()
        }
        (self.of_smear,) = self.smear.plot([], lw=0.5)
        _count_in_powers(self.histogram, "science pixels")
        self.overclocks.set_xlabel("row (from 0)")
        self.smear.set_xlabel("column (from 0)")
        told.axis("off")
        self.words = told.text(0.0, 1.0, "", va="top", family="monospace", size=9)
        for axis, drawn in ((self.histogram, self.steps), (self.overclocks, self.lines)):
            if drawn:
                axis.legend(fontsize=8, loc="upper right")
        for axis in (self.histogram, self.overclocks, self.smear):
            place_words(axis, -0.09, -0.12)

    def fill(self, frame: Frame) -> None:
        """Draw a frame's data."""
        spans, most = [], 1
        for a, steps in self.steps.items():
            science = region_of(frame, a, "science")
            known = science[np.isfinite(science)]
            low, high = np.percentile(known, [0.1, 99.5]) if known.size else (0.0, 1.0)
            counts, edges = np.histogram(known, bins=200, range=(low, high + 1e-9))
            steps.set_data(counts, edges)
            spans += [low, high]
            most = max(most, counts.max())
        if spans:
            room = 0.05 * (max(spans) - min(spans)) or 1.0
            self.histogram.set_xlim(min(spans) - room, max(spans) + room)
            self.histogram.set_ylim(0.5, 2.0 * most)
        for a, line in self.lines.items():
            overclock = region_of(frame, a, "overclock")
            line.set_data(np.arange(overclock.shape[0]) + frame.row, _means(overclock, 1))
        first, last = (max(edge - frame.row, 0) for edge in SMEAR_ROWS)
        smear = frame.pixels[first:last]
        columns = np.arange(smear.shape[1] if smear.size else 0) + frame.column
        self.of_smear.set_data(columns, _means(smear, 0) if smear.size else columns)
        self.histogram.set_xlabel(_unit(frame))
        self.overclocks.set_ylabel(f"mean of overclocks [{_unit(frame)}]")
        self.smear.set_ylabel(f"mean of smear rows [{_unit(frame)}]")
        for axis in (self.overclocks, self.smear):
            axis.relim()
            axis.autoscale_view()
        self.words.set_text("\n".join(_words(frame)))


def _profiles(frame: Frame, path: Path, title: str) -> Path:
    present = tuple(
        region_of(frame, a, region).size > 0 for region in REGIONS for a in range(len(AMPLIFIERS))
    )
    profiles = _sheet(_Profiles, present)
    profiles.fill(frame)
    profiles.title.set_text(title)
    return save_figure(profiles.figure, path, dpi=100)


def _words(frame: Frame) -> list[str]:
    """Facts about a frame: detector, times, steps, pedestals, solution."""
    said = [f"{frame.name}, {frame.exposure_s:g} s, {frame.coadds:g} coadds"]
    if frame.sector is not None:
        said.append(f"sector {frame.sector}, cadence {frame.cadence}")
    if frame.times is not None:
        here = spacecraft_times(frame.times)
        zero = here.zero - 2457000.0
        start, end = here.start + zero, here.end + zero
        said.append(f"TJD {start:.5f} to {end:.5f} (TDB)")
    said += ["", "steps:", *(f"  {step}" for step in frame.steps or ("none",))]
    if frame.pedestals is not None:
        values = ", ".join(f"{value:,.2f}" for value in frame.pedestals.tolist())
        said += ["", f"pedestals [adu]: {values}"]
    if "RMSA" in frame.header:
        good, degree = frame.header.get("WCSGDF"), frame.header.get("WCSDEG")
        residual = frame.header["RMSA"]
        said += ["", f"solution: residual {residual} arcsec, good stars {good}, degree {degree}"]
        if fault_of_solution(frame.header):
            said[-1] = "solution: the header does not give the one it states"
    return said
