"""Small pictures of CCDs as text for a page."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np

from tica_fn.detector import SCIENCE_COLUMNS, SCIENCE_ROWS
from tica_fn.fits.blocks import read_blocks
from tica_fn.fits.files import frames_of
from tica_fn.fits.unpack import untiled

__all__ = ["quick_look"]

_SIDE = 128


def quick_look(path: Path, *, turned: bool) -> str:
    """Make a picture of a product's science pixels, as a data URI; empty if it can't be read.

    `turned`: rotate by 180 degrees, as in the camera's frame.
    """
    from PIL import Image

    try:
        # Its checksums were verified when it was written or first seen.
        (frame,) = frames_of(path, untiled(path, read_blocks(path, verify=False)))
    except (OSError, ValueError):
        return ""
    pixels = frame.pixels
    if pixels.shape[0] > SCIENCE_ROWS[1]:
        pixels = pixels[slice(*SCIENCE_ROWS), slice(*SCIENCE_COLUMNS)]
    step = pixels.shape[0] // _SIDE
    # Sum over rows first, which takes a fifth of the time of both axes at once.
    rows = np.add.reduceat(pixels[: step * _SIDE, : step * _SIDE], np.arange(0, step * _SIDE, step))
    small = rows.astype(np.float64).reshape(_SIDE, _SIDE, step).mean(axis=2) / step
    known = small[np.isfinite(small)]
    if not known.size:
        return ""
    low, middle, high = np.percentile(known, [2, 50, 99.7])
    scale = max(middle - low, (high - low) / 50, 1e-9)
    shown = np.arcsinh(np.clip((small - low) / scale, 0, None))
    top = np.arcsinh(max((high - low) / scale, 1e-9))
    grey = np.round(255 * np.clip(np.nan_to_num(shown / top), 0, 1)).astype(np.uint8)
    buffer = io.BytesIO()
    # Row 0 is at the bottom of the picture.
    Image.fromarray(grey[:, ::-1] if turned else grey[::-1]).save(buffer, "png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
