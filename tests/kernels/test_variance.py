"""Kernels of the variance against plain loops, on small pieces with every kind of input."""

import numpy as np
import pytest

from tica_fn import kernels
from tica_fn.kernels.variance import fill_variance

RUNS = np.array([[0, 3], [3, 4], [4, 9]])
MODEL = {"none": 0.0, "mission": 1.0, "poc": 2.0}
COEFFICIENTS = {
    "none": (0.0, 0.0, 0.0, 0.0, 0.0),
    "mission": (1.5e-6, 0.03, 1.002, -0.04, 0.07),
    "poc": (7e-9, 5e-9, 0.0, 0.0, 0.0),
}


def numbers(model):
    """Of each run: level, pedestal, scale, trimming, reads, gain, quantum, growth, bias; model."""
    rows = [
        (900.0, 0.3, 2.5, 0.84, 4000.0, 5.2, 8.0, 0.14, 1.7),
        (-300.0, 0.7, 0.5, 1.0, 2500.0, 5.1, 3.0, 0.0, 1.7),
        (150.0, 0.2, 1.5, 0.9, 7000.0, 4.9, 1.0, 0.2, 1.7),
    ]
    return np.array([[*row, MODEL[model], *COEFFICIENTS[model]] for row in rows])


def before(n, k):
    """Electrons before linearity, and the derivative of the correction there."""
    a, b, c0, c1, c2 = k[10:]
    if k[9] == 1.0:
        m = n
        for _ in range(2):
            x = m * a - b
            m = n / (c0 + c1 * x + c2 * x**2)
        x = m * a - b
        return m, c0 + c1 * x + c2 * x**2 + m * a * (c1 + 2 * c2 * x)
    if k[9] == 2.0:
        # The correction is m / ((1 + m a) (1 - m b)); its inverse by bisection.
        low, high = -1e7, 1e7
        for _ in range(200):
            m = 0.5 * (low + high)
            low, high = (m, high) if m / ((1 + m * a) * (1 - m * b)) < n else (low, m)
        return m, (1 + m * m * a * b) / ((1 + m * a) * (1 - m * b)) ** 2
    return n, 1.0


def rounding(m, slope, level, k):
    step = max(k[6] ** 2, k[7] * (m / k[5] + level))
    return (slope * k[5]) ** 2 * step / 12


def electronics(n, slope, bias_error, k):
    return k[3] * max(n, 0.0) + slope**2 * (k[4] + (k[5] * bias_error) ** 2)


def run_of(column):
    return next(i for i, (first, last) in enumerate(RUNS) if first <= column < last)


def pixel(r, c, planes, smear, of_smear, table, rows):
    y, f, fe, b, be = (float(p[r if len(p) > 1 else 0, c]) for p in planes)
    k = table[run_of(c)]
    n = y * f * k[2] + smear[c]
    m, slope = before(n, k)
    shared = before(smear[c], k)[1] if of_smear.any() else 0.0
    own = electronics(n, slope, be, k) + rounding(m, slope, k[0] + k[8] * b, k)
    own *= 1 - 2 / 7 if rows[0] <= r < rows[1] else 1
    total = own + of_smear[c] + ((slope - shared) * k[5]) ** 2 * k[1]
    return total / (f * k[2]) ** 2 + (y * fe / f) ** 2


@pytest.mark.parametrize("model", MODEL)
@pytest.mark.parametrize("flat_rows", [1, 2, 5])
@pytest.mark.parametrize("bias_rows", [1, 2, 5])
@pytest.mark.parametrize("lit", [True, False])
def test_pixels(model, flat_rows, bias_rows, lit):
    """Planes have all rows of the frame, or one that stands for all."""
    random = np.random.default_rng([flat_rows, bias_rows])
    height = max(flat_rows, bias_rows)
    flat_rows, bias_rows = (1 if one < height else one for one in (flat_rows, bias_rows))
    # Before linearity, too, are these electrons: none of them is beyond the correction's top.
    y = random.choice([-40.0, 5.0, 900.0, 3e4, 1.2e5], (height, 9))
    flat = random.uniform(0.8, 1.2, (flat_rows, 9))
    flat_error = random.uniform(0.0, 0.02, (bias_rows, 9))
    bias_error = random.uniform(0.0, 3.0, (flat_rows, 9))
    bias = random.normal(0.0, 900.0, (bias_rows, 9))
    planes = [y, *(p.astype(np.float32) for p in (flat, flat_error, bias, bias_error))]
    smear = random.uniform(0.0, 2e4, 9) * lit
    of_smear = random.uniform(1.0, 900.0, 9) * lit
    rows, table = (1, 3) if lit else (0, 0), numbers(model)
    out = np.full((height, 9), np.nan)
    kernels.pixel_variance(
        planes[0], tuple(planes[1:]), np.stack([smear, of_smear]), RUNS, table, rows, out
    )
    expected = [
        [pixel(r, c, planes, smear, of_smear, table, rows) for c in range(9)] for r in range(height)
    ]
    np.testing.assert_allclose(out, expected, rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_left_out_for_being_zero_changes_no_bit(dtype):
    """A row of zeros says that a model has no error; whole planes of them are computed."""
    random = np.random.default_rng(8)
    odd = [np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-300, 3e38]
    y, flat = random.uniform(-40.0, 1e5, (2, 64, 9))
    y[:8, 4], flat[:8, 5], y[8:16, 6], flat[8:16, 6] = odd, odd, odd, 0.0
    pixels, flat, bias = y.astype(dtype), flat.astype(np.float32), y.astype(np.float32)
    table = numbers("mission")
    table[:, 7] = 0.0  # the quantum does not grow
    smear = np.stack([random.uniform(0.0, 2e4, 9), random.uniform(1.0, 900.0, 9)])
    found = []
    for rows in (1, 64):
        error = np.zeros((rows, 9), dtype=np.float32)
        found.append(np.empty((64, 9), dtype=np.float32))
        kernels.pixel_variance(
            pixels, (flat, error, bias, error), smear, RUNS, table, (1, 3), found[-1]
        )
    assert found[0].tobytes() == found[1].tobytes()
    assert np.isnan(found[0]).sum() > 15


def test_float32_pixels_that_come_as_float64_give_the_same_bits():
    random = np.random.default_rng(9)
    pixels = random.uniform(-1e4, 1e5, (64, 9)).astype(np.float32)
    pixels[:8, 4] = np.nan, -np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, 3e38
    flat, bias, *errors = random.uniform(0.5, 1.5, (4, 64, 9)).astype(np.float32)
    flat[8:10, 5] = 0.0, 1e-40
    smear = np.stack([random.uniform(0.0, 2e4, 9), random.uniform(1.0, 900.0, 9)])
    given = (flat, errors[0], bias, errors[1]), smear, RUNS, numbers("mission"), (1, 3)
    found, exact, plain = np.empty((3, 64, 9), dtype=np.float32)
    kernels.pixel_variance(pixels, *given, found)
    fill_variance(pixels.astype(np.float64), True, *given, exact)
    fill_variance(pixels.astype(np.float64), False, *given, plain)
    assert found.tobytes() == exact.tobytes()
    assert 0 < (plain != found).sum() - np.isnan(found).sum() < found.size


@pytest.mark.parametrize("model", MODEL)
def test_smear(model):
    random = np.random.default_rng(6)
    smear = np.array([-50.0, 0.0, 20.0, 1e3, 5e4, 3e4, 7.0, 2e5, 80.0])
    level, table, out = random.uniform(-200, 1500, 9), numbers(model), np.full(9, np.nan)
    kernels.smear_variance(smear, level, RUNS, table, out)
    for c in range(9):
        k = table[run_of(c)]
        m, slope = before(smear[c], k)
        one = electronics(smear[c], slope, 0.0, k)
        assert out[c] == pytest.approx(0.2104 * one + rounding(m, slope, level[c], k), rel=1e-9)
