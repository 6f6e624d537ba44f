"""The fit of a solution on optics that are no polynomial: its degree, and what it leaves out."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from tests.wcs import optics, sky
from tests.wcs.test_solution_of_frames import make_frame
from tica_fn.wcs import (
    default_catalog,
    find_reference_stars,
    fit_frame,
    fit_plate,
    solution_of_header,
    wcs_cards,
)
from tica_fn.wcs.star_blocks import block_of

PLACE = (35, 1, 1)


def error(solution, true_sky, columns=None, rows=None):
    """Rms and largest distance from the truth [arcsec], over the science area by default."""
    if columns is None:
        side = np.linspace(0.0, 2048.0, 65)
        columns, rows = (axis.ravel() for axis in np.meshgrid(44.5 + side, 0.5 + side))
    ra, dec = solution.pixel_to_sky(columns, rows)
    true_ra, true_dec = true_sky(columns, rows)
    turn = (ra - true_ra + 180.0) % 360.0 - 180.0
    off = np.hypot(turn * np.cos(np.deg2rad(dec)), dec - true_dec) * 3600.0
    return np.sqrt(np.mean(off**2)), off.max()


@pytest.fixture
def plate():
    """1,000 stars as 40 in every block: true places, their sky, magnitudes."""
    rng = np.random.default_rng(11)
    blocks = np.arange(1000) % 25
    column = 44.5 + 409.6 * (blocks % 5 + rng.uniform(size=1000))
    row = 0.5 + 409.6 * (blocks // 5 + rng.uniform(size=1000))
    ra, dec = optics.optics(*PLACE).sky(column, row)
    return rng, column, row, ra, dec, rng.uniform(7.5, 12.0, 1000)


def measured(rng, column, row, noise=0.001):
    return column + rng.normal(0, noise, column.size), row + rng.normal(0, noise, row.size)


def test_the_default_degree_follows_the_optics_and_keeps_the_corners(plate):
    rng, column, row, *stars = plate
    x, y = measured(rng, column, row)
    fit = fit_plate(x, y, *stars, np.full(1000, 0.001))
    rms, most = error(fit.solution, optics.optics(*PLACE).sky)
    assert fit.degree == fit.solution.order == 7
    assert rms < 0.01
    assert most < 0.15
    assert np.count_nonzero(~fit.used) <= 3
    six = fit_plate(x, y, *stars, np.full(1000, 0.001), degree=6)
    assert error(six.solution, optics.optics(*PLACE).sky)[0] > 2 * rms


@pytest.mark.parametrize("part", [0.03, 0.2])
def test_bad_stars_go_and_good_ones_stay(plate, part):
    rng, column, row, *stars = plate
    x, y = measured(rng, column, row)
    bad = rng.uniform(size=1000) < part
    x[bad] += rng.choice([-1, 1], bad.sum()) * rng.uniform(0.03, 0.5, bad.sum())
    fit = fit_plate(x, y, *stars, np.full(1000, 0.001))
    rms, most = error(fit.solution, optics.optics(*PLACE).sky)
    assert not np.any(fit.used & bad)
    assert np.mean(fit.used[~bad]) > 0.98
    assert rms < 0.01
    assert most < 0.15


def test_a_block_whose_stars_agree_is_kept(plate):
    rng, column, row, *stars = plate
    x, y = measured(rng, column, row)
    corner = block_of(x, y) == 24
    x[corner] += 0.05 + 0.05 * (x[corner] - 1888.0) / 205.0
    fit = fit_plate(x, y, *stars, np.full(1000, 0.001))
    assert np.mean(fit.used[corner]) > 0.9
    x[corner] += rng.normal(0, 3.0, corner.sum())
    fit = fit_plate(x, y, *stars, np.full(1000, 0.001))
    assert np.mean(fit.used[corner]) < 0.3


@pytest.mark.parametrize(("empty", "degree"), [(0, 7), (1, 6), (2, 5), (3, 4), (4, 3)])
def test_empty_columns_of_blocks_lower_the_degree(plate, empty, degree):
    rng, column, row, *stars = plate
    x, y = measured(rng, column, row)
    x[column < 44.5 + 409.6 * empty] = np.nan
    assert fit_plate(x, y, *stars, np.full(1000, 0.001)).degree == degree
    x, y = measured(rng, column, row)
    y[row > 0.5 + 409.6 * (5 - empty)] = np.nan
    assert fit_plate(x, y, *stars, np.full(1000, 0.001)).degree == degree


def test_an_empty_corner_does_not(plate):
    rng, column, row, *stars = plate
    x, y = measured(rng, column, row)
    x[block_of(column, row) == 0] = np.nan
    fit = fit_plate(x, y, *stars, np.full(1000, 0.001))
    assert fit.degree == 7
    assert error(fit.solution, optics.optics(*PLACE).sky)[0] < 0.05


@pytest.mark.parametrize("degree", [1, 4, 6, 7, 9])
def test_astropy_reads_every_degree(plate, degree):
    _, column, row, *stars = plate
    fit = fit_plate(column, row, *stars, np.full(1000, 0.001), degree=degree)
    assert fit.degree == degree
    header = fits.Header([(key, value) for key, value, _ in wcs_cards(fit.solution)])
    assert header["A_ORDER"] == header["BP_ORDER"] == max(degree, 6)
    read = WCS(header)
    assert error(fit.solution, lambda x, y: read.all_pix2world(x, y, 1))[1] < 1e-6
    same = solution_of_header(header)
    for name in ("crval", "cd", "a", "b", "ap", "bp"):
        np.testing.assert_allclose(getattr(same, name), getattr(fit.solution, name), rtol=1e-12)
    ra, dec = read.all_pix2world(column, row, 1)
    focal = read.wcs_world2pix(np.stack([ra, dec], axis=1), 1) - read.wcs.crpix
    assert np.abs(read.sip_foc2pix(focal, 1).T - np.stack([column, row])).max() < 0.01


@pytest.mark.parametrize("degree", [0, 10, -3])
def test_no_such_degree(plate, degree):
    _, column, row, *stars = plate
    with pytest.raises(ValueError, match="1 to 9"):
        fit_plate(column, row, *stars, np.full(1000, 0.001), degree=degree)


def test_a_header_of_another_form_is_followed():
    """PC and CDELT in place of CD, another reference pixel; a projection that is no TAN-SIP."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crpix, wcs.wcs.crval = [900.0, 700.0], [50.0, -70.0]
    wcs.wcs.cdelt, wcs.wcs.pc = [-21 / 3600, 21 / 3600], [[0.8, -0.6], [0.6, 0.8]]
    solution = solution_of_header(wcs.to_header())
    assert solution.crpix == (900.0, 700.0)
    assert error(solution, lambda x, y: wcs.all_pix2world(x, y, 1))[1] < 1e-6
    wcs.wcs.ctype = ["RA---ARC", "DEC--ARC"]
    solution = solution_of_header(wcs.to_header())
    assert error(solution, lambda x, y: wcs.all_pix2world(x, y, 1))[1] < 1e-3


def test_frames_on_the_optics():
    pixels, true_sky = optics.frame(*PLACE, psf=sky.field_psf, shift=(1.3, -0.8))
    frame = make_frame(pixels, *PLACE[1:])
    stars = find_reference_stars(frame, PLACE[0])
    found = fit_frame(frame, stars)
    good = found.valid == 1
    assert np.mean(good) > 0.98
    rms, most = error(found.solution, true_sky, found.columns[good], found.rows[good])
    assert rms < 0.015
    assert most < 0.15
    rms, most = error(found.solution, true_sky)
    assert rms < 0.02
    assert most < 0.2
    assert fit_frame(frame, stars, degree=4).degree == 4


@pytest.mark.parametrize("psf", [sky.round_psf, sky.field_psf], ids=["round", "lopsided"])
def test_the_sky_of_2026(psf):
    """Stars move by the table's motions and 3 mas/yr more, those without one by 20."""
    rng = np.random.default_rng(26)
    everywhere = default_catalog(0.0, 0.0, 180.0)
    size = np.where(np.isinf(everywhere.pm_error), 20.0, 3.0) / np.sqrt(2.0)
    motion = (
        np.stack([everywhere.pm_ra, everywhere.pm_dec]) + rng.normal(size=(2, size.size)) * size
    )
    year = 2026.9
    pixels, true_sky = optics.frame(*PLACE, psf=psf, motion=motion, years=year - 2016.0)
    frame = make_frame(pixels, *PLACE[1:], year=year)
    stars = find_reference_stars(frame, PLACE[0])
    assert 0.02 < np.median(stars.position_error) < 0.03
    found = fit_frame(frame, stars)
    rms, most = error(found.solution, true_sky)
    assert rms < 0.02
    assert most < 0.25
