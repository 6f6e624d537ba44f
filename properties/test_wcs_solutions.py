"""Laws of solutions and centroids: maps that undo each other, shifts, order, scale, silence."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tica_fn.kernels.medians import median_in_place
from tica_fn.kernels.stars.centroid import windowed_centroids
from tica_fn.wcs import fit_plate, measure_stars, predict_pointing, solution_of_pointing
from tica_fn.wcs.sphere import aberrate, plane_to_sky, separation, sky_to_plane

SOLUTIONS = [solution_of_pointing(predict_pointing(*place)) for place in ((1, 4, 2), (35, 1, 1))]
columns_of_science = st.floats(44.5, 2092.5)
rows_of_science = st.floats(0.5, 2048.5)
quick = settings(deadline=None, max_examples=50)


@quick
@given(st.sampled_from(SOLUTIONS), columns_of_science, rows_of_science)
def test_sky_to_pixel_undoes_pixel_to_sky(solution, column, row):
    back = solution.sky_to_pixel(*solution.pixel_to_sky([column], [row]))
    assert abs(back[0][0] - column) < 1e-6
    assert abs(back[1][0] - row) < 1e-6


@quick
@given(st.sampled_from(SOLUTIONS), st.floats(0, 360), st.floats(-90, 90))
def test_a_direction_off_the_ccd_has_no_pixel_on_it(solution, ra, dec):
    column, row = solution.sky_to_pixel([ra], [dec])
    if np.isfinite(column[0]) and abs(column[0] - 1069) < 1024 and abs(row[0] - 1024) < 1024:
        back = solution.pixel_to_sky(column, row)
        assert separation(ra, dec, *back)[0] * 3600 < 1e-3


@quick
@given(st.floats(-12, 12), st.floats(-12, 12), st.floats(0, 360), st.floats(-90, 90))
def test_the_tangent_plane_is_undone(xi, eta, ra0, dec0):
    back = sky_to_plane(*plane_to_sky([xi], [eta], ra0, dec0), ra0, dec0)
    assert np.allclose(np.ravel(back), [xi, eta], atol=1e-9)


@quick
@given(st.floats(0, 360), st.floats(-89.9, 89.9), st.tuples(*[st.floats(-30, 30)] * 3))
def test_aberration_is_small_and_almost_undone_by_its_opposite(ra, dec, velocity):
    there = aberrate([ra], [dec], velocity)
    limit = np.linalg.norm(velocity) / 299792.458 * 206265 * 1.001 + 1e-6
    assert separation(ra, dec, *there)[0] * 3600 <= limit
    back = aberrate(*there, [-v for v in velocity])
    assert separation(ra, dec, *back)[0] * 3600 < 0.01


@quick
@given(
    st.floats(-0.5, 0.5), st.floats(-0.5, 0.5), st.floats(1e2, 1e7), st.integers(-3, 3),
    st.integers(-3, 3),
)  # fmt: skip
def test_centroids_follow_shifts_and_ignore_scale_and_level(x, y, flux, dx, dy):
    i, j = np.mgrid[-8:9, -8:9]
    star = np.exp(-0.5 * ((j - x) ** 2 + (i - y) ** 2))
    level = np.array([0.0, 50.0])
    stamps = np.stack([star, 50.0 + flux * np.roll(star, (dy, dx), axis=(0, 1))])
    start = np.array([0.0, float(dx)]), np.array([0.0, float(dy)])
    found_x, found_y, steps = windowed_centroids(stamps, level, *start, 1.5, 40, 1e-9)
    assert (steps > 0).all()
    assert abs(found_x[1] - found_x[0] - dx) < 1e-5
    assert abs(found_y[1] - found_y[0] - dy) < 1e-5


@quick
@given(st.integers(0, 2**32 - 1), st.integers(100, 300))
def test_a_plate_fit_does_not_depend_on_the_order_of_the_stars(seed, count):
    rng = np.random.default_rng(seed)
    solution = SOLUTIONS[1]
    columns, rows = rng.uniform(45, 2092, count), rng.uniform(1, 2048, count)
    ra, dec = solution.pixel_to_sky(columns, rows)
    columns = columns + rng.normal(0, 0.01, count)
    tmag, error = rng.uniform(8, 12, count), np.full(count, 0.01)
    shuffled = rng.permutation(count)
    one = fit_plate(columns, rows, ra, dec, tmag, error)
    other = fit_plate(*(axis[shuffled] for axis in (columns, rows, ra, dec, tmag, error)))
    assert np.array_equal(one.used[shuffled], other.used)
    assert np.allclose(one.solution.crval, other.solution.crval, atol=1e-9)
    far = one.solution.pixel_to_sky([45.0, 2092.0], [1.0, 2048.0])
    assert np.allclose(far, other.solution.pixel_to_sky([45.0, 2092.0], [1.0, 2048.0]), atol=1e-8)


@quick
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200))
def test_the_median_is_numpys(values):
    assert median_in_place(np.array(values), len(values)) == np.median(values)


@settings(deadline=None, max_examples=15)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.tuples(st.floats(-100, 2300), st.floats(-100, 2300)), min_size=1, max_size=5),
)
def test_no_wild_numbers_come_out_of_noise_and_holes(seed, places):
    rng = np.random.default_rng(seed)
    image = NOISE + np.float32(rng.uniform(-1e3, 1e3))
    column, row = int(rng.integers(0, 2136)), int(rng.integers(0, 2078))
    image[max(0, row - 30) : row + 30, max(0, column - 30) : column + 30] = np.nan
    x, y = np.array(places, dtype=float).T
    found = measure_stars(image, x, y)
    known = np.isfinite(found.columns)
    assert np.array_equal(known, np.isfinite(found.rows))
    assert (np.hypot(found.columns - x, found.rows - y)[known] < 6.0).all()
    assert (found.flags[~known] != 0).all()


NOISE = np.random.default_rng(7).normal(100, 10, (2078, 2136)).astype(np.float32)
