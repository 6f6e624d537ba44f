"""Pictures of solutions: differences over the CCD, and time series of many frames."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from tica_fn.fits.whole_files import save_figure
from tica_fn.immutable import Array
from tica_fn.wcs.comparison import Comparison
from tica_fn.wcs.refstars import ReferenceStars
from tica_fn.wcs.star_blocks import BLOCKS

__all__ = ["draw_comparison", "draw_diagnostics", "draw_reference_stars"]

DPI = 110


def draw_comparison(
    comparison: Comparison, folder: str | os.PathLike[str], names: tuple[str, str] = ("A", "B")
) -> list[Path]:
    """Draw the differences of two solutions as arrows and as a map.

    Parameters
    ----------
    comparison : Comparison
        The differences.
    folder : path-like
        Folder for the pictures; created if needed.
    names : tuple of str
        Names of the two solutions.

    Returns
    -------
    list of pathlib.Path
        ``wcs_quiver.png`` and ``wcs_map.png``.
    """
    figure, axes, folder = _new(folder, 1)
    numbers = comparison.numbers
    shown = _some(comparison)
    largest = max(numbers["max_pixel"], 1e-9)
    arrows = axes[0].quiver(
        comparison.columns[shown] - 1.0,
        comparison.rows[shown] - 1.0,
        comparison.d_columns[shown],
        comparison.d_rows[shown],
        angles="xy",
        scale_units="xy",
        scale=largest / 120.0,
        width=0.002,
    )
    axes[0].quiverkey(arrows, 0.86, 1.02, largest, f"{largest:.2g} pixel", labelpos="E")
    size = f"rms {numbers['rms_arcsec']:.3g}, max {numbers['max_arcsec']:.3g} arcsec"
    title = f"{names[1]}\nless {names[0]}\n{size}"
    _frame(axes[0], title)
    quiver = _save(figure, folder / "wcs_quiver.png")

    figure, axes, folder = _new(folder, 1)
    distance = np.hypot(comparison.d_ra, comparison.d_dec)
    grid = _grid(comparison)
    points: Any
    if grid is None:
        points = axes[0].scatter(
            comparison.columns - 1.0,
            comparison.rows - 1.0,
            c=distance,
            s=14,
            marker="s",
            cmap="viridis",
        )
    else:
        points = axes[0].pcolormesh(
            grid[0] - 1.0, grid[1] - 1.0, distance.reshape(grid[1].size, -1), shading="nearest"
        )
    figure.colorbar(points, ax=axes[0], label="difference [arcsec]")
    _frame(axes[0], title)
    return [quiver, _save(figure, folder / "wcs_map.png")]


def _grid(comparison: Comparison) -> tuple[Any, Any] | None:
    """Columns and rows of a full grid, row by row; None for scattered points such as stars."""
    columns, rows = np.unique(comparison.columns), np.unique(comparison.rows)
    full = np.meshgrid(columns, rows)
    if full[0].size != comparison.columns.size:
        return None
    same = np.array_equal(full[0].ravel(), comparison.columns)
    return (columns, rows) if same and np.array_equal(full[1].ravel(), comparison.rows) else None


def _some(comparison: Comparison) -> Any:
    """About four hundred of the points, evenly over the CCD, so that arrows do not overlap."""
    grid = _grid(comparison)
    if grid is None:
        return slice(None, None, max(1, comparison.columns.size // 400))
    which = np.arange(comparison.columns.size).reshape(grid[1].size, grid[0].size)
    step = max(1, int(np.ceil(np.sqrt(which.size / 500.0))))
    return which[::step, ::step].ravel()


def draw_diagnostics(table: Any, folder: str | os.PathLike[str]) -> list[Path]:
    """Draw the solutions of many frames against time.

    Parameters
    ----------
    table : astropy.table.Table
        From `tica_fn.wcs.diagnose_headers`.
    folder : path-like
        Folder for the picture; created if needed.

    Returns
    -------
    list of pathlib.Path
        ``wcs_residuals.png``, ``wcs_good_stars.png``, ``wcs_drift.png``, ``wcs_roll.png`` and
        ``wcs_scale.png``.
    """
    time = np.asarray(table["tjd"], float)
    if not np.isfinite(time).any():
        time = np.arange(len(table), dtype=float)
    bad = np.asarray(table["flagged"], bool)
    pictures = {
        "wcs_residuals.png": (("RMSA", "RMSB", "RMSF"), "residual of the stars [arcsec]"),
        "wcs_good_stars.png": (("WCSGDF",), "fraction of good stars"),
        "wcs_drift.png": (("drift_columns", "drift_rows"), "pointing drift [pixel]"),
        "wcs_roll.png": (("roll",), "roll against the median frame [arcsec]"),
        "wcs_scale.png": (("scale",), "scale less the median frame's [parts in a million]"),
    }
    made = []
    for name, (keys, label) in pictures.items():
        figure, axes, place = _new(folder, 1)
        # Smaller markers on top: if all stars are bright, the second series hides the first.
        for key, size in zip(keys, (8, 5, 3), strict=False):
            values = np.asarray(table[key], float)
            if key == "scale":
                values = (values - 1.0) * 1e6
            axes[0].plot(time, values, ".", markersize=size, label=key)
            axes[0].plot(time[bad], values[bad], "x", color="red", markersize=6)
        axes[0].set_xlabel("TJD (JD - 2457000, TDB at the spacecraft)")
        axes[0].set_ylabel(label)
        axes[0].ticklabel_format(axis="x", useOffset=False)
        axes[0].legend(loc="best", fontsize=8)
        made.append(_save(figure, place / name))
    return made


def draw_reference_stars(
    pixels: Array, stars: ReferenceStars, folder: str | os.PathLike[str], name: str = ""
) -> Path:
    """Draw reference stars on their reference image, with its 5 x 5 blocks.

    Parameters
    ----------
    pixels : ndarray
        (2078, 2136) image; not modified.
    stars : ReferenceStars
        The stars.
    folder : path-like
        Folder for the picture; created if needed.
    name : str
        Name of the image, for the title and the file name.

    Returns
    -------
    pathlib.Path
        ``wcs_refstars.png``, or ``wcs_refstars_<name>.png``.
    """
    figure, axes, place = _new(folder, 1)
    science = np.asarray(pixels[:2048, 44:2092], float)
    # Blocks of 8 x 8 pixels are shown as their maximum, so that stars stay visible.
    shown = np.nanmax(np.where(np.isfinite(science), science, -np.inf).reshape(256, 8, 256, 8), 3)
    shown = shown.max(axis=1)
    fine = shown[np.isfinite(shown)]
    low, high = np.percentile(fine, [5.0, 99.0]) if fine.size else (0.0, 1.0)
    axes[0].imshow(
        shown,
        origin="lower",
        extent=(43.5, 2091.5, -0.5, 2047.5),
        cmap="gray_r",
        vmin=low,
        vmax=max(high, low + 1.0),
    )
    points = axes[0].scatter(
        stars.columns - 1.0,
        stars.rows - 1.0,
        s=10,
        c=stars.tmag,
        cmap="viridis",
        linewidths=0.0,
    )
    figure.colorbar(points, ax=axes[0], label="TESS magnitude")
    for k in range(1, BLOCKS):
        axes[0].axvline(43.5 + k * 2048.0 / BLOCKS, color="tab:red", linewidth=0.5)
        axes[0].axhline(-0.5 + k * 2048.0 / BLOCKS, color="tab:red", linewidth=0.5)
    count = np.bincount(stars.blocks, minlength=BLOCKS * BLOCKS)
    for block in range(BLOCKS * BLOCKS):
        corner = (43.5 + (block % BLOCKS + 0.03) * 409.6, -0.5 + (block // BLOCKS + 0.03) * 409.6)
        axes[0].text(*corner, str(count[block]), color="tab:red", fontsize=7)
    _frame(axes[0], f"{len(stars)} reference stars {name}".rstrip())
    return _save(figure, place / (f"wcs_refstars_{name}.png" if name else "wcs_refstars.png"))


def _new(folder: str | os.PathLike[str], count: int) -> tuple[Any, list[Any], Path]:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    figure = Figure(figsize=(7.5, 6.5), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, [figure.add_subplot(1, count, k + 1) for k in range(count)], place


def _frame(axes: Any, title: str) -> None:
    axes.set_xlim(43.5, 2091.5)
    axes.set_ylim(-0.5, 2047.5)
    axes.set_aspect("equal")
    axes.set_xlabel("column of the full readout (from 0)")
    axes.set_ylabel("row (from 0)")
    axes.set_title(title, fontsize=9)


def _save(figure: Any, path: Path) -> Path:
    # Without matplotlib's version in the file, equal pictures are equal files.
    return save_figure(figure, path, dpi=DPI, metadata={"Software": None})
