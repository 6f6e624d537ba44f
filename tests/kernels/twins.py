"""The naive twin of each kernel of the six steps: plain loops over pixels, nothing imported.

Each says the arithmetic a second time, in the order in which it is promised, with numpy numbers
(IEEE: division by zero is infinite, not an error).  Nothing here comes from the package.
"""

import numpy as np


def real(value):
    return np.float64(value)


def each_pixel(pixels, value):
    out = np.empty(pixels.shape, dtype=np.float64)
    with np.errstate(all="ignore"):
        for r in range(pixels.shape[0]):
            for c in range(pixels.shape[1]):
                out[r, c] = value(real(pixels[r, c]), r, c)
    return out


def subtract_bias(pixels, bias, factor):
    return each_pixel(pixels, lambda v, r, c: v - real(bias[r, c]) * factor)


def add_bias(pixels, bias, factor):
    return each_pixel(pixels, lambda v, r, c: v + real(bias[r, c]) * factor)


def measure_pedestal(pixels, bias, factor, first_row, first_column, last_column):
    total, count = real(0.0), 0
    with np.errstate(all="ignore"):
        for r in range(first_row, pixels.shape[0]):
            row = real(0.0)
            for c in range(first_column, last_column):
                row = row + (real(pixels[r, c]) - real(bias[r, c]) * factor)
                count += 1
            total = total + row
        return total / real(count)


def subtract_pedestal(pixels, pedestal):
    return each_pixel(pixels, lambda v, r, c: v - pedestal[c])


def add_pedestal(pixels, pedestal):
    return each_pixel(pixels, lambda v, r, c: v + pedestal[c])


def apply_gain(pixels, gain):
    return each_pixel(pixels, lambda v, r, c: v * gain[c])


def remove_gain(pixels, gain):
    return each_pixel(pixels, lambda e, r, c: e / gain[c])


def run_of(column, runs):
    for k, (first, last) in enumerate(runs):
        if first <= column < last:
            return k
    return None


def linear(e, slope, offset, c0, c1, c2):
    x = e * slope - offset
    return e * (c0 + x * (c1 + c2 * x))


def correct_linearity(pixels, runs, coefficients):
    def value(e, r, c):
        k = run_of(c, runs)
        return e if k is None else linear(e, *(real(v) for v in coefficients[k]))

    return each_pixel(pixels, value)


def bisected(target, constants):
    """Electrons that `linear`, which rises everywhere, turns into the target."""
    if np.isnan(target):
        return target
    low, high = -2.0 * abs(target) - 1.0, 2.0 * abs(target) + 1.0
    for _ in range(2000):
        middle = 0.5 * (low + high)
        if middle in (low, high):
            break
        if linear(middle, *constants) < target:
            low = middle
        else:
            high = middle
    return high


def restore_nonlinearity(pixels, runs, coefficients):
    def value(e, r, c):
        k = run_of(c, runs)
        return e if k is None else bisected(e, [real(v) for v in coefficients[k]])

    return each_pixel(pixels, value)


def measure_smear(pixels):
    out = np.empty(pixels.shape[1])
    for c in range(pixels.shape[1]):
        column = [float(pixels[r, c]) for r in range(len(pixels))]
        if any(v != v for v in column):
            out[c] = np.nan
            continue
        column.sort()
        half = len(column) // 2
        with np.errstate(all="ignore"):
            odd = len(column) % 2
            out[c] = column[half] if odd else 0.5 * (real(column[half - 1]) + column[half])
    return out


def subtract_smear(pixels, smear):
    return each_pixel(pixels, lambda e, r, c: e - smear[c])


def add_smear(pixels, smear):
    return each_pixel(pixels, lambda e, r, c: e + smear[c])


def divide_flat(pixels, flat):
    return each_pixel(pixels, lambda e, r, c: e / real(flat[r, c]))


def multiply_flat(pixels, flat):
    return each_pixel(pixels, lambda e, r, c: e * real(flat[r, c]))


def sweep(pixels, bias, factor, columns, runs, coefficients, flat):
    """The steps one after the other over the whole image."""
    pedestal, gain, smear = columns
    rows = len(pixels)
    v = subtract_bias(pixels, np.broadcast_to(bias, (rows, bias.shape[1])), factor)
    e = apply_gain(subtract_pedestal(v, pedestal), gain)
    e = subtract_smear(correct_linearity(e, runs, coefficients), smear)
    return divide_flat(e, np.broadcast_to(flat, (rows, flat.shape[1])))


def sum_words(data):
    """Ones' complement sum of bytes taken four by four, big end first."""
    total = 0
    for k in range(0, len(data), 4):
        word = data[k] << 24 | data[k + 1] << 16 | data[k + 2] << 8 | data[k + 3]
        total += word
        if total > 0xFFFFFFFF:
            total -= 0xFFFFFFFF
    return total


def swap(data):
    """Bytes of 32-bit words, each word turned round."""
    return b"".join(bytes(data[k : k + 4])[::-1] for k in range(0, len(data), 4))
