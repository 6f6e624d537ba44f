"""Flagging transients in products by the frames before and after."""

from __future__ import annotations

from pathlib import Path

from tica_fn.errors import FrameError
from tica_fn.fits.atomic import identity_of
from tica_fn.fits.cards import Cards, card
from tica_fn.fits.extensions import QUALITY_NAME, flags_hdu
from tica_fn.fits.files import read
from tica_fn.fits.image_file import open_hdus
from tica_fn.fits.update import update_file
from tica_fn.models import Models
from tica_fn.quality.bits import Pixel
from tica_fn.quality.transients import mark_transients, without_known
from tica_fn.uncertainty.estimate_variance import estimate_variance

__all__ = ["MARK", "mark_product"]

MARK = "TRANSMRK"
"""Keyword of a product whose transients were marked."""


def mark_product(product: Path, before: Path, after: Path, models: Models) -> int | None:
    """Flag a product's transients; return the number of pixels with rays, None if done before."""
    identity = identity_of(product)
    hdus, gzipped = open_hdus(product)
    if any(MARK in hdu.header for hdu in hdus):
        return None
    frame, one, two = (read(path) for path in (product, before, after))
    if frame.quality is None:
        raise FrameError(f"{product}: has no flags to add transients to; calibrate with --quality")
    known = frame if frame.variance is not None else estimate_variance(models)(frame)
    quality = without_known(mark_transients(known, one, two).quality, frame, models)
    assert quality is not None

    def said(cards: Cards) -> Cards:
        return [*cards, card(MARK, True, "COSMIC_RAY: what is bright in this frame alone")]

    update_file(
        product,
        hdus,
        {0: said},
        {QUALITY_NAME: (flags_hdu(frame, quality),)},
        gzipped=gzipped,
        replaces=identity,
    )
    return int((quality & Pixel.COSMIC_RAY.value > 0).sum())
