"""How notebooks show a frame: a small picture, facts and steps."""

from __future__ import annotations

import base64
import html
import io
from typing import Any

import numpy as np

from tica_fn.frame import Frame
from tica_fn.views.picture import norm_of, title_of
from tica_fn.views.sky import time_of, wcs_of

__all__ = ["html_of"]

_SIDE = 320
"""Approximate length of the picture's longer side, pixels."""


def html_of(frame: Frame) -> str:
    """HTML of a frame, without external resources."""
    rows = "".join(
        f"<tr><th style='text-align:left'>{html.escape(name)}</th>"
        f"<td style='text-align:left'>{html.escape(value)}</td></tr>"
        for name, value in facts_shown(frame)
    )
    return (
        "<div style='display:flex;gap:1em;align-items:flex-start;flex-wrap:wrap'>"
        f"<img alt='{html.escape(title_of(frame))}' style='max-width:{_SIDE}px' "
        f"src='data:image/png;base64,{_picture(frame)}'>"
        f"<table><caption>{html.escape(title_of(frame))}</caption>{rows}</table></div>"
    )


def facts_shown(frame: Frame) -> list[tuple[str, str]]:
    """Facts about a frame, in words."""
    known = [
        ("pixels", f"{frame.shape[0]} rows x {frame.shape[1]} columns, {frame.pixels.dtype}"),
        ("unit", frame.unit if "/" in frame.unit else f"{frame.unit} per exposure"),
        ("first pixel", f"row {frame.row}, column {frame.column} (from 0)"),
        ("exposure", f"{frame.exposure_s:g} s, {frame.coadds:g} coadds"),
    ]
    time = time_of(frame)
    if time is not None:
        known.append(("mid time", f"{time.isot} {time.scale.upper()} at the {time.place}"))
    if frame.pedestals is not None:
        known.append(("pedestals", ", ".join(f"{p:.1f}" for p in frame.pedestals) + " adu"))
    world = wcs_of(frame)
    if world is not None:
        ra, dec = world.wcs.crval
        known.append(("WCS", f"reference at {ra:.4f}, {dec:+.4f} deg"))
    planes = [name for name in ("variance", "quality") if getattr(frame, name) is not None]
    if planes:
        known.append(("with", " and ".join(planes)))
    if frame.source is not None:
        known.append(("file", frame.source.name))
    known.append(("steps", " → ".join(frame.steps) or "none yet"))
    return known


def _picture(frame: Frame) -> str:
    """PNG of the pixels in base64; large frames show the maxima of blocks."""
    from PIL import Image

    pixels: Any = np.asarray(frame.pixels, dtype=np.float64)
    step = max(1, -(-max(frame.shape) // _SIDE))
    height, width = (size // step * step for size in frame.shape)
    if height and width:
        blocks = pixels[:height, :width].reshape(height // step, step, width // step, step)
        pixels = blocks[:, 0, :, 0] if step == 1 else blocks.max(axis=(1, 3))
    grey = np.ma.filled(norm_of(frame)(np.nan_to_num(pixels, nan=-np.inf)), 0.0)
    memory = io.BytesIO()
    Image.fromarray((255 * grey[::-1]).astype(np.uint8)).save(memory, "PNG")
    return base64.b64encode(memory.getvalue()).decode("ascii")
