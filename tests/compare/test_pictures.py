"""Maps of differences lose no pixel, say where it is on the detector, and in which unit."""

import re

import matplotlib as mpl
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from matplotlib.image import imread

from tica_fn.compare import MissionComparison, Ratio, draw_differences, draw_mission
from tica_fn.compare.block_maps import extremes, has_any

SHAPE = (2078, 2136)


@settings(deadline=None, max_examples=50)
@given(hnp.arrays(np.float64, st.tuples(st.integers(1, 20), st.integers(1, 20))), st.integers(1, 7))
def test_a_block_shows_what_is_furthest_from_zero(image, step):
    found = extremes(image, step)
    for row in range(found.shape[0]):
        for column in range(found.shape[1]):
            block = image[row * step : row * step + step, column * step : column * step + step]
            values = block[~np.isnan(block)]
            shown = found[row, column]
            if values.size:
                assert abs(shown) == np.abs(values).max()
                assert shown in values
            else:
                assert np.isnan(shown)


@given(hnp.arrays(bool, st.tuples(st.integers(1, 20), st.integers(1, 20))), st.integers(1, 7))
def test_a_block_is_marked_where_any_pixel_is(mask, step):
    found = has_any(mask, step)
    for row, column in np.ndindex(found.shape):
        block = mask[row * step : row * step + step, column * step : column * step + step]
        assert found[row, column] == block.any()


def files(tmp_path, change, shape=SHAPE, **cards):
    gold = np.random.default_rng(1).normal(9000.0, 100.0, shape).astype(np.float32)
    test = gold.copy()
    change(test)
    header = fits.Header(list(cards.items()))
    for name, image in (("gold", gold), ("test", test)):
        fits.PrimaryHDU(image, header).writeto(tmp_path / f"{name}.fits")
    return tmp_path / "gold.fits", tmp_path / "test.fits"


def is_like(pixels, colour, tolerance=0.12):
    return np.abs(pixels[..., :3] - colour).max(axis=-1) < tolerance


def right_panel(path):
    """The panel of differences, without the scale beside it."""
    picture = imread(path)
    height, width = picture.shape[:2]
    return picture[int(0.15 * height) : int(0.88 * height), int(0.705 * width) : int(0.94 * width)]


@pytest.mark.parametrize("column", [1003, 1006])
def test_a_wrong_column_is_drawn_wherever_it_lies(tmp_path, column):
    def change(image):
        image[:, column] += 1e5
        image[0, 0] += 0.01  # so that the scale has two ends

    assert draw_differences(*files(tmp_path, change), tmp_path / "d.png")
    panel = right_panel(tmp_path / "d.png")
    bright = is_like(panel, mpl.colormaps["inferno"](1.0)[:3])
    assert bright.any(axis=1).mean() > 0.95  # a line from the bottom to the top
    assert 1 <= np.median(bright.sum(axis=1)) <= 4


def test_few_pixels_are_ringed(tmp_path):
    def few(image):
        image[1001, 517] += 1.0

    assert draw_differences(*files(tmp_path, few), tmp_path / "d.png")
    assert is_like(right_panel(tmp_path / "d.png"), (1.0, 0.0, 0.0)).sum() > 10


def test_what_has_no_size_is_drawn_too(tmp_path):
    """NaN against a number, and -0 against 0, differ by their bits."""

    def change(image):
        image[500:540, 500:540] = np.nan

    assert draw_differences(*files(tmp_path, change), tmp_path / "d.png")
    assert is_like(right_panel(tmp_path / "d.png"), (0.0, 0.75, 0.0)).sum() > 30
    gold = np.zeros((50, 50), np.float32)
    for name, image in (("p", gold), ("n", -gold)):
        fits.PrimaryHDU(image).writeto(tmp_path / f"{name}.fits")
    assert draw_differences(tmp_path / "p.fits", tmp_path / "n.fits", tmp_path / "z.png")
    assert is_like(right_panel(tmp_path / "z.png"), (0.0, 0.75, 0.0)).mean() > 0.5


def test_axes_are_the_detector_s_and_have_units(tmp_path):
    def change(image):
        image[5, 5] += 1

    cards = {"BUNIT": "electron", "CRVAL1P": 45, "CRVAL2P": 101}
    gold, test = files(tmp_path, change, (20, 30), **cards)
    with mpl.rc_context({"svg.fonttype": "none"}):
        assert draw_differences(gold, test, tmp_path / "d.svg")
    text = (tmp_path / "d.svg").read_text()
    for said in ("detector column [pixel, 0-based]", "detector row [pixel, 0-based]"):
        assert text.count(said) >= 3
    assert "|test - gold| [electron]" in text
    assert "pixel [electron]" in text
    # The first pixel is row 100, column 44: the numbers on the axes are those of the readout.
    assert re.search(r">1(05|10|15)(\.0)?<", text)
    assert re.search(r">(50|60|70)(\.0)?<", text)
    assert not re.search(r">(5|10|15)(\.0)?<", text)


def ratio(letter):
    numbers = {"low": 0.0, "high": 100.0, "ratio": 1.0, "offset": 0.1, "scatter": 1.0}
    return Ratio(amplifier=letter, pixels=100, noise=1.0, **numbers)


@pytest.mark.parametrize("column", [962])
def test_a_wrong_column_is_in_the_map_against_the_mission(tmp_path, column):
    difference = np.random.default_rng(2).normal(0.0, 1.0, (2048, 2048))
    difference[:, column] = 1e5
    bins = tuple(ratio(letter) for letter in "ABCD")
    found = MissionComparison(
        mission="m.fits", ours="o.fits", amplifiers=bins, bins=bins, difference=difference
    )
    with mpl.rc_context({"svg.fonttype": "none"}):
        draw_mission(found, tmp_path / "m.svg")
    text = (tmp_path / "m.svg").read_text()
    assert "detector column [pixel, 0-based]" in text
    assert "ours - mission [electron/s]" in text
    draw_mission(found, tmp_path / "m.png")
    picture = imread(tmp_path / "m.png")
    height, width = picture.shape[:2]
    panel = picture[int(0.15 * height) : int(0.85 * height), int(0.06 * width) : int(0.29 * width)]
    deepest = is_like(panel, mpl.colormaps["RdBu_r"](1.0)[:3])
    assert deepest.any(axis=1).mean() > 0.95
    assert deepest.mean() < 0.02  # and nothing else is as deep
