"""World coordinate solutions: their errors on several simulated skies, and their speed.

``python -m benchmarks.wcs [SKY ...] [--sectors N,N] [--ccds C-D,C-D] [--draws N,N]`` prints the
error of every CCD and draw of star images, and the worst of each sky; ``python -m benchmarks.wcs
speed`` prints the processor time for a camera, ``python -m benchmarks.wcs limits`` what narrow
stars, crowds, light and saturation do to one CCD of the first sky.  The skies are:

* ``polynomial``: the mission's own WCS from ``tesswcs``, of degree 4, with fixed stars;
* ``optics``: tess-point's map, which is not a polynomial, with fixed stars;
* ``wild``: like ``optics``, with irregular star images (`tests.wcs.wild`);
* ``lens``: like ``optics``, with star images by physical optics (`benchmarks.lens`);
* ``crowd``: like ``wild``, with 20,000 additional stars to T = 16 that are in no catalogue;
* ``crowded-lens``: like ``lens``, with the same crowd;
* ``real``: tess-point's map in November 2026.  Each star is on the line through its positions in
  Tycho-2 and Gaia (the package's table of motions) with 3 mas/yr of error, or moves by a random
  20 mas/yr if the table has no motion.  There are 3,000 stars to T = 14 that are in no catalogue, a
  close companion to every tenth star, and every twentieth star is off by a magnitude.  Images are
  irregular (`tests.wcs.wild`) and smeared by jitter within the exposure; scattered light increases
  over the CCD.

They share with the code the catalogue's positions of 2016 and, for ``real``, its table of motions.
The error is that of the solution, at the good stars and over the science area with its corners.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from benchmarks.kernels import traffic_of_a_ccd
from benchmarks.lens import Lens
from benchmarks.timing import in_turn, ratio
from tests.wcs import optics, sky
from tests.wcs.wild import WildPSF
from tica_fn import Frame, Times
from tica_fn.fits.image_file import read_image
from tica_fn.wcs import (
    default_catalog,
    find_reference_stars,
    fit_files,
    fit_frame,
    write_reference_stars,
)

Row = tuple[str, str]
Place = tuple[int, int, int, int]
"""Sector, camera, CCD, and the number of a draw of star images."""
Sky = Callable[[Place], tuple[Any, Any, float]]
SECTORS = (43, 12, 14)
"""Along the ecliptic; across the Galactic plane; the north."""
CCDS = tuple((camera, ccd) for camera in (1, 2, 3, 4) for ccd in (1, 2, 3, 4))
MID_TJD = 2288.3
FRAMES = 20
KINDS = ("ellipses", "trefoil", "ghost")


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
        floor, fits_s = in_turn(
            traffic_of_a_ccd(), lambda: fit_frame(frame, stars), runs=25, clock=time.thread_time
        )
        files = [first]
        for n in range(1, FRAMES):
            files.append(folder / f"f{n:02d}.fits")
            shutil.copy(first, files[-1])
        return [
            ("`wcs`: reference stars of one CCD, in memory", f"{search:.2f} s"),
            ("`wcs`: fit of one frame, in memory", f"{np.median(fits_s) * 1e3:.1f} ms"),
            ("... in floors (memory traffic alone)", f"{ratio(fits_s, floor):.1f} x"),
            *_batch(files, folder, float(np.median(floor))),
        ]


def _batch(files: list[Path], folder: Path, floor: float) -> list[Row]:
    """Times per frame of batches with a single job."""
    ends, spent = [], []
    for _ in range(3):
        start = time.process_time()
        ends.append([])
        for _, _, error in fit_files(files, folder / "ref.h5"):
            if error is not None:
                raise error
            ends[-1].append(time.perf_counter())
        spent.append((time.process_time() - start) / len(files))
    wall, used = np.median(np.diff(ends)), np.median(spent)
    said = f"{wall * 1e3:.0f} ms ({used * 1e3:.0f} ms of processor time)"
    return [
        ("`wcs fit`: a frame in a batch, read, solved, written, verified", said),
        ("... its processor time in floors", f"{used / floor:.1f} x"),
    ]


def polynomial(psf: Any) -> Sky:
    """The mission's WCS, with fixed stars."""

    def make(place: Place) -> tuple[Any, Any, float]:
        shift = tuple(_random(place).uniform(-4, 4, 2))
        pixels, truth = sky.frame(*place[:3], psf=psf, seed=place[2], shift=shift, moved=False)
        return pixels, lambda x, y: truth.all_pix2world(x, y, 1), 2021.26

    return make


def still(psf: Any) -> Sky:
    """tess-point's optics, with fixed stars."""

    def make(place: Place) -> tuple[Any, Any, float]:
        shift = tuple(_random(place).uniform(-4, 4, 2))
        return *optics.frame(*place[:3], psf=psf, seed=place[2], shift=shift), 2021.26

    return make


def real(place: Place) -> tuple[Any, Any, float]:
    """tess-point's optics in November 2026, with all disturbances."""
    rng = _random(place)
    shift, year = rng.uniform(-4, 4, 2), 2026.9
    seen = optics.optics(*place[:3])
    which = optics.stars_near(seen.sky)
    table = sky.gaia()[which]
    known = default_catalog(0.0, 0.0, 180.0)
    error = np.where(np.isinf(known.pm_error[which]), 20.0, 3.0) / np.sqrt(2.0)
    years = (year - 2016.0) / 3.6e6
    motion = (
        np.stack([known.pm_ra, known.pm_dec])[:, which] + rng.normal(size=(2, error.size)) * error
    )
    ra = table["ra"] + motion[0] * years / np.cos(np.deg2rad(table["dec"]))
    column, row = seen.pixels(ra, table["dec"] + motion[1] * years) + shift[:, None]
    on = (np.abs(column - 1068.5) < 1054) & (np.abs(row - 1024.5) < 1054)
    column, row, tmag = column[on], row[on], table["g"][on].astype(float) - 0.43
    pairs = rng.random(column.size) < 0.1
    away, turn = rng.uniform(0.3, 4.0, pairs.sum()), rng.uniform(0.0, 6.3, pairs.sum())
    unseen = 14.0 - rng.exponential(1.0 / (0.4 * np.log(10.0)), 3000)
    tmag = tmag + np.where(rng.random(tmag.size) < 0.05, rng.choice([-1.0, 1.0], tmag.size), 0.0)
    column = np.concatenate(
        [column, column[pairs] + away * np.cos(turn), rng.uniform(44.5, 2092.5, 3000)]
    )
    row = np.concatenate([row, row[pairs] + away * np.sin(turn), rng.uniform(0.5, 2048.5, 3000)])
    faint = np.maximum(unseen, 10.0)
    tmag = np.concatenate([tmag, tmag[pairs] + rng.uniform(0.5, 6.0, pairs.sum()), faint])
    psf = irregular(place, 0)
    mix, dx, dy, sx, sy, angle = psf(column, row)
    jitter = rng.uniform(0.1, 0.3)
    sx, sy = np.hypot(sx, jitter), np.hypot(sy, jitter)
    pixels = sky.paint(column, row, tmag, (mix, dx, dy, sx, sy, angle), seed=place[2])
    light = 600.0 * 0.792 * rng.uniform(50.0, 500.0)
    rise, height = np.meshgrid(np.linspace(0, 1, 2048), np.linspace(0, 1, 2048))
    glow = light * (rise**2 + 0.3 * np.sin(3.0 * height) + 0.5 * rise * height)
    glow = np.maximum(glow, 0.0)
    pixels[:2048, 44:2092] += glow + rng.normal(size=glow.shape) * np.sqrt(glow)
    return pixels, lambda x, y: seen.sky(np.asarray(x) - shift[0], np.asarray(y) - shift[1]), year


def irregular(place: Place, _: int) -> Any:
    """Images of no family."""
    seed = place[0] * 16 + place[1] * 4 + place[2] + 1000 * place[3]
    return WildPSF(seed, KINDS[(place[2] + place[3]) % 3])


def physical(place: Place, own: int) -> Any:
    """Images by physical optics, so many with one of their own."""
    seed = place[0] * 16 + place[1] * 4 + place[2] + 10000 * place[3]
    return Lens(seed, place[2], all_stars=own)


def _with(images: Any) -> Sky:
    """tess-point's optics, with fixed stars and such images."""
    return lambda place: still(images(place, None))(place)


def _crowd(images: Any) -> Sky:
    """The same, with 20,000 stars to T = 16 that are in no catalogue."""

    def make(place: Place) -> tuple[Any, Any, float]:
        rng, seen = _random(place), optics.optics(*place[:3])
        shift = rng.uniform(-4, 4, 2)
        table = sky.gaia()[optics.stars_near(seen.sky)]
        column, row = seen.pixels(table["ra"], table["dec"]) + shift[:, None]
        on = (np.abs(column - 1068.5) < 1054) & (np.abs(row - 1024.5) < 1054)
        unseen = np.maximum(16.0 - rng.exponential(1.0 / (0.4 * np.log(10.0)), 20000), 10.0)
        column = np.concatenate([column[on], rng.uniform(44.5, 2092.5, 20000)])
        row = np.concatenate([row[on], rng.uniform(0.5, 2048.5, 20000)])
        tmag = np.concatenate([table["g"][on].astype(float) - 0.43, unseen])
        psf = images(place, int(on.sum()))
        pixels = sky.paint(column, row, tmag, psf(column, row), seed=place[2])
        return pixels, lambda x, y: seen.sky(x - shift[0], y - shift[1]), 2021.26

    return make


def _random(place: Place) -> np.random.Generator:
    return np.random.default_rng(place[0] * 100 + place[1] * 10 + place[2])


SKIES: dict[str, dict[str, Sky]] = {
    "polynomial": {"round": polynomial(sky.round_psf), "lopsided": polynomial(sky.field_psf)},
    "optics": {"round": still(sky.round_psf), "lopsided": still(sky.field_psf)},
    "wild": {"of no family": _with(irregular)},
    "lens": {"physical": _with(physical)},
    "crowd": {"of no family": _crowd(irregular)},
    "crowded-lens": {"physical": _crowd(physical)},
    "real": {"of no family": real},
}


def errors(make: Sky, place: Place) -> tuple[float, ...]:
    """Rms and largest error at the stars, and over the science area, and RMSA, in arcsec."""
    pixels, truth, year = make(place)
    frame = _frame(pixels, place, year)
    return _errors(fit_frame(frame, find_reference_stars(frame, place[0])), truth)


def _errors(found: Any, truth: Any) -> tuple[float, ...]:
    good = found.valid == 1
    side = np.linspace(0.0, 2048.0, 65)
    grid = np.meshgrid(44.5 + side, 0.5 + side)
    out = []
    for x, y in ((found.columns[good], found.rows[good]), (grid[0].ravel(), grid[1].ravel())):
        ra, dec = found.solution.pixel_to_sky(x, y)
        true_ra, true_dec = truth(x, y)
        turn = (ra - true_ra + 180.0) % 360.0 - 180.0
        off = np.hypot(turn * np.cos(np.deg2rad(dec)), dec - true_dec) * 3600.0
        out += [float(np.sqrt(np.mean(off**2))), float(off.max())]
    return *out, found.rms["RMSA"]


def limits() -> list[Row]:
    """Errors on sector 35, camera 1, CCD 1 of the first sky as it gets harder."""
    place = (35, 1, 1, 0)
    mission = sky.truth(*place[:3])
    _, _, _, tmag, column, row = sky.stars_on(mission, 2021.26, moved=False)

    def truth(x: Any, y: Any) -> Any:
        return mission.all_pix2world(x, y, 1)

    def draw(psf: Any = sky.round_psf, unseen: int = 0) -> np.ndarray:
        rng = np.random.default_rng(1)
        faint = np.maximum(16.0 - rng.exponential(1.0 / (0.4 * np.log(10.0)), unseen), 10.0)
        x = np.concatenate([column, rng.uniform(44.5, 2092.5, unseen)])
        y = np.concatenate([row, rng.uniform(0.5, 2048.5, unseen)])
        return np.asarray(sky.paint(x, y, np.concatenate([tmag, faint]), psf(x, y)))

    def light(most: float) -> np.ndarray:
        pixels = draw()
        glow = np.linspace(0.0, most * 475.2, 2048)[None] * np.ones((2048, 1))
        pixels[:2048, 44:2092] += glow + np.random.default_rng(2).normal(size=glow.shape) * np.sqrt(
            glow
        )
        return pixels

    clear = _frame(draw(), place, 2021.26)
    stars = find_reference_stars(clear, place[0])
    third = draw()
    third[:2048, 44:727] = 4.75e7
    blind = _frame(third, place, 2021.26)
    bent = draw(sky.field_psf)
    bent_stars = find_reference_stars(_frame(bent, place, 2021.26), place[0])
    bent[:2048, 44:727] = 4.75e7
    rows: list[tuple[str, Any]] = [
        ("a third saturated", fit_frame(blind, stars)),
        ("a third saturated, lopsided", fit_frame(_frame(bent, place, 2021.26), bent_stars)),
        ("that frame as the reference", fit_frame(clear, find_reference_stars(blind, place[0]))),
    ]
    frames: dict[str, Callable[[], np.ndarray]] = {
        f"sigma {sigma} pixel": lambda sigma=sigma: draw(  # type: ignore[misc]
            lambda x, y: sky.round_psf(x, y, sigma)
        )
        for sigma in (0.65, 0.5, 0.4)
    }
    frames["30,000 unseen stars"] = lambda: draw(unseen=30000)
    frames["30,000 unseen stars, lopsided"] = lambda: draw(sky.field_psf, 30000)
    frames["200,000 unseen stars"] = lambda: draw(unseen=200000)
    frames["light to 2,000 electrons a second"] = lambda: light(2000.0)
    frames["light to 20,000 electrons a second"] = lambda: light(20000.0)
    for name, make in frames.items():
        frame = _frame(make(), place, 2021.26)
        rows.append((name, fit_frame(frame, find_reference_stars(frame, place[0]))))
    line = "stars rms {:.4f} max {:.3f}, science area rms {:.4f} max {:.3f}, RMSA {:.4f}"
    return [(name, line.format(*_errors(found, truth))) for name, found in rows]


def _frame(pixels: np.ndarray, place: Place, year: float) -> Frame:
    """A 10-minute frame in memory."""
    mid = (year - 2000.0) * 365.25 - 5455.0
    return Frame(
        pixels=pixels,
        unit="electron",
        camera=place[1],
        ccd=place[2],
        exposure_s=600.0,
        coadds=240.0,
        times=Times(start=mid, mid=mid, end=mid),
    )


def _seconds(work: Callable[[], Any]) -> float:
    """Processor time of some work, including its child processes."""
    start = sum(os.times()[:4])
    work()
    return sum(os.times()[:4]) - start


def _fit_ms(frame: Frame, stars: Any) -> tuple[int, str]:
    """Number of stars, and the processor time of a fit, once warm: least and median."""
    fit_frame(frame, stars)
    spent = []
    for _ in range(50):
        start = time.thread_time()
        fit_frame(frame, stars)
        spent.append(time.thread_time() - start)
    least, middle = min(spent) * 1e3, float(np.median(spent)) * 1e3
    return len(stars), f"{middle:.1f} ms ({least:.1f} ms at least)"


def speed() -> list[Row]:
    """Processor time of a fit and of reference stars, and of a camera's CCDs in one call."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as place:
        folder, images = Path(place), []
        for ccd in (1, 2, 3, 4):
            pixels, _ = sky.frame(35, 1, ccd, psf=sky.field_psf, shift=(1.3, -0.8))
            images.append(write_frame(folder / f"ccd{ccd}.fits", pixels, 1, ccd))
        frame = read_image(images[0]).frame
        stars = find_reference_stars(frame, 35)
        searches = [_seconds(lambda: find_reference_stars(frame, 35)) for _ in range(5)]
        fits = [("fit of one frame", *_fit_ms(frame, stars))]
        for what, make, place_of in (
            ("fit of one frame of the third sky", real, (12, 1, 4, 0)),
            ("fit of one frame of sharp images", _with(physical), (41, 1, 4, 20)),
        ):
            pixels, _, year = make(place_of)
            drawn = _frame(pixels, place_of, year)
            fits.append((what, *_fit_ms(drawn, find_reference_stars(drawn, place_of[0]))))
        (folder / "ref").mkdir()

        def solve(*files: Path) -> None:
            names = [str(file) for file in files]
            for step in (
                ["refstars", *names, "--sector", "35", "-o", str(folder / "ref")],
                ["fit", *names, "--refstars", str(folder / "ref"), "--jobs", "1"],
            ):
                subprocess.run(
                    [sys.executable, "-m", "tica_fn", "wcs", *step],
                    check=True,
                    stdout=subprocess.DEVNULL,
                )

        solve(*images)
        together = _seconds(lambda: solve(*images))
        apart = _seconds(lambda: [solve(image) for image in images])
    return [
        ("reference stars of one CCD", f"{np.median(searches):.2f} s"),
        *((f"{what} with {count} stars", spent) for what, count, spent in fits),
        ("a camera's four CCDs, `refstars` and `fit` once", f"{together:.1f} s"),
        ("its CCDs one by one, both commands four times", f"{apart:.1f} s"),
    ]


def main() -> None:
    """Print the errors of all CCDs of the sectors on the requested skies."""
    parser = argparse.ArgumentParser()
    parser.add_argument(
        "skies", nargs="*", choices=[[], "limits", "speed", *SKIES], default=list(SKIES)
    )
    parser.add_argument("--sectors", default=",".join(map(str, SECTORS)))
    parser.add_argument("--ccds", default=",".join(f"{c}-{d}" for c, d in CCDS))
    parser.add_argument("--draws", default="0", help="numbers of the star images to draw")
    args = parser.parse_args()
    ccds = [tuple(map(int, one.split("-"))) for one in args.ccds.split(",")]
    for name, rows in (("speed", speed), ("limits", limits)):
        if name in args.skies:
            for what, found in rows():
                print(f"{what}: {found}", flush=True)
            args.skies.remove(name)
    line = "stars rms {:.4f} max {:.3f}, science area rms {:.4f} max {:.3f}, RMSA {:.4f}"
    for name in args.skies:
        for psf, make in SKIES[name].items():
            worst = np.zeros(5)
            for sector in map(int, args.sectors.split(",")):
                for camera, ccd in ccds:
                    for draw in map(int, args.draws.split(",")):
                        off = errors(make, (sector, camera, ccd, draw))
                        worst = np.maximum(worst, off)
                        what = f"{name}, {psf}, {sector} {camera}-{ccd}, draw {draw}:"
                        print(what, line.format(*off), flush=True)
            print(f"{name}, {psf}, worst:", line.format(*worst), flush=True)


if __name__ == "__main__":
    main()
