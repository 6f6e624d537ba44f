"""Checking one frame of a delivery: HDUs, checksums, headers, solution and table of stars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tica_fn.fits.blocks import RawHDU, read_blocks
from tica_fn.fits.orbits import orbits_of_sector
from tica_fn.immutable import Array
from tica_fn.run.delivery import FrameName
from tica_fn.wcs.comparison import solution_of_header
from tica_fn.wcs.refstars import ReferenceStars
from tica_fn.wcs.solution import CRPIX, Solution
from tica_fn.wcs.stated import corner_fault, inverse_fault, scale_fault, target_fault

__all__ = ["faults_of_frame"]

STAR_COLUMNS = ("TIC", "FLXCOL", "FLXROW", "FLX", "BKG", "FLXVALID")
_FARTHEST_PIXELS = 0.5
_FARTHEST_POINTING = 100.0
_MEAN_PIXELS, _SPREAD_PIXELS, _SPREAD_TOLERANCE = 0.005, 0.002, 0.05
"""Tolerances for stars against RMSAP; TICA rounds, and leaves out some other stars."""


def faults_of_frame(
    path: Path, name: FrameName, stars: Mapping[tuple[int, int], ReferenceStars]
) -> Iterator[str]:
    """Faults of one frame; `stars` are the delivery's, by camera and CCD."""
    hdus = read_blocks(path, verify=True)
    size = sum(len(hdu.head) + len(hdu.data) for hdu in hdus)
    if path.stat().st_size != size:
        yield f"{path.stat().st_size} bytes, of which its {len(hdus)} HDUs explain {size}"
    for number, hdu in enumerate(hdus):
        for keyword in ("CHECKSUM", "DATASUM"):
            if not str(hdu.header.get(keyword, "")).strip():
                yield f"HDU {number} has no {keyword}"
    if len(hdus) != 2:
        yield f"{len(hdus)} HDUs, not 2"
    header: Any = hdus[0].header
    shape = header.get("NAXIS"), header.get("NAXIS1"), header.get("NAXIS2")
    if shape != (2, 2136, 2078):
        yield f"an image of {shape[1]} x {shape[2]} pixels, not 2136 x 2078"
    elif header.get("BITPIX") in (-32, -64):
        pixels = np.frombuffer(hdus[0].data, f">f{-header['BITPIX'] // 8}", 2136 * 2078)
        if not (np.isfinite(pixels) & (pixels != pixels[0])).any():
            yield "its pixels are all the same, or undefined"
    else:
        yield f"BITPIX is {header.get('BITPIX')}, not -32 or -64"
    yield from _against_name(header, name)
    faults = list(_wcs_cards(header))
    yield from faults
    if len(hdus) < 2:
        return
    table, said = _table(hdus[1])
    yield from said
    if table is not None and not faults:
        yield from _solution(header, table, stars.get((name.camera, name.ccd)))


def _against_name(header: Any, name: FrameName) -> Iterator[str]:
    pairs = (
        ("camera", ("CAMNUM", "CAMERA", "CAM"), name.camera),
        ("CCD", ("CCDNUM", "CCD"), name.ccd),
        ("cadence", ("FFIINDEX", "CADENCE"), name.cadence),
        ("sector", ("SECTOR",), name.sector),
    )
    for what, keywords, wanted in pairs:
        said = {key: header[key] for key in keywords if key in header}
        if not said and what != "sector":
            yield f"the header has no {' or '.join(keywords)}"
        for key, value in said.items():
            if value != wanted:
                yield f"the header says {what} {value} ({key}), the name {wanted}"
    segment = str(header.get("ORB_SEG", "")).strip()
    if segment and not (segment.startswith(name.orbit) or name.orbit.startswith(segment)):
        yield f"the header says orbit {segment}, the name {name.orbit}"
    orbits, number = orbits_of_sector(name.sector), header.get("ORBIT_ID")
    if number is not None and orbits and number not in orbits[int(name.orbit[1]) - 1 :][:1]:
        yield f"the header says orbit {number} (ORBIT_ID), the name {name.orbit}"


def _wcs_cards(header: Any) -> Iterator[str]:
    for key, wanted in (("CTYPE1", "RA---TAN-SIP"), ("CTYPE2", "DEC--TAN-SIP")):
        if header.get(key) != wanted:
            yield f"{key} is {header.get(key)!r}, not {wanted!r}"
    crpix = header.get("CRPIX1"), header.get("CRPIX2")
    if crpix != CRPIX:
        yield f"CRPIX is {crpix}, not {CRPIX}"
    for key in ("CRVAL1", "CRVAL2", "CD1_1", "CD1_2", "CD2_1", "CD2_2"):
        if not _finite(header.get(key)):
            yield f"{key} is {header.get(key)!r}, not a finite number"
    for key in ("A_ORDER", "B_ORDER"):
        if not _finite(header.get(key)) or not header[key]:
            yield f"{key} is {header.get(key)!r}"


def _finite(value: Any) -> bool:
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and bool(np.isfinite(value))
    )


def _table(hdu: RawHDU) -> tuple[Any, list[str]]:
    """The table of stars, and its faults."""
    header: Any = hdu.header
    if str(header.get("XTENSION", "")).strip() != "BINTABLE":
        return None, ["HDU 1 is not a table of stars"]
    kinds = {"K": ">i8", "J": ">i4", "I": ">i2", "E": ">f4", "D": ">f8"}
    fields = []
    for n in range(1, int(header["TFIELDS"]) + 1):
        form = str(header[f"TFORM{n}"]).strip().removeprefix("1")
        if form not in kinds:
            return None, [f"HDU 1: a column of form {form}"]
        fields.append((str(header[f"TTYPE{n}"]).strip(), kinds[form]))
    missing = [name for name in STAR_COLUMNS if name not in dict(fields)]
    if missing:
        return None, [f"the table of stars lacks {', '.join(missing)}"]
    table = np.frombuffer(hdu.data, np.dtype(fields), count=int(header["NAXIS2"]))
    broken = [name for name in STAR_COLUMNS if np.isnan(table[name].astype(float)).any()]
    return table, [f"NaN in {', '.join(broken)}"] if broken else []


def _solution(header: Any, table: Any, stars: ReferenceStars | None) -> Iterator[str]:
    """Check the solution's scale, its inverse and its stars."""
    solution = solution_of_header(header)
    scale = scale_fault(solution)
    if scale:
        yield scale
        return
    plain = filter(None, [inverse_fault(header, solution), target_fault(header, solution)])
    said = [*plain, *_stars(header, solution, table, stars)]
    # What is plain from the stars need not be said of the corners too.
    yield from said or filter(None, [corner_fault(header, solution)])


def _stars(
    header: Any, solution: Solution, table: Any, stars: ReferenceStars | None
) -> Iterator[str]:
    """Check the table of stars, and the solution at them."""
    good = table["FLXVALID"] == 1
    share, found = header.get("WCSGDF"), float(good.sum() / max(good.size, 1))
    if not _finite(share):
        yield "the header has no WCSGDF"
    elif abs(found - share) > 1e-3:
        yield f"WCSGDF is {share}, of the table's stars {found:.6f} are good"
    if stars is None:
        return
    if table.size != len(stars) or not np.array_equal(table["TIC"], stars.ids):
        yield "its table has other stars than the star file"
    elif good.any():
        yield from _residuals(header, solution, table[good], stars.ra[good], stars.dec[good])
    else:
        columns, rows = solution.sky_to_pixel(stars.ra, stars.dec)
        away = _median(np.hypot(columns - stars.columns, rows - stars.rows))
        if not away < _FARTHEST_POINTING:
            yield f"no good star, and {away:.0f} pixels from where the star file has its stars"


def _residuals(header: Any, solution: Solution, table: Any, ra: Array, dec: Array) -> Iterator[str]:
    """Check that the good stars are where the solution puts them, within the header's residual."""
    columns, rows = solution.sky_to_pixel(ra, dec)
    away = np.stack([columns - table["FLXCOL"], rows - table["FLXROW"]])
    typical = _median(np.hypot(*away))
    if not typical < _FARTHEST_PIXELS:
        yield f"its solution puts its stars {typical:.2f} pixels off their measured places"
        return
    said = header.get("RMSAP")
    if not _finite(said) or said < 0 or table.size < 2:
        return
    middle = float(np.hypot(*away.mean(axis=1)))
    spread = float(np.sqrt(np.mean(away.std(axis=1) ** 2)))
    if middle > said + _MEAN_PIXELS:
        yield f"its solution puts its stars {middle:.4f} pixels off on average, RMSAP is {said}"
    if not abs(spread - said) < _SPREAD_TOLERANCE * said + _SPREAD_PIXELS:
        yield f"its good stars scatter by {spread:.4f} pixels about its solution, RMSAP is {said}"


def _median(values: Array) -> float:
    return float(np.nanmedian(values)) if np.isfinite(values).any() else float("inf")
