"""Comparison with the mission's frame as a table and as a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tica_fn.compare.block_maps import COLUMN, ROW, block_size, extremes, has_any, placed
from tica_fn.compare.mission import MissionComparison, rows_of
from tica_fn.detector import SCIENCE_COLUMNS, SCIENCE_ROWS
from tica_fn.fits.whole_files import save_figure, save_table
from tica_fn.immutable import Array

__all__ = ["draw_mission", "print_mission", "write_mission"]

_NAMES = ("pixels_of", "amplifier", "low", "high", "pixels", "ratio", "offset", "scatter", "noise")


def print_mission(found: MissionComparison, console: Any) -> None:
    """Print ratio, offset and scatter by amplifier and brightness.

    Parameters
    ----------
    found : MissionComparison
        The comparison.
    console : rich.console.Console
        Where to print.
    """
    from rich.table import Table

    console.print(f"{found.ours} against {found.mission}, science pixels, electron / s")
    table = Table(box=None, pad_edge=False)
    for name in _NAMES:
        table.add_column(name, justify="left" if name in _NAMES[:2] else "right")
    for kind, amplifier, low, high, pixels, ratio, offset, scatter, noise in rows_of(found):
        numbers = (f"{low:.2f}", f"{high:.2f}", str(pixels), f"{ratio:.6f}", f"{offset:+.3f}")
        table.add_row(kind, amplifier, *numbers, f"{scatter:.3f}", f"{noise:.3f}")
    console.print(table)


def write_mission(found: MissionComparison, path: str | Path) -> None:
    """Write the numbers as a table.

    Parameters
    ----------
    found : MissionComparison
        The comparison.
    path : path
        ``.ecsv`` or ``.csv``.

    Raises
    ------
    ValueError
        If the file name has another ending.
    """
    from astropy.table import Table

    formats = {".ecsv": "ascii.ecsv", ".csv": "ascii.csv"}
    path = Path(path)
    if path.suffix not in formats:
        raise ValueError(f"{path}: the name of a table must end in .ecsv or .csv")
    table = Table(rows=rows_of(found), names=_NAMES)
    for name in ("low", "high", "offset", "scatter", "noise"):
        table[name].unit = "electron / s"
    save_table(table, path, formats[path.suffix])


def draw_mission(found: MissionComparison, path: str | Path) -> None:
    """Draw where the frames differ, and ratio and offset by brightness.

    Parameters
    ----------
    found : MissionComparison
        The comparison.
    path : path
        The picture; its ending decides the format.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(16, 5), layout="constrained")
    FigureCanvasAgg(figure)
    where, ratio, offset = figure.subplots(1, 3)
    _draw_map(figure, where, found.difference)
    for letter in sorted({one.amplifier for one in found.bins}):
        bins = [one for one in found.bins if one.amplifier == letter]
        middle = [0.5 * (one.low + one.high) for one in bins]
        ratio.plot(middle, [one.ratio for one in bins], "o-", label=letter)
        offset.errorbar(
            middle, [one.offset for one in bins], [one.scatter for one in bins], fmt="o-"
        )
    for axes, name in ((ratio, "ours / mission"), (offset, "ours - mission [electron/s]")):
        axes.set_xscale("symlog", linthresh=10.0)
        axes.set_xlabel("mission's pixel [electron/s]")
        axes.set_ylabel(name)
    ratio.legend(title="amplifier")
    figure.suptitle(f"{found.ours} against {found.mission}")
    save_figure(figure, path, dpi=100)


def _draw_map(figure: Any, axes: Any, difference: Array) -> None:
    """Draw the largest difference of each block: linear for 99 %, logarithmic beyond."""
    from matplotlib.colors import SymLogNorm

    step = block_size(difference.shape)
    place = placed(
        (difference.shape[0], difference.shape[1]), step, (SCIENCE_ROWS[0], SCIENCE_COLUMNS[0])
    )
    image = extremes(difference, step)
    known = np.abs(image[np.isfinite(image)])
    limit = (float(np.percentile(known, 99)) if known.size else 0.0) or 1.0
    top = max(float(known.max(initial=0.0)), 2.0 * limit)
    scale = SymLogNorm(linthresh=limit, vmin=-top, vmax=top)
    shown = axes.imshow(image, cmap="RdBu_r", norm=scale, **place)
    figure.colorbar(shown, ax=axes, shrink=0.8, label="ours - mission [electron/s]")
    unknown = has_any(np.isnan(difference), step)
    if unknown.any():
        layer = np.zeros((*unknown.shape, 4))
        layer[unknown] = (0.0, 0.75, 0.0, 1.0)
        axes.imshow(layer, **place)
        axes.plot([], [], "s", color=(0.0, 0.75, 0.0), label="NaN in one of them")
        axes.legend(loc="upper right")
    axes.set_title(f"largest difference of {step} x {step} pixels")
    axes.set_xlabel(COLUMN)
    axes.set_ylabel(ROW)
