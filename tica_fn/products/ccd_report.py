"""TICA's report of a CCD: amplifier by amplifier, science pixels and overclocks.

Means of rows and of columns, histograms, mean and standard deviation; profiles of overclocks and
smear; and a table of many frames that puts raw and calibrated overclocks side by side.
"""

from __future__ import annotations

from collections.abc import Iterable
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
    SMEAR_ROWS,
    VIRTUAL_COLUMNS,
)
from tica_fn.fits.clocks import spacecraft_times
from tica_fn.fits.whole_files import save_figure
from tica_fn.frame import ADU, Frame
from tica_fn.immutable import Array

__all__ = ["AmplifierNumbers", "draw_ccd", "numbers_of", "overclock_table", "region_of"]

REGIONS = ("science", "overclock")


@attrs.frozen(kw_only=True)
class AmplifierNumbers:
    """Mean and standard deviation of one amplifier's region in one frame."""

    file: str
    camera: int
    ccd: int
    cadence: int | None
    tjd: float
    unit: str
    raw: bool
    amplifier: str
    region: str
    mean: float
    std: float
    pedestal: float


def region_of(frame: Frame, amplifier: int, region: str) -> Array:
    """Pixels of an amplifier: of science, or its last eight overclock columns."""
    if region == "science":
        first = SCIENCE_COLUMNS[0] + amplifier * AMPLIFIER_COLUMNS
        rows, columns = SCIENCE_ROWS, (first, first + AMPLIFIER_COLUMNS)
    else:
        last = OVERCLOCK_COLUMNS[0] + VIRTUAL_COLUMNS * (amplifier + 1)
        rows, columns = (0, ROWS), (last - 8, last)
    place = zip((rows, columns), (frame.row, frame.column), frame.shape, strict=True)
    ranges = [
        slice(*(min(max(edge - start, 0), size) for edge in edges)) for edges, start, size in place
    ]
    return frame.pixels[tuple(ranges)]


def numbers_of(frame: Frame, file: str) -> list[AmplifierNumbers]:
    """Mean and standard deviation of every amplifier and region of a frame, in float64."""
    found = []
    here = None if frame.times is None else spacecraft_times(frame.times)
    tjd = np.nan if here is None else here.mid + here.zero - 2457000.0
    for a, letter in enumerate(AMPLIFIERS):
        for region in REGIONS:
            pixels = region_of(frame, a, region)
            known = pixels[np.isfinite(pixels)].astype(np.float64)
            pedestal = np.nan if frame.pedestals is None else frame.pedestals[a]
            one = AmplifierNumbers(
                file=file,
                camera=frame.camera,
                ccd=frame.ccd,
                cadence=frame.cadence,
                tjd=float(tjd),
                unit=frame.unit,
                raw=frame.unit == ADU and not frame.steps,
                amplifier=letter,
                region=region,
                mean=float(known.mean()) if known.size else np.nan,
                std=float(known.std()) if known.size else np.nan,
                pedestal=float(pedestal),
            )
            found.append(one)
    return found


def overclock_table(numbers: Iterable[AmplifierNumbers]) -> Any:
    """Put the numbers of many frames in a table, raw and calibrated ones of a frame in one row.

    Parameters
    ----------
    numbers : iterable of AmplifierNumbers
        Of raw frames, calibrated ones, or both.

    Returns
    -------
    astropy.table.Table
        One row a frame, amplifier and region: `tjd`, `camera`, `ccd`, `cadence`, `amplifier`,
        `region`, `mean_before` and `std_before` (raw counts, adu), `mean_after` and `std_after`
        (electron), `correction` (the pedestal, adu), `file`; NaN where it was not given.
    """
    from astropy.table import Table

    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in numbers:
        who = one.cadence if one.cadence is not None else one.file
        key = one.camera, one.ccd, who, one.amplifier, one.region
        row = rows.setdefault(key, {"mean_before": np.nan, "std_before": np.nan,
                                    "mean_after": np.nan, "std_after": np.nan,
                                    "correction": np.nan, "file": one.file})  # fmt: skip
        when = "before" if one.raw else "after"
        row |= {
            "tjd": one.tjd, "camera": one.camera, "ccd": one.ccd,
            "cadence": -1 if one.cadence is None else one.cadence, "amplifier": one.amplifier,
            "region": one.region, f"mean_{when}": one.mean, f"std_{when}": one.std,
        }  # fmt: skip
        if not one.raw:
            row |= {"correction": one.pedestal, "file": one.file}
    names = (
        "tjd", "camera", "ccd", "cadence", "amplifier", "region", "mean_before", "std_before",
        "mean_after", "std_after", "correction", "file",
    )  # fmt: skip
    listed = sorted(rows.values(), key=lambda r: (r["camera"], r["ccd"], r["cadence"], r["file"]))
    table = Table({name: [row[name] for row in listed] for name in names})
    units = {"tjd": "d", "mean_before": "adu", "std_before": "adu", "correction": "adu"}
    for name, unit in (units | {"mean_after": "electron", "std_after": "electron"}).items():
        table[name].unit = unit
    return table


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


def _panels(frame: Frame, region: str, path: Path, title: str) -> Path:
    from matplotlib.figure import Figure

    # Places that are known beforehand: finding them takes longer than to draw.
    figure = Figure(figsize=(15.0, 9.5))
    places = {"left": 0.06, "right": 0.985, "bottom": 0.06, "top": 0.91, "wspace": 0.34}
    axes: Any = figure.subplots(3, 4, gridspec_kw=places | {"hspace": 0.42})
    for a, letter in enumerate(AMPLIFIERS):
        pixels = region_of(frame, a, region).astype(np.float64)
        if not pixels.size:
            continue
        of_rows, of_columns, histogram = axes[:, a]
        of_rows.plot(_means(pixels, 1), np.arange(pixels.shape[0]) + frame.row, lw=0.6)
        of_rows.set(title=f"{letter}: mean of rows", xlabel=_unit(frame), ylabel="row (from 0)")
        of_columns.plot(_means(pixels, 0), lw=0.6)
        of_columns.set(
            title=f"{letter}: mean of columns",
            ylabel=_unit(frame),
            xlabel="column of the region (from 0)",
        )
        known = pixels[np.isfinite(pixels)]
        low, high = np.percentile(known, [0.1, 99.0]) if known.size else (0.0, 1.0)
        room = 0.1 * (high - low) or 1.0
        histogram.hist(known, bins=120, range=(low - room, high + room), histtype="step")
        histogram.set(xlabel=_unit(frame), ylabel="pixels", yscale="log")
        histogram.set_title(f"{letter}: mean {known.mean():,.3f}, std {known.std():,.3f}", size=10)
        for axis in axes[:, a]:
            axis.locator_params(axis="x", nbins=4)  # Numbers of six digits stand apart.
    figure.suptitle(title)
    return save_figure(figure, path, dpi=100)


def _means(pixels: Array, axis: int) -> Array:
    """Means along an axis; NaN and infinite pixels count nowhere."""
    known = np.isfinite(pixels)
    count = known.sum(axis=axis)
    total = np.where(known, pixels, 0.0).sum(axis=axis)
    return np.asarray(np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0))


def _unit(frame: Frame) -> str:
    return frame.unit if "/" in frame.unit else f"{frame.unit} per exposure"


def _profiles(frame: Frame, path: Path, title: str) -> Path:
    """Histogram of the science pixels, overclocks by row, smear rows by column, and what it is."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(14.0, 8.0))
    places = {"left": 0.07, "right": 0.985, "bottom": 0.07, "top": 0.93, "wspace": 0.18}
    axes: Any = figure.subplots(2, 2, gridspec_kw=places | {"hspace": 0.22})
    for a, letter in enumerate(AMPLIFIERS):
        science, overclock = (region_of(frame, a, region).astype(float) for region in REGIONS)
        known = science[np.isfinite(science)]
        if known.size:
            low, high = np.percentile(known, [0.1, 99.5])
            span = low, high + 1e-9
            axes[0, 0].hist(known, bins=200, range=span, histtype="step", label=letter)
        if overclock.size:
            rows = np.arange(overclock.shape[0]) + frame.row
            axes[0, 1].plot(rows, _means(overclock, 1), lw=0.6, label=letter)
    axes[0, 0].set(xlabel=_unit(frame), ylabel="science pixels", yscale="log")
    axes[0, 1].set(xlabel="row (from 0)", ylabel=f"mean of overclocks [{_unit(frame)}]")
    first, last = (edge - frame.row for edge in SMEAR_ROWS)
    smear = frame.pixels[max(first, 0) : max(last, 0)].astype(float)
    if smear.size:
        axes[1, 0].plot(np.arange(smear.shape[1]) + frame.column, _means(smear, 0), lw=0.5)
    axes[1, 0].set(xlabel="column (from 0)", ylabel=f"mean of smear rows [{_unit(frame)}]")
    axes[1, 1].axis("off")
    axes[1, 1].text(0.0, 1.0, "\n".join(_words(frame)), va="top", family="monospace", size=9)
    for axis in (axes[0, 0], axes[0, 1]):
        if axis.has_data():
            axis.legend(fontsize=8)
    figure.suptitle(title)
    return save_figure(figure, path, dpi=100)


def _words(frame: Frame) -> list[str]:
    """What a frame is: detector, times, steps, pedestals, solution."""
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
    return said
