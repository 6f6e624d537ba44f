"""Every kernel of the optional steps gives what its naive twin gives."""

import numpy as np
import pytest

from tests.kernels import option_twins as twins
from tests.kernels.test_twins import SHAPES, assert_same_bits, filled, image
from tica_fn import kernels
from tica_fn.kernels.robust_smear import median_light

RUNS = np.array([[1, 3], [3, 4], [6, 12]])
# Gain gain and gain loss per electron, of one exposure of an amplifier, and of one that is linear.
POC = np.array([[6.5e-7, 2.9e-7], [-4.1e-7, 3.3e-7], [0.0, 0.0]])


def runs_in(columns):
    inside = [(first, min(last, columns)) for first, last in RUNS if first < columns]
    return np.array(inside, dtype=np.int64).reshape(-1, 2)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["divide_live_time", "multiply_live_time"])
def test_live_time(name, shape):
    pixels = image(shape, 21)
    found = filled(getattr(kernels, name), pixels, 1425.6)
    assert_same_bits(found, getattr(twins, name)(pixels, 1425.6))


@pytest.mark.parametrize("shape", SHAPES)
def test_correct_poc_linearity(shape):
    pixels, runs = image(shape, 22), runs_in(shape[1])
    found = filled(kernels.correct_poc_linearity, pixels, runs, POC[: len(runs)])
    assert_same_bits(found, twins.correct_poc_linearity(pixels, runs, POC))


@pytest.mark.parametrize("shape", SHAPES)
def test_restore_poc_nonlinearity_finds_the_root(shape):
    pixels, runs = np.random.default_rng(23).uniform(-5e3, 2e5, shape), runs_in(shape[1])
    pixels[0, 0] = 0.0
    found = filled(kernels.restore_poc_nonlinearity, pixels, runs, POC[: len(runs)])
    expected = twins.restore_poc_nonlinearity(pixels, runs, POC)
    np.testing.assert_allclose(found, expected, rtol=1e-15, atol=0)
    outside = [c for c in range(shape[1]) if twins.run_of(c, runs) is None]
    assert_same_bits(found[:, outside], pixels[:, outside])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["correct_undershoot", "restore_undershoot"])
def test_undershoot(name, shape):
    pixels, last = image(shape, 24), shape[1] - 1
    runs = np.array([[0, last // 2], [last, last // 2 + 1]][: 1 + (last > 1)], dtype=np.int64)
    fractions = np.array([0.0013, 0.021])[: len(runs)]
    found = filled(getattr(kernels, name), pixels, runs, fractions)
    with np.errstate(all="ignore"):
        assert_same_bits(found, getattr(twins, name)(pixels, runs.tolist(), fractions))


@pytest.mark.parametrize(("first", "last"), [(0, 1), (2, 5), (3, 11)])
def test_overclock_rows(first, last):
    pixels = image((5, 11), 25, odd=False)
    out = np.full(5, 77.0)
    kernels.overclock_rows(pixels, first, last, out)
    assert_same_bits(out, twins.overclock_rows(pixels, first, last))


@pytest.mark.parametrize("rows", [4, 6, 9, 40, 300])
@pytest.mark.parametrize("order", [0, 1, 3, 6])
def test_fit_rows(rows, order):
    for seed in range(6):
        random = np.random.default_rng([26, rows, order, seed])
        x = np.linspace(-1, 1, rows)
        values = np.polynomial.Polynomial(random.normal(0, 1, order + 1))(x) + 900.0
        values += random.normal(0, 0.3, rows)
        kept = (random.random(rows) < 0.8).astype(float)
        kept[: min(rows, 4)] = 1.0
        highest = min(7, int(kept.sum()) - 1)
        out = np.full(rows, 77.0)
        found = kernels.fit_rows(values, kept, highest, out)
        expected, fit = twins.fit_rows(values, kept, highest)
        assert found == expected
        np.testing.assert_allclose(out, fit, rtol=1e-9)


def test_fit_rows_takes_the_first_order_that_leaves_nothing():
    x = np.linspace(-1, 1, 16)
    for values, order in ((np.zeros(16), 0), (np.full(16, 3.0), 0), (4.0 * x, 1)):
        out = np.full(16, 77.0)
        assert kernels.fit_rows(values, np.ones(16), 5, out) >= order
        np.testing.assert_allclose(out, values, atol=1e-12)
    out = np.full(16, 77.0)
    assert kernels.fit_rows(np.zeros(16), np.ones(16), 5, out) == 0
    # Five rows are the fewest that a straight line can be judged by.
    assert kernels.fit_rows(4.0 * x[:5], np.ones(5), 3, out[:5]) == 1
    # Three rows are too few to judge any order by: the lowest stays.
    assert kernels.fit_rows(np.array([1.0, 2.0, 4.0]), np.ones(3), 2, out[:3]) == 0
    np.testing.assert_allclose(out[:3], 7.0 / 3.0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("name", "sign"), [("subtract_row_pedestal", -1), ("add_row_pedestal", 1)])
def test_move_row_pedestal(name, sign, shape):
    pixels, pedestals = image(shape, 27), image((4, shape[0]), 28, odd=False)
    amplifier = np.arange(shape[1], dtype=np.int64)[::-1] % 4
    found = filled(getattr(kernels, name), pixels, pedestals, amplifier.copy())
    assert_same_bits(found, twins.move_row_pedestal(pixels, pedestals, amplifier, sign))


@pytest.mark.parametrize("shape", [(3, 1), (4, 5), (7, 3), (10, 2)])
def test_fall_off(shape):
    pixels = image(shape, 29, odd=False)
    out = np.full(shape[1], 77.0)
    kernels.fall_off(pixels, out)
    assert_same_bits(out, twins.fall_off(pixels))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 10, 57, 400])
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_background_level(count, share):
    for seed in range(8):
        random = np.random.default_rng([30, count, seed])
        values = np.round(random.normal(100.0, 4.0, count), 1)
        values[random.random(count) < share] += 500.0
        values[random.random(count) < 0.05] -= 90.0
        values[random.random(count) < 0.1] = np.nan
        out = np.full(2, 77.0)
        number = kernels.background_level(np.sort(values), out)
        *expected, kept = twins.background_level(values)
        assert number == kept
        np.testing.assert_allclose(out, expected, rtol=1e-14)


@pytest.mark.parametrize("count", [1, 2, 5, 12])
def test_median_light(count):
    random = np.random.default_rng(count)
    electrons, flat = random.normal(900.0, 30.0, (40, 20)), random.uniform(0.9, 1.1, (40, 20))
    columns = random.permutation(20)[:count]
    smear = random.normal(50.0, 5.0, count)
    electrons[3, columns[0]], electrons[4:8] = np.nan, 900.0
    electrons[9, columns[0]], electrons[10, columns[-1]] = np.inf, -np.inf
    electrons[11, columns[:1]], electrons[11, columns[1:2]] = np.inf, -np.inf
    out = np.empty(40)
    median_light(electrons, flat, smear, columns, out)
    light = (electrons[:, columns] - smear) / flat[:, columns]
    with np.errstate(invalid="ignore"):
        expected = np.median(light, axis=1)
    np.testing.assert_array_equal(out, expected)
