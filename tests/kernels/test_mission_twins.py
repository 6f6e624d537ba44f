"""Every kernel of the mission's arithmetic gives what its naive twin gives."""

import numpy as np
import pytest

from tests.kernels import mission_twins as twins
from tests.kernels.test_option_twins import runs_in
from tests.kernels.test_twins import SHAPES, assert_same_bits, filled, image
from tica_fn import kernels

# Slope, offset, highest, c0, c1, c2: an amplifier of 48 reads, one whose end is near, a linear one.
LINEARITY = np.array(
    [
        [2.56261e-05 / 48, 0.025, 39217.0 * 48, 1.0, -0.0452499, 0.05191],
        [1e-4, 0.1, 6000.0, 1.0, -0.03, 0.02],
        [1.0, 0.0, np.inf, 1.0, 0.0, 0.0],
    ]
)


@pytest.mark.parametrize("shape", SHAPES)
def test_correct_mission_linearity(shape):
    pixels, runs = image(shape, 31), runs_in(shape[1])
    found = filled(kernels.correct_mission_linearity, pixels, runs, LINEARITY[: len(runs)])
    assert_same_bits(found, twins.correct_mission_linearity(pixels, runs, LINEARITY))


def test_the_factor_beyond_the_range_is_that_at_its_end():
    pixels = np.array([[5e3, 6e3, 6001.0, 7e3, 1e6, np.inf, np.nan, -50.0]])
    runs, table = np.array([[0, 8]]), LINEARITY[1:2]
    out = filled(kernels.correct_mission_linearity, pixels, runs, table)
    last = 1.0 - 0.03 * 0.5 + 0.02 * 0.25
    np.testing.assert_allclose(out[0, 1:5], pixels[0, 1:5] * last, rtol=1e-15)
    assert out[0, 5] == np.inf
    assert np.isnan(out[0, 6])
    assert filled(kernels.restore_mission_nonlinearity, out, runs, table)[0, 5] == np.inf


@pytest.mark.parametrize("shape", SHAPES)
def test_restore_mission_nonlinearity_finds_the_root(shape):
    pixels, runs = np.random.default_rng(33).uniform(-5e3, 3e6, shape), runs_in(shape[1])
    pixels[0, 0] = 0.0
    pixels[:, 3:6] /= 200.0
    table = LINEARITY[: len(runs)]
    found = filled(kernels.restore_mission_nonlinearity, pixels, runs, table)
    expected = twins.restore_mission_nonlinearity(pixels, runs, LINEARITY)
    np.testing.assert_allclose(found, expected, rtol=1e-14, atol=1e-300)
    outside = [c for c in range(shape[1]) if twins.run_of(c, runs) is None]
    assert_same_bits(found[:, outside], pixels[:, outside])


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 9, 10])
@pytest.mark.parametrize("seed", range(4))
def test_fit_mission_smear(rows, seed):
    random = np.random.default_rng([34, rows, seed])
    values = random.normal(200.0, 9.0, (rows, 60))
    variances = 81.0 * random.uniform(0.3, 3.0, values.shape)
    values[random.random(values.shape) < 0.15] += 4000.0
    values[0, :20] += 90_000.0
    values[random.random(values.shape) < 0.05] = np.nan
    variances[-1, 20:24] = np.inf
    values[:, 30] = 7.0  # a blank column
    values[:, 31] = 0.0
    values[:, 32] = np.nan
    values[-1, 33] = np.inf
    smear, variance = np.full(60, 77.0), np.full(60, 77.0)
    kernels.fit_mission_smear(values, variances, smear, variance)
    expected = twins.fit_mission_smear(values, variances)
    np.testing.assert_allclose(smear, expected[0], rtol=1e-10)
    np.testing.assert_allclose(variance, expected[1], rtol=1e-8)
    # Of equal values none is left out: rounding of their mean is no scatter.
    assert smear[30] == 7.0
    assert smear[31] == 0.0
    whole = 1.0 / np.sum(1.0 / variances[:, 30:32], axis=0)
    np.testing.assert_allclose(variance[30:32], whole, rtol=1e-14)


def test_a_bleeding_star_has_no_part_in_the_smear():
    values = 120.0 + np.random.default_rng(35).normal(0.0, 3.0, (9, 500))
    spoilt = values.copy()
    spoilt[0], spoilt[1] = 90_000.0, 8000.0
    smear, variance = np.empty(500), np.empty(500)
    kernels.fit_mission_smear(spoilt, np.full(values.shape, 9.0), smear, variance)
    assert np.abs(smear - 120.0).max() < 8.0
    assert (np.abs(smear - values[2:].mean(axis=0)) < 1.5 * np.sqrt(variance)).mean() > 0.95
