"""Tables and pictures, made in memory and written whole."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

from tica_fn.fits.atomic import write_whole

__all__ = ["save_figure", "save_table"]


def save_table(table: Any, path: str | os.PathLike[str], form: str = "ascii.ecsv") -> None:
    """Write an astropy table as text."""
    text = io.StringIO()
    table.write(text, format=form)
    write_whole(Path(path).resolve(), [text.getvalue().encode()])


def save_figure(figure: Any, path: str | os.PathLike[str], **options: Any) -> Path:
    """Write a figure of matplotlib in the format that the name's ending says."""
    path = Path(path)
    if not path.suffix:
        path = path.with_name(f"{path.name}.png")
    memory = io.BytesIO()
    figure.savefig(memory, format=path.suffix[1:], **options)
    write_whole(path.resolve(), [memory.getbuffer()])
    return path
