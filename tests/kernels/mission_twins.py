"""The kernels of the mission's arithmetic in plain loops; imports no tica_fn."""

from fractions import Fraction
from math import isfinite, sqrt
from statistics import median

import numpy as np

from tests.kernels.option_twins import each_pixel, run_of


def correct_mission_linearity(pixels, runs, coefficients):
    def value(r, c, v):
        k = run_of(c, runs)
        if k is None:
            return v
        slope, offset, highest, c0, c1, c2 = coefficients[k]
        x = (highest if v > highest else v) * slope - offset
        return v * (c0 + x * (c1 + c2 * x))

    return each_pixel(pixels, value)


def factor(v, slope, offset, highest, c0, c1, c2):
    x = min(v, highest) * slope - offset
    return c0 + c1 * x + c2 * x * x


def restore_mission_nonlinearity(pixels, runs, coefficients):
    """Counts that the factor turns into the pixels, by halving, in whole fractions."""

    def value(r, c, y):
        k = run_of(c, runs)
        if k is None or not isfinite(y):
            return y
        numbers = [Fraction(min(float(x), 1e300)) for x in coefficients[k]]
        y = Fraction(float(y))
        low, high = sorted((y * Fraction(1, 2), y * 2))
        for _ in range(80):
            middle = (low + high) / 2
            if middle * factor(middle, *numbers) < y:
                low = middle
            else:
                high = middle
        return float(middle)

    return each_pixel(pixels, value)


def fit_mission_smear(values, variances):
    """Smear of each column and its variance."""
    smear, variance = [], []
    for c in range(values.shape[1]):
        known = [
            (float(v), 1.0 / float(s))
            for v, s in zip(values[:, c], variances[:, c], strict=True)
            if isfinite(v) and isfinite(s)
        ]
        if not known:
            smear.append(np.nan)
            variance.append(np.nan)
            continue
        first = known[0][0]
        known = [(v - first, w) for v, w in known]
        total = sum(w for _, w in known)
        b, information = sum(v * w for v, w in known) / total, total
        for _ in range(100 if len(known) > 2 else 0):
            r = [(v - b) * sqrt(w / (1.0 - w / total)) for v, w in known]
            width = 4.685 * median(abs(x) for x in r) / 0.6745
            tukey = [(1 - (x / width) ** 2) ** 2 if abs(x) < width else float(x == 0.0) for x in r]
            weights = [t * w for t, (_, w) in zip(tukey, known, strict=True)]
            information = sum(weights)
            after = sum(v * w for (v, _), w in zip(known, weights, strict=True)) / information
            moved, b = abs(after - b), after
            if moved < 0.1 / sqrt(information):
                break
        smear.append(first + b)
        variance.append(1.0 / information)
    return np.array(smear), np.array(variance)
