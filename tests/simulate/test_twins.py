"""Every kernel of the simulation gives what its naive twin gives."""

import numpy as np
import pytest

from tests.simulate import twins
from tica_fn.kernels import bleed as bleeding
from tica_fn.kernels import cosmic, sky_light
from tica_fn.kernels import random_numbers as noise

MEANS = np.array(
    [
        [0.0, -3.0, 1e-9, 0.5, 3.0, 9.999, 10.0, 10.001],
        [12.0, 47.0, 300.0, 1e4, 1e6, 1e9, np.nan, np.inf],
        [0.9, 1.0, 1.1, 9.0, 11.0, 11.5, 13.0, 2.5e5],
    ]
)


@pytest.mark.parametrize("seed", [0, 1, 12345, 2**63 - 1])
def test_the_stream_of_numbers(seed):
    state = noise.stream(seed, 3, 2077)
    twin = twins.Stream(seed, 3, 2077)
    for _ in range(5):
        assert noise.uniform(state) == twin.uniform()
    for _ in range(200):
        assert noise.normal(state) == pytest.approx(twin.normal(), rel=1e-15)


@pytest.mark.parametrize("seed", range(40))
def test_shot_noise(seed):
    image = MEANS.copy()
    noise.add_shot_noise(0.9, seed, 1, 700, image)
    np.testing.assert_array_equal(image, twins.add_shot_noise(0.9, seed, 1, 700, MEANS))


@pytest.mark.parametrize("mean", [9.5, 10.0, 10.5, 15.0, 40.0, 1000.0])
def test_many_counts(mean):
    image = np.full((20, 100), mean)
    expected = twins.add_shot_noise(1.0, 3, 2, 0, image)
    noise.add_shot_noise(1.0, 3, 2, 0, image)
    np.testing.assert_array_equal(image, expected)


B = 20.0
UNDER = 0.9277 - 3.6224 / (B - 2.0)


@pytest.mark.parametrize(
    ("us", "v", "counted"),
    [(0.07, UNDER, True), (0.5, UNDER, True), (0.5, 1.001 * UNDER, False), (0.0699, 0.1, False)],
)
def test_counts_in_the_box_are_sure(us, v, counted):
    """Step 1 of PTRS; the constants are those of the paper."""
    assert noise.surely_counted(us, v, B) == counted


@pytest.mark.parametrize(
    ("us", "v", "count", "refused"),
    [
        (0.4, 0.9, -1.0, True), (0.4, 0.9, 0.0, False), (0.0129, 0.0130, 5.0, True),
        (0.0129, 0.0129, 5.0, False), (0.013, 0.9, 5.0, False), (0.0131, 0.9, 5.0, False),
    ],
)  # fmt: skip
def test_counts_in_the_corners_are_refused(us, v, count, refused):
    """Step 2 of PTRS."""
    assert noise.surely_refused(us, v, count) == refused


def test_counts_of_no_mean():
    state = noise.stream(1, 1, 1)
    before = state.copy()
    for mean in (0.0, -1.0, np.nan):
        assert noise.poisson(mean, state) == 0.0
    assert np.array_equal(state, before)


def test_read_noise():
    image = np.arange(60.0).reshape(5, 12)
    deviation = np.linspace(0, 20, 12)
    expected = twins.add_read_noise(deviation, 7, 2, 11, image)
    noise.add_read_noise(deviation, 7, 2, 11, image)
    np.testing.assert_allclose(image, expected, rtol=1e-15)


@pytest.mark.parametrize("rows", [1, 2, 7, 30])
@pytest.mark.parametrize("seed", range(4))
def test_bleed(rows, seed):
    random = np.random.default_rng(seed)
    image = random.exponential(40.0, (31, 9))
    image[random.integers(0, 31, 12), random.integers(0, 9, 12)] *= 60.0
    image[:, 0] = 5.0
    image[3, 1] = 100.0
    expected, lost = twins.bleed(100.0, rows, image)
    assert bleeding.bleed(100.0, rows, image) == pytest.approx(lost, rel=1e-12, abs=1e-9)
    np.testing.assert_allclose(image, expected, rtol=1e-13)


def traced(*arguments, capacity=4000):
    pixel, block = (np.full(capacity, -1, dtype=np.int64) for _ in range(2))
    charge = np.full(capacity, np.nan)
    hits, *shape, depth, per_pixel, seed, purpose = arguments
    filled = cosmic.trace_tracks(
        hits, tuple(shape), depth, per_pixel, (seed, purpose), pixel, block, charge
    )
    return filled, pixel, block, charge


@pytest.mark.parametrize("seed", range(6))
def test_tracks(seed):
    arguments = (40, 30, 50, 9, 6.7, 1200.0, seed, 3)
    expected = twins.trace_tracks(*arguments)
    filled, pixel, block, charge = traced(*arguments)
    assert filled == len(expected)
    assert pixel[:filled].tolist() == [entry[0] for entry in expected]
    assert block[:filled].tolist() == [entry[1] for entry in expected]
    np.testing.assert_allclose(charge[:filled], [entry[2] for entry in expected], rtol=1e-12)
    assert (pixel[filled:] == -1).all()
    assert np.isnan(charge[filled:]).all()


def assert_tracks_are_those_of_the_twin(*arguments, capacity=4000):
    expected = twins.trace_tracks(*arguments)
    filled, pixel, block, charge = traced(*arguments, capacity=capacity)
    assert filled == len(expected) > 0
    assert pixel[:filled].tolist() == [entry[0] for entry in expected]
    assert block[:filled].tolist() == [entry[1] for entry in expected]
    np.testing.assert_allclose(charge[:filled], [entry[2] for entry in expected], rtol=1e-12)


@pytest.mark.parametrize("depth", [0.0, 0.01, 6.7])
@pytest.mark.parametrize("seed", range(4))
def test_tracks_on_three_pixels(depth, seed):
    """Most begin on the pixel where the one before ended, or have a single piece."""
    assert_tracks_are_those_of_the_twin(40, 1, 3, 9, depth, 1200.0, seed, 3)


def test_grazing_tracks_have_a_longest_length():
    """One in ten thousand is so flat that its length is cut."""
    assert_tracks_are_those_of_the_twin(30_000, 1, 3, 9, 6.7, 1200.0, 2, 3, capacity=200_000)


def test_tracks_that_do_not_fit_are_left_out():
    arguments = (40, 30, 50, 9, 6.7, 1200.0, 1, 3)
    _, all_pixels, _, _ = traced(*arguments)
    filled, pixel, _, _ = traced(*arguments, capacity=25)
    assert filled == 25
    assert np.array_equal(pixel, all_pixels[:25])


def test_deposits():
    random = np.random.default_rng(4)
    pixel, block = random.integers(0, 24, 300), random.integers(0, 5, 300)
    charge = random.exponential(30.0, 300)
    signal, read_noise = random.normal(200.0, 300.0, 24), np.array([0.0, 2.0, 8.0, 9.0, 10.0, 30.0])
    out = np.zeros(24)
    order = np.lexsort((block, pixel))
    cosmic.deposit_trimmed(order, pixel, block, charge, signal, 72.0, read_noise, out)
    expected = twins.deposit_trimmed(pixel, block, charge, signal, 72.0, read_noise, 24)
    np.testing.assert_allclose(out, expected, rtol=1e-12)
    faint, dark = charge / 1000.0, np.full(24, -1.0)
    out[:] = 0.0
    cosmic.deposit_trimmed(order, pixel, block, faint, dark, 72.0, read_noise, out)
    expected = twins.deposit_trimmed(pixel, block, faint, dark, 72.0, read_noise, 24)
    np.testing.assert_allclose(out, expected, rtol=1e-12)
    plain = np.ones(24)
    cosmic.deposit(pixel, charge, plain)
    np.testing.assert_allclose(plain - 1.0, np.bincount(pixel, charge, 24), rtol=1e-12)


@pytest.mark.parametrize(
    "terms",
    [
        (3.0, 0.0, 1.0, 0.0, 5.0, 7.0),
        (3.0, 1.0, 0.8, 0.6, 5.0, 7.0),
        (3.0, 40.0, 0.6, 0.8, 31.0, 7.0),
        (0.0, 2.0, -0.5, 0.3, -4.0, 90.0),
    ],
)
def test_background(terms):
    image = np.arange(20.0).reshape(4, 5)
    expected = twins.add_background(*terms, 11, 23, image)
    sky_light.add_background(*terms, 11, 23, image)
    np.testing.assert_allclose(image, expected, rtol=1e-13)


def test_a_background_without_glow_has_no_length():
    image = np.ones((4, 5))
    sky_light.add_background(3.0, 0.0, 1.0, 0.0, 0.0, 1e-3, 11, 23, image)
    assert (image == 4.0).all()


def test_digitizing():
    values = np.array([[-5.0, -0.5, -0.49, 0.0, 0.49, 0.5, 7.5, 99.49, 99.5, 100.5, 1e9]])
    out = np.full(values.shape, 77, dtype=np.int32)
    assert noise.digitize(0.0, 100.0, values, out) == 3
    assert out.tolist() == [[0, 0, 0, 0, 0, 1, 8, 99, 100, 100, 100]]
