"""Kinds of TESS files: how to recognise and read each, and what it may become.

A new raw format needs a module that reads it and an entry in `KINDS`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import attrs

from tica_fn.detector import CCDS, SHAPE
from tica_fn.errors import BadFileError
from tica_fn.fits.blocks import RawHDU, headers_of
from tica_fn.fits.poc import frame_from_poc, frames_of_camera, is_camera_shape
from tica_fn.fits.spoc import frame_from_spoc, spoc_facts
from tica_fn.fits.spoc_in import frame_from_ffic
from tica_fn.fits.tica_in import frame_from_tica
from tica_fn.frame import Frame
from tica_fn.models import SourceFile

__all__ = ["KINDS", "Counts", "Kind", "kind_by_headers", "kind_of"]

Path = str | os.PathLike[str]
Reader = Callable[[Path, list[RawHDU], SourceFile | None, tuple[int, ...]], tuple[Frame, ...]]


@attrs.frozen(kw_only=True)
class Counts:
    """The HDU with the raw counts of one CCD as plain integers, which can be streamed.

    `facts` reads the arguments of `Frame`, except the pixels, from the headers.
    """

    hdu: int
    facts: Callable[[Path, list[RawHDU]], dict[str, Any]]


@attrs.frozen(kw_only=True)
class Kind:
    """One kind of file.

    `is_one` decides by the headers; `frames` makes the frames of the requested CCDs.  `becomes`
    says what can be made from it: ``"products"`` (one calibrated file per CCD, in any layout),
    ``"camera"`` (four CCDs in one image), ``"ccds"`` (split into raw files), ``"target"``
    (calibrated in its own structure), ``"converted"`` (to SPOC's layout).
    """

    name: str
    what: str
    is_one: Callable[[Sequence[RawHDU]], bool]
    frames: Reader | None
    raw: bool
    ccds: tuple[int, ...] | None = None
    becomes: frozenset[str] = frozenset()
    counts: Counts | None = None


def kind_of(path: Path, hdus: Sequence[RawHDU]) -> Kind:
    """Kind of a TESS FITS file; refuse other files."""
    for kind in KINDS:
        if kind.is_one(hdus):
            return kind
    first = hdus[0].header
    if int(first["NAXIS"]) == 2:
        raise BadFileError(
            f"{path}: an image of {first['NAXIS2']} x {first['NAXIS1']} pixels in the primary HDU "
            "that is not a calibrated product (UNITS = 'electrons')"
        )
    raise BadFileError(
        f"{path}: neither a full-frame image ({SHAPE[0]} x {SHAPE[1]} in HDU 1) nor a target pixel "
        "file (RAW_CNTS in HDU 1)"
    )


def kind_by_headers(path: Path) -> Kind | None:
    """Kind of a file by its first headers alone, or None if it is not a TESS file."""
    hdus: list[RawHDU] = []
    for number, hdu in enumerate(headers_of(path)):
        empty = not int(hdu.header.get("NAXIS", 0))
        if number and empty and len(hdus) == 1:
            continue  # An empty extension before the image.
        hdus.append(hdu)
        if (number == 0 and not empty) or len(hdus) == 3:
            break
    try:
        return kind_of(path, hdus)
    except (OSError, KeyError, ValueError, TypeError):
        return None


def _one(make: Callable[[Path, list[RawHDU], SourceFile | None], Frame]) -> Reader:
    return lambda path, hdus, source, _: (make(path, hdus, source),)


def _is_primary(hdus: Sequence[RawHDU]) -> bool:
    return int(hdus[0].header["NAXIS"]) == 2


def _is_extension(hdus: Sequence[RawHDU]) -> bool:
    return not _is_primary(hdus) and len(hdus) > 1 and hdus[1].header.get("XTENSION") == "IMAGE"


def _in_electrons(header: Mapping[str, Any]) -> bool:
    return str(header.get("UNITS", "")).strip() == "electrons"


def _in_counts(header: Mapping[str, Any]) -> bool:
    return str(header.get("UNITS", "")).strip().lower() in ("", "adu", "dn", "count", "counts")


def _is_camera(hdus: Sequence[RawHDU], *, calibrated: bool) -> bool:
    """Tell whether the primary HDU or HDU 1 contains four CCDs."""
    if not _is_primary(hdus) and not _is_extension(hdus):
        return False
    header = hdus[0 if _is_primary(hdus) else 1].header
    return is_camera_shape(header) and _in_electrons(header) == calibrated


def _is_calibrated(header: Mapping[str, Any], count: int) -> bool:
    """Tell whether the image in HDU 1 is calibrated; `count` is the number of HDUs."""
    said = str(header.get("EXTNAME", "")).strip().endswith("cal") or (
        str(header.get("IMAGTYPE", "")).strip() == "cal"
    )
    return int(header["BITPIX"]) < 0 and (said or count > 2)


def _has_raw_counts(hdus: Sequence[RawHDU]) -> bool:
    header = hdus[1].header if len(hdus) > 1 else {}
    columns = range(1, int(header.get("TFIELDS", 0)) + 1)
    is_table = not _is_primary(hdus) and header.get("XTENSION") == "BINTABLE"
    return is_table and any(header.get(f"TTYPE{n}") == "RAW_CNTS" for n in columns)


KINDS = (
    Kind(
        name="camera product",
        what="a camera frame",
        is_one=partial(_is_camera, calibrated=True),
        frames=frames_of_camera,
        raw=False,
        ccds=CCDS,
    ),
    Kind(
        name="camera",
        what="a camera frame",
        is_one=partial(_is_camera, calibrated=False),
        frames=frames_of_camera,
        raw=True,
        ccds=CCDS,
        becomes=frozenset({"products", "camera", "ccds"}),
    ),
    Kind(
        name="poc",
        what="a raw frame",
        is_one=lambda hdus: (
            _is_primary(hdus) and "CCDNUM" in hdus[0].header and _in_counts(hdus[0].header)
        ),
        frames=_one(frame_from_poc),
        raw=True,
        becomes=frozenset({"products", "camera"}),
    ),
    Kind(
        name="tica",
        what="a calibrated frame",
        is_one=lambda hdus: _is_primary(hdus) and _in_electrons(hdus[0].header),
        frames=_one(frame_from_tica),
        raw=False,
        becomes=frozenset({"converted", "camera"}),
    ),
    Kind(
        name="target",
        what="target pixels",
        is_one=_has_raw_counts,
        frames=None,
        raw=True,
        becomes=frozenset({"target"}),
    ),
    Kind(
        name="ffic",
        what="in SPOC's layout already",
        is_one=lambda hdus: _is_extension(hdus) and _is_calibrated(hdus[1].header, len(hdus)),
        frames=_one(frame_from_ffic),
        raw=False,
    ),
    Kind(
        name="spoc",
        what="a raw frame",
        is_one=_is_extension,
        frames=_one(frame_from_spoc),
        raw=True,
        becomes=frozenset({"products"}),
        counts=Counts(hdu=1, facts=spoc_facts),
    ),
)
"""All kinds; a file is of the first one that matches."""
