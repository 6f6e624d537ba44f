"""Frames of the Payload Operations Center (POC, or TSO): four CCDs of a camera in one image.

``tess<stamp>-<cadence>-<camera>-crm-ffi.fits[.gz]``: one HDU of 4156 x 4272 32-bit integers.
`tica-fn split` splits such a file into CCDs in their own layout, with ``CAMNUM`` and ``CCDNUM``;
`tica-fn assemble` joins raw or calibrated CCDs to a camera frame again.
"""

from __future__ import annotations

import os
from typing import Any

from tica_fn.detector import CCDS, SCIENCE_COLUMNS, SHAPE
from tica_fn.fits.blocks import RawHDU
from tica_fn.fits.cards import card
from tica_fn.fits.header import OriginalHeader
from tica_fn.fits.keywords import detector_number, facts_of, number
from tica_fn.fits.provenance import steps_of
from tica_fn.fits.quadrants import CAMERA_SHAPE, TRIMMED_SHAPE, take_ccd
from tica_fn.fits.sizes import size_of
from tica_fn.fits.spoc import image_of, raw_frame
from tica_fn.fits.stored import image_meaning
from tica_fn.frame import ELECTRON, Frame
from tica_fn.immutable import Array, freeze
from tica_fn.models import SourceFile

__all__ = ["frame_from_poc", "frames_of_camera", "is_camera_shape"]

_SHAPES = (CAMERA_SHAPE, (2 * TRIMMED_SHAPE[0], 2 * TRIMMED_SHAPE[1]))


def is_camera_shape(header: Any) -> bool:
    """Tell whether an image has the size of a camera's four CCDs."""
    return int(header["NAXIS"]) == 2 and (int(header["NAXIS2"]), int(header["NAXIS1"])) in _SHAPES


def frames_of_camera(
    path: str | os.PathLike[str],
    hdus: list[RawHDU],
    source: SourceFile | None = None,
    ccds: tuple[int, ...] = CCDS,
) -> tuple[Frame, ...]:
    """Make frames of a camera frame's CCDs."""
    hdu = next(hdu for hdu in hdus if is_camera_shape(hdu.header))
    image, meaning = hdu.stored(), image_meaning(str(path), hdu.header)
    return tuple(
        _frame(path, hdu, freeze(meaning.of(take_ccd(image, ccd))), ccd, source) for ccd in ccds
    )


def frame_from_poc(
    path: str | os.PathLike[str], hdus: list[RawHDU], source: SourceFile | None = None
) -> Frame:
    """Make a frame from a raw CCD that was split from a camera frame."""
    ccd = detector_number(path, hdus[0].header, "CCD")
    return _frame(path, hdus[0], image_of(path, hdus[0], SHAPE), ccd, source)


def _frame(
    path: str | os.PathLike[str], hdu: RawHDU, pixels: Array, ccd: int, source: SourceFile | None
) -> Frame:
    header = hdu.header
    calibrated = str(header.get("UNITS", "")).strip() == "electrons"
    pedestals = [number(path, header, f"PED{ccd}_{letter}") for letter in "ABCD"]
    missing = all(value is None for value in pedestals)
    facts: dict[str, Any] = {
        **facts_of(path, header, ccd=ccd),
        "header": _header_of(hdu, ccd, pixels),
        "source": source,
        "column": SCIENCE_COLUMNS[0] if pixels.shape == TRIMMED_SHAPE else 0,
    }
    if not calibrated:
        return raw_frame(path, hdu, pixels, **facts)
    return Frame(
        pixels=pixels,
        unit=ELECTRON,
        steps=steps_of(header) or (),
        pedestals=None
        if missing
        else [float("nan") if value is None else value for value in pedestals],
        **facts,
    )


def _header_of(hdu: RawHDU, ccd: int, pixels: Array) -> OriginalHeader:
    """Header of one CCD's frame, with its own size."""
    if size_of("", hdu.header) == pixels.shape:
        return OriginalHeader(hdu.text)
    rows, columns = pixels.shape
    said = {"NAXIS1": columns, "NAXIS2": rows, "CCDNUM": ccd}
    return OriginalHeader(hdu.text, added="".join(card(*one)[1] for one in said.items()))
