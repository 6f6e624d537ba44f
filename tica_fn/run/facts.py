"""Facts about a product for the record: from its headers, its pixels, and its frame."""

from __future__ import annotations

import math
import os
import re
from collections import ChainMap
from collections.abc import Iterator
from itertools import count, takewhile
from pathlib import Path
from typing import Any

import numpy as np

from tica_fn import kernels
from tica_fn.detector import (
    COLUMNS,
    OVERCLOCK_COLUMNS,
    ROWS,
    SCIENCE_COLUMNS,
    SHAPE,
    VIRTUAL_COLUMNS,
)
from tica_fn.fits.clocks import spacecraft_times
from tica_fn.fits.files import read
from tica_fn.fits.provenance import steps_of
from tica_fn.frame import RATE, Frame
from tica_fn.immutable import Array
from tica_fn.quality.pixels import FULL_WELL_E
from tica_fn.run.first_headers import first_headers
from tica_fn.run.outputs import stat_facts
from tica_fn.run.run_job import wcs_options
from tica_fn.run.schema import LETTERS
from tica_fn.wcs.stated import NOT_AS_STATED, fault_of_solution

__all__ = ["facts_of_file", "facts_of_headers", "measured_pixels", "series_name"]

_FIRST_NOISE_ROW = 1
_FITTED = re.compile(r"tica-fn wcs fit: .*centroid (\w+), degree (\d+)(?: of (\d+))?")
_WCS = {
    "RMSA": "rms_arcsec",
    "RMSAP": "rms_pixel",
    "WCSGDF": "good_fraction",
    "WCSBADB": "bad_blocks",
    "WCSDEG": "degree",
    "CRPIX1": "crpix1",
    "CRPIX2": "crpix2",
    "CRVAL1": "crval1",
    "CRVAL2": "crval2",
    "CD1_1": "cd1_1",
    "CD1_2": "cd1_2",
    "CD2_1": "cd2_1",
    "CD2_2": "cd2_2",
}


def series_name(raw_name: str, camera: int, cadence: int | None) -> str:
    """Name of a frame in its camera's time series: the camera frame's name, or one like it.

    SPOC has one file per CCD; the common name of the four is like a camera frame's:
    ``tess<stamp>-<cadence>-<camera>-...``.
    """
    name = raw_name.removesuffix(".gz").removesuffix(".fz")
    words = name.split("-")
    if len(words) >= 6 and words[1].startswith("s") and cadence is not None:
        return f"{words[0]}-{cadence:08d}-{camera}-{'-'.join(words[5:])}"
    return name


def measured_pixels(pixels: Array, coadds: float) -> dict[str, float]:
    """Background mode, saturated and hot pixels, and read noise of a calibrated image.

    `pixels`: (2078, 2136), or (2048, 2048) without collateral; float32 electrons per exposure, or
    uint32 words of a FITS file with such pixels.
    """
    whole = pixels.shape == SHAPE
    if pixels.dtype == np.float32:  # One kernel for both.
        pixels = pixels.byteswap().view(np.uint32)
    sky = pixels[:, SCIENCE_COLUMNS[0] : SCIENCE_COLUMNS[1]] if whole else pixels
    mode, full, hot = kernels.measure_levels(sky, FULL_WELL_E * coadds)
    facts = {"mode": mode, "full_share": full, "hot_share": hot}
    if whole:
        virtual = pixels[_FIRST_NOISE_ROW:ROWS, OVERCLOCK_COLUMNS[0] : COLUMNS]
        if virtual.dtype == np.uint32:
            virtual = np.ascontiguousarray(virtual).view(">f4")
        for a, letter in enumerate(LETTERS):
            last = VIRTUAL_COLUMNS * (a + 1)
            own = virtual[:, last - 8 : last].astype(np.float64)
            facts[f"noise_{letter}"] = float(own.std() / math.sqrt(coadds))
    return {name: float(value) for name, value in facts.items()}


def _number(value: Any) -> float | None:
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if good else None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def facts_of_headers(header: Any) -> dict[str, Any]:
    """Facts in the headers of a product: checksums, flags, provenance, pedestals, solution."""
    hashes = sorted(str(header.get(f"MODSHA{k}", "")) for k in _models_in(header))
    facts: dict[str, Any] = {
        "datasum": str(header.get("DATASUM", "")),
        "checksum": str(header.get("CHECKSUM", "")),
        "input_crc32": str(header.get("RAWCRC", "")),
        "models": " ".join(hashes),
        "steps": " ".join(steps_of(header) or ()),
        "software": str(header.get("PROCVER", header.get("CREATOR", ""))),
        "dquality": _whole(header.get("DQUALITY")),
        "frame_flags": str(header.get("FRAMEFLG", "")),
        "smear": _number(header.get("SMEARLVL")),
    }
    if "WCSGDF" in header:
        facts |= {name: _number(header.get(keyword)) for keyword, name in _WCS.items()}
        facts |= {"wcs": "done", "wcs_options": _wcs_options(header)}
        fault = fault_of_solution(header)
        if fault:  # The figures are those of another solution.
            facts |= dict.fromkeys(_WCS.values())
            facts |= {"wcs": "failed", "wcs_error": f"{NOT_AS_STATED}: {fault}"}
    return facts


def _models_in(header: Any) -> Iterator[int]:
    """Numbers of the models named in a header."""
    return takewhile(lambda k: f"MODFIL{k}" in header, count(1))


def _wcs_options(header: Any) -> str:
    """`wcs_options` of a product from its history, which does not name a file of positions."""
    parts: list[Any] = header.maps if isinstance(header, ChainMap) else [header]
    lines = (line for one in parts for key in ("HISTORY", "COMMENT") for line in one.lines(key))
    found = [match for line in lines if (match := _FITTED.search(line))]
    if not found:
        return ""
    degree = int(found[-1][3] or found[-1][2])
    return wcs_options(found[-1][1], degree, "unknown" if "MIDBTJD" in header else None)


def facts_of_frame(frame: Frame) -> dict[str, Any]:
    """Facts about a calibrated frame."""
    facts: dict[str, Any] = {
        "kind": "frame",
        "camera": frame.camera,
        "ccd": frame.ccd,
        "sector": frame.sector,
        "cadence": frame.cadence,
        "exposure_s": float(frame.exposure_s),
        "coadds": float(frame.coadds),
    }
    if frame.times is not None:
        here = spacecraft_times(frame.times)
        facts["tjd"] = float(here.mid + (here.zero - 2457000.0))
    if frame.pedestals is not None:
        for letter, value in zip(LETTERS, frame.pedestals.tolist(), strict=True):
            facts[f"pedestal_{letter}"] = _number(value)
    return facts


def _merged(headers: list[Any]) -> Any:
    """The header of the image, with the primary header as fallback."""
    primary = headers[0]
    return primary if primary["NAXIS"] or len(headers) < 2 else ChainMap(headers[1], primary)


def facts_of_header_file(path: Path) -> dict[str, Any]:
    """Facts from a product's headers, size and time; its pixels are not read."""
    headers = first_headers(path, 1)
    if not headers[0]["NAXIS"]:
        headers = first_headers(path)
    return facts_of_headers(_merged(headers)) | stat_facts(path)


def facts_of_file(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Everything the record holds about an existing product, which is read, verified, measured.

    Raises
    ------
    BadFileError
        If the file is damaged or not a product.
    """
    path = Path(path)
    headers = first_headers(path)
    header = _merged(headers)
    stamp = stat_facts(path)
    if len(headers) > 1 and str(headers[1].get("EXTNAME", "")).startswith(("PIXELS", "TARGET")):
        from tica_fn.fits.blocks import read_blocks

        read_blocks(path)  # Verifies the sums.
        facts = {"wcs": "none", **facts_of_target(headers)}
    else:
        frame = read(path)
        facts = facts_of_frame(frame)
        scale = np.float32(frame.live_s) if frame.unit == RATE else np.float32(1.0)
        facts |= measured_pixels(frame.pixels * scale, frame.coadds)
        facts["wcs"] = "" if frame.pixels.shape == SHAPE else "none"
    name = str(header.get("RAWFILE", path.name))
    facts["series_name"] = series_name(name, facts["camera"], facts.get("cadence"))
    return {"flags": "", "wcs_error": ""} | facts | facts_of_headers(header) | stamp


def facts_of_target(headers: list[Any]) -> dict[str, Any]:
    """Facts about a target pixel product."""
    header = headers[0]
    return {
        "kind": "target",
        "camera": _whole(header.get("CAMERA")),
        "ccd": _whole(header.get("CCD")),
        "sector": _whole(header.get("SECTOR")),
    }
