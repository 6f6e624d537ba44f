"""Frames as `astropy.nddata.CCDData`, and back."""

from __future__ import annotations

from typing import Any

import numpy as np
from astropy.io import fits
from astropy.nddata import CCDData, InverseVariance, StdDevUncertainty, VarianceUncertainty
from astropy.units import Unit

from tica_fn.errors import FrameError
from tica_fn.frame import Frame, Times
from tica_fn.immutable import Array
from tica_fn.quality.pixels import Pixel
from tica_fn.views.sky import map_header, wcs_of

__all__ = ["from_ccddata", "to_ccddata"]

_BAD = (
    Pixel.SATURATED | Pixel.BLEED_COLUMN | Pixel.MODEL_INVALID | Pixel.COSMIC_RAY | Pixel.NO_DATA
).value
_FACTS = {
    "camera": ("CAMERA", "camera number"),
    "ccd": ("CCD", "CCD number"),
    "exposure_s": ("FRAMESEC", "[s] interval from frame to frame"),
    "coadds": ("COADDS", "exposures of 2 s that were summed"),
    "sector": ("SECTOR", "sector"),
    "cadence": ("CADENCE", "cadence number"),
    "row": ("FRAMEROW", "first pixel's row in the readout, from 0"),
    "column": ("FRAMECOL", "first pixel's column in the readout, from 0"),
}
_TIMES = {
    "start": "FRAMEBEG", "mid": "FRAMEMID", "end": "FRAMEEND", "scale": "FRAMESCL",
    "place": "FRAMEPLC", "zero": "FRAMEZER", "light_d": "FRAMELIT",
}  # fmt: skip
_WHOLE = ("camera", "ccd", "sector", "cadence", "row", "column")
_STRUCTURE = (
    "SIMPLE", "XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "EXTEND", "PCOUNT", "GCOUNT",
    "EXTNAME", "EXTVER", "INHERIT", "NEXTEND", "BSCALE", "BZERO", "BLANK", "BUNIT", "CHECKSUM",
    "DATASUM", "UTYPE", "COMMENT", "HISTORY", "",
)  # fmt: skip


def to_ccddata(frame: Frame) -> CCDData:
    """Make a `CCDData` from a frame, with standard deviations, a mask of bad pixels and the WCS."""
    unusable = ~np.isfinite(frame.pixels)
    if frame.quality is not None:
        unusable |= (frame.quality & _BAD) != 0
    error = None if frame.variance is None else StdDevUncertainty(np.sqrt(frame.variance))
    return CCDData(
        np.array(frame.pixels),
        unit=Unit(frame.unit),
        uncertainty=error,
        mask=unusable,
        flags=None if frame.quality is None else np.array(frame.quality),
        meta=_meta(frame),
        wcs=wcs_of(frame),
    )


def _meta(frame: Frame) -> fits.Header:
    """Header of a frame without the file's structure, plus the fields of the frame."""
    meta = fits.Header()
    maps = map_header(frame)
    for keyword in frame.header:
        if keyword in _STRUCTURE or keyword in maps:
            continue
        value = frame.header[keyword]
        meta[keyword if len(keyword) <= 8 else f"HIERARCH {keyword}"] = value
    for name, (keyword, comment) in _FACTS.items():
        value = getattr(frame, name)
        if value is not None:
            meta[keyword] = (value, comment)
    if frame.times is not None:
        for name, keyword in _TIMES.items():
            meta[keyword] = getattr(frame.times, name)
    for number, step in enumerate(frame.steps, 1):
        meta[f"STEP{number}"] = (step, "step of the calibration")
    return meta


def from_ccddata(ccd: CCDData, /, **given: Any) -> Frame:
    """Make a frame from a `CCDData`; fields missing in its header are given by name."""
    meta: Any = ccd.header
    facts: dict[str, Any] = {}
    for name, (keyword, _) in _FACTS.items():
        value = meta.get(keyword)
        if value is not None and not isinstance(value, fits.card.Undefined):
            facts[name] = int(value) if name in _WHOLE else float(value)
    facts.update(given)
    missing = [name for name in ("camera", "ccd", "exposure_s", "coadds") if name not in facts]
    if missing:
        raise FrameError(
            f"the header of this CCDData does not say {', '.join(missing)}: use "
            f"Frame.from_ccddata(ccd, {missing[0]}=...)"
        )
    if _TIMES["start"] in meta and "times" not in facts:
        facts["times"] = Times(**{name: meta[keyword] for name, keyword in _TIMES.items()})
    facts.setdefault("steps", tuple(meta[k] for k in meta if k[:4] == "STEP" and k[4:].isdigit()))
    header = {k: meta[k] for k in meta if k not in _STRUCTURE}
    if ccd.wcs is not None:
        header.update(ccd.wcs.to_header(relax=True))
        header["CRVAL1P"], header["CRVAL2P"] = facts.get("column", 0) + 1, facts.get("row", 0) + 1
        header |= {name: 1 for name in ("CRPIX1P", "CRPIX2P") if name in header}
    facts.setdefault("header", header)
    pixels, quality = _masked(ccd)
    facts.setdefault("quality", quality)
    return Frame(pixels=pixels, unit=_unit(ccd), variance=_variance(ccd), **facts)


def _masked(ccd: CCDData) -> tuple[Array, Array | None]:
    """Pixels and flags; masked pixels without a flag get NO_DATA."""
    pixels = np.asarray(ccd.data)
    quality = None if ccd.flags is None else np.array(ccd.flags, dtype=np.int32)
    if ccd.mask is None:
        return pixels, quality
    mask = np.broadcast_to(np.asarray(ccd.mask, dtype=bool), pixels.shape)
    if quality is None:
        quality = np.zeros(pixels.shape, dtype=np.int32)
    quality[mask & ((quality & _BAD) == 0)] |= Pixel.NO_DATA.value
    return pixels, quality


def _variance(ccd: CCDData) -> Array | None:
    error = ccd.uncertainty
    if error is None:
        return None
    if not isinstance(error, StdDevUncertainty | VarianceUncertainty | InverseVariance):
        raise FrameError(f"the uncertainty is a {type(error).__name__}, not one of a variance")
    return np.asarray(error.represent_as(VarianceUncertainty).array)


def _unit(ccd: CCDData) -> str:
    for name in ("adu", "electron", "electron / s"):
        if ccd.unit == Unit(name):
            return name
    raise FrameError(f"a frame is in adu, electron or electron / s, not in {ccd.unit}")
