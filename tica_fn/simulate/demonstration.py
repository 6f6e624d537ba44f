"""The demonstration: real pixels compared with SPOC's result, simulated frames with the truth."""

from __future__ import annotations

import subprocess
import sys
from importlib.resources import as_file, files
from pathlib import Path

import attrs
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.io import fits

from tica_fn.detector import SCIENCE_COLUMNS, SCIENCE_ROWS
from tica_fn.fits.files import read
from tica_fn.fits.model_files import load_models
from tica_fn.fits.target import read_target
from tica_fn.fits.whole_files import save_figure
from tica_fn.frame import RATE, Frame
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.pipeline.compose import calibrate
from tica_fn.products.cutout import cutout
from tica_fn.products.report import amplifier_table, robust_scatter
from tica_fn.simulate.expected_noise import expected_variance
from tica_fn.simulate.simulated_frame import full_frame
from tica_fn.simulate.spoc_raw import write_spoc_raw
from tica_fn.uncertainty.estimate_variance import estimate_variance
from tica_fn.wcs.refstars_file import read_reference_stars

__all__ = ["run_demo", "slope_and_scatter"]

_SIRIUS = "tess2018349182459-s0006-0000000322899250-0126-s_tp"
_NEAR_SKY = 2000.0
"""Rows within this many e-/s of a column's 10th percentile are compared."""
_TRANSIT_FRAMES, _IN_TRANSIT, _DEPTH = 10, (4, 5, 6), 0.01
_SATURATED = 150_000.0
"""Electrons per read above which a pixel of the simulation may have bled."""


def run_demo(output: Path, seed: int = 1) -> int:
    """Calibrate the real Sirius file and simulated full frames, and show the results."""
    output.mkdir(parents=True, exist_ok=True)
    with as_file(files("tica_fn") / "data" / "example") as example:
        good = _show_sirius(example, output)
        models = load_models(example, 2, 3)
        good = _show_full_frame(example, models, output, seed) and good
        good = _show_transit(models, output, seed) and good
    print(
        f"\nWhat to try next:\n"
        f"  tica-fn info {output}/{_SIRIUS}.cal.fits\n"
        f"  tica-fn fetch raw --sector 6 --camera 2 --ccd 3 --first 3 --outdir raw\n"
        f"  python -c \"import lightkurve; print(lightkurve.read('{output}/transit_tp.fits'))\""
    )
    return 0 if good else 1


def _tica_fn(*arguments: object) -> None:
    """Run the command line as a user would, showing its output."""
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
    print("\ncolumn 675 against the mission's own FLUX, rows near the sky level:")
    print("cadence     slope   offset [e-/s]   scatter (MAD) [e-/s]")
    good = True
    for cadence, mine, flux in zip(fits.getdata(raw, 1)["CADENCENO"], ours, theirs, strict=True):
        slope, offset, scatter = slope_and_scatter(mine[:, 0], flux[:, 0])
        good = good and abs(slope - 1.0) < 1e-3 and scatter < 1.5
        print(f"{cadence:7d}  {slope:8.5f}   {offset:13.1f}   {scatter:20.2f}")
    print("(the offset is due to the smear, which is too large in both: Sirius bleeds into it)")
    picture = _draw_sirius(raw, example, output)
    print(f"picture: {picture}\n")
    return good


def _draw_sirius(raw: Path, example: Path, output: Path) -> Path:
    """Raw counts, standard smear and robust smear of the first cadence, side by side."""
    from matplotlib.figure import Figure

    robust = output / "robust"
    _tica_fn("calibrate", raw, "--caldir", example, "--outdir", robust, "--smear", "robust",
             "--overwrite")  # fmt: skip
    target = read_target(raw)
    first = next(target.frames())
    seconds = target.coadds * target.read_s
    figure = Figure(figsize=(9.0, 7.0), layout="constrained")
    axes = figure.subplots(1, 3)
    first.plot(axes[0], amplifiers=False)
    axes[0].set_title("raw counts")
    for ax, folder, words in (
        (axes[1], output, "standard smear"),
        (axes[2], robust, "robust smear"),
    ):
        flux = fits.getdata(folder / f"{_SIRIUS}.cal.fits", 1)["FLUX"][0]
        rate = attrs.evolve(first, pixels=flux, unit=RATE)
        rate.plot(ax, amplifiers=False)
        ax.set_title(words)
        negative = float(np.mean(flux < 0))
        print(f"{words}: {negative:.0%} of the pixels are negative ({seconds:.0f} s exposures)")
    figure.suptitle("Sirius, sector 6, first cadence: electrons per second after calibration")
    figure.supxlabel(
        "Sirius bleeds into the masked rows that measure the smear: the standard smear, like "
        "TICA's and the\nmission's, is too large, and whole columns become negative. The robust "
        "smear is measured on the sky.",
        fontsize=9,
    )
    return save_figure(figure, output / "sirius.png")


def _show_full_frame(example: Path, models: Models, output: Path, seed: int) -> bool:
    print("2. A full frame with known truth: the stars of sector 6, camera 2, CCD 3, with Poisson")
    print("   and read noise, through the inverse calibration steps with the same real models\n")
    made = full_frame(models, sector=6, exposure_s=1800.0, seed=seed)
    raw = write_spoc_raw(made.frame, output)
    print(f"{len(made.stars)} stars, raw frame: {raw}")
    _tica_fn("calibrate", raw, "--caldir", example, "--outdir", output, "--overwrite")
    calibrated = read(output / f"{raw.stem}.cal.fits")
    science = np.s_[SCIENCE_ROWS[0] : SCIENCE_ROWS[1], SCIENCE_COLUMNS[0] : SCIENCE_COLUMNS[1]]
    truth = made.truth.pixels[science]
    # Bleeding stars contaminate the smear of their whole column, as they do in flight.
    full = truth > _SATURATED * made.truth.coadds
    usable = ~np.broadcast_to(full.any(axis=0), truth.shape)
    sigma = np.sqrt(expected_variance(made.truth, models)[science])
    pull = ((calibrated.pixels[science] - truth) / sigma)[usable]
    print("\ncalibrated minus truth, in units of the noise:")
    print(f"  mean {pull.mean():+.4f}   standard deviation {pull.std():.4f}   ", end="")
    print(f"robust {robust_scatter(pull):.4f}   within 3 sigma {np.mean(abs(pull) < 3):.4%}")
    print(f"  ({usable.mean():.1%} of the science pixels; columns with a saturated star left out)")
    print("\namplifiers of the calibrated frame:")
    print("\n".join(amplifier_table(calibrated)))
    picture = _draw_full_frame(calibrated, output)
    print(f"picture: {picture}")
    return bool(abs(pull.mean()) < 0.05 and abs(robust_scatter(pull) - 1.0) < 0.05)


def _draw_full_frame(frame: Frame, output: Path) -> Path:
    """Draw the frame with its sky coordinates, and the residuals of its solution's stars."""
    from matplotlib.figure import Figure

    path = output / frame.source.name if frame.source else output
    _tica_fn("wcs", "refstars", path, "--sector", 6, "--output", output / "ref.h5")
    _tica_fn("wcs", "fit", path, "--refstars", output / "ref.h5")
    solved = read(path)
    with fits.open(path) as hdus:
        stars = hdus["WCS_STARS"].data
        good = stars["FLXVALID"] == 1
        columns, rows, ids = (stars[name][good] for name in ("FLXCOL", "FLXROW", "TIC"))
    reference = read_reference_stars(output / "ref.h5")
    known = {int(one): k for k, one in enumerate(reference.ids)}
    place = [known[int(one)] for one in ids]
    there = SkyCoord(reference.ra[place], reference.dec[place], unit="deg")
    world = solved.wcs
    assert world is not None
    x, y = world.world_to_pixel(there)
    figure = Figure(figsize=(12.0, 5.4), layout="constrained")
    solved.plot(figure.add_subplot(121, projection=world), sky=True)
    ax = figure.add_subplot(122)
    residual = 1000.0 * np.array([columns - 1 - x, rows - 1 - y])
    arrows = ax.quiver(columns - 1, rows - 1, *residual, angles="xy", scale=50.0, width=0.003)
    ax.quiverkey(arrows, 0.85, 1.03, 10.0, "0.01 pixel", labelpos="E")
    ax.set(xlabel="column (from 0)", ylabel="row (from 0)", aspect="equal")
    ax.set_title(f"residuals of {len(x)} stars", loc="left")
    figure.suptitle("A simulated frame with known truth, calibrated, with its solution")
    return save_figure(figure, output / "full_frame.png")


def _show_transit(models: Models, output: Path, seed: int) -> bool:
    """Make a light curve from frames of a star that dims by a known fraction."""
    from matplotlib.figure import Figure

    print("\n3. A transit: ten simulated raw frames, calibrated and cut out around one star\n")
    stars = full_frame(models, sector=6, exposure_s=1800.0, seed=seed).stars
    inside = (abs(stars.columns - 1068) < 600) & (abs(stars.rows - 1024) < 600)
    star = int(np.argmin(np.where(inside, abs(stars.tmag - 9.0), 99.0)))
    folder = output / "transit"
    folder.mkdir(exist_ok=True)
    raws = []
    for number in range(_TRANSIT_FRAMES):
        tmag = np.array(stars.tmag)
        if number in _IN_TRANSIT:
            tmag[star] -= 2.5 * np.log10(1.0 - _DEPTH)
        made = full_frame(models, sector=6, exposure_s=1800.0, seed=seed, number=number,
                          stars=attrs.evolve(stars, tmag=tmag))  # fmt: skip
        raws.append(write_spoc_raw(made.frame, folder))
    frames = [estimate_variance(models)(calibrate(read(raw), models)) for raw in raws]
    world = frames[0].wcs
    assert world is not None
    place = world.pixel_to_world(stars.columns[star], stars.rows[star])
    pixels = cutout(frames, place, 11)
    pixels.write(output / "transit_tp.fits", overwrite=True)
    aperture = np.zeros((11, 11), dtype=bool)
    aperture[3:8, 3:8] = True
    sky = np.median(pixels.flux[:, ~aperture], axis=1)
    flux = pixels.flux[:, aperture].sum(axis=1) - sky * aperture.sum()
    error = np.sqrt((pixels.flux_error[:, aperture] ** 2).sum(axis=1))
    dim = np.isin(np.arange(len(flux)), _IN_TRANSIT)
    level = float(np.mean(flux[~dim]))
    depth = 1.0 - float(np.mean(flux[dim])) / level
    sigma = float(np.median(error)) / level * np.sqrt(1 / dim.sum() + 1 / (~dim).sum())
    print(f"depth {depth:.5f} +- {sigma:.5f}, true {_DEPTH}: star of Tmag {stars.tmag[star]:.2f}")
    figure = Figure(figsize=(7.5, 4.0), layout="constrained")
    ax = figure.subplots()
    hours = 24.0 * (pixels.time - pixels.time[0])
    ax.step(hours, np.where(dim, 1.0 - _DEPTH, 1.0), where="mid", label="true")
    ax.errorbar(hours, flux / level, error / level, fmt="o", label="measured")
    ax.set(xlabel="hours from the first frame (TDB)", ylabel="relative flux",
           title="A simulated transit, from raw frames to a light curve")  # fmt: skip
    ax.legend()
    print(f"picture: {save_figure(figure, output / 'transit.png')}")
    return bool(abs(depth - _DEPTH) < 5.0 * sigma)
