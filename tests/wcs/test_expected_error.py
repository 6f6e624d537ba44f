"""Errors to expect of solutions, against those they have on tess-point's optics."""

import attrs
import numpy as np
import pytest
from astropy.io import fits

from tests.wcs import optics, sky
from tests.wcs.test_read_back import product
from tests.wcs.test_solution_of_frames import make_frame
from tica_fn.wcs import (
    diagnose_headers,
    find_reference_stars,
    fit_frame,
    read_image,
    solution_cards,
    star_columns,
    update_image,
)
from tica_fn.wcs.diagnostics import header_of_solution
from tica_fn.wcs.expected_error import expected_errors
from tica_fn.wcs.fit_many import describe_solution
from tica_fn.wcs.sphere import separation

PLACE = (43, 2, 3)
CORNERS = ([44.5, 2092.5, 44.5, 2092.5], [0.5, 0.5, 2048.5, 2048.5])
BLOCKS = ((0, 1, 5), (3, 4, 9), (15, 20, 21), (23, 24, 19))
KEYS = ["ERRX0", "ERRX1", "ERRX2", "ERRX3", "ERRMAX"]


@pytest.fixture(scope="module")
def sight():
    """A frame of some 600 stars with lopsided images, its reference stars, and its true sky."""
    pixels, truth = optics.frame(*PLACE, psf=sky.field_psf, seed=3)
    frame = make_frame(pixels, *PLACE[1:])
    return frame, find_reference_stars(frame, PLACE[0]), truth


def some(stars, which):
    """Those of the reference stars."""
    arrays = {name: value for name, value in attrs.asdict(stars, recurse=False).items()
              if isinstance(value, np.ndarray)}  # fmt: skip
    return attrs.evolve(stars, **{name: value[which] for name, value in arrays.items()})


def actual(found, truth):
    """Errors in the four corners, arcsec."""
    return (
        separation(*found.solution.pixel_to_sky(*CORNERS), *truth(*map(np.array, CORNERS))) * 3600
    )


def stated(found):
    return np.array([found.expected_error[key] for key in KEYS])


def test_with_stars_everywhere_it_is_small_and_true(sight):
    frame, stars, truth = sight
    found = fit_frame(frame, stars)
    said = stated(found)
    assert list(found.expected_error) == KEYS
    assert (actual(found, truth) < 3 * said[:4]).all()
    assert (said > 0).all()
    assert said.max() == said[4] < 0.5
    assert "extrapolated" not in describe_solution(found)


@pytest.mark.parametrize("corner", range(4))
def test_a_corner_without_stars_is_told(sight, corner):
    frame, stars, truth = sight
    found = fit_frame(frame, some(stars, ~np.isin(stars.blocks, BLOCKS[corner])))
    said, off = stated(found), actual(found, truth)
    assert said[:4].argmax() == corner
    assert off[corner] < 3 * said[corner]
    assert 2.1 < said[corner] == said[4] < 30
    assert np.delete(said[:4], corner).max() < 0.5
    assert f"off by up to {said[4]:.1f} arcsec in corner {corner}" in describe_solution(found)
    # What the stars say of themselves shows nothing of it.
    assert found.rms["RMSA"] < 0.03


def test_few_stars_and_empty_columns_are_told(sight):
    frame, stars, truth = sight
    rng = np.random.default_rng(2)
    for which in (rng.permutation(len(stars))[:60], stars.blocks % 5 > 0, stars.blocks % 5 > 1):
        found = fit_frame(frame, some(stars, which))
        assert (actual(found, truth) < 3 * stated(found)[:4]).all()
        assert stated(found)[4] > 0.5


def test_positions_as_tica_measures_them_share_an_error(sight):
    frame, stars, _ = sight
    found = fit_frame(frame, stars, "tica")
    assert found.rms["RMSA"] < stated(found).min()
    assert stated(found).max() < 10 * found.rms["RMSA"]


def test_a_saturated_part_does_not_move_the_rest(sight):
    """Its edge bends the background of stars nearby, which all say the same that is wrong."""
    frame, stars, truth = sight
    pixels = frame.pixels.copy()
    pixels[:2048, 44:600] = 4.75e7
    found = fit_frame(attrs.evolve(frame, pixels=pixels), stars)
    columns, rows = map(
        np.ravel, np.meshgrid(np.linspace(1000, 2000, 9), np.linspace(100, 1900, 9))
    )
    off = separation(*found.solution.pixel_to_sky(columns, rows), *truth(columns, rows)) * 3600
    assert off.max() < 0.1
    assert (actual(found, truth) < 3 * stated(found)[:4]).all()
    assert stated(found)[[0, 2]].min() > 1.0
    assert stated(found)[[1, 3]].max() < 0.5


def test_of_a_frame_without_stars_nothing_is_known(sight, tmp_path):
    frame, stars, _ = sight
    found = fit_frame(attrs.evolve(frame, pixels=np.full_like(frame.pixels, 4.75e7)), stars)
    assert (stated(found) == -1).all()


@pytest.mark.parametrize("layout", ["tica", "spoc"])
def test_headers_and_tables_have_it(sight, tmp_path, layout):
    frame, stars, _ = sight
    path = product(tmp_path / f"a_ff{'ic' if layout == 'spoc' else ''}.fits", layout)
    found = fit_frame(frame, some(stars, ~np.isin(stars.blocks, BLOCKS[3])))
    image = read_image(path)
    cards = solution_cards(found, image.frame)
    assert [key for key, _, _ in cards][-5:] == KEYS
    for _ in range(2):  # The second time in the place of the first.
        update_image(read_image(path), cards, star_columns(found), ["a line"], fitted=found)
    with fits.open(path) as hdus:
        (header,) = (hdu.header for hdu in hdus if "ERRMAX" in hdu.header)
        assert header.count("ERRX0") == 1
        np.testing.assert_allclose([header[key] for key in KEYS], stated(found), atol=1e-6)
    table = diagnose_headers([header_of_solution(path)], ["a"])
    np.testing.assert_allclose([table[key][0] for key in KEYS], stated(found), atol=1e-6)
    assert table["ERRMAX"].unit == "arcsec"
    assert table["flagged"][0]


def test_stars_in_a_corner_and_their_weights_count():
    rng = np.random.default_rng(5)
    places = np.stack([rng.uniform(45, 1700, 400), rng.uniform(1, 2048, 400)])
    weights = np.full(400, 1e4)
    before = expected(places, weights)
    more = np.concatenate([places, rng.uniform([[1700], [1]], [[2092], [2048]], (2, 40))], axis=1)
    after = expected(more, np.full(440, 1e4))
    assert after["ERRX1"] < before["ERRX1"] / 10
    assert abs(after["ERRX0"] / before["ERRX0"] - 1) < 0.2
    # Stars that count nothing, or are not measured, are none.
    same = expected(np.where(np.arange(440) < 400, more, np.nan), np.full(440, 1e4))
    assert same == pytest.approx(before)
    assert expected(more, np.repeat([1e4, 0.0], [400, 40])) == pytest.approx(before)
    rough = expected(more, np.full(440, 1e2))
    assert 3 < rough["ERRX0"] / after["ERRX0"] < 11
    assert expected(more, np.full(440, 1e4), 4)["ERRX0"] > 3 * after["ERRX0"]
    shared = expected(more, np.full(440, 1e4), common=0.1)
    assert shared["ERRX0"] == pytest.approx(np.hypot(after["ERRX0"], 21 * 0.1 * 2**0.5))
    assert set(expected(more, np.zeros(440)).values()) == {-1.0}
    # Stars that are held share what is wrong with them.
    corner = np.repeat([False, True], [400, 40])
    held = expected(more, np.full(440, 1e4), held=corner, held_error=0.1)
    assert 2.0 < held["ERRX1"] < 10.0
    assert held["ERRX0"] < 1.1 * after["ERRX0"]


def expected(places, weights, degree=7, common=0.0, held=None, held_error=0.0):
    held = np.zeros(len(weights), bool) if held is None else held
    return expected_errors(places, weights, degree, common, held, held_error)
