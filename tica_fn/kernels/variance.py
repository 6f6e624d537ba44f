"""Variance of calibrated pixels, in one pass over the result.

Of each pixel the electrons before smear are found again, ``n = y f s + M`` (`y` the pixel, `f` the
flat field, `s` the scale of its unit, `M` the smear of its column), and from them

    var n = t n + D**2 (t N r**2 + g**2 (q**2 / 12 + b**2))
    var y = (var n + var M - 2 cov(n, M) + (D - D_M)**2 g**2 var P) / (f s)**2 + (y e / f)**2

- ``t``: what the on-board trimming of cosmic rays leaves of the variance, 0.841: of ten reads the
  highest and the lowest are dropped; 1 without it;
- ``t n``: shot noise of the electrons, smear included;
- ``N r**2``: read noise of N reads;
- ``D``: derivative of the linearity correction, ``D_M`` that at the smear rows;
- ``q``: step of the requantisation in ADU, ``q**2 = max(q0**2, k (raw - zero))``, with the raw
  count found again from electrons, bias and pedestal;
- ``b``: error of the 2-D bias;
- ``var M``: variance of the smear: 0.2104 of a smear row's (median of seven) but for rounding,
  which is as large in the median, one of the seven, as in each of them; a pixel that takes part in
  its median has ``cov(n, M) = var n / 7``;
- ``var P``: variance of the pedestal, which smear rows and pixel share and which falls out of
  their difference as far as D is the same for both;
- ``e``: error of the flat field.

Source: order statistics of the normal distribution (0.841, 0.2104, 1/7); the rest is propagation
of errors through the steps.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from tica_fn.kernels.compile import formula, kernel
from tica_fn.kernels.poc_linearity import poc_nonlinear
from tica_fn.kernels.types import Image, Table, Vector

__all__ = ["MEDIAN_OF_SEVEN", "pixel_variance", "smear_variance"]

MEDIAN_OF_SEVEN = 0.2104
"""Variance of the median of seven normal numbers over that of one."""
_SEVEN = 7.0
_MISSION, _POC = 1.0, 2.0
# Places in the row of numbers of a run.
_LEVEL, _PEDESTAL, _SCALE, _TRIMMING, _READS, _GAIN, _QUANTUM, _GROWTH, _BIAS, _MODEL = range(10)
_A, _B, _C0, _C1, _C2 = range(10, 15)
Run: TypeAlias = tuple[np.uint64, np.uint64]
"""Columns, half-open; unsigned, as they can't be negative."""
_NO_NUMBER = -np.nan
"""As the processor gives it for 0 over 0, whose sign is set."""


@formula
def before_mission(n: float, k: Vector) -> tuple[float, float]:
    """Electrons that a polynomial turned into `n`, TICA's or the mission's, and its derivative."""
    a, b, c0, c1, c2 = k[_A], k[_B], k[_C0], k[_C1], k[_C2]
    x = n * a - b
    m = n / (c0 + c1 * x + c2 * x * x)
    x = m * a - b
    m = n / (c0 + c1 * x + c2 * x * x)
    x = m * a - b
    return m, c0 + c1 * x + c2 * x * x + m * a * (c1 + 2.0 * c2 * x)


@formula
def before_poc(n: float, k: Vector) -> tuple[float, float]:
    """Electrons that the POC's correction turned into `n`, and its derivative there."""
    a, b = k[_A], k[_B]
    m = float(poc_nonlinear(n, a, b))
    rises, falls = 1.0 + m * a, 1.0 - m * b
    return m, (1.0 + m * m * a * b) / (rises * rises * falls * falls)


@formula
def before_linearity(n: float, k: Vector) -> tuple[float, float]:
    """Electrons that the correction turned into `n`, and its derivative there."""
    if k[_MODEL] == _MISSION:
        return before_mission(n, k)
    if k[_MODEL] == _POC:
        return before_poc(n, k)
    return n, 1.0


@formula
def before_run(n: Vector, run: Run, k: Vector, m: Vector, slope: Vector) -> None:
    """Fill `m` with the electrons that the correction turned into `n`, `slope` with derivatives.

    One loop a model: without a branch inside, the compiler makes vectors of them.
    """
    first, last = run
    if k[_MODEL] == _MISSION:
        for c in range(first, last):
            m[c], slope[c] = before_mission(n[c], k)
    elif k[_MODEL] == _POC:
        for c in range(first, last):
            m[c], slope[c] = before_poc(n[c], k)
    else:
        for c in range(first, last):
            m[c], slope[c] = n[c], 1.0


@formula
def rounding_variance(slope: float, step: float, k: Vector) -> float:
    """Variance that the requantisation adds to a pixel's electrons; `step`: its step squared."""
    return float(slope * slope * k[_GAIN] * k[_GAIN] * step / 12.0)


@formula
def electrons_variance(
    n: float, slope: float, rounding: float, bias_error: float, k: Vector
) -> float:
    """Variance of a pixel's electrons before the smear is subtracted."""
    electronics = k[_READS] + k[_GAIN] * k[_GAIN] * float(bias_error) * float(bias_error)
    return float(k[_TRIMMING] * max(n, 0.0) + slope * slope * electronics + rounding)


@formula
def variance_of_row(
    n: Vector,
    models: tuple[Vector, Vector, Vector],
    of_flat: Vector,
    smear: tuple[Vector, Vector],
    runs: Table,
    numbers: Image,
    part: float,
    room: tuple[Vector, Vector],
    out: Vector,
) -> None:
    """Fill `out` with the variance of a row of pixels.

    `models`: flat field, bias and its error; `of_flat`: variance that the flat field's error adds;
    `smear`: its variance, and the derivative of linearity there; `part`: what a pixel's place among
    the rows of the median leaves of its variance; `room` is filled.
    """
    flat, bias, bias_error = models
    of_smear, shared = smear
    step, slope = room
    for i in range(runs.shape[0]):
        k, first, last = numbers[i], np.uint64(runs[i, 0]), np.uint64(runs[i, 1])
        before_run(n, (first, last), k, step, slope)
        least = k[_QUANTUM] * k[_QUANTUM]
        # Divisions take most of the time: where the step does not grow it takes none.
        if k[_GROWTH] == 0.0:
            for c in range(first, last):
                step[c] = least
        else:
            for c in range(first, last):
                level = k[_LEVEL] + k[_BIAS] * float(bias[c])
                step[c] = max(least, k[_GROWTH] * (step[c] / k[_GAIN] + level))
        for c in range(first, last):
            rounding = rounding_variance(slope[c], step[c], k)
            own = electrons_variance(n[c], slope[c], rounding, bias_error[c], k)
            lever = (slope[c] - shared[c]) * k[_GAIN]
            divisor = float(flat[c]) * k[_SCALE]
            total = part * own + of_smear[c] + lever * lever * k[_PEDESTAL]
            out[c] = total / (divisor * divisor) + of_flat[c]


@formula
def rounded_if(value: float, rounded: bool) -> float:
    """A number, rounded to single precision if that is asked for.

    Products and quotients of float32 numbers are the same so as in float32 arithmetic.
    """
    return float(np.float32(value)) if rounded else value


@formula
def of_exact_flat(y: float, f: float) -> float:
    """Variance that an exact flat field adds: 0, or no number where 0 over `f` or times `y` is."""
    relative = float(y) * 0.0
    relative = _NO_NUMBER if (f == 0.0) & (y == y) else relative
    return relative * relative


@kernel
def smear_variance(smear: Vector, level: Vector, runs: Table, numbers: Image, out: Vector) -> None:
    """Fill `out` with the variance of each column's smear, the median of seven rows.

    Parameters
    ----------
    smear : ndarray
        (columns,) float64, electron.
    level : ndarray
        (columns,) float64: raw count without signal in the smear rows, above the zero of the
        requantisation, ADU.
    runs, numbers : ndarray
        As `pixel_variance` takes them.
    out : ndarray
        (columns,) float64, electron squared.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import smear_variance
    >>> numbers = np.zeros((1, 15))
    >>> numbers[0, 2:6] = 1.0, 0.841, 48 * 10.0**2, 5.25  # scale, trimming, reads, gain
    >>> variance = np.empty(3)
    >>> smear = np.array([0.0, 100.0, 1000.0])
    >>> smear_variance(smear, np.zeros(3), np.array([[0, 3]]), numbers, variance)
    >>> variance.round(1)
    array([1009.9, 1027.6, 1186.9])
    """
    for i in range(runs.shape[0]):
        k = numbers[i]
        for c in range(np.uint64(runs[i, 0]), np.uint64(runs[i, 1])):
            m, slope = before_linearity(smear[c], k)
            step = max(k[_QUANTUM] * k[_QUANTUM], k[_GROWTH] * (m / k[_GAIN] + level[c]))
            one = electrons_variance(smear[c], slope, 0.0, 0.0, k)
            out[c] = MEDIAN_OF_SEVEN * one + rounding_variance(slope, step, k)


@kernel
def pixel_variance(
    pixels: Image,
    planes: tuple[Image, Image, Image, Image],
    smear: Image,
    runs: Table,
    numbers: Image,
    median_rows: tuple[int, int],
    out: Image,
) -> None:
    """Fill `out` with the variance of calibrated pixels.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) float32 or float64, as calibrated so far; not modified.
    planes : tuple of ndarray
        (rows, columns) float32 each, or (1, columns) where one row stands for all: the flat field,
        ones where it was not divided by; its error, or zeros; the 2-D bias that was subtracted,
        zeros where none was or the requantisation's step does not grow; its error, ADU per
        exposure, or zeros.
    smear : ndarray
        (2, columns) float64: smear [electron], zeros where none was subtracted, and its variance
        [electron squared].
    runs : ndarray
        (n, 2) int64: runs of columns that share their numbers, half-open; all columns.
    numbers : ndarray
        (n, 15) float64: pedestal above the zero of the requantisation [ADU], variance of the
        pedestal [ADU squared], electrons in one unit of `pixels`, trimming, variance of all reads
        [electron squared], gain [electron/ADU], quantum at its zero [ADU], square of the quantum
        per ADU above, factor of the bias, model of linearity (0 none, 1 polynomial, 2 POC) and its
        five coefficients.
    median_rows : tuple of int
        Rows that the smear is the median of, half-open; both 0 where no smear was subtracted.
    out : ndarray
        (rows, columns) float32 or float64, unit of `pixels` squared.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import pixel_variance
    >>> numbers = np.zeros((1, 15))
    >>> numbers[0, 2:6] = 1.0, 0.841, 48 * 10.0**2, 5.25  # scale, trimming, reads, gain
    >>> flat, none = np.ones((1, 3), dtype=np.float32), np.zeros((1, 3), dtype=np.float32)
    >>> pixels, variance = np.array([[0.0, 1000.0, 1e6]]), np.empty((1, 3))
    >>> runs, smear = np.array([[0, 3]]), np.zeros((2, 3))
    >>> planes = flat, none, none, none
    >>> pixel_variance(pixels, planes, smear, runs, numbers, (0, 0), variance)
    >>> np.sqrt(variance).round(1)
    array([[ 69.3,  75.1, 919.7]])
    """
    fill_variance(pixels, False, planes, smear, runs, numbers, median_rows, out)


@kernel
def fill_variance(
    pixels: Image,
    rounded: bool,
    planes: tuple[Image, Image, Image, Image],
    smear: Image,
    runs: Table,
    numbers: Image,
    median_rows: tuple[int, int],
    out: Image,
) -> None:
    """Do what `pixel_variance` does; as if `pixels` were float32 where they are `rounded` to it.

    So float32 pixels may come as float64, for which this is compiled anyway, and give the same.
    """
    flat, flat_error, bias, bias_error = planes
    # One row of a model may stand for all.
    per_flat = 1 if flat.shape[0] > 1 else 0
    per_error = 1 if flat_error.shape[0] > 1 else 0
    per_bias = 1 if bias.shape[0] > 1 else 0
    per_bias_error = 1 if bias_error.shape[0] > 1 else 0
    columns = pixels.shape[1]
    room = np.empty((6, columns))
    n, m, slope, shared = room[0], room[1], room[2], room[3]
    scale, of_error = room[4], room[5]
    s, of_smear = smear[0], smear[1]
    exact, varies = per_error == 0, False
    for c in range(columns):
        exact = exact and flat_error[0, c] == 0.0
        varies = varies or of_smear[c] != 0.0
        shared[c] = 0.0
    for i in range(runs.shape[0]):
        run = np.uint64(runs[i, 0]), np.uint64(runs[i, 1])
        for c in range(run[0], run[1]):
            scale[c] = numbers[i, _SCALE]
        if varies:
            before_run(s, run, numbers[i], m, shared)
    for r in range(pixels.shape[0]):
        part = 1.0 - 2.0 / _SEVEN if median_rows[0] <= r < median_rows[1] else 1.0
        y, o, f, fe = pixels[r], out[r], flat[r * per_flat], flat_error[r * per_error]
        for c in range(columns):
            n[c] = rounded_if(float(y[c]) * float(f[c]), rounded) * scale[c] + s[c]
        if exact:
            for c in range(columns):
                of_error[c] = of_exact_flat(y[c], f[c])
        else:
            for c in range(columns):
                relative = rounded_if(float(y[c]) * float(fe[c]), rounded) / float(f[c])
                relative = rounded_if(relative, rounded)
                of_error[c] = rounded_if(relative * relative, rounded)
        models = f, bias[r * per_bias], bias_error[r * per_bias_error]
        smeared, own = (of_smear, shared), (m, slope)
        variance_of_row(n, models, of_error, smeared, runs, numbers, part, own, o)
