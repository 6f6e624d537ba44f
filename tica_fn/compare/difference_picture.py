"""Draw where two images differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tica_fn.compare.block_maps import COLUMN, ROW, block_size, extremes, has_any, placed
from tica_fn.compare.pair import Hdu, load
from tica_fn.compare.values import unequal
from tica_fn.fits.physical_wcs import origin_of
from tica_fn.fits.whole_files import save_figure
from tica_fn.immutable import Array

__all__ = ["draw_differences"]

_FEW = 50
"""Up to this many differing pixels are ringed."""


def draw_differences(gold: str | Path, test: str | Path, path: str | Path) -> bool:
    """Draw both images and their difference, for every HDU whose pixels differ.

    Parameters
    ----------
    gold, test : path
        Two FITS files.
    path : path
        The picture; its ending decides the format.

    Returns
    -------
    bool
        Whether there was anything to draw.
    """
    rows = [
        (number, old, new)
        for number, (old, new) in enumerate(zip(load(Path(gold)), load(Path(test)), strict=False))
        if old[0] == new[0] == "image" and _differ(old[2], new[2])
    ]
    if not rows:
        return False
    # The object-oriented interface draws without a display and without global state.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(18, 5.5 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(rows), 3, squeeze=False)
    for line, (number, old, new) in zip(axes, rows, strict=True):
        _draw(figure, line, number, old, new)
    figure.suptitle(f"{Path(gold).name}: gold, test, and where they differ")
    save_figure(figure, path, dpi=100)
    return True


def _differ(old: Array | None, new: Array | None) -> bool:
    if old is None or new is None or old.ndim != 2 or old.shape != new.shape:
        return False
    return unequal(old, new) is not None


def _draw(figure: Any, axes: Any, number: int, gold: Hdu, test: Hdu) -> None:
    header = gold[1]
    differs = unequal(gold[2], test[2]).mask  # type: ignore[arg-type, union-attr]
    old, new = (np.asarray(hdu[2], dtype=np.float64) for hdu in (gold, test))
    with np.errstate(invalid="ignore"):
        apart = np.where(differs, np.abs(new - old), 0.0)
    step, origin = block_size(old.shape), origin_of(header)
    place = placed((old.shape[0], old.shape[1]), step, origin)
    unit = str(header.get("BUNIT", "")).strip() or "unit not given"
    if header.get("BSCALE", 1.0) != 1.0:
        unit = "stored number"
    finite = old[np.isfinite(old)]
    low, high = np.percentile(finite, [1, 99]) if finite.size else (0.0, 1.0)
    for axis, title, image in ((axes[0], "gold", old), (axes[1], "test", new)):
        shown = axis.imshow(image[::step, ::step], vmin=low, vmax=high, **place)
        axis.set_title(f"HDU {number}: {title}")
        figure.colorbar(shown, ax=axis, shrink=0.7, label=f"pixel [{unit}]")
    _draw_apart(figure, axes[2], apart, differs, step, place, unit)
    count = int(np.count_nonzero(differs))
    if count <= _FEW:  # A single pixel would hardly be visible.
        ring = {"s": 120, "facecolors": "none", "edgecolors": "red"}
        where_rows, where_columns = np.nonzero(differs)
        axes[2].scatter(where_columns + origin[1], where_rows + origin[0], **ring)
    block = f", largest of {step} x {step} pixels" if step > 1 else ""
    axes[2].set_title(f"HDU {number}: {count} pixel{'s' * (count != 1)} differ{block}")
    for axis in axes:
        axis.set_xlabel(COLUMN)
        axis.set_ylabel(ROW)
        axis.set_xlim(origin[1] - 0.5, origin[1] + old.shape[1] - 0.5)
        axis.set_ylim(origin[0] - 0.5, origin[0] + old.shape[0] - 0.5)


def _draw_apart(
    figure: Any, axis: Any, apart: Array, differs: Array, step: int, place: Any, unit: str
) -> None:
    """Draw differences on a logarithmic scale, and those without a finite size in green."""
    from matplotlib.colors import LogNorm

    axis.set_facecolor("lightgrey")
    sizes = extremes(np.where(np.isfinite(apart), apart, 0.0), step)
    known = sizes[sizes > 0]
    if known.size:
        top = float(known.max())
        scale = LogNorm(vmin=min(float(known.min()), top / 10.0), vmax=top)
        image = np.where(sizes > 0, sizes, np.nan)
        shown = axis.imshow(image, cmap="inferno", norm=scale, **place)
        figure.colorbar(shown, ax=axis, shrink=0.7, label=f"|test - gold| [{unit}]")
    # NaN against a number, infinities, -0 against 0: differences that have no finite size.
    sizeless = has_any(differs & ~(np.isfinite(apart) & (apart > 0)), step)
    if sizeless.any():
        layer = np.zeros((*sizeless.shape, 4))
        layer[sizeless] = (0.0, 0.75, 0.0, 1.0)
        axis.imshow(layer, **place)
        axis.plot([], [], "s", color=(0.0, 0.75, 0.0), label="not finite, or sign of zero")
        axis.legend(loc="upper right")
