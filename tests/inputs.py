"""Raw files and model folders for tests, written with astropy alone."""

import hashlib
from importlib.resources import files
from pathlib import Path

import numpy as np
from astropy.io import fits

EXAMPLE = Path(str(files("tica_fn").joinpath("data/example")))
TARGET = next(EXAMPLE.glob("*s_tp.fits.gz"))
TVCOL = next(EXAMPLE.glob("*tvcol*"))
SMROW = next(EXAMPLE.glob("*smrow*"))
STAMP = "tess2018349182459-s0006"

PRIMARY = {
    "SIMDATA": (False, "file is based on simulated data"),
    "ORIGIN": ("NASA/Ames", "institution that made this file"),
    "DATE": ("2019-01-10", "file creation date."),
    "TSTART": (1468.26999, "observation start time in TJD"),
    "TSTOP": (1468.29083, "observation stop time in TJD"),
    "CREATOR": ("22128 FfiExporter", "pipeline job and program"),
    "PROCVER": ("spoc-3.3.57-20190215", "SW version"),
    "FILEVER": ("1.0", "file format version"),
    "IMAGTYPE": ("raw", "FFI image type: raw, cal, uncert"),
    "TELESCOP": ("TESS", "telescope"),
    "INSTRUME": ("TESS Photometer", "detector type"),
    "DATA_REL": (8, "data release version number"),
    "FFIINDEX": (11612, "number of FFI cadence interval of this file"),
}


def image_cards(camera, ccd, exposure_s):
    coadds = exposure_s * 0.4
    return {
        "INHERIT": (True, "inherit the primary header"),
        "EXTNAME": (f"CAMERA.CCD {camera}.{ccd} raw", "name of extension"),
        "EXTVER": (1, "extension version number"),
        "TELESCOP": ("TESS", "telescope"),
        "INSTRUME": ("TESS Photometer", "detector type"),
        "CAMERA": (camera, "Camera number"),
        "CCD": (ccd, "CCD chip number"),
        "EXPOSURE": (round(exposure_s * 0.8 * 0.99 / 86400, 8), "[d] time on source"),
        "TIMEREF": ("SOLARSYSTEM", "barycentric correction applied"),
        "TSTART": (1468.27251, "observation start time in BTJD"),
        "TSTOP": (1468.29335, "observation stop time in BTJD"),
        "INT_TIME": (1.98, "[s] photon accumulation time per frame"),
        "NREADOUT": (int(coadds), "number of reads per cadence"),
        "GAINA": (5.28, "[e-/count] CCD output A gain"),
        "READNOIA": (9.6, "[electrons] read noise CCD output A"),
        "FXDOFF": (209700, "compression fixed offset"),
    }


def raw_ffi(
    path,
    pixels,
    *,
    camera=2,
    ccd=3,
    exposure_s=120,
    image=None,
    primary=None,
    drop=(),
    checksum=True,
):
    """Write a raw full-frame image as the archive holds it; cards can be changed and dropped."""
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.asarray(pixels))])
    hdus[0].header.update({**PRIMARY, **(primary or {})})
    hdus[1].header.update({**image_cards(camera, ccd, exposure_s), **(image or {})})
    for hdu in hdus:
        for keyword in drop:
            hdu.header.remove(keyword, ignore_missing=True)
    hdus.writeto(path, checksum=checksum, overwrite=True)
    return path


def name_of(number=0, camera=2, ccd=3):
    return f"tess{2018349182459 + number}-s0006-{camera}-{ccd}-0126-s_ffir.fits"


def tica_models(folder, bias, flat, camera=2, ccd=3):
    """Write the two models of a CCD as in a TICA folder, whose name the caller chooses."""
    for kind, name, image in (
        ("twodbias", "twoDcorrect", bias),
        ("flatfields", "image", flat),
    ):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        pixels = np.asarray(image, dtype=np.float32)
        fits.PrimaryHDU(pixels).writeto(
            folder / kind / f"cam{camera}_ccd{ccd}_{name}.fits", overwrite=True
        )
    return folder


def hashes(*folders):
    """SHA-256 of every file below some folders, by path."""
    paths = [p for folder in folders for p in sorted(Path(folder).rglob("*")) if p.is_file()]
    return {str(p): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}
