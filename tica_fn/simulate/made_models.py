"""Calibration models that resemble real ones, for use without real ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tica_fn.detector import (
    AMPLIFIER_COLUMNS,
    COLUMNS,
    ROWS,
    SCIENCE_COLUMNS,
    SCIENCE_ROWS,
    amplifier_of_columns,
    amplifiers,
)
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.simulate.raw_file import save

__all__ = ["folder_of", "make_models", "write_models"]

FOLDERS = {1800: "30min", 600: "10min", 240: "04min", 120: "02min", 200: "200sec", 20: "20sec"}
"""Names of exposure times in the names of model folders."""


def make_models(camera: int, ccd: int, exposure_s: float, seed: int = 0) -> Models:
    """Models of one CCD with the structure of real ones.

    Parameters
    ----------
    camera, ccd : int
        Numbers 1 to 4; gains and linearity are the real ones of that CCD.
    exposure_s : float
        Exposure time for which the bias is made, seconds.
    seed : int
        Seed of the random structure.

    Returns
    -------
    Models
        A bias with ringing after the start of the frame, edges of the amplifiers and a column
        pattern; a flat field with vignetting and 0.55 % variation from pixel to pixel, which is
        exactly 1 outside the science pixels.
    """
    random = np.random.default_rng([seed, camera, ccd])
    coadds = exposure_s * 0.4
    return Models(
        camera=camera,
        ccd=ccd,
        bias=(_bias_per_read(random) * coadds).astype(np.float32),
        flat=_flat(random, ccd).astype(np.float32),
        amplifiers=amplifiers(camera, ccd),
        exposure_s=exposure_s,
        kind="simulated",
    )


def _bias_per_read(random: np.random.Generator) -> Array:
    rows = np.arange(ROWS)[:, None]
    amplifier = amplifier_of_columns()
    ringing = 0.6 * np.exp(-rows / 150.0) * np.cos(rows / 40.0)
    pattern = random.normal(0.0, 0.05, COLUMNS) + np.array([0.2, -0.1, 0.0, 0.15])[amplifier]
    edge = (np.arange(COLUMNS) - SCIENCE_COLUMNS[0]) % AMPLIFIER_COLUMNS
    edge_glow = 0.8 * np.exp(-edge / 6.0)
    single = random.normal(0.0, 0.02, (ROWS, COLUMNS))
    return np.asarray(ringing + pattern + edge_glow + 2e-5 * rows + single)


def _flat(random: np.random.Generator, ccd: int) -> Array:
    flat = np.ones((ROWS, COLUMNS))
    science = flat[slice(*SCIENCE_ROWS), slice(*SCIENCE_COLUMNS)]
    rows, columns = np.ogrid[: science.shape[0], : science.shape[1]]
    axis = 2107.0 if ccd in (1, 3) else -57.0
    square = ((columns - axis) ** 2 + (rows - 2099.0) ** 2) / (2.0 * 2100.0**2)
    science *= 1.04 - 0.12 * square
    science *= 1.0 + random.normal(0.0, 0.0055, science.shape)
    return flat


def folder_of(exposure_s: float) -> str:
    """Name of the model folder for an exposure time; `ValueError` if there is none."""
    exposure = round(exposure_s)
    if exposure not in FOLDERS:
        raise ValueError(
            f"no model folder for an exposure time of {exposure_s:g} s; there are folders for "
            f"{', '.join(f'{seconds} s' for seconds in FOLDERS)}"
        )
    return f"calibration_{FOLDERS[exposure]}"


def write_models(models: Models, folder: Path) -> Path:
    """Write models in the folder layout of the reference pipeline.

    Parameters
    ----------
    models : Models
        Models with a bias per exposure.
    folder : Path
        Folder in which ``calibration_<exposure>`` is created, if it does not exist.

    Returns
    -------
    Path
        The folder ``calibration_<exposure>``.

    Raises
    ------
    ValueError
        If there is no folder for that exposure time.
    """
    from astropy.io import fits

    place = Path(folder) / folder_of(models.exposure_s or 0)
    stem = f"cam{models.camera}_ccd{models.ccd}"
    for kind, ending, image in (
        ("twodbias", "twoDcorrect", models.bias),
        ("flatfields", "image", models.flat),
    ):
        (place / kind).mkdir(parents=True, exist_ok=True)
        hdu = fits.PrimaryHDU(np.array(image))
        hdu.header["SIMDATA"] = (True, "file is based on simulated data")
        save(fits.HDUList([hdu]), place / kind / f"{stem}_{ending}.fits")
    return place
