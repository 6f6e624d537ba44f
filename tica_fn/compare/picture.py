"""A picture of where two images differ."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tica_fn.compare.pair import load
from tica_fn.fits.whole_files import save_figure
from tica_fn.immutable import Array

__all__ = ["draw_differences"]

_LARGEST_SIDE = 600
"""Pixels of a panel; larger images are drawn in blocks, each shown by its largest difference."""

_FEW = 50
"""Pixels that are ringed, where no more differ."""


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
        (f"HDU {number}", old[2], new[2])
        for number, (old, new) in enumerate(zip(load(Path(gold)), load(Path(test)), strict=False))
        if old[0] == new[0] == "image" and _differ(old[2], new[2])
    ]
    if not rows:
        return False
    # The object-oriented interface draws without a display and without global state.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 5 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(rows), 3, squeeze=False)
    for line, (where, old, new) in zip(axes, rows, strict=True):
        _draw(figure, line, where, np.asarray(old), np.asarray(new))
    figure.suptitle(f"{Path(gold).name}: gold, test, and where they differ")
    save_figure(figure, path, dpi=100)
    return True


def _differ(old: Array | None, new: Array | None) -> bool:
    if old is None or new is None or old.ndim != 2 or old.shape != new.shape:
        return False
    equal_nan = old.dtype.kind == "f" and new.dtype.kind == "f"
    return not np.array_equal(old, new, equal_nan=equal_nan)


def _draw(figure: Any, axes: Any, where: str, old: Array, new: Array) -> None:
    old, new = old.astype(np.float64), new.astype(np.float64)
    with np.errstate(invalid="ignore"):
        apart = np.abs(new - old)
    apart[np.isnan(old) & np.isnan(new)] = 0.0
    apart[~np.isfinite(apart)] = np.inf
    finite = old[np.isfinite(old)]
    low, high = np.percentile(finite, [1, 99]) if finite.size else (0.0, 1.0)
    step = max(1, -(-max(old.shape) // _LARGEST_SIDE))
    rows, columns = (-(-n // step) * step for n in old.shape)
    place: dict[str, Any] = {
        "origin": "lower",
        "extent": (-0.5, columns - 0.5, -0.5, rows - 0.5),
        "interpolation": "none",
    }
    for axis, title, image in ((axes[0], "gold", old), (axes[1], "test", new)):
        shown = axis.imshow(image[::step, ::step], vmin=low, vmax=high, **place)
        axis.set_title(f"{where}: {title}")
        figure.colorbar(shown, ax=axis, shrink=0.7)
    blocks = _largest_of_blocks(apart, step)
    shown = axes[2].imshow(np.where(blocks > 0, blocks, np.nan), cmap="inferno", **place)
    where_rows, where_columns = np.nonzero(apart)
    if where_rows.size <= _FEW:  # a pixel alone would hardly be seen
        ring = {"s": 120, "facecolors": "none", "edgecolors": "red"}
        axes[2].scatter(where_columns, where_rows, **ring)
    axes[2].set_facecolor("lightgrey")
    count = where_rows.size
    axes[2].set_title(f"{where}: {count} pixel{'s' * (count != 1)} differ{'s' * (count == 1)}")
    figure.colorbar(shown, ax=axes[2], shrink=0.7)
    for axis in axes:
        axis.set_xlabel("column")
        axis.set_ylabel("row")


def _largest_of_blocks(image: Array, step: int) -> Array:
    rows, columns = (-(-n // step) * step for n in image.shape)
    padded = np.zeros((rows, columns))
    padded[: image.shape[0], : image.shape[1]] = image
    blocks = padded.reshape(rows // step, step, columns // step, step)
    return np.asarray(np.minimum(blocks.max(axis=(1, 3)), np.finfo(np.float64).max))
