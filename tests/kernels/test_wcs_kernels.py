"""Every kernel against its plain twin, on odd shapes, edges, NaN and integers."""

import numpy as np
import pytest

from tests.kernels import wcs_twins as twins
from tica_fn.kernels.medians import median_and_scatter, median_in_place, ranked_of_rows
from tica_fn.kernels.stars.centroid import mean_centroids, windowed_centroids
from tica_fn.kernels.stars.chebyshev_sums import chebyshev_normal_equations
from tica_fn.kernels.stars.normal_equations import (
    clip_groups,
    normal_equations,
    residuals,
    solve_normal,
)
from tica_fn.kernels.stars.polynomial import chebyshev_terms, polynomial_terms, polynomial_values
from tica_fn.kernels.stars.smooth_field import fit_smooth_field
from tica_fn.kernels.stars.stacked_boxes import find_peaks, stack_boxes
from tica_fn.kernels.stars.stamps import (
    cell_medians,
    cut_stamps,
    isolation_of,
    ring_background,
    ring_values,
    summary_of,
)
from tica_fn.kernels.stars.starlight import (
    FLUX,
    MEAN_X,
    MISSING,
    STEPS,
    WINDOW_X,
    measure_starlight,
)

RNG = np.random.default_rng(11)


def star(x, y, sigma=0.85, side=11, flux=1e4, level=100.0):
    i, j = np.mgrid[:side, :side] - side // 2
    return level + flux * np.exp(-0.5 * ((j - x) ** 2 + (i - y) ** 2) / sigma**2)


@pytest.mark.parametrize("degree", [0, 1, 3, 6])
def test_polynomials(degree):
    x, y = RNG.uniform(-1, 1, (2, 7))
    terms = polynomial_terms(x, y, degree)
    np.testing.assert_allclose(terms, twins.polynomial_terms(x, y, degree), rtol=1e-14)
    products = chebyshev_terms(x, y, degree)
    assert products.shape == terms.shape
    np.testing.assert_allclose(products, twins.chebyshev_terms(x, y, degree), atol=1e-13)
    coefficients = RNG.normal(size=(2, terms.shape[1]))
    values = polynomial_values(coefficients, x, y, degree)
    np.testing.assert_allclose(values, coefficients @ terms.T, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10, 71, 72])
def test_median(count):
    values = np.round(RNG.normal(size=count + 5), 1)
    part = values[:count].tolist()
    np.testing.assert_array_equal(median_in_place(values.copy(), count), twins.median(part))
    middle, scatter = median_and_scatter(values.copy(), count)
    spread = twins.median([abs(value - middle) for value in part])
    np.testing.assert_allclose([middle, scatter], [twins.median(part), 1.4826 * spread])


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.float64])
def test_stamps_end_where_the_image_or_its_science_area_ends(dtype):
    pixels = RNG.integers(0, 1000, (13, 17)).astype(dtype)
    columns, rows = np.array([0, 8, 16, -40, 5]), np.array([0, 6, 12, 3, 11])
    for first, last, top in ((0, 17, 13), (3, 15, 11), (0, 40, 40)):
        stamps = cut_stamps(pixels, columns, rows, 3, first, last, top)
        for k in range(columns.size):
            twin = twins.cut_stamp(pixels, columns[k], rows[k], 3, first, last, top)
            np.testing.assert_array_equal(stamps[k], twin)


def test_ring_background_needs_half_of_its_pixels():
    stamps = RNG.normal(100, 5, (4, 11, 11))
    stamps[1, :2] = np.nan
    stamps[2, :7] = np.nan
    median, scatter = ring_background(stamps, 2)
    for k in range(4):
        np.testing.assert_allclose(
            (median[k], scatter[k]), twins.ring_background(stamps[k].tolist(), 2), rtol=1e-14
        )
    assert np.isnan(median[2])


@pytest.mark.parametrize(("lost", "enough"), [(35, True), (36, True), (37, False)])
def test_ring_background_of_just_half_a_ring(lost, enough):
    stamp = RNG.normal(100, 5, (11, 11))
    y, x = np.mgrid[-5:6, -5:6]
    ring = np.argwhere(np.maximum(abs(x), abs(y)) >= 4)
    assert len(ring) == 72
    stamp[tuple(ring[:lost].T)] = np.nan
    median, _ = ring_background(stamp[None], 2)
    assert np.isfinite(median[0]) == enough


@pytest.mark.parametrize(("half", "width"), [(1, 1), (2, 2), (2, 1), (3, 2), (3, 4)])
def test_ring_values_are_those_of_the_ring(half, width):
    stamp = np.arange(81.0).reshape(9, 9)
    out = np.full(81, -1.0)
    count = ring_values(stamp, half, width, out)
    y, x = np.mgrid[-4:5, -4:5]
    far = np.maximum(abs(x), abs(y))
    expected = stamp[(far <= half) & (far > half - width)]
    assert sorted(out[:count]) == expected.tolist()
    assert (out[count:] == -1).all()


def test_mean_centroids():
    stamps = np.stack([star(0.3, -0.2), star(-0.49, 0.1), np.zeros((11, 11))])
    level = np.array([100.0, 90.0, 1.0])
    found = mean_centroids(stamps, 2, level)
    for k in range(3):
        twin = twins.mean_centroid(stamps[k].tolist(), 2, level[k])
        np.testing.assert_allclose([axis[k] for axis in found], twin, rtol=1e-12)


@pytest.mark.parametrize("sigma", [0.6, 0.85, 1.5])
def test_windowed_centroid_is_where_the_weighted_mean_vanishes(sigma):
    places = RNG.uniform(-0.9, 0.9, (2, 20))
    stamps = np.stack([star(x, y, sigma) for x, y in places.T])
    level, zero = np.full(20, 100.0), np.zeros(20)
    x, y, steps = windowed_centroids(stamps, level, zero, zero, 1.5, 50, 1e-10)
    assert (steps > 0).all()
    for k in range(20):
        off = twins.weighted_mean_offset(stamps[k].tolist(), 100.0, x[k], y[k], 1.5)
        assert np.abs(off).max() < 1e-9
    if sigma > 0.8:
        np.testing.assert_allclose((x, y), places, atol=2e-4)


def test_windowed_centroid_gives_up_on_what_is_no_star():
    stamps = np.stack([np.zeros((11, 11)), -star(0, 0, level=0.0), star(9, 0, level=0.0)])
    zero = np.zeros(3)
    _, _, steps = windowed_centroids(stamps, zero, zero, zero, 1.5, 25, 1e-4)
    assert (steps == -1).all()


@pytest.mark.parametrize("neighbour", [0.0, 0.05, 0.5])
def test_isolation(neighbour):
    stamp = star(0.2, 0.1, level=0.0) + neighbour * np.roll(star(0, 0, level=0.0), 4, axis=1)
    alone, contrast_x, contrast_y = isolation_of(stamp, 5, 0.0, 10.0, 0.9)
    twin = twins.isolation(stamp.tolist(), 0.0, 10.0, 0.9)
    assert alone == twin[0] == (neighbour < 0.1)
    np.testing.assert_allclose((contrast_x, contrast_y), twin[1:], rtol=1e-9)


def test_isolation_of_anything_at_all():
    random = np.random.default_rng(13)
    verdicts = []
    for _ in range(60):
        stamp = random.normal(random.choice([0.0, 3.0]), 1.0, (13, 13))
        stamp += random.uniform(0, 60) * np.eye(13)[random.integers(0, 13)]
        stamp[random.integers(4, 9), random.integers(4, 9)] += random.uniform(0, 120)
        alone, *contrasts = isolation_of(stamp, 5, 2.0, 40.0, 0.6)
        twin = twins.isolation(stamp[1:12, 1:12].tolist(), 2.0, 40.0, 0.6)
        assert alone == twin[0]
        np.testing.assert_allclose(contrasts, twin[1:], rtol=1e-9)
        verdicts.append(alone)
    assert 5 < sum(verdicts) < 55


def in_one_line(**values):
    """A stamp of zeros but for one row, whose pixels are given by their column."""
    stamp = np.zeros((11, 11))
    for name, value in values.items():
        stamp[5, int(name[1:])] = value
    return stamp


@pytest.mark.parametrize(("peak", "alone"), [(10.0, True), (9.99, False)])
def test_a_peak_as_high_as_the_floor_is_enough(peak, alone):
    assert isolation_of(in_one_line(c5=peak), 5, 0.0, 10.0, 0.9) == (alone, np.inf, np.inf)


@pytest.mark.parametrize(("wing", "alone"), [(8.0, True), (8.01, False)])
def test_a_wing_as_high_as_the_limit_is_allowed(wing, alone):
    found = isolation_of(in_one_line(c5=16.0, c9=wing), 5, 0.0, 10.0, 0.5)
    assert found == (alone, 16.0 / wing, np.inf)


def test_contrast_over_a_faint_wing_and_over_none():
    assert isolation_of(in_one_line(c5=16.0, c9=0.5), 5, 0.0, 10.0, 0.5)[1] == 32.0
    assert isolation_of(np.zeros((11, 11)), 5, 0.0, 10.0, 0.5) == (False, np.inf, np.inf)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_star_is_alone_only_in_both_directions(axis):
    stamp = in_one_line(c5=100.0, c9=90.0)
    assert not isolation_of(stamp if axis else stamp.T.copy(), 5, 0.0, 10.0, 0.5)[0]


def test_isolation_says_no_to_missing_pixels():
    for row, column in ((0, 0), (0, 10), (10, 10), (10, 5), (5, 10)):
        stamp = star(0, 0)
        stamp[row, column] = np.nan
        assert isolation_of(stamp, 5, 0.0, 10.0, 0.9) == (False, 0.0, 0.0)


def test_summary_sees_flat_tops_and_missing_pixels():
    stamp = star(0, 0, level=0.0)
    assert summary_of(stamp, 2) == (1e4, 1, 0)
    stamp[3:8, 5] = 2e4
    stamp[4, 4] = np.nan
    assert summary_of(stamp, 2) == (2e4, 5, 1)
    assert summary_of(np.full((11, 11), np.nan), 2) == (-np.inf, 0, 25)
    edge = np.zeros((5, 5))
    edge[2, 2], edge[2, 3], edge[2, 1] = 100.0, 98.0, 97.99
    assert summary_of(edge, 2) == (100.0, 2, 0)
    for place in ((0, 2), (4, 2), (2, 0), (2, 4)):
        flat = np.zeros((5, 5))
        flat[2, 2] = flat[place] = 100.0
        assert summary_of(flat, 2) == (100.0, 2, 0)
        assert summary_of(flat, 1) == (100.0, 1, 0)


@pytest.mark.parametrize("step", [1, 2, 5])
def test_cell_medians(step):
    pixels = RNG.normal(size=(20, 23)).astype(np.float32)
    pixels[4, 5:9] = np.nan
    cells = cell_medians(pixels, 1, 2, 6, 3, step)
    for i in range(3):
        for j in range(3):
            twin = twins.cell_median(pixels, 1 + 6 * i, 2 + 6 * j, 6, step)
            np.testing.assert_allclose(cells[i, j], twin)


def test_stack_and_peaks():
    stamps = np.stack([star(1.2, -2.3, side=15) + RNG.normal(0, 3, (15, 15)) for _ in range(6)])
    stamps[5] = np.nan
    stamps[4, 6, 9] = np.inf
    level, scatter = ring_background(np.where(np.isinf(stamps), np.nan, stamps), 7)
    stacked = stack_boxes(
        np.hstack(stamps), 15 * np.arange(6) + 7, np.full(6, 7), 7, 0, 90, 15, 60.0
    )
    np.testing.assert_allclose(stacked, twins.stack(stamps.tolist(), level, scatter, 60.0))
    x, y, peak = find_peaks(stamps, 4)
    assert np.abs(x[:5] - 1.2).max() < 0.2
    assert np.abs(y[:5] + 2.3).max() < 0.2
    assert (peak[:5] > 5e3).all()
    assert np.isnan(x[5])
    assert np.isfinite(stacked).all()


@pytest.mark.parametrize("count", [4, 8, 9, 27])
def test_normal_equations(count):
    terms, values = RNG.normal(size=(count, 4)), RNG.normal(size=(2, count))
    weights = RNG.uniform(0.1, 1, count)
    weights[3], values[1, 3] = 0.0, np.nan
    gram, right = normal_equations(terms, weights, values)
    twin = twins.normal_equations(terms.tolist(), weights, values.tolist())
    np.testing.assert_allclose(gram, twin[0])
    np.testing.assert_allclose(right, twin[1])


@pytest.mark.parametrize("count", [1, 7, 8, 41])
@pytest.mark.parametrize("degree", [0, 1, 4])
def test_normal_equations_of_chebyshev_terms(count, degree):
    rng = np.random.default_rng(count)
    x, y, weights = rng.uniform(-1, 1, (3, count))
    values = rng.normal(size=(2, count))
    weights[0], values[1, 0] = 0.0, np.nan
    terms = chebyshev_terms(x, y, 2 * degree)
    gram, right = chebyshev_normal_equations(terms, weights, values, degree)
    size = (degree + 1) * (degree + 2) // 2
    twin = twins.normal_equations(terms[:, :size].tolist(), weights, values.tolist())
    np.testing.assert_allclose(gram, twin[0], atol=1e-13)
    np.testing.assert_allclose(right, twin[1], atol=1e-13)


@pytest.mark.parametrize("groups", [1, 3, 7])
def test_clip_groups(groups):
    residual = RNG.normal(size=(2, 61))
    residual[0, 5], residual[1, 40] = 30.0, -9.0
    order = RNG.permutation(61)[:55]
    order = np.unique(np.concatenate([order, [5, 40]]))
    far = clip_groups(residual, order, groups, 4.0)
    assert far.tolist() == twins.clip_groups(residual.tolist(), order.tolist(), groups, 4.0)
    assert far[5]
    assert far[40]


@pytest.mark.parametrize("groups", [1, 2, 3])
@pytest.mark.parametrize("count", [3, 4, 6, 7])
def test_clip_groups_of_a_few(groups, count):
    """Whole numbers: each of them moves the scatter of all, and stands at limits."""
    random = np.random.default_rng([groups, count])
    clipped = 0
    for _ in range(150):
        residual = random.integers(-6, 7, (2, count + 2)).astype(np.float64)
        order = random.permutation(count + 2)[:count]
        far = clip_groups(residual, order, groups, 1.0)
        assert far.tolist() == twins.clip_groups(residual.tolist(), order.tolist(), groups, 1.0)
        clipped += far.sum()
    assert clipped > 100 or count < 3 * groups  # of one or two none stands apart


def test_normal_equations_of_unlike_terms_leave_what_they_do_not_explain():
    rng = np.random.default_rng(5)
    terms = np.ascontiguousarray(rng.normal(size=(50, 7)) * 10.0 ** np.arange(-3, 4))
    values = rng.normal(size=(2, 50))
    expected = np.linalg.lstsq(terms, values.T, rcond=None)[0].T
    found = solve_normal(*normal_equations(terms, np.ones(50), values))
    np.testing.assert_allclose(found, expected, rtol=1e-8)
    left = residuals(np.ascontiguousarray(terms.T), expected, values)
    np.testing.assert_allclose(left, values - expected @ terms.T, atol=1e-13)


def test_normal_equations_of_a_term_that_is_never_there():
    terms = np.random.default_rng(6).normal(size=(20, 3))
    terms[:, 2] = 0.0
    values = (2.0 * terms[:, 0] - terms[:, 1])[None]
    found = solve_normal(*normal_equations(terms, np.ones(20), values))
    np.testing.assert_allclose(found, [[2.0, -1.0, 0.0]], atol=1e-12)


def test_smooth_field_takes_the_degree_that_the_data_ask_for():
    x, y = RNG.uniform(-1, 1, (2, 500))
    noise = RNG.normal(0, 0.01, (2, 500))
    weights = np.ones(500)
    flat = np.array([[0.3], [-0.2]]) + noise
    coefficients, degree, used = fit_smooth_field(x, y, flat, weights, 4, 4.0, 8)
    assert degree == 0
    np.testing.assert_allclose(coefficients[:, 0], [0.3, -0.2], atol=0.003)
    assert used.sum() > 490
    bent = flat + np.stack([x * y, x**2])
    bent[:, ::10] += 5.0
    coefficients, degree, used = fit_smooth_field(x, y, bent, weights, 4, 4.0, 8)
    assert degree == 2
    assert not used[::10].any()
    np.testing.assert_allclose(
        coefficients[:, :6], [[0.3, 0, 0, 0, 1, 0], [-0.2, 0, 0, 1, 0, 0]], atol=0.01
    )


def test_smooth_field_of_nothing():
    zero = np.zeros(5)
    coefficients, degree, _ = fit_smooth_field(
        zero, zero, np.full((2, 5), np.nan), zero + 1, 2, 3.0, 4
    )
    assert degree == -1
    assert not coefficients.any()


def test_starlight_agrees_with_its_parts_and_tells_missing_pixels():
    pixels = RNG.normal(100, 3, (80, 90))
    pixels[30:41, 40:51] += star(0.3, -0.4, level=0.0)
    pixels[60, 20] = np.nan
    columns, rows = np.array([45, 20, 88, -9]), np.array([35, 60, 40, 3])
    zero = np.zeros((2, 4))
    found = measure_starlight(pixels, columns, rows, zero, (0, 90, 80), 1.5, 0.9)
    stamp = pixels[30:41, 40:51]
    level, _ = twins.ring_background(stamp.tolist(), 2)
    x, _, flux = twins.mean_centroid(stamp.tolist(), 2, level)
    np.testing.assert_allclose([found[MEAN_X, 0], found[FLUX, 0]], [x, flux])
    assert abs(found[WINDOW_X, 0] - 0.3) < 0.01
    assert found[MISSING].tolist() == [0, 1, 5, 25]
    assert found[STEPS, 1:].tolist() == [-1, -1, -1]
    assert not np.isfinite(found[WINDOW_X, 1:]).any()


@pytest.mark.parametrize("kind", [np.int32, np.int64])
@pytest.mark.parametrize("place", [0, 3, 40])
def test_ranked_numbers_are_those_of_a_sort(kind, place):
    info = np.iinfo(kind)
    keys = RNG.integers(info.min, info.max, (20, 41), dtype=kind, endpoint=True)
    keys[0] = 7
    keys[1] = RNG.integers(-3, 4, 41)
    keys[2, ::2], keys[2, 1::2] = info.min, info.max
    keys[3] = info.max - RNG.integers(0, 9, 41)
    out = np.empty(20, dtype=kind)
    ranked_of_rows(keys, place, out)
    assert out.tolist() == np.sort(keys, axis=1)[:, place].tolist()
