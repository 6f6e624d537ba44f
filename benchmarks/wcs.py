"""World Coordinate Solutions: their errors against the truth, and their speed.

``python -m benchmarks.wcs`` prints the error over the CCD for all 16 CCDs of three sectors.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from astropy.io import fits

from tests.wcs import sky
from tica_fn.wcs import (
    compare_solutions,
    find_reference_stars,
    fit_files,
    fit_frame,
    read_image,
    solution_of_header,
    write_reference_stars,
)

Row = tuple[str, str]
SECTORS = (43, 12, 14)
"""Along the ecliptic; across the Galactic plane; the north."""
MID_TJD = 2288.3
FRAMES = 20


def write_frame(path: Path, pixels: np.ndarray, camera: int, ccd: int) -> Path:
    """Write a 10-minute frame in TICA's layout, without a solution."""
    header = fits.Header({"TJD_ZERO": 2457000.0, "INT_TIME": 600, "UNITS": "electrons"})
    header.update({"CAMNUM": camera, "CCDNUM": ccd, "MIDTJD": MID_TJD})
    header.update({"STARTTJD": MID_TJD - 300 / 86400, "ENDTJD": MID_TJD + 300 / 86400})
    fits.PrimaryHDU(pixels, header).writeto(path, checksum=True)
    return path


def measure() -> list[Row]:
    """Rows of the table: speed, and the error on one field."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as place:
        folder = Path(place)
        pixels, _ = sky.frame(35, 1, 1, shift=(1.3, -0.8))
        first = write_frame(folder / "f00.fits", pixels, 1, 1)
        frame = read_image(first).frame
        stars = find_reference_stars(frame, 35)
        start = time.perf_counter()
        stars = find_reference_stars(frame, 35)
        search = time.perf_counter() - start
        write_reference_stars(stars, folder / "ref.h5")
        fit_frame(frame, stars)
        fits_s = []
        for _ in range(15):
            start = time.perf_counter()
            fit_frame(frame, stars)
            fits_s.append(time.perf_counter() - start)
        files = [first]
        for n in range(1, FRAMES):
            files.append(folder / f"f{n:02d}.fits")
            shutil.copy(first, files[-1])
        return [
            ("`wcs`: reference stars of one CCD, in memory", f"{search:.2f} s"),
            ("`wcs`: fit of one frame, in memory", f"{np.median(fits_s) * 1e3:.0f} ms"),
            (
                "`wcs fit`: a frame in a batch, read, solved, written, verified",
                _batch(files, folder),
            ),
        ]


def _batch(files: list[Path], folder: Path) -> str:
    """Median time from one frame of a batch to the next, a single job."""
    ends = []
    for _, _, error in fit_files(files, folder / "ref.h5"):
        if error is not None:
            raise error
        ends.append(time.perf_counter())
    return f"{np.median(np.diff(ends)) * 1e3:.0f} ms"


def errors(sector: int, camera: int, ccd: int, psf: object) -> tuple[float, float, float]:
    """Rms and largest error over the science area, and RMSA, all in arcsec."""
    rng = np.random.default_rng(sector * 100 + camera * 10 + ccd)
    shift = tuple(rng.uniform(-4, 4, 2))
    pixels, truth = sky.frame(sector, camera, ccd, psf=psf, seed=ccd, shift=shift)
    with tempfile.TemporaryDirectory() as place:
        frame = read_image(write_frame(Path(place) / "f.fits", pixels, camera, ccd)).frame
    found = fit_frame(frame, find_reference_stars(frame, sector))
    true = solution_of_header(truth.to_header(relax=True))
    numbers = compare_solutions(true, found.solution).numbers
    return numbers["rms_arcsec"], numbers["max_arcsec"], found.rms["RMSA"]


def main() -> None:
    """Print the errors of all CCDs of three sectors."""
    for psf in (sky.round_psf, sky.field_psf):
        worst = np.zeros(3)
        for sector in SECTORS:
            for camera in (1, 2, 3, 4):
                for ccd in (1, 2, 3, 4):
                    found = errors(sector, camera, ccd, psf)
                    worst = np.maximum(worst, found)
                    line = "rms {:.4f} max {:.4f} RMSA {:.4f}".format(*found)
                    print(f"{psf.__name__} sector {sector} {camera}-{ccd}: {line}", flush=True)
        print(psf.__name__, "worst: rms {:.4f} max {:.4f} RMSA {:.4f}".format(*worst))


if __name__ == "__main__":
    main()
