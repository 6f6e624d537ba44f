"""Cards of a product in TICA's layout that current readers need.

Beside TICA's keywords these are the ones that lightkurve and other readers of the mission's files
look for in the image's header: times, camera and CCD, cadence, quality, unit, physical WCS.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tica_fn.fits.cards import Cards, card
from tica_fn.fits.clocks import reader_time_cards
from tica_fn.fits.hlsp import segment_of
from tica_fn.fits.keywords import coadds_of, dquality_of
from tica_fn.fits.physical_wcs import moved_cards, physical_cards
from tica_fn.fits.provenance import software
from tica_fn.frame import Frame

__all__ = ["flag_cards", "frame_quality", "reader_cards", "science_pixels"]


def science_pixels(origin: tuple[int, int]) -> str:
    """Science pixels of an image in the form of ``SCIPIXS``."""
    row, column = origin
    return f"[{45 - column}:{2092 - column},{1 - row}:{2048 - row}]"


def frame_quality(frame: Frame) -> int:
    """Quality of a frame in the mission's bits."""
    return dquality_of(frame.header, frame.camera)


def reader_cards(frame: Frame, origin: tuple[int, int] = (0, 0)) -> Cards:
    """Cards of a product in TICA's layout in addition to the raw header's."""
    raw = frame.header
    quality = frame_quality(frame)
    cards = [
        card("TELESCOP", "TESS", "telescope"),
        card("INSTRUME", "TESS Photometer", "instrument"),
        card("FILTER", "TESS", "bandpass"),
        card("TICAVER", software(), "made by tica-fn in TICA's layout"),
        card("CAMERA", frame.camera, "camera number"),
        card("CCD", frame.ccd, "CCD number"),
    ]
    if frame.sector is not None:
        cards.append(card("SECTOR", frame.sector, "observing sector"))
    segment = segment_of(frame)
    if segment is not None:
        cards.append(card("ORB_SEG", segment, "orbit of the sector, or half of it"))
    if frame.cadence is not None:
        cards += [
            card("CADENCE", frame.cadence, "number of the frame's interval"),
            card("CADENCEN", frame.cadence, "the same, for lightkurve"),
            card("FFIINDEX", frame.cadence, "the same, as SPOC names it"),
        ]
    cards += [
        card("EXPTIME", round(frame.live_s, 6), "[s] time in which light was collected"),
        card("QUALITY", quality, "quality flags of the frame, SPOC's bits"),
        card("DQUALITY", quality, "the same, as SPOC's frames name it"),
        *_quality_bit(raw, quality),
        *_missing(
            raw,
            card("CRM", raw.get("CRMITEN"), "cosmic rays were trimmed on board"),
            card("CRM_N", raw.get("CRBLKSZ"), "exposures in a block of the trimming"),
            card("EQUINOX", 2000.0, "equinox of celestial coordinates"),
        ),
        *_exposure_cards(frame),
        *flag_cards(raw),
        card("BUNIT", "electron", "unit of the image: electrons per exposure"),
        *reader_time_cards(frame),
        *moved_cards(frame.header, origin).values(),
        *physical_cards(*origin),
    ]
    return cards


def _quality_bit(raw: Mapping[str, Any], quality: int) -> Cards:
    """TICA's keyword for the frame's flags, if the raw header differs."""
    if raw.get("QUAL_BIT") == quality:
        return []
    return [card("QUAL_BIT", quality, "the same, as TICA names it")]


def _exposure_cards(frame: Frame) -> Cards:
    """Exposure time and coadds of a frame whose header lacks them."""
    raw = frame.header
    cards = []
    if "INT_TIME" not in raw and "EXPOSURE" not in raw:
        seconds = frame.exposure_s
        whole = int(seconds) if seconds == int(seconds) else seconds
        cards.append(card("INT_TIME", whole, "[s] from one frame to the next"))
    if "NREADOUT" not in raw and not math.isclose(
        frame.coadds, coadds_of("", raw, frame.exposure_s)
    ):
        cards.append(card("NREADOUT", float(frame.coadds), "exposures summed"))
    return cards


def flag_cards(header: Mapping[str, Any]) -> Cards:
    """Card with the frame's flags in words."""
    words = header.get("FRAMEFLG")
    return [] if words is None else [card("FRAMEFLG", words, "flags of the frame by amplifier")]


def _missing(raw: Mapping[str, Any], *cards: tuple[str, str]) -> Cards:
    """The given cards that have a value and are missing in the raw header."""
    return [c for c in cards if c[0] not in raw and c[1][10:].split("/", 1)[0].strip()]
