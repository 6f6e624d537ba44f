"""Kernels of the flags against plain loops."""

import numpy as np
import pytest

from tica_fn import kernels
from tica_fn.kernels.flags import count_faint, extend_runs, peaks_of_row, place_flags


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


@pytest.mark.parametrize("width", [1, 2, 3, 9])
def test_peaks_of_a_row_are_those_of_plain_comparisons(width):
    random = np.random.default_rng([15, width])
    found = 0
    for _ in range(400):
        row, above, below = random.integers(0, 5, (3, width)).astype(np.float64)
        for line in (row, above, below):
            line[random.random(width) < 0.1] = np.nan
        variance = random.choice([0.04, 1.0, 4.0], width).astype(np.float32)
        out = np.zeros(width + 2, dtype=np.bool_)
        peaks_of_row(row, variance, above, below, 1.5, out)
        for c in range(width):
            left = row[c - 1] if c > 0 else np.nan
            right = row[c + 1] if c < width - 1 else np.nan
            expected = not (row[c] <= left or row[c] <= right)
            expected &= not (row[c] < above[c] or row[c] < below[c])
            if 0 < c < width - 1:
                expected &= not (row[c] - left) ** 2 <= 1.5**2 * variance[c]
            assert out[c] == expected
        assert not out[width:].any()
        found += out.sum()
    assert 100 < found < 300 * width


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("rows", "level"), [(40, 0.0), (40, 300.0), (3, -70.0), (1, 9.0)])
def test_isolated_pixels_are_those_of_plain_loops(rows, level, dtype):
    random = np.random.default_rng([10, rows])
    pixels = random.normal(level, 1.0, (rows, 30))
    pixels[random.random((rows, 30)) < 0.05] += 50.0
    pixels[random.random((rows, 30)) < 0.02] += 8.5
    if rows > 20:
        pixels[3, 3] = pixels[7, 0] = pixels[20, 29] = np.nan
        pixels[3, 4] = pixels[8, 0] = pixels[0, 0] = pixels[39, 29] = level + 80.0
        pixels[12, 5], pixels[12, 20] = np.inf, -np.inf
        pixels[11, 5] = pixels[13, 21] = level + 90.0
    pixels = pixels.astype(dtype)
    variance = np.ones((rows, 30), dtype=np.float32)
    out = np.full((rows, 30), 4, dtype=np.int32)
    runs = np.array([[0, 13], [13, 14], [14, 30]])
    kernels.isolated_pixels(pixels, variance, runs, 8.0, 0.15, 512, out)
    expected = np.zeros((rows, 30), dtype=bool)
    for r in range(rows):
        for c in range(30):
            around = [
                float(pixels[y, x])
                for y in range(max(r - 1, 0), min(r + 2, rows))
                for x in range(max(c - 1, 0), min(c + 2, 30))
                if (y, x) != (r, c) and pixels[y, x] == pixels[y, x]
                if (x >= 13) == (c >= 13) and (x >= 14) == (c >= 14)
            ]
            if len(around) < 3:
                continue
            with np.errstate(invalid="ignore"):
                excess = pixels[r, c] - np.median(around)
                expected[r, c] = excess > 8 and max(around) - np.median(around) < 0.15 * excess
    assert np.array_equal(out, np.where(expected, 4 | 512, 4))
    assert rows == 1 or expected.sum() > rows // 4


def flagged(pixels, share=0.15):
    """Which pixels stand out by more than eight, with a variance of one."""
    pixels = np.array(pixels, dtype=np.float64)
    out = np.zeros(pixels.shape, dtype=np.int32)
    runs = np.array([[0, pixels.shape[1]]])
    variance = np.ones(pixels.shape, dtype=np.float32)
    kernels.isolated_pixels(pixels, variance, runs, 8.0, share, 1, out)
    return out.astype(bool)


@pytest.mark.parametrize("known", [3, 4, 5, 6, 7, 8])
def test_the_background_is_the_median_of_the_neighbours_that_are_there(known):
    values = 0.25 * np.arange(known) ** 1.5
    pixels = np.full((3, 3), np.nan)
    places = [(y, x) for y in range(3) for x in range(3) if (y, x) != (1, 1)]
    for place, value in zip(places, values, strict=False):
        pixels[place] = value
    for above, expected in ((8.01, True), (7.99, False)):
        pixels[1, 1] = np.median(values) + above
        assert flagged(pixels, share=0.9)[1, 1] == expected


def test_a_pixel_at_the_limit_does_not_stand_out():
    pixels = np.zeros((5, 5))
    for value, expected in ((8.0, False), (8.001, True)):
        pixels[2, 2] = value
        assert flagged(pixels)[2, 2] == expected
    pixels[2, 2] = 16.0
    for neighbour, expected in ((4.0, False), (3.999, True)):
        pixels[1, 1] = neighbour
        assert flagged(pixels, share=0.25)[2, 2] == expected


@pytest.mark.parametrize(("row", "other"), [(0, 4), (0, 2), (4, 0), (4, 2), (2, 0), (2, 4)])
def test_a_brighter_pixel_that_is_no_neighbour_says_nothing(row, other):
    pixels = np.zeros((5, 5))
    pixels[row, 2], pixels[other, 2] = 50.0, 90.0
    assert flagged(pixels)[row, 2]


@pytest.mark.parametrize("rows", [20, 2])
@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("divided", [True, False])
def test_signal_flags_are_those_of_plain_loops(rows, known, divided):
    """The errors of the flat field are there, or one row of zeros stands for them."""
    random = np.random.default_rng(12)
    pixels = random.uniform(-10.0, 100.0, (rows, 6)).astype(np.float32)
    pixels[1, 3] = np.nan
    flat = random.uniform(0.4, 1.6, (rows, 6)).astype(np.float32)
    error = random.uniform(0.0, 0.2, (rows, 6)).astype(np.float32)
    error[1, 4], error[0, 1] = np.nan, 0.125
    if not known:
        error = np.zeros((1, 6), dtype=np.float32)
    flat[0, 0], flat[1, 0] = 0.5, 1.5
    pixels[0, :2] = 50.0, -60.0
    smear = random.uniform(0.0, 5.0, 6) * [0, 0, 1, 1, 1, 1]
    scale = np.array([1.0, 0.5, 2.0, 2.0, 5.0, 5.0])
    pixels[1, 0] = 60.0
    limits = np.array([[50.0, 60.0]] * 5 + [[np.inf, np.inf]])
    columns = np.stack([smear, scale, *limits.T])
    before = random.integers(0, 8, (rows, 6)).astype(np.int32)
    out, full = before.copy(), np.empty((rows, 6), dtype=np.bool_)
    kernels.signal_flags(
        pixels, flat, error, divided, columns, np.array([0.5, 1.5, 0.125]),
        np.array([16, 32, 256, 2048]), full, out,
    )  # fmt: skip
    for r in range(rows):
        for c in range(6):
            f, y = float(flat[r, c]), float(pixels[r, c])
            e = y * (scale[c] * f if divided else scale[c]) + smear[c]
            bits = 16 * (e >= limits[c, 0]) + 32 * (e > limits[c, 1]) + 2048 * (e != e)
            bits += 256 * (f < 0.5 or f > 1.5 or not error[r if known else 0, c] <= 0.125)
            assert out[r, c] == before[r, c] | bits
            assert full[r, c] == (e >= limits[c, 0])


@pytest.mark.parametrize("rows", [1, 9])
@pytest.mark.parametrize("step", [1, 4])
def test_faint_pixels_are_counted_by_amplifier(rows, step):
    """Eight columns of two amplifiers, behind and before two that are none's."""
    random = np.random.default_rng([rows, step])
    pixels = random.uniform(0.0, 100.0, (9, 12)).astype(np.float32)
    flat = random.uniform(0.5, 1.5, (rows, 12)).astype(np.float32)
    pixels[:, :2] = pixels[:, 10:] = np.nan
    pixels[0, 3], flat[0, 3] = 100.0, 1.0  # just as bright as the limit
    plain = pixels.astype(np.float64)[::step] * np.broadcast_to(flat, (9, 12))[::step] / 2.0
    expected = [int((plain[:, c : c + 4] < 50.0).sum()) for c in (2, 6)]
    out = np.array([5, 7])
    count_faint(pixels, flat, 2.0, 2, step, 50.0, out)
    assert out.tolist() == [expected[0] + 5, expected[1] + 7]
    pixels[4, 9], pixels[4, 3] = np.inf, 60.0
    count_faint(pixels, flat, 2.0, 2, step, 50.0, out)
    assert out[0] > 0 > -1000 > out[1]


def test_runs_go_on_from_strip_to_strip():
    marked = np.random.default_rng(4).random((60, 30)) < 0.8
    now, longest = np.zeros(30, dtype=np.int64), np.zeros(30, dtype=np.int64)
    for first, last in ((0, 7), (7, 8), (8, 60)):
        extend_runs(marked[first:last], now, longest)
    assert longest.tolist() == [longest_run(marked[:, c]) for c in range(30)]


def test_bits_of_places_are_those_of_rows_and_of_columns_with_light_or_without():
    random = np.random.default_rng(6)
    of_row = np.stack([random.integers(0, 8, 9), random.integers(0, 2, 9)], axis=1)
    of_row, of_column = of_row.astype(np.int32), random.integers(0, 64, (2, 11)).astype(np.int32)
    virtual = random.random(11) < 0.3
    out = np.empty((9, 11), dtype=np.int32)
    place_flags(of_row, of_column, virtual, 1024, out)
    for r in range(9):
        for c in range(11):
            expected = of_row[r, 0] | of_column[of_row[r, 1], c]
            assert out[r, c] == (1024 if virtual[c] else expected)
