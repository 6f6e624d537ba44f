"""Compare astrometry.net's blind solution with ours, on a frame of real stars.

Needs the Debian packages ``astrometry.net`` and ``astrometry-data-tycho2-10-19``; run it as
``python -m benchmarks.blind [SECTOR CAMERA CCD]``.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from benchmarks.wcs import write_frame
from tests.wcs import sky
from tica_fn.cli import main as tica_fn
from tica_fn.wcs import compare_solutions, read_solution, solution_of_header


def main(sector: int = 35, camera: int = 1, ccd: int = 1) -> None:
    """Solve one frame both ways and print the differences."""
    if shutil.which("solve-field") is None:
        sys.exit("solve-field is not installed: apt-get install astrometry.net")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        pixels, truth = sky.frame(sector, camera, ccd, shift=(1.3, -0.8))
        blind = write_frame(folder / "blind.fits", pixels, camera, ccd)
        ours = write_frame(folder / "ours.fits", pixels, camera, ccd)
        stars = folder / "ref.h5"
        tica_fn(["wcs", "refstars", str(ours), "--sector", str(sector), "-o", str(stars)])
        tica_fn(["wcs", "fit", str(ours), "--refstars", str(stars)])
        command = "solve-field --no-plots --no-verify --scale-units arcsecperpix --scale-low 15"
        command += " --scale-high 30 --tweak-order 4 --objs 400 --dir"
        subprocess.run(
            [*command.split(), str(folder), str(blind)], check=True, stdout=subprocess.DEVNULL
        )
        warnings.simplefilter("ignore")  # astrometry.net's own names of units
        found = solution_of_header(fits.getheader(folder / "blind.wcs"))
        pairs = Table.read(folder / "blind.corr")
        own = WCS(fits.getheader(folder / "blind.wcs"))
        ra, dec = own.all_pix2world(pairs["field_x"], pairs["field_y"], 1)
        turn = (ra - pairs["index_ra"]) * np.cos(np.deg2rad(dec)) * 3600.0
        rise = (dec - pairs["index_dec"]) * 3600.0
        scatter = [1.4826 * np.median(np.abs(axis - np.median(axis))) for axis in (turn, rise)]
        print(f"astrometry.net: {len(pairs)} stars, scatter {np.hypot(*scatter):.2f} arcsec")
        numbers = compare_solutions(read_solution(ours), found).numbers
        where = ("median_arcsec", "rms_arcsec", "max_arcsec")
        print("apart:         ", ", ".join(f"{key} {numbers[key]:.2f}" for key in where))
        numbers = compare_solutions(
            solution_of_header(truth.to_header(relax=True)), read_solution(ours)
        ).numbers
        print("ours to truth: ", ", ".join(f"{key} {numbers[key]:.4f}" for key in where))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
