"""Facts about files other than frames: models, collateral, reference stars, simulated truths."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from tica_fn.detector import SCIENCE_COLUMNS, SCIENCE_ROWS, SHAPE
from tica_fn.errors import BadFileError
from tica_fn.fits.blocks import content, read_blocks
from tica_fn.fits.collateral import is_collateral, read_collateral
from tica_fn.fits.spoc import image_of
from tica_fn.fits.unpack import untiled

__all__ = ["facts_of_other"]

_PACKED = r"(?:\.gz|\.fz)?"
_MODELS = {
    rf"tess\d+-(\d)-(\d)-flat\.fits{_PACKED}": "a flat field (SPOC)",
    rf"tess\d+-(\d)-(\d)-2dblack\.fits{_PACKED}": "a 2-D black, ADU per read (SPOC)",
    rf"cam(\d)_ccd(\d)_image\.fits{_PACKED}": "a flat field (TICA)",
    rf"cam(\d)_ccd(\d)_twoDcorrect\.fits{_PACKED}": "a 2-D bias, ADU per exposure (TICA)",
    rf"row-profile-(\d)-(\d)\.fits{_PACKED}": "1-D blacks of amplifiers over the rows",
    rf"bad-pixels-(\d)-(\d)\.fits{_PACKED}": "a map of hot and dead pixels",
}
_PLACE = (("camera", "CAMERA"), ("CCD", "CCD"))
_KINDS = {"smrow": "smear rows", "tvcol": "trailing virtual columns"}


def facts_of_other(path: Path) -> dict[str, str] | None:
    """Facts by name, if the file's name shows that it is one of these; else None."""
    for pattern, what in _MODELS.items():
        if found := re.fullmatch(pattern, path.name):
            return _model(path, what, found[1], found[2])
    if is_collateral(path):
        return _collateral(path)
    if path.suffix == ".h5":
        return _stars(path)
    if path.name.endswith("_truth.fits"):
        return {"is": "what a simulated frame should be calibrated to", **_images(path)}
    if path.suffix == ".xml":
        return {"is": "constants of the amplifiers (SPOC)"} | _constants(path)
    return None


def _model(path: Path, what: str, camera: str, ccd: str) -> dict[str, str]:
    return {"is": what, "of": f"camera {camera} CCD {ccd}", **_images(path)}


def _images(path: Path) -> dict[str, str]:
    """Checksums and images of a FITS file; full readouts with their median."""
    stored = read_blocks(path, content(path))
    hdus = untiled(path, stored)
    summed = any("DATASUM" in hdu.header or "CHECKSUM" in hdu.header for hdu in stored)
    facts = {"checksums": "right" if summed else "none in the file"}
    for number, hdu in enumerate(hdus):
        header = hdu.header
        if header.get("NAXIS", 0) != 2 or str(header.get("XTENSION", "")).startswith("BINTABLE"):
            continue
        rows, columns = header["NAXIS2"], header["NAXIS1"]
        text = f"{rows} x {columns}"
        if (rows, columns) == SHAPE:
            science = image_of(path, hdu, SHAPE)[slice(*SCIENCE_ROWS), slice(*SCIENCE_COLUMNS)]
            text += f", median of the science pixels {np.nanmedian(science):.7g}"
        facts[f"HDU {number}"] = text
    maker = next((str(h.header["CREATOR"]) for h in hdus if "CREATOR" in h.header), None)
    return facts | ({"made by": maker} if maker else {})


def _collateral(path: Path) -> dict[str, str]:
    found = read_collateral(path)
    rows, columns = found.counts.shape[1:]
    kind = next((text for name, text in _KINDS.items() if name in path.name), "collateral pixels")
    where = [f"{name} {found.said[key]:g}" for name, key in _PLACE if key in found.said]
    return {
        "is": f"{kind} of an amplifier (SPOC)",
        "checksums": "right" if found.checked else "wrong or none: as cut out of a larger file",
        "of": " ".join(where) or "not said",
        "pixels": f"{rows} x {columns} from row {found.row}, column {found.column} (both from 0), "
        f"{len(found.cadences)} cadences",
    }


def _stars(path: Path) -> dict[str, str]:
    from tica_fn.wcs.refstars_file import read_reference_stars

    stars = read_reference_stars(path)
    return {"is": "reference stars of a CCD", "stars": f"{stars.ids.size:,}"}


def _constants(path: Path) -> dict[str, str]:
    from defusedxml.ElementTree import ParseError, parse

    try:
        root = parse(path).getroot()
    except (ParseError, OSError) as error:
        raise BadFileError(f"{path}: not an XML file: {error}") from error
    return {"named": root.tag.rpartition("}")[2], "amplifiers": f"{len(root)}"}
