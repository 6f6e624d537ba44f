"""What a file is, what was done to it and with what, in a few lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from tica_fn.clock import is_late
from tica_fn.fits.blocks import RawHDU, content, crc32, read_blocks
from tica_fn.fits.files import frames_of
from tica_fn.fits.header import merged
from tica_fn.fits.keywords import detector_number, number, sector_of, whole_number
from tica_fn.fits.kinds import kind_of
from tica_fn.fits.large import column_of, table_rows
from tica_fn.fits.target import is_cutout, target_of
from tica_fn.fits.unpack import untiled
from tica_fn.frame import Frame
from tica_fn.models import SourceFile
from tica_fn.wcs.stated import NOT_AS_STATED, fault_of_solution

__all__ = ["facts_of_file"]

_MAKERS = ("CREATOR", "TICAVER", "PROCVER", "ORIGIN")


def facts_of_file(path: Path) -> dict[str, str]:
    """Facts about a file by name; its checksums are verified."""
    data = content(path)
    stored = read_blocks(path, data)
    hdus = untiled(path, stored)
    kind = kind_of(path, hdus)
    summed = any("DATASUM" in hdu.header or "CHECKSUM" in hdu.header for hdu in stored)
    headers = [hdu.header for hdu in hdus]
    maker = next((str(h[key]) for h in headers for key in _MAKERS if key in h), "not said")
    facts = {
        "is": _KINDS.get(kind.name, kind.what),
        "checksums": "right" if summed else "none in the file",
        "made by": maker,
    }
    if any(is_late(header) for header in headers):
        facts["clock"] = "about 2 s late (data release): see --time-correction spoc"
    source = SourceFile(name=path.name, crc32=crc32(data))
    if kind.frames is None and is_cutout(headers[0]):
        return facts | {"is": _CUTOUT} | _cut(path, hdus)
    if kind.frames is None:
        pixels = target_of(path, hdus, source)
        rows, columns = pixels.counts.shape[1:]
        facts["of"] = _detector(pixels.camera, pixels.ccd, pixels.sector)
        facts["pixels"] = (
            f"{rows} x {columns} from row {pixels.row}, column {pixels.column} (both from 0), "
            f"{len(pixels.cadences)} cadences of {pixels.exposure_s:g} s"
        )
        return facts | _done(headers)
    frames = frames_of(path, hdus, source)
    first = frames[0]
    facts["of"] = ", ".join(
        [
            f"camera {first.camera} CCD {' '.join(str(frame.ccd) for frame in frames)}",
            *([f"sector {first.sector}"] if first.sector is not None else []),
            *([f"cadence {first.cadence}"] if first.cadence is not None else []),
        ]
    )
    facts["exposure"] = f"{first.exposure_s:g} s, {first.coadds:g} coadds"
    facts["pixels"] = f"{first.shape[0]} x {first.shape[1]} {first.pixels.dtype}, {first.unit}"
    planes = [name for name in ("variance", "quality") if getattr(first, name) is not None]
    if planes:
        facts["and"] = ", ".join(planes)
    facts["steps"] = ", ".join(first.steps) or "none: raw counts"
    facts["solution"] = _solution(headers)
    return facts | _models(first) | _done(headers)


def _solution(headers: list[Any]) -> str:
    """What can be said of the WCS; what shows that it is not the one that was fitted."""
    found = next((header for header in headers if "CTYPE1" in header), None)
    if found is None:
        return "no WCS"
    fault = fault_of_solution(merged(found, headers[0]))
    return f"a WCS, but {NOT_AS_STATED}: {fault}" if fault else "a WCS"


_CUTOUT = "a target pixel file cut out of calibrated frames"
_KINDS = {
    "spoc": "a raw full-frame image (SPOC)",
    "camera": "a raw camera frame (POC/TSO), four CCDs",
    "camera product": "a calibrated camera frame, four CCDs",
    "poc": "a raw CCD of a camera frame (POC/TSO)",
    "tica": "a calibrated frame in TICA's layout",
    "ffic": "a calibrated frame in SPOC's layout",
    "target": "a target pixel file",
}


def _detector(camera: int, ccd: int, sector: int | None) -> str:
    return f"camera {camera} CCD {ccd}" + ("" if sector is None else f", sector {sector}")


def _cut(path: Path, hdus: list[RawHDU]) -> dict[str, str]:
    """Facts of the pixels of a cutout, which may reach beyond the readout."""
    first, header = hdus[0].header, hdus[1].header
    table = table_rows(path, hdus[1])
    fluxes = column_of(path, hdus[1], table, "FLUX")
    times = column_of(path, hdus[1], table, "TIME")
    times = times[np.isfinite(times)]
    place = 1 + (table.dtype.names or ()).index("FLUX")
    row, column = (whole_number(path, header, f"{axis}CRV{place}P") for axis in (2, 1))
    camera, ccd = (detector_number(path, first, name) for name in ("camera", "CCD"))
    sky = [number(path, first, name) for name in ("RA_OBJ", "DEC_OBJ")]
    facts = {
        "of": _detector(camera, ccd, sector_of(path, first)),
        "pixels": " x ".join(map(str, fluxes.shape[1:])) + f", {len(fluxes)} cadences",
    }
    if row is not None and column is not None:
        facts["begins"] = f"row {row - 1}, column {column - 1} (both from 0)"
    if None not in sky:
        facts["around"] = f"{sky[0]:.6f} {sky[1]:+.6f} deg"
    if times.size:
        facts["times"] = f"{times.min():.6f} to {times.max():.6f} (TDB, JD - 2457000)"
    return facts


def _models(frame: Frame) -> dict[str, str]:
    said = frame.provenance
    if said is None:
        return {}
    files = ", ".join(f"{one.name} ({one.sha256[:12]})" for one in said.files)
    return {"models": f"{said.kind}: {files}"}


def _done(headers: list[Any]) -> dict[str, str]:
    """The input that a product's header names."""
    header = next((one for one in headers if "RAWFILE" in one), None)
    if header is None:
        return {}
    return {"made from": f"{header['RAWFILE']} (CRC-32 {header.get('RAWCRC', 'not said')})"}
