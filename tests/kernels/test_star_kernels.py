"""Kernels that measure stars and fit smooth fields against plain twins, on anything at all."""

import numpy as np
import pytest

from tests.kernels import star_twins as twins
from tica_fn.kernels.stars.centroid import mean_centroid, windowed_centroid
from tica_fn.kernels.stars.field_and_wave import fit_field_and_wave
from tica_fn.kernels.stars.field_evidence import fit_field_by_evidence
from tica_fn.kernels.stars.phase_wave import fit_phase_wave
from tica_fn.kernels.stars.polynomial import chebyshev_basis
from tica_fn.kernels.stars.smooth_field import fit_smooth_field
from tica_fn.kernels.stars.stacked_boxes import find_peaks, stack_boxes
from tica_fn.kernels.stars.starlight import (
    FLUX,
    ISOLATED,
    MEAN_X,
    MEAN_Y,
    PEAK,
    STEPS,
    WINDOW_X,
    WINDOW_Y,
    measure_starlight,
)

DARK = (0.0, 0.0, 0.0)
"""No background, and no slope of it."""


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
        found = windowed_centroid(stamp, 5, (90.0, 4.0, -3.0), tuple(start), sigma, rounds, 1e-3)
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


@pytest.mark.parametrize("noise", [0.0, 1e-8, 2.0])
def test_stack_of_boxes_that_reach_over_the_edges_and_holes(noise):
    random = np.random.default_rng(4)
    pixels = np.full((40, 60), 90.0) + random.normal(0, noise, (40, 60))
    pixels[:20, :20] = 0.0
    columns, rows = np.array([25, 9, 3, 50, 58, 30]), np.array([20, 9, 20, 12, 38, 36])
    pixels[rows, columns + 1] += 5e3
    pixels[10:15, 46:55] = np.nan  # 45 of the 121 pixels of one box
    pixels[34:39, 25:36], pixels[33, 25:33] = np.inf, np.nan  # 63 of another: more than half
    boxes = np.full((6, 11, 11), np.nan)
    for k, (column, row) in enumerate(zip(columns, rows, strict=True)):
        for i in range(11):
            for j in range(11):
                at = row - 5 + i, column - 5 + j
                if 0 <= at[0] < 39 and 2 <= at[1] < 59:
                    boxes[k, i, j] = pixels[at]
    finite = np.where(boxes < 1e9, boxes, np.nan).tolist()
    level, scatter = np.array([twins.twins.ring_background(box, 5) for box in finite]).T
    assert np.isfinite(level).tolist() == [True, True, True, True, False, False]
    found = stack_boxes(pixels, columns, rows, 5, 2, 59, 39, 1e5)
    expected = twins.twins.stack(boxes.tolist(), level, scatter, 1e5)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found[5, 6] == found.max() > 0
    assert not stack_boxes(pixels * np.nan, columns, rows, 5, 2, 59, 39, 60.0).any()


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
    found = measure_starlight(
        pixels, columns, rows, np.stack([slope_x, slope_y]), (3, 58, 66), 1.5, 0.9
    )
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
    found = measure_starlight(pixels, here, here, np.zeros((2, 1)), (0, 40, 40), 1.5, 0.9)
    assert (found[ISOLATED, 0], found[PEAK, 0], found[FLUX, 0]) == (isolated, light, light)
    assert found[WINDOW_X, 0] == found[WINDOW_Y, 0] == 0.0  # measured, however faint
    dark = measure_starlight(
        -pixels, here, here, np.zeros((2, 1)), (0, 40, 40), 1.5, 0.9
    )  # fmt: skip
    assert np.isnan(dark[WINDOW_X, 0])


def measured(pixels, missing=()):
    """Numbers of the star in the middle of 40 x 40 pixels, and those of the twin."""
    for row, column in missing:
        pixels[row, column] = np.nan
    here, none = np.array([20]), np.zeros((2, 1))
    found = measure_starlight(pixels, here, here, none, (0, 40, 40), 1.5, 0.9)[:, 0]
    expected = twins.starlight(pixels.tolist(), 20, 20, (0.0, 0.0), 0, 40, 40, 1.5, 0.9)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)
    return found


def some_pixels(seed=8):
    pixels = np.random.default_rng(seed).normal(0, 0.1, (40, 40))
    pixels[20, 20] = 500.0
    return pixels


@pytest.mark.parametrize(("lost", "enough"), [(35, True), (36, True), (37, False)])
def test_half_of_the_ring_must_be_there(lost, enough):
    y, x = np.mgrid[:40, :40]
    far = np.maximum(abs(y - 20), abs(x - 20))
    ring = np.argwhere((far == 4) | (far == 5))
    assert len(ring) == 72
    found = measured(some_pixels(), ring[:lost])
    assert np.isfinite(found[FLUX]) == enough


def test_a_star_without_light_has_no_centroid():
    pixels = np.zeros((40, 40))
    pixels[20, 24] = 100.0  # beside the middle, within the larger squares
    found = measured(pixels)
    assert found[FLUX] == 0.0
    assert np.isnan(found[WINDOW_X:]).sum() == len(found) - WINDOW_X - 1
    assert found[STEPS] == -1


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("side", [-1, 1])
def test_the_first_guess_stays_near(axis, side):
    """The mean of light and less than none may lie far outside."""
    pixels = some_pixels()
    pixels[20, 20] = 1.0
    for place, value in ((2, 100.0), (-2, -98.0)):
        step = np.roll([side * place, 0], axis)
        pixels[20 + step[0], 20 + step[1]] = value
    found = measured(pixels)
    assert abs(found[MEAN_Y if axis == 0 else MEAN_X]) > 10


def test_a_star_between_two_does_not_settle():
    y, x = np.mgrid[-20:20, -20:20]
    lights = ((1000.0, 1.6), (990.0, -1.6))
    pixels = sum(light * np.exp(-((x - at) ** 2 + y**2)) for light, at in lights)
    found = measured(pixels)
    assert found[STEPS] == -1
    assert 0.05 < found[WINDOW_X] < 0.2  # and was still on its way


@pytest.mark.parametrize("half", [2, 5])
def test_centroids_of_faint_light_and_of_none(half):
    stamp = np.zeros((13, 13))
    assert np.isnan(mean_centroid(stamp, half, 0.0, 0.0, 0.0)[:2]).all()
    assert np.isnan(windowed_centroid(stamp, half, DARK, (0.0, 0.0), 1.5, 9, 1e-3)[:2]).all()
    stamp[6, 7], stamp[6, 5] = 1.0, -1.0
    assert np.isnan(mean_centroid(stamp, half, 0.0, 0.0, 0.0)[:2]).all()
    assert np.isnan(windowed_centroid(stamp, half, DARK, (0.0, 0.0), 1.5, 9, 1e-3)[:2]).all()
    stamp[6, 7], stamp[6, 5] = 0.5, 0.0
    assert mean_centroid(stamp, half, 0.0, 0.0, 0.0) == (1.0, 0.0, 0.5)
    found = windowed_centroid(stamp, half, DARK, (1.0, 0.0), 1.5, 9, 1e-3)
    assert found == (1.0, 0.0, 1)


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("side", [-1, 1])
def test_a_centroid_on_the_edge_of_its_square_is_inside(axis, side):
    stamp = np.zeros((15, 15))
    place = np.roll([side * 5, 0], axis)
    stamp[7 + place[0], 7 + place[1]] = 90.0
    start = float(place[1]), float(place[0])
    found = windowed_centroid(stamp, 5, DARK, tuple(start), 1.5, 9, 1e-3)
    assert found == (*start, 1)
    # A step as long as the tolerance is too long.
    assert windowed_centroid(stamp, 5, DARK, tuple(start), 1.5, 9, 0.0) == (*start, -1)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_step_as_long_as_the_tolerance_is_too_long(axis):
    """The star is so narrow that a step is just the way to it: a quarter of a pixel."""
    stamp = np.zeros((11, 11))
    stamp[5, 5] = 64.0
    start = np.roll([0.25, 0.0], axis)
    once = windowed_centroid(stamp, 5, DARK, tuple(start), 1.5, 1, 0.25)
    assert once == (0.0, 0.0, -1)
    assert windowed_centroid(stamp, 5, DARK, tuple(start), 1.5, 1, 0.26) == (0.0, 0.0, 1)


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


def fit_field(x, y, values, errors, widths, *rounds):
    """A fit of a field that begins with none."""
    basis = chebyshev_basis(x, y, len(widths) - 1)
    return fit_field_by_evidence(*basis, values, errors, widths, *rounds)


@pytest.mark.parametrize("count", [3, 5, 6, 17, 60, 300])
@pytest.mark.parametrize("rounds", [1, 3, 12])
def test_field_by_evidence(count, rounds):
    rng = np.random.default_rng(count + rounds)
    for trial in range(4):
        x, y = rng.uniform(-1, 1, (2, count))
        values = rng.normal(0, 0.02, (2, count)) + np.stack([0.1 * x * y, 0.3 - 0.2 * y**3 * x])
        values[:, rng.random(count) < 0.1] += rng.choice([-1.0, 1.0])
        values[0, rng.random(count) < 0.05] = np.nan
        errors = np.where(rng.random(count) < 0.1, np.inf, rng.uniform(0.5, 2, count) * 0.02)
        widths = np.array([np.inf, 1.0, 0.5, 0.2, 0.1, 0.05])
        given = values, errors, widths, 3, rounds, 1 + trial, 1e-6
        field, spread, degree, weights = fit_field(x, y, *given)
        expected = twins.field_by_evidence(x, y, *given)
        np.testing.assert_allclose(field, expected[0], atol=1e-8)
        assert spread == pytest.approx(expected[1], rel=0.02)
        assert degree == expected[2]
        np.testing.assert_allclose(weights, expected[3], rtol=1e-5)


def test_a_steep_corner_stays_and_what_is_off_counts_little():
    rng = np.random.default_rng(3)
    x, y = rng.uniform(-1, 1, (2, 900))
    wanted = np.stack([0.08 * (x**5) * (y**3), -0.05 * x**7])
    bad = rng.random(900) < 0.15
    values = wanted + rng.normal(0, 0.001, wanted.shape) + np.where(bad, 0.4, 0.0)
    widths = np.array([np.inf] * 3 + [0.2, 0.1, 0.05, 0.02, 0.01, 0.005])
    field, spread, degree, weights = fit_field(
        x, y, values, np.full(900, 0.001), widths, 7, 8, 4, 1e-6
    )
    assert degree == 8
    assert weights[bad].max() < 1e-3 * np.median(weights[~bad])
    assert np.abs(field - wanted).max() < 0.005
    apart = np.sqrt(np.mean(np.sum((field - wanted) ** 2, axis=0)))
    assert 0.5 < spread / apart < 2.0


def test_the_evidence_gives_noise_alone_no_terms():
    rng = np.random.default_rng(4)
    x, y = rng.uniform(-1, 1, (2, 900))
    noise = rng.normal(0, 0.01, (2, 900))
    widths = np.array([np.inf, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005])
    field, _, degree, _ = fit_field(x, y, noise, np.full(900, 0.01), widths, 5, 20, 20, 0.0)
    assert degree == 0
    assert np.sqrt(np.mean(field**2)) < 0.002


@pytest.mark.parametrize(("count", "height"), [(700, 0.02), (700, 0.0), (100, 0.02), (30, 0.02)])
def test_waves_within_the_pixel(count, height):
    rng = np.random.default_rng(count)
    x, y = rng.uniform(-1, 1, (2, count))
    places = rng.uniform(40, 2000, (2, count))
    values = height * x * np.sin(2 * np.pi * places) + rng.normal(0, 0.003, (2, count))
    weights = np.where(rng.random(count) < 0.1, 0.0, rng.uniform(0.5, 2.0, count) / 0.003**2)
    values[:, weights == 0.0] = np.nan
    given = x, y, places, values, weights, np.array([0.05, 0.05, 0.03, 0.02, 0.01]), 5
    wave, clear = fit_phase_wave(*chebyshev_basis(x, y, 5), *given[2:])
    expected = twins.phase_wave(*given)
    np.testing.assert_allclose(wave, expected[0], atol=1e-9)
    assert clear == expected[1] == (height > 0.0)


def test_no_wave_from_too_few_places_and_none_where_the_place_is_unknown():
    x, weights = np.linspace(-1, 1, 40), np.ones(40)
    places = np.stack([40.3 * x, 17.7 * x])
    places[:, 3], weights[3] = np.nan, 0.0
    wave, _ = fit_phase_wave(
        *chebyshev_basis(x, x, 2), places, 0.1 * places, weights, np.full(3, 0.05), 3
    )
    assert not wave[:, 3].any()
    assert np.isfinite(wave).all()
    none, clear = fit_phase_wave(
        *chebyshev_basis(x[:5], x[:5], 2),
        places[:, :5],
        places[:, :5],
        weights[:5],
        np.full(3, 0.05),
        3,
    )
    assert not none.any()
    assert not clear


@pytest.mark.parametrize(
    ("count", "degrees", "scale", "begun"),
    [
        (700, 6, 1.0, False), (700, 0, 1.0, False), (150, 6, 1.0, False), (700, 2, 1.0, False),
        (700, 6, 30.0, False), (700, 6, 1.0, True), (700, 0, 1.0, True),
    ],
)  # fmt: skip
def test_a_field_and_waves_together(count, degrees, scale, begun):
    rng = np.random.default_rng(count + degrees)
    x, y = rng.uniform(-1, 1, (2, count))
    places = rng.uniform(40, 2000, (2, count))
    wave = 0.02 * x * np.sin(2 * np.pi * places)
    smooth = np.stack([0.05 * x**2 * y, 0.02 - 0.03 * y])
    values = smooth + wave + rng.normal(0, 0.001, (2, count))
    errors = rng.uniform(0.7, 1.5, count) * 0.001 * scale
    start = smooth if begun else None
    values[:, ::9] += 0.3
    values[0, 5], errors[7] = np.nan, np.inf
    widths = np.array([np.inf, np.inf, np.inf, 0.1, 0.05])
    given = places, values, errors, widths, np.full(degrees, 0.01), 5, start
    field, found, weights = fit_field_and_wave(*chebyshev_basis(x, y, 6), *given)
    expected = twins.field_and_wave(x, y, *given)
    np.testing.assert_allclose(field, expected[0], atol=1e-8)
    np.testing.assert_allclose(found, expected[1], atol=1e-8)
    used = np.isfinite(values).all(axis=0) & np.isfinite(errors)
    np.testing.assert_allclose(weights[used], expected[2], rtol=1e-5)
    assert not weights[~used].any()
    if degrees > 0:
        assert np.sqrt(np.mean((found - wave) ** 2)) < 0.001 * np.sqrt(scale)
    else:
        assert not found.any()


def test_too_few_places_give_no_field():
    x = np.linspace(-1, 1, 5)
    given = *chebyshev_basis(x, x, 2), np.stack([x, x]), np.stack([x, x]), np.ones(5)
    field, wave, weights = fit_field_and_wave(*given, np.full(3, np.inf), np.ones(2), 3)
    assert not field.any()
    assert not wave.any()
    assert not weights.any()
