"""Kernels of the flags against plain loops."""

import numpy as np

from tica_fn import kernels


def longest_run(column):
    best = now = 0
    for value in column:
        now = now + 1 if value else 0
        best = max(best, now)
    return best


def test_longest_runs_are_those_of_plain_loops():
    marked = np.random.default_rng(9).random((50, 40)) < 0.7
    marked[:, 0], marked[:, 1] = True, False
    out = np.empty(40, dtype=np.int64)
    kernels.longest_runs(marked, out)
    assert out.tolist() == [longest_run(marked[:, c]) for c in range(40)]


def test_isolated_pixels_are_those_of_plain_loops():
    random = np.random.default_rng(10)
    pixels = random.normal(0.0, 1.0, (40, 30))
    pixels[random.random((40, 30)) < 0.05] += 50.0
    pixels[3, 3] = pixels[7, 0] = pixels[20, 29] = np.nan
    pixels[3, 4] = pixels[8, 0] = pixels[0, 0] = pixels[39, 29] = 80.0
    variance = np.ones((40, 30), dtype=np.float32)
    out = np.full((40, 30), 4, dtype=np.int32)
    runs = np.array([[0, 13], [13, 14], [14, 30]])
    kernels.isolated_pixels(pixels, variance, runs, 8.0, 0.15, 512, out)
    expected = np.zeros((40, 30), dtype=bool)
    for r in range(40):
        for c in range(30):
            around = [
                pixels[y, x]
                for y in range(max(r - 1, 0), min(r + 2, 40))
                for x in range(max(c - 1, 0), min(c + 2, 30))
                if (y, x) != (r, c) and pixels[y, x] == pixels[y, x]
                if (x >= 13) == (c >= 13) and (x >= 14) == (c >= 14)
            ]
            if len(around) < 3:
                continue
            excess = pixels[r, c] - np.median(around)
            expected[r, c] = excess > 8 and max(around) - np.median(around) < 0.15 * excess
    assert np.array_equal(out, np.where(expected, 4 | 512, 4))
    assert expected.sum() > 10


def test_signal_flags_are_those_of_plain_loops():
    random = np.random.default_rng(12)
    pixels = random.uniform(-10.0, 100.0, (20, 6)).astype(np.float32)
    pixels[3, 3] = np.nan
    flat = random.uniform(0.4, 1.6, (20, 6)).astype(np.float32)
    error = random.uniform(0.0, 0.2, (20, 6)).astype(np.float32)
    error[4, 4] = np.nan
    smear = random.uniform(0.0, 5.0, 6)
    scale = np.array([1.0, -1.0, 2.0, -2.0, 5.0, -5.0])
    limits = np.array([[50.0, 60.0]] * 5 + [[np.inf, np.inf]])
    before = random.integers(0, 8, (20, 6)).astype(np.int32)
    out, full = before.copy(), np.empty((20, 6), dtype=np.bool_)
    kernels.signal_flags(
        pixels, flat, error, smear, scale, limits, np.array([0.5, 1.5, 0.1]),
        np.array([16, 32, 256, 2048]), full, out,
    )  # fmt: skip
    for r in range(20):
        for c in range(6):
            f, y = float(flat[r, c]), float(pixels[r, c])
            e = y * (scale[c] if scale[c] > 0 else -scale[c] * f) + smear[c]
            bits = 16 * (e >= limits[c, 0]) + 32 * (e > limits[c, 1]) + 2048 * (e != e)
            bits += 256 * (f < 0.5 or f > 1.5 or not error[r, c] <= 0.1)
            assert out[r, c] == before[r, c] | bits
            assert full[r, c] == (e >= limits[c, 0])
