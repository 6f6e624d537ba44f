"""Camera frames and raw CCDs in the layout of POC/TSO and TICA: one image in the primary HDU."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence

import numpy as np

from tica_fn.detector import AMPLIFIERS, CCDS
from tica_fn.errors import FrameError
from tica_fn.fits.cards import Cards, card
from tica_fn.fits.hdu_bytes import finished_header, image_structure, image_words
from tica_fn.fits.keywords import is_spoc_header
from tica_fn.fits.physical_wcs import physical_cards
from tica_fn.fits.proof import write_product
from tica_fn.fits.provenance import date_card, provenance_cards
from tica_fn.fits.quadrants import place_ccd
from tica_fn.fits.reader_cards import frame_quality, reader_cards, science_pixels
from tica_fn.fits.tica import raw_cards
from tica_fn.frame import ADU, ELECTRON, Frame
from tica_fn.immutable import Array
from tica_fn.models import ModelFile

__all__ = ["write_camera", "write_raw_ccd"]

_OF_ONE_CCD = re.compile(
    r"CAM|CAMERA|CAMNUM|CCD|CCDNUM|SCIPIXS|GAIN_?[A-D]|PEDEST_[A-D]|SMEARLVL|MODFIL\d+|MODSHA\d+|MODVER\d+|MODKIND|"
    r"RAWFILE|RAWCRC|WCS.*|C(TYPE|UNIT|RPIX|RVAL|DELT)\dP?|CD\d_\d|[AB]P?_(\d+_\d+|ORDER|DMAX)|"
    r"RA_TARG|DEC_TARG|RMS[A-Z]+\d?|CTRP(COL|ROW)|FLXWIN|TCCCD|D?QUALITY"
)
_OF_CALIBRATION = re.compile(
    r"NSTEPS|CALSTE?P\d+|UNITS|BUNIT|CREATOR|PROCVER|FILEVER|IMAGTYPE|TICAVER"
)


def write_raw_ccd(frame: Frame, path: str | os.PathLike[str]) -> None:
    """Write the raw pixels of one CCD of a camera frame."""
    if frame.unit != ADU or frame.pixels.dtype != np.int32:
        raise FrameError(f"{path}: raw pixels must be int32 counts, not {frame.pixels.dtype}")
    cards, _ = raw_cards(frame.header)
    own = [
        card("CAMNUM", frame.camera, "camera number"),
        card("CCDNUM", frame.ccd, "CCD number"),
        card("SCIPIXS", science_pixels((0, 0)), "science pixels, 1-based [columns,rows]"),
        *_source_cards(frame),
        *physical_cards(0, 0),
    ]
    _write_image(path, frame.pixels, [*_without(cards, own, "CAM"), *own])


def write_camera(frames: Sequence[Frame], path: str | os.PathLike[str]) -> None:
    """Join the four CCDs of a camera in one image."""
    frames = sorted(frames, key=lambda frame: frame.ccd)
    _check_together(frames, path)
    first = frames[0]
    raw = first.unit == ADU
    kind = np.int32 if raw else np.float32
    rows, columns = first.pixels.shape
    image = np.empty((2 * rows, 2 * columns), dtype=kind)
    for frame in frames:
        place_ccd(image, frame.ccd, frame.pixels)
    cards, _ = raw_cards(first.header)
    kept = [(name, text) for name, text in cards if not _OF_ONE_CCD.fullmatch(name)]
    quality = 0
    for frame in frames:
        quality |= frame_quality(frame)
    own = [
        card("CAM", first.camera, "camera number"),
        card("SCIPIXS", science_pixels((first.row, first.column)), "science pixels of a CCD"),
    ]
    if not raw:
        own += [
            card("CAMNUM", first.camera, "the same, as TICA names it"),
            card("QUAL_BIT", quality, "quality flags of the four frames, SPOC's bits"),
        ]
    if not raw:
        kept = [(name, text) for name, text in kept if not _OF_CALIBRATION.fullmatch(name)]
        own += _calibration_cards(frames)
    _write_image(path, image, [*_without(kept, own), *own])


def _check_together(frames: Sequence[Frame], path: str | os.PathLike[str]) -> None:
    found = tuple(frame.ccd for frame in frames)
    if found != CCDS:
        raise FrameError(f"{path}: a camera frame needs CCDs 1, 2, 3 and 4, not {found}")
    first = frames[0]
    for frame in frames:
        for what, mine, theirs in (
            ("camera", frame.camera, first.camera),
            ("unit", frame.unit, first.unit),
            ("exposure time", frame.exposure_s, first.exposure_s),
            ("cadence", frame.cadence, first.cadence),
            ("size", frame.pixels.shape, first.pixels.shape),
            ("steps", frame.steps, first.steps),
        ):
            if mine != theirs:
                raise FrameError(
                    f"{path}: {what} of CCD {frame.ccd} is {mine}, of CCD {first.ccd} {theirs}"
                )
    if first.unit not in (ADU, ELECTRON) or is_spoc_header(first.header):
        raise FrameError(
            f"{path}: camera frames can hold only raw or calibrated CCDs of POC/TSO files, in "
            "counts or electrons"
        )


def _source_cards(frame: Frame) -> Cards:
    """Name and checksum of the raw file: those in the header, else those of the file itself."""
    source = frame.source
    name = frame.header.get("RAWFILE", source.name if source else None)
    crc32 = frame.header.get("RAWCRC", source.crc32 if source else None)
    if name is None:
        return []
    return [
        card("RAWFILE", name, "file this was made from"),
        card("RAWCRC", crc32, "CRC-32 of its content (unpacked)"),
    ]


def _calibration_cards(frames: Sequence[Frame]) -> Cards:
    first = frames[0]
    files: list[ModelFile] = []
    constants: Cards = []
    for frame in frames:
        said = frame.provenance
        if said is not None:
            files += [file for file in said.files if file not in files]
            constants += [
                card(f"GAIN{frame.ccd}_{x}", gain, f"[electron/adu] gain, CCD {frame.ccd} {x}")
                for x, gain in zip(AMPLIFIERS, said.gain, strict=True)
            ]
        if frame.pedestals is not None:
            constants += [
                card(f"PED{frame.ccd}_{x}", None if value != value else value,
                     f"[adu] pedestal subtracted, CCD {frame.ccd} {x}")
                for x, value in zip(AMPLIFIERS, frame.pedestals.tolist(), strict=True)
            ]  # fmt: skip
    general = [
        (name, text) for name, text in provenance_cards(first) if not _OF_ONE_CCD.fullmatch(name)
    ]
    cards = [
        card("ORIGIN", "tica-fn", "institution or software responsible for this file"),
        date_card(),
        *general,
        *_source_cards(first),
    ]
    if first.provenance is not None:
        cards.append(card("MODKIND", first.provenance.kind, "kind of calibration models"))
    for n, file in enumerate(files, 1):
        cards.append(card(f"MODFIL{n}", file.name, "calibration model"))
        cards.append(card(f"MODSHA{n}", file.sha256))
        if file.version:
            cards.append(card(f"MODVER{n}", file.version, "version of that model"))
    return [
        *cards,
        *constants,
        card("IMAGTYPE", "cal", "calibrated camera frame"),
        card("UNITS", "electrons", "per exposure"),
        *(c for c in reader_cards(first) if not _OF_ONE_CCD.fullmatch(c[0])),
    ]


def _without(cards: Cards, own: Iterable[tuple[str, str]], *names: str) -> Cards:
    dropped = {name for name, _ in own} | set(names)
    return [c for c in cards if c[0] not in dropped]


def _write_image(path: str | os.PathLike[str], pixels: Array, cards: Cards) -> None:
    """Write 32-bit pixels in the primary HDU."""
    data, datasum = image_words(pixels)
    head = finished_header([*image_structure(pixels.shape, pixels.dtype.kind), *cards], datasum)
    write_product(path, [head, data])
