"""Clipped means of stacks against plain numpy, and their statistics."""

import math
import tracemalloc

import numpy as np
import pytest

from tica_fn import kernels
from tica_fn.build.clipped_mean import SAMPLE, _shrink, stack_clipped
from tica_fn.errors import FrameError


def naive_pass(frames, weights, centre, reach):
    """Weighted mean and sum of squares of the kept values, in plain loops."""
    rows, columns = centre.shape
    count = np.zeros((rows, columns), int)
    total, m2, mean = np.zeros((rows, columns)), np.zeros((rows, columns)), centre.copy()
    for r in range(rows):
        for c in range(columns):
            kept = [
                (float(f[r, c]), w)
                for f, w in zip(frames, weights, strict=True)
                if abs(f[r, c] - centre[r, c]) * math.sqrt(w) <= reach[r, c]
            ]
            count[r, c] = len(kept)
            total[r, c] = math.fsum(w for _, w in kept)
            if kept:
                mean[r, c] = math.fsum(v * w for v, w in kept) / total[r, c]
                m2[r, c] = math.fsum(w * (v - mean[r, c]) ** 2 for v, w in kept)
    return count, total, mean, m2


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (5, 3), (8, 13)])
def test_accumulation_is_the_naive_sum(shape):
    rng = np.random.default_rng(3)
    frames = rng.normal(1e5, 30, (9, *shape))
    frames[2, 0, 0] = np.nan
    frames[3, -1, -1] = np.inf
    weights = rng.uniform(0.2, 3.0, 9)
    centre, reach = np.full(shape, 1e5), rng.uniform(5, 60, shape)
    count, total = np.zeros(shape, np.int32), np.zeros(shape)
    mean, m2 = centre.copy(), np.zeros(shape)
    before = frames.copy()
    for frame, weight in zip(frames, weights, strict=True):
        kernels.accumulate_clipped(frame, weight, centre, reach, count, total, mean, m2)
    np.testing.assert_array_equal(frames, before)
    want = naive_pass(frames, weights, centre, reach)
    np.testing.assert_array_equal(count, want[0])
    np.testing.assert_allclose(total, want[1], rtol=1e-14)
    np.testing.assert_allclose(mean, want[2], rtol=1e-14)
    np.testing.assert_allclose(m2, want[3], rtol=1e-10, atol=1e-9)


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (4, 3)])
def test_spread_is_the_naive_deviation(shape):
    rng = np.random.default_rng(4)
    count = rng.integers(0, 4, shape).astype(np.int32)
    m2, floor = rng.uniform(1, 9, shape), rng.uniform(1, 9, shape)
    out = np.full(shape, 77.0)
    kernels.measure_spread(count, m2, 0.9, floor, out)
    for place in np.ndindex(shape):
        n = int(count[place])
        wanted = math.sqrt(m2[place] / (n - 1) / 0.9) if n > 1 else floor[place]
        assert out[place] == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize("frames", [1, 2, 3, 8, 11])
def test_medians_are_numpys(frames):
    rng = np.random.default_rng(frames)
    sample = rng.normal(0, 5, (frames, 6, 7)).astype(np.float32)
    if frames > 2:
        sample[1, 2, 3] = np.nan
        sample[:, 4, 4] = np.nan
    roots = rng.uniform(0.5, 2, frames)
    centre, deviation = np.empty((6, 7)), np.empty((6, 7))
    kernels.median_and_deviation(sample, roots, centre, deviation)
    values = sample.astype(float)
    known = np.isfinite(values).any(axis=0)
    want = np.nanmedian(np.where(known, values, 0), axis=0)
    np.testing.assert_array_equal(centre[known], want[known])
    assert np.isnan(centre[~known]).all()
    off = np.abs(values - want) * roots[:, None, None]
    np.testing.assert_array_equal(
        deviation[known], np.nanmedian(np.where(known, off, 0), axis=0)[known]
    )


def normal_stack(frames, shape=(120, 130), sigma=7.0):
    def load(seed):
        return np.random.default_rng(seed).normal(500.0, sigma, shape), 1.0

    return stack_clipped(range(frames), load)


@pytest.mark.parametrize("frames", [4, 16, 40])
def test_mean_and_uncertainty_of_normal_noise(frames):
    stack = normal_stack(frames)
    pull = (stack.mean - 500.0) / stack.uncertainty
    # Scatter over its estimate follows Student's distribution of n - 1 degrees of freedom.
    inside = np.mean(np.abs(pull) < 1.0)
    want = {4: 0.6090, 16: 0.6674, 40: 0.6765}[frames]
    assert abs(inside - want) < 4 * math.sqrt(0.25 / pull.size)
    assert abs(pull.mean()) < 5 * 1.7 / math.sqrt(pull.size)
    assert (stack.count == frames).mean() > 0.999
    expected = 7.0 / math.sqrt(frames)
    assert abs(math.sqrt(np.mean(stack.uncertainty**2)) / expected - 1) < 0.02


def test_clipping_leaves_the_variance_of_normal_noise_as_it_was():
    def load(seed):
        return np.random.default_rng(seed).normal(0, 1, (60, 60)), 1.0

    for limit in (3.0, 5.0):
        stack = stack_clipped(range(150), load, limit=limit)
        scatter = stack.uncertainty * np.sqrt(stack.count)
        assert abs(np.mean(scatter**2) - 1) < 0.02
        assert abs(stack.mean.std() * math.sqrt(150) - 1) < 0.04


def test_the_shrinking_factor_is_the_variance_of_a_clipped_normal():
    rng = np.random.default_rng(0)
    values = rng.normal(size=1_000_000)
    for limit in (2.0, 3.0):
        assert abs(values[np.abs(values) < limit].var() - _shrink(limit)) < 0.004


@pytest.mark.parametrize("frames", [5, 12, 30])
def test_cosmic_rays_are_left_out(frames):
    clean = normal_stack(frames)
    hits = np.random.default_rng(9)
    where = [(hits.integers(0, 120, 60), hits.integers(0, 130, 60)) for _ in range(frames)]

    def load(seed):
        values = np.random.default_rng(seed).normal(500.0, 7.0, (120, 130))
        values[where[seed]] += 20_000.0
        return values, 1.0

    stack = stack_clipped(range(frames), load)
    hit = np.zeros((120, 130), int)
    for rows, columns in where:
        np.add.at(hit, (rows, columns), 1)
    struck = (hit > 0) & (hit <= frames // 4)
    assert struck.sum() > 200
    pull = (stack.mean - 500.0)[struck] / (7.0 / np.sqrt(stack.count[struck]))
    assert np.abs(pull).max() < 5.0
    assert (stack.count[struck] < frames).all()
    np.testing.assert_allclose(stack.mean[hit == 0], clean.mean[hit == 0], rtol=1e-12)


def test_skewed_noise_is_shifted_by_no_more_than_stated():
    electrons, frames = 100.0, 400

    def load(seed):
        return np.random.default_rng(seed).poisson(electrons, (50, 60)).astype(float), 1.0

    for limit in (3.0, 5.0):
        stack = stack_clipped(range(frames), load, limit=limit)
        density = math.exp(-0.5 * limit**2) / math.sqrt(2 * math.pi)
        stated = -(limit**3) * density / 3  # sigma g = 1 electron
        noise = math.sqrt(electrons / frames / 3000)
        assert abs(stack.mean.mean() - electrons - stated) < 4 * noise + 0.25 * abs(stated)


def test_weights_are_inverse_variances():
    levels = np.linspace(0.3, 3.0, 24)

    def load(index):
        rng = np.random.default_rng(index)
        sigma = 5.0 / math.sqrt(levels[index])
        return rng.normal(80.0, sigma, (100, 100)), float(levels[index])

    stack = stack_clipped(range(24), load)
    best = 5.0 / math.sqrt(levels.sum())
    assert abs(stack.mean.std() / best - 1) < 0.03
    assert abs(math.sqrt(np.mean(stack.uncertainty**2)) / best - 1) < 0.03


def test_memory_does_not_grow_with_the_stack():
    def peak(frames):
        def load(seed):
            return np.random.default_rng(seed).normal(0, 1, (300, 300)), 1.0

        tracemalloc.start()
        stack_clipped(range(frames), load)
        top = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return top

    peak(SAMPLE)
    assert peak(6 * SAMPLE) < 1.05 * peak(SAMPLE)


def test_a_constant_pixel_has_no_scatter():
    stack = stack_clipped(range(5), lambda _: (np.full((3, 3), 7.0), 1.0))
    np.testing.assert_array_equal(stack.mean, 7.0)
    np.testing.assert_array_equal(stack.uncertainty, 0.0)


def test_a_pixel_that_is_never_known_has_no_value():
    def load(seed):
        values = np.random.default_rng(seed).normal(0, 1, (10, 10))
        values[3, 3] = np.nan
        return values, 1.0

    stack = stack_clipped(range(6), load)
    assert stack.count[3, 3] == 0
    assert np.isnan(stack.uncertainty[3, 3])
    assert np.isfinite(np.delete(stack.uncertainty.ravel(), 33)).all()


def test_one_value_alone_has_its_neighbours_scatter():
    def load(seed):
        values = np.random.default_rng(seed).normal(0, 3, (40, 40))
        if seed:
            values[3, 3] = np.nan
        return values, 4.0

    stack = stack_clipped(range(8), load)
    assert stack.count[3, 3] == 1
    assert stack.mean[3, 3] == load(0)[0][3, 3]
    assert abs(stack.uncertainty[3, 3] / 3 - 1) < 0.1


def test_two_values_have_their_own_scatter():
    def load(seed):
        values = np.random.default_rng(seed).normal(0, 3, (40, 40))
        values[3, 3] = {0: 1.0, 1: 1.5}.get(seed, np.nan)
        return values, 1.0

    stack = stack_clipped(range(8), load)
    assert (stack.count[3, 3], stack.mean[3, 3]) == (2, 1.25)
    assert abs(stack.uncertainty[3, 3] / 0.25 - 1) < 1e-4


@pytest.mark.parametrize(
    ("items", "load", "limit", "error", "message"),
    [
        (range(2), lambda _: (np.zeros((2, 2)), 1.0), 5.0, FrameError, "at least three"),
        (range(4), lambda _: (np.zeros((2, 2)), 1.0), 2.9, ValueError, "use at least 3"),
        (range(4), lambda _: (np.zeros((2, 2)), 1.0), np.nan, ValueError, "use at least 3"),
        (range(4), lambda n: (np.zeros((2, 2 + n)), 1.0), 5.0, FrameError, "1: shape is"),
        (
            range(4),
            lambda _: (np.zeros((2, 2)), 0.0),
            5.0,
            FrameError,
            "0: weight must be above zero and finite, not 0",
        ),
        (
            range(4),
            lambda _: (np.zeros((2, 2)), np.nan),
            5.0,
            FrameError,
            "0: weight must be above zero and finite, not nan",
        ),
    ],
)
def test_what_cannot_be_averaged_is_refused(items, load, limit, error, message):
    with pytest.raises(error, match=message):
        stack_clipped(items, load, limit=limit)
