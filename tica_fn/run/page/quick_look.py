"""Small pictures of CCDs, as text that a page holds."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np

from tica_fn.detector import SCIENCE_COLUMNS, SCIENCE_ROWS
from tica_fn.fits.files import read

__all__ = ["quick_look"]

_SIDE = 128


def quick_look(path: Path, *, turned: bool) -> str:
    """Make a picture of a product's science pixels, as a data URI; empty where it can't be read.

    `turned`: as the CCD stands in its camera's frame, turned by half.
    """
    from matplotlib.image import imsave

    try:
        pixels = read(path).pixels
    except (OSError, ValueError):
        return ""
    if pixels.shape[0] > SCIENCE_ROWS[1]:
        pixels = pixels[slice(*SCIENCE_ROWS), slice(*SCIENCE_COLUMNS)]
    step = pixels.shape[0] // _SIDE
    small = pixels[: step * _SIDE, : step * _SIDE].reshape(_SIDE, step, _SIDE, step)
    small = small.astype(np.float64).mean(axis=(1, 3))
    known = small[np.isfinite(small)]
    if not known.size:
        return ""
    low, middle, high = np.percentile(known, [2, 50, 99.7])
    scale = max(middle - low, (high - low) / 50, 1e-9)
    shown = np.arcsinh(np.clip((small - low) / scale, 0, None))
    top = np.arcsinh(max((high - low) / scale, 1e-9))
    image = np.clip(np.nan_to_num(shown / top), 0, 1)
    image = image[::-1, ::-1] if turned else image
    buffer = io.BytesIO()
    imsave(buffer, image, cmap="gray", vmin=0, vmax=1, origin="lower", format="png")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
