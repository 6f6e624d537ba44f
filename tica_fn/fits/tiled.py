"""Tile-compressed FITS images, the smallest products.

``rice``: pixels are rounded to whole steps (with subtractive dither, so means are unbiased) and
compressed with RICE_1.  The step is a sixteenth of the lowest possible noise of a pixel: the read
noise alone, at 7 electrons per read, less than that of any of the 64 amplifiers.  Rounding adds
1/12 of a step squared to the variance, 0.03 % of it at most.

``gzip2``: lossless; bytes are shuffled and compressed with GZIP_2.

Source: FITS standard 4.0, section 10; Pence et al. 2010 (PASP 122, 1065).
"""

from __future__ import annotations

import math
import os
from functools import partial

import numpy as np

from tica_fn.fits.atomic import write_whole
from tica_fn.fits.cards import Cards, card
from tica_fn.fits.extensions import quality_hdu, tiled_hdu, uncertainty_cards
from tica_fn.fits.hdu_bytes import finished_header
from tica_fn.fits.packed_tiles import rice_hdu, shuffled_rows_hdu
from tica_fn.fits.proof import check_readable
from tica_fn.fits.shared_variance import shared_hdu
from tica_fn.fits.spoc_out import write_spoc
from tica_fn.fits.tica import check_tica, has_comments_for_history, tica_header
from tica_fn.frame import Frame
from tica_fn.immutable import Array

__all__ = ["TILE_COMPRESSION", "quantum", "write_tiled"]

TILE_COMPRESSION = {"rice": "RICE_1", "gzip2": "GZIP_2"}
"""ZCMPTYPE by the name of the compression."""
_LOWEST_READ_NOISE = 7.0
_TRIMMED_SIGMA = 0.917
"""Factor by which on-board cosmic-ray trimming reduces the noise of independent reads."""
_STEPS_IN_NOISE = 16.0
_SUBTRACTIVE_DITHER = 1
_BY_CHECKSUM = -1


def quantum(coadds: float) -> float:
    """Step to which ``rice`` rounds pixels, electron."""
    return _LOWEST_READ_NOISE * _TRIMMED_SIGMA * math.sqrt(coadds) / _STEPS_IN_NOISE


def write_tiled(
    frame: Frame, path: str | os.PathLike[str], method: str = "rice", *, layout: str = "tica"
) -> None:
    """Write a calibrated frame with its images tile-compressed."""
    step = quantum(frame.coadds)
    if layout == "spoc":
        step /= frame.live_s
    image = partial(_packed_image, method=method, step=step)
    # The noise of an empty pixel is only 16 steps; uncertainties need finer ones.
    error = partial(_packed_image, method=method, step=step / _STEPS_IN_NOISE)
    if layout == "spoc":
        write_spoc(frame, path, quality=frame.quality is not None, makers=(image, error))
        return
    check_tica(frame, path)
    origin = frame.row, frame.column
    cards = tica_header(frame, frame.shape, origin, comments=has_comments_for_history(frame, path))
    parts = [finished_header(_EMPTY_PRIMARY, 0), image(cards, frame.pixels)]
    if frame.variance is not None:
        parts.append(error(uncertainty_cards(frame), np.sqrt(frame.variance)))
    if frame.quality is not None:
        parts.append(quality_hdu(frame, path))
    parts += shared_hdu(frame)
    check_readable(path, parts)
    write_whole(path, parts)


_EMPTY_PRIMARY = [
    card("SIMPLE", True, "conforms to FITS standard"),
    card("BITPIX", 8, "array data type"),
    card("NAXIS", 0, "number of array dimensions"),
    card("EXTEND", True, "the image is in an extension"),
]


def _packed_image(cards: Cards, pixels: Array, *, method: str, step: float) -> bytes:
    """Tile-compressed extension of 32-bit reals."""
    pixels = pixels.astype(np.float32, copy=False)
    if method != "rice":
        return shuffled_rows_hdu(cards, pixels)
    said = card("QUANTUM", step, "RICE_1, dithered: pixels are rounded to this step")
    packed = rice_hdu([*cards, said], pixels, step)
    if packed is not None:
        return packed
    return tiled_hdu(
        [*cards, said],
        pixels,
        compression_type=TILE_COMPRESSION[method],
        quantize_level=-step,
        quantize_method=_SUBTRACTIVE_DITHER,
        dither_seed=_BY_CHECKSUM,
    )
