"""Kernels that measure stars and fit smooth fields against plain twins, on anything at all."""

import numpy as np
import pytest

from tests.wcs import star_twins as twins
from tica_fn.kernels.centroid import mean_centroid, windowed_centroid
from tica_fn.kernels.smooth import fit_smooth_field
from tica_fn.kernels.stack import find_peaks, stack_boxes
from tica_fn.kernels.starlight import (
    FLUX,
    ISOLATED,
    PEAK,
    WINDOW_X,
    WINDOW_Y,
    measure_starlight,
)


def some_stamp(random, side=13):
    """A star somewhere, a slope, noise, and now and then a hole."""
    y, x = np.mgrid[:side, :side] - side // 2
    column, row = random.uniform(-3, 3, 2)
    width = random.uniform(0.4, 3.0)
    stamp = random.uniform(-300, 5e3) * np.exp(-((x - column) ** 2 + (y - row) ** 2) / width)
    stamp += 90.0 + 4.0 * x - 3.0 * y + random.normal(0, 2, (side, side))
    if random.random() < 0.2:
        stamp[random.integers(0, side), random.integers(0, side)] = np.nan
    return stamp


def test_mean_centroid_over_a_slope():
    random = np.random.default_rng(1)
    for _ in range(20):
        stamp = some_stamp(random)
        found = mean_centroid(stamp, 3, 90.0, 4.0, -3.0)
        expected = twins.mean_position(stamp.tolist(), 3, 90.0, 4.0, -3.0)
        np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("rounds", [1, 3, 25])
def test_windowed_centroid_takes_the_same_steps(rounds):
    random = np.random.default_rng(2)
    taken = []
    for _ in range(40):
        stamp, start = some_stamp(random), random.uniform(-2, 2, 2)
        sigma = random.choice([0.7, 1.5])
        found = windowed_centroid(stamp, 5, 90.0, 4.0, -3.0, *start, sigma, rounds, 1e-3)
        expected = twins.window(
            stamp.tolist(), 5, (90.0, 4.0, -3.0), start, sigma, rounds, 1e-3
        )  # fmt: skip
        assert found[2] == expected[2]
        np.testing.assert_allclose(found[:2], expected[:2], rtol=1e-6, atol=1e-9)
        taken.append(found[2])
    assert rounds == 1 or len(set(taken)) > 2


@pytest.mark.parametrize("reach", [2, 6])
def test_find_peaks(reach):
    random = np.random.default_rng(3)
    stamps = np.stack([some_stamp(random) for _ in range(40)])
    stamps[0], stamps[1], stamps[2] = np.nan, 5.0, -np.inf
    stamps[3, 6, 6] = np.inf
    edges = ((0, 5), (12, 6), (6, 0), (7, 12), (1, 6), (11, 5), (5, 1), (6, 11))
    for k, (row, column) in enumerate(edges, start=4):
        stamps[k] = random.normal(0, 1, (13, 13))
        stamps[k, row, column] = 1e5
    found = np.array(find_peaks(stamps, reach))
    for k, stamp in enumerate(stamps):
        np.testing.assert_allclose(found[:, k], twins.peak(stamp.tolist(), reach), rtol=1e-9)


def test_stack_of_stamps_without_noise_or_background():
    random = np.random.default_rng(4)
    stamps = np.stack([some_stamp(random, 5) for _ in range(4)])
    stamps[np.isnan(stamps)] = 90.0
    level = np.array([90.0, np.nan, 90.0, 0.0])
    scatter = np.array([0.0, 1.0, np.inf, 0.0])
    found = stack_boxes(stamps, level, scatter, 1e5)
    np.testing.assert_allclose(
        found, twins.twins.stack(stamps.tolist(), level, scatter, 1e5), rtol=1e-12
    )
    assert not stack_boxes(stamps, np.full(4, np.nan), scatter, 60.0).any()
    alone = stack_boxes(stamps[:1], level[:1], scatter[:1], 1e5)
    np.testing.assert_allclose(
        alone, twins.twins.stack(stamps[:1].tolist(), level[:1], scatter[:1], 1e5), rtol=1e-12
    )


def test_a_peak_beside_a_missing_pixel_is_at_no_fraction():
    stamp = np.full((1, 11, 11), 90.0)
    stamp[0, 5, 5] = 1000.0
    for row, column in ((5, 6), (6, 5)):
        broken = stamp.copy()
        broken[0, row, column] = np.nan
        assert np.isnan(np.array(find_peaks(broken, 3))).all()


def test_starlight_is_that_of_plain_loops():
    random = np.random.default_rng(5)
    pixels = random.normal(100, 3, (70, 60))
    pixels += 0.5 * np.arange(60) - 0.3 * np.arange(70)[:, None]
    y, x = np.mgrid[:70, :60]
    places = random.uniform(0, (60, 70), (14, 2))
    for column, row in places:
        light = random.choice([40.0, 3e3, 2e4])
        pixels += light * np.exp(-((x - column) ** 2 + (y - row) ** 2) / 1.5)
    pixels[random.random((70, 60)) < 0.002] = np.nan
    columns, rows = random.integers(-5, 65, 80), random.integers(-5, 75, 80)
    columns[:28], rows[:28] = np.rint(np.tile(places, (2, 1))).astype(int).T
    slope_x, slope_y = random.normal(0.5, 0.3, 80), random.normal(-0.3, 0.3, 80)
    found = measure_starlight(pixels, columns, rows, slope_x, slope_y, 3, 58, 66, 1.5, 0.9)
    for k in range(80):
        expected = twins.starlight(
            pixels.tolist(), int(columns[k]), int(rows[k]), (slope_x[k], slope_y[k]), 3, 58, 66,
            1.5, 0.9,
        )  # fmt: skip
        np.testing.assert_allclose(found[:, k], expected, rtol=1e-6, atol=1e-7)
    settled = found[13] > 0
    assert 10 < settled.sum() < 70
    assert 3 < found[5].sum() < 60


@pytest.mark.parametrize(("light", "isolated"), [(10.5, 1.0), (9.5, 0.0), (0.5, 0.0)])
def test_starlight_of_a_single_bright_pixel(light, isolated):
    pixels, here = np.zeros((40, 40)), np.array([20])
    pixels[20, 20] = light
    found = measure_starlight(pixels, here, here, np.zeros(1), np.zeros(1), 0, 40, 40, 1.5, 0.9)
    assert (found[ISOLATED, 0], found[PEAK, 0], found[FLUX, 0]) == (isolated, light, light)
    assert found[WINDOW_X, 0] == found[WINDOW_Y, 0] == 0.0  # measured, however faint
    dark = measure_starlight(
        -pixels, here, here, np.zeros(1), np.zeros(1), 0, 40, 40, 1.5, 0.9
    )  # fmt: skip
    assert np.isnan(dark[WINDOW_X, 0])


@pytest.mark.parametrize("count", [4, 5, 10, 11, 14, 19, 20, 31, 32, 150])
@pytest.mark.parametrize("rounds", [0, 1, 6])
def test_smooth_field(count, rounds):
    for seed in range(4):
        random = np.random.default_rng([6, count, seed])
        x, y = random.uniform(-1, 1, (2, count))
        values = np.stack([0.3 + 0.05 * x * y * seed, -0.2 + 0.1 * y - 0.2 * (seed > 1) * x**2])
        values += random.normal(0, 0.01, values.shape)
        values[:, ::9] += random.normal(0, 1, values[:, ::9].shape)
        values[1, 3] = np.nan
        weights = random.uniform(0.3, 2.0, count)
        weights[count // 2] = 0.0
        coefficients, degree, used = fit_smooth_field(x, y, values, weights, 3, 3.5, rounds)
        expected, expected_degree, kept = twins.smooth_field(
            x, y, values, weights, 3, 3.5, rounds
        )  # fmt: skip
        assert degree == expected_degree
        assert coefficients.shape == (2, 10)
        np.testing.assert_array_equal(used, kept)
        part = expected.shape[1]
        np.testing.assert_allclose(coefficients[:, :part], expected, rtol=1e-6, atol=1e-9)
        assert not coefficients[:, part:].any()
