"""The kernels of the optional steps in plain loops and textbook formulas; imports no tica_fn."""

from fractions import Fraction
from itertools import pairwise
from math import isfinite, log

import numpy as np


def each_pixel(pixels, value):
    out = np.empty(pixels.shape)
    for r, c in np.ndindex(pixels.shape):
        with np.errstate(all="ignore"):
            out[r, c] = value(r, c, pixels[r, c])
    return out


def divide_live_time(pixels, live_s):
    return each_pixel(pixels, lambda r, c, x: x / np.float64(live_s))


def multiply_live_time(pixels, live_s):
    return each_pixel(pixels, lambda r, c, x: x * np.float64(live_s))


def run_of(column, runs):
    return next((k for k, (first, last) in enumerate(runs) if first <= column < last), None)


def correct_poc_linearity(pixels, runs, coefficients):
    def value(r, c, x):
        k = run_of(c, runs)
        if k is None:
            return x
        gain, loss = coefficients[k]
        return x / ((1 + x * gain) * (1 - x * loss))

    return each_pixel(pixels, value)


def restored_poc(y, gain, loss):
    """Root near `y` of ``x = y (1 + gain x) (1 - loss x)``, in whole fractions."""
    if not isfinite(y):
        return y
    y, gain, loss = Fraction(y), Fraction(gain), Fraction(loss)
    x = y
    for _ in range(12):
        wrong = x - y * (1 + gain * x) * (1 - loss * x)
        slope = 1 - y * (gain - loss - 2 * gain * loss * x)
        x = Fraction(float(x - wrong / slope))
    return float(x)


def restore_poc_nonlinearity(pixels, runs, coefficients):
    def value(r, c, x):
        k = run_of(c, runs)
        return x if k is None else restored_poc(x, *coefficients[k])

    return each_pixel(pixels, value)


def correct_undershoot(pixels, runs, fractions):
    out = pixels.copy()
    for row in out:
        for (first, last), fraction in zip(runs, fractions, strict=True):
            places = range(first, last + 1) if last >= first else range(first, last - 1, -1)
            before = None
            for c in places:
                if before is not None:
                    row[c] = row[c] + fraction * row[before]
                before = c
    return out


def restore_undershoot(pixels, runs, fractions):
    out = pixels.copy()
    for old, row in zip(pixels, out, strict=True):
        for (first, last), fraction in zip(runs, fractions, strict=True):
            places = range(first, last + 1) if last >= first else range(first, last - 1, -1)
            for before, c in pairwise(places):
                row[c] = old[c] - fraction * old[before]
    return out


def overclock_rows(pixels, first_column, last_column):
    found = []
    for row in pixels:
        total = 0.0
        for value in row[first_column:last_column]:
            total += value
        found.append(total / len(row[first_column:last_column]))
    return np.array(found)


def fit_rows(values, kept, highest):
    """Least squares of every order; the one of least corrected Akaike criterion."""
    x = np.linspace(-1, 1, len(values))
    chosen = kept > 0
    count, best, found = int(chosen.sum()), np.inf, None
    for order in range(highest + 1):
        terms = np.polynomial.legendre.legvander(x, order)
        solved, *_ = np.linalg.lstsq(terms[chosen], values[chosen], rcond=None)
        squares = float(((values[chosen] - terms[chosen] @ solved) ** 2).sum())
        free = order + 2  # coefficients, and the variance
        if count - free - 1 <= 0:
            criterion = np.inf
        elif squares == 0:
            criterion = -np.inf
        else:
            criterion = count * log(squares / count) + 2 * free
            criterion += 2 * free * (free + 1) / (count - free - 1)
        if found is None or criterion < best:
            best, found = criterion, (order, terms @ solved)
    return found


def move_row_pedestal(pixels, pedestals, amplifier, sign):
    return each_pixel(pixels, lambda r, c, x: x + sign * pedestals[amplifier[c]][r])


def fall_off(pixels):
    found = []
    for column in pixels.T:
        total = 0.0
        for top, bottom in zip(column[:3], column[-3:], strict=True):
            total += top - bottom
        found.append(total / 3)
    return np.array(found)


def middle(values):
    ordered, n = sorted(values), len(values)
    return (ordered[(n - 1) // 2] + ordered[n // 2]) / 2


def background_level(values):
    """Level, deviation, and number of the values that most values are like."""
    known = kept = sorted(float(v) for v in values if v == v)
    if not known:
        return np.nan, np.nan, 0
    for _ in range(50):
        level = middle(kept)
        below = sum(v < level for v in known)
        deviation = 1.4826 * middle([level - v for v in known[: below + 1]])
        near = [v for v in known if level - 3 * deviation <= v <= level + 3 * deviation]
        if not near or len(near) == len(kept):
            break
        kept = near
    return level, deviation, len(kept)
