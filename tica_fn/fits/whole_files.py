"""Tables and pictures, made in memory and written complete or not at all."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from tica_fn.fits.atomic import write_whole

__all__ = ["save_drawn", "save_figure", "save_table"]

_FAST = {"compress_level": 1}


def save_table(table: Any, path: str | os.PathLike[str], form: str = "ascii.ecsv") -> None:
    """Write an astropy table as text."""
    text = io.StringIO()
    table.write(text, format=form)
    write_whole(Path(path).resolve(), [text.getvalue().encode()])


def save_figure(figure: Any, path: str | os.PathLike[str], **options: Any) -> Path:
    """Write a matplotlib figure in the format of the name's ending.

    The layout is computed once instead of twice, and a PNG is compressed fast.
    """
    path = Path(path)
    if not path.suffix:
        path = path.with_name(f"{path.name}.png")
    if layout := figure.get_layout_engine():
        layout.execute(figure)
        figure.set_layout_engine("none")
    if path.suffix == ".png":
        options.setdefault("pil_kwargs", _FAST)
    memory = io.BytesIO()
    figure.savefig(memory, format=path.suffix[1:], **options)
    write_whole(path.resolve(), [memory.getbuffer()])
    return path


def save_drawn(canvas: Any, path: Path) -> Path:
    """Write what was drawn on a canvas of matplotlib as a PNG picture, compressed fast."""
    from matplotlib.image import imsave

    memory = io.BytesIO()
    dpi, pixels = canvas.figure.dpi, canvas.buffer_rgba()
    imsave(memory, pixels, format="png", origin="upper", dpi=dpi, pil_kwargs=_FAST)
    write_whole(path.resolve(), [memory.getbuffer()])
    return path
