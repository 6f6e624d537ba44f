"""Simulate, calibrate and compare with the truth: chi-square by amplifier and exposure time.

    python -m benchmarks.chi_square

For the four amplifiers of all 16 CCDs and five exposure times: the mean over the science pixels,
away from saturation, of the squared error of the calibrated frame divided by its expected variance.
"""

from __future__ import annotations

import sys
import time

import numpy as np

import tica_fn
from tica_fn.detector import AMPLIFIER_COLUMNS, SCIENCE_COLUMNS
from tica_fn.simulate import Instrument, catalogue_stars, expected_variance, full_frame, make_models

# Exposure time, and whether cosmic rays are trimmed on board (20 s data have all ten exposures).
EXPOSURES = ((1800, True), (600, True), (200, True), (120, True), (20, False))
UNSATURATED = 150_000.0


def chi_square(camera: int, ccd: int, exposure_s: int, mitigation: bool) -> np.ndarray:
    """Mean of z**2 for amplifiers A to D, (4,)."""
    models = make_models(camera, ccd, exposure_s)
    instrument = Instrument(mitigation=mitigation)
    stars = catalogue_stars(6, camera, ccd)
    made = full_frame(
        models, exposure_s=exposure_s, seed=camera * 10 + ccd, stars=stars, instrument=instrument
    )
    out = tica_fn.calibrate(made.frame, models)
    z = (out.pixels - made.truth.pixels) / np.sqrt(
        expected_variance(made.truth, models, instrument)
    )
    # Saturated pixels, and columns that bleed into the smear rows.
    held = made.truth.pixels * models.flat
    z[held > UNSATURATED * made.frame.coadds] = np.nan
    z[:, (held[2058:2068] > 0).any(axis=0)] = np.nan
    first = SCIENCE_COLUMNS[0] + AMPLIFIER_COLUMNS * np.arange(4)
    return np.array([np.nanmean(z[:2048, k : k + AMPLIFIER_COLUMNS] ** 2) for k in first])


def main() -> int:
    """Print the table; 1 if any value is more than 0.02 from 1."""
    started = time.monotonic()
    all_found = []
    print("camera CCD  interval [s]   A       B       C       D")
    for exposure_s, mitigation in EXPOSURES:
        for camera in (1, 2, 3, 4):
            for ccd in (1, 2, 3, 4):
                found = chi_square(camera, ccd, exposure_s, mitigation)
                all_found.append(found)
                numbers = "  ".join(f"{value:.4f}" for value in found)
                print(f"{camera:4d}  {ccd:3d}  {exposure_s:10d}   {numbers}", flush=True)
    found = np.array(all_found)
    print(
        f"{found.size} amplifiers and exposure times: mean {found.mean():.4f}, from "
        f"{found.min():.4f} to {found.max():.4f}; {time.monotonic() - started:.0f} s"
    )
    return int(np.abs(found - 1.0).max() > 0.02)


if __name__ == "__main__":
    sys.exit(main())
