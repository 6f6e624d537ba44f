"""The demonstration: real pixels against the mission's own result, and a frame of known truth."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import as_file, files
from pathlib import Path

import attrs
import numpy as np
from astropy.io import fits

from tica_fn.detector import SCIENCE_COLUMNS, SCIENCE_ROWS
from tica_fn.fits.files import read
from tica_fn.fits.model_files import load_models
from tica_fn.fits.target import read_target
from tica_fn.frame import ELECTRON
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.products.report import amplifier_table, robust_scatter, save_picture

__all__ = ["run_demo", "slope_and_scatter"]

_SIRIUS = "tess2018349182459-s0006-0000000322899250-0126-s_tp"
_NEAR_SKY = 2000.0
"""e-/s around the 10th percentile of a column: the rows that are compared."""
_SATURATED = 150_000.0
"""Electrons a read from which on a pixel of the simulation may have bled."""


def run_demo(output: Path, seed: int = 1) -> int:
    """Calibrate the real Sirius file and one simulated full frame, and show what came out."""
    output.mkdir(parents=True, exist_ok=True)
    with as_file(files("tica_fn") / "data" / "example") as example:
        good = _show_sirius(example, output)
        models = load_models(example, 2, 3)
        return 0 if _show_full_frame(example, models, output, seed) and good else 1


def _tica_fn(*arguments: object) -> None:
    """Run the command line as a user does, its output shown."""
    words = [str(argument) for argument in arguments]
    print("$ tica-fn", *words, flush=True)
    subprocess.run([sys.executable, "-m", "tica_fn", *words], check=True)


def slope_and_scatter(ours: Array, theirs: Array) -> tuple[float, float, float]:
    """Compare two columns of fluxes: least-squares line, and scatter about it.

    `ours, theirs`: (rows,) e-/s.
    """
    x = theirs.astype(np.float64)
    near = np.abs(x - np.percentile(x, 10)) < _NEAR_SKY
    slope, offset = np.polyfit(x[near], ours[near].astype(np.float64), 1)
    residual = ours[near] - (slope * x[near] + offset)
    return float(slope), float(offset), float(np.median(np.abs(residual - np.median(residual))))


def _show_sirius(example: Path, output: Path) -> bool:
    print("1. Real pixels: Sirius, sector 6, camera 2, CCD 3, ten 2-minute cadences\n")
    raw = example / f"{_SIRIUS}.fits.gz"
    _tica_fn("calibrate", raw, "--caldir", example, "--outdir", output, "--overwrite")
    result = output / f"{_SIRIUS}.cal.fits"
    ours, theirs = fits.getdata(result, 1)["FLUX"], fits.getdata(raw, 1)["FLUX"]
    print("\ncolumn 675 against the mission's own FLUX, rows near the sky:")
    print("cadence     slope   offset [e-/s]   scatter (MAD) [e-/s]")
    good = True
    for cadence, mine, flux in zip(fits.getdata(raw, 1)["CADENCENO"], ours, theirs, strict=True):
        slope, offset, scatter = slope_and_scatter(mine[:, 0], flux[:, 0])
        good = good and abs(slope - 1.0) < 1e-3 and scatter < 1.5
        print(f"{cadence:7d}  {slope:8.5f}   {offset:13.1f}   {scatter:20.2f}")
    print("(the offset is the smear, which both pipelines take too large: Sirius bleeds into it)")
    target = read_target(raw)
    first = next(target.frames())
    electrons = ours[0] * target.coadds * target.read_s
    pair = [
        ("raw counts", first),
        ("calibrated", attrs.evolve(first, pixels=electrons, unit=ELECTRON)),
    ]
    picture = save_picture(pair, output / "sirius.png", "Sirius, first cadence")
    print(f"picture: {picture}\n")
    return good


def _show_full_frame(example: Path, models: Models, output: Path, seed: int) -> bool:
    from tica_fn.simulate import expected_variance, full_frame, write_spoc_raw

    print("2. A full frame with known truth: the stars of sector 6, camera 2, CCD 3, through the")
    print("   calibration steps backwards with the same real models, Poisson and read noise\n")
    made = full_frame(models, sector=6, exposure_s=1800.0, seed=seed)
    raw = write_spoc_raw(made.frame, output)
    print(f"{len(made.stars)} stars, raw frame: {raw}")
    _tica_fn("calibrate", raw, "--caldir", example, "--outdir", output, "--overwrite")
    calibrated = read(output / f"{raw.stem}.cal.fits")
    science = np.s_[SCIENCE_ROWS[0] : SCIENCE_ROWS[1], SCIENCE_COLUMNS[0] : SCIENCE_COLUMNS[1]]
    truth = made.truth.pixels[science]
    # Bleeding stars falsify the smear of their whole column, as they do in flight.
    full = truth > _SATURATED * made.truth.coadds
    usable = ~np.broadcast_to(full.any(axis=0), truth.shape)
    sigma = np.sqrt(expected_variance(made.truth, models)[science])
    pull = ((calibrated.pixels[science] - truth) / sigma)[usable]
    print("\ncalibrated less truth, in units of the noise:")
    print(f"  mean {pull.mean():+.4f}   standard deviation {pull.std():.4f}   ", end="")
    print(f"robust {robust_scatter(pull):.4f}   within 3 sigma {np.mean(abs(pull) < 3):.4%}")
    print(f"  ({usable.mean():.1%} of the science pixels; columns with a saturated star left out)")
    print("\namplifiers of the calibrated frame:")
    print("\n".join(amplifier_table(calibrated)))
    pair = [("raw", made.frame), ("calibrated", calibrated)]
    picture = save_picture(pair, output / "full_frame.png", "Simulated, sector 6, camera 2, CCD 3")
    print(f"picture: {picture}")
    return bool(abs(pull.mean()) < 0.05 and abs(robust_scatter(pull) - 1.0) < 0.05)
