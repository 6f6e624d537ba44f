"""What a file is, what was done to it and with what, in a few lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tica_fn.clock import is_late
from tica_fn.fits.blocks import content, crc32, read_blocks
from tica_fn.fits.files import frames_of
from tica_fn.fits.kinds import kind_of
from tica_fn.fits.target import target_of
from tica_fn.fits.unpack import untiled
from tica_fn.frame import Frame
from tica_fn.models import SourceFile

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
    if kind.frames is None:
        pixels = target_of(path, hdus, source)
        rows, columns = pixels.counts.shape[1:]
        facts["of"] = f"camera {pixels.camera} CCD {pixels.ccd}, sector {pixels.sector}"
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
    facts["solution"] = "a WCS" if any("CTYPE1" in header for header in headers) else "no WCS"
    return facts | _models(first) | _done(headers)


_KINDS = {
    "spoc": "a raw full-frame image (SPOC)",
    "camera": "a raw camera frame (POC/TSO), four CCDs",
    "camera product": "a calibrated camera frame, four CCDs",
    "poc": "a raw CCD of a camera frame (POC/TSO)",
    "tica": "a calibrated frame in TICA's layout",
    "ffic": "a calibrated frame in SPOC's layout",
    "target": "a target pixel file",
}


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
