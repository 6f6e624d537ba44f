"""A camera frame as POC/TSO makes them, with models for its four CCDs."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from tica_fn.cli import main
from tica_fn.simulate import Psf, Stars, full_frame, make_models, write_models, write_spoc_raw

CAMERA_NAME = "tess2021039000000-00116470-1-crm-ffi.fits"
CARDS = [
    ("CRM_N", 10, "block of cosmic-ray trimming"),
    ("ORBIT_ID", 77, "orbit"),
    ("ACS_MODE", "FP", "pointing"),
    ("SC_RA", 12.5, "[deg]"),
    ("TJD_ZERO", 2457000.0, ""),
    ("STARTTJD", 2254.1, "start"),
    ("MIDTJD", 2254.1034722222, "middle"),
    ("ENDTJD", 2254.1069444444, "end"),
    ("EXPTIME", 479.25576, "[s]"),
    ("INT_TIME", 600, "[s]"),
    ("PIX_CAT", 0, ""),
    ("REQUANT", 405, ""),
    ("QUAL_BIT", 0, ""),
    ("SPM", 2, ""),
    ("CAM", 1, "camera"),
    ("TIME", 1296829370.0, "GPS"),
    ("CADENCE", 116470, "cadence"),
    ("CRM", True, ""),
    ("FINE", True, ""),
    ("COARSE", False, ""),
    ("RW_DESAT", True, ""),
    ("STRAYLT1", False, ""),
    ("STRAYLT2", True, ""),
]


def camera_header():
    header = fits.Header()
    for keyword, value, comment in CARDS:
        header[keyword] = (value, comment)
    return header


@pytest.fixture(scope="session")
def camera_pixels():
    """(4156, 4272) counts, each CCD with its own level, so that none is taken for another."""
    pixels = np.random.default_rng(35).integers(190_000, 210_000, (4156, 4272), dtype=np.int32)
    pixels[:2078, :2136] += 3_000
    pixels[:2078, 2136:] += 4_000
    pixels[2078:, :2136] += 2_000
    pixels[2078:, 2136:] += 1_000
    return pixels


@pytest.fixture(scope="session")
def camera_file(camera_pixels, tmp_path_factory):
    path = tmp_path_factory.mktemp("poc") / CAMERA_NAME
    fits.PrimaryHDU(camera_pixels, camera_header()).writeto(path, checksum=True)
    return path


@pytest.fixture(scope="session")
def poc_models(tmp_path_factory):
    """Folder of 10-minute models of camera 1."""
    root = tmp_path_factory.mktemp("models")
    for ccd in (1, 2, 3, 4):
        folder = write_models(make_models(1, ccd, 600, seed=7), root)
    assert isinstance(folder, Path)
    return folder


STAR = (1200, 900)
"""Column and row, 0-based, of the one bright star of the simulated SPOC frames."""


@pytest.fixture(scope="session")
def spoc_models(tmp_path_factory):
    return write_models(make_models(2, 3, 1800), tmp_path_factory.mktemp("spoc_models"))


@pytest.fixture(scope="session")
def raw_frames(tmp_path_factory):
    """Three raw SPOC frames that follow each other; the last but one has a momentum dump."""
    models = make_models(2, 3, 1800)
    folder = tmp_path_factory.mktemp("raw")
    stars = Stars(
        columns=[STAR[0], 300.0, 1900.0], rows=[STAR[1], 1500.0, 200.0], tmag=[8.0, 10.0, 11.0]
    )
    paths = []
    for number in range(3):
        frame = full_frame(models, stars=stars, seed=3, number=number, psf=Psf(sigma=0.7)).frame
        path = write_spoc_raw(frame, folder)
        if number == 1:
            with fits.open(path, mode="update", checksum=True) as hdus:
                hdus[1].header["DQUALITY"] = 32
        paths.append(path)
    return paths


def calibrated_with(paths, models, folder, *options):
    """Products of the files with some options, in their order."""
    args = ["calibrate", *map(str, paths), "--caldir", str(models), "--outdir", str(folder)]
    assert main([*args, *options]) == 0
    return sorted(folder.iterdir())


@pytest.fixture(scope="session")
def spoc_products(raw_frames, spoc_models, tmp_path_factory):
    """The three frames in SPOC's layout, plain."""
    folder = tmp_path_factory.mktemp("ffic")
    return calibrated_with(raw_frames, spoc_models, folder, "--layout", "spoc")


@pytest.fixture(scope="session")
def tica_products(raw_frames, spoc_models, tmp_path_factory):
    """The three frames in TICA's layout, gzipped, with uncertainties."""
    folder = tmp_path_factory.mktemp("cal")
    options = ("--compress", "gzip", "--uncertainty")
    return calibrated_with(raw_frames, spoc_models, folder, *options)


@pytest.fixture(scope="session")
def star_position(raw_frames):
    """Where the bright star is in the sky, by the raw header's WCS."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return WCS(fits.getheader(raw_frames[0], 1)).pixel_to_world(*STAR)
