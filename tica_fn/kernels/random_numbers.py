"""Random numbers for pixels that depend on seed, row and column alone.

Each row has its own stream (splitmix64, seeded by the row's number in the full readout), so that
neither threads nor the order in which rows are made change a frame.

Sources: Steele, Lea & Flood 2014 (splitmix64); Marsaglia & Bray 1964 (normal numbers); Hörmann
1993, "The transformed rejection method for generating Poisson random variables" (PTRS).
"""

import math

import numpy as np
from numpy.typing import NDArray

from tica_fn.kernels.compile import kernel, plain_kernel

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)
_S27, _S30, _S31 = np.uint64(27), np.uint64(30), np.uint64(31)
_S11, _S32 = np.uint64(11), np.uint64(32)
_UNIT = 2.0**-53
_PTRS_FROM = 10.0


@kernel
def _mix(z: np.uint64) -> np.uint64:
    z = (z ^ (z >> _S30)) * _MIX1
    z = (z ^ (z >> _S27)) * _MIX2
    return z ^ (z >> _S31)


@kernel
def stream(seed: int, purpose: int, row: int) -> NDArray[np.uint64]:
    """Start the stream of random numbers of one row: its state, one number in an array."""
    start = _mix(_mix(_mix(np.uint64(seed)) + np.uint64(purpose)) + (np.uint64(row) << _S32))
    state = np.empty(1, dtype=np.uint64)
    state[0] = start
    return state


@kernel
def uniform(state: NDArray[np.uint64]) -> float:
    """Next number, evenly spread over [0, 1)."""
    state[0] += _GAMMA
    return float(_mix(state[0]) >> _S11) * _UNIT


@kernel
def normal(state: NDArray[np.uint64]) -> float:
    """Next number from the normal distribution of mean 0 and deviation 1."""
    while True:
        u = 2.0 * uniform(state) - 1.0
        v = 2.0 * uniform(state) - 1.0
        s = u * u + v * v
        if 0.0 < s < 1.0:
            return u * math.sqrt(-2.0 * math.log(s) / s)


@kernel
def surely_counted(us: float, v: float, b: float) -> bool:
    """Whether a draw lies where PTRS accepts it without a look at the distribution."""
    return us >= 0.07 and v <= 0.9277 - 3.6224 / (b - 2.0)


@kernel
def surely_refused(us: float, v: float, count: float) -> bool:
    """Whether a draw lies where PTRS refuses it without a look at the distribution."""
    return count < 0.0 or (us < 0.013 and v > us)


@kernel
def poisson(mean: float, state: NDArray[np.uint64]) -> float:
    """Next count from the Poisson distribution."""
    if not mean > 0.0:
        return 0.0
    if mean < _PTRS_FROM:
        limit = math.exp(-mean)
        count = 0.0
        product = uniform(state)
        while product > limit:
            count += 1.0
            product *= uniform(state)
        return count
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    while True:
        u = uniform(state) - 0.5
        v = uniform(state)
        us = 0.5 - abs(u)
        count = math.floor((2.0 * a / us + b) * u + mean + 0.43)
        if surely_counted(us, v, b):
            return count
        if surely_refused(us, v, count):
            continue
        inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
        chance = math.log(v * inverse_alpha / (a / (us * us) + b))
        if chance <= count * math.log(mean) - mean - math.lgamma(count + 1.0):
            return count


@plain_kernel
def add_shot_noise(
    spread: float,
    seed: int,
    purpose: int,
    first_row: int,
    image: NDArray[np.float64],
) -> None:
    """Replace an image's expected electrons by counted ones, in place."""
    rows, columns = image.shape
    for r in range(rows):
        state = stream(seed, purpose, first_row + r)
        for c in range(columns):
            mean = image[r, c]
            if mean > 0.0 and mean < math.inf:
                image[r, c] = mean + spread * (poisson(mean, state) - mean)


@plain_kernel
def add_read_noise(
    deviation: NDArray[np.float64],
    seed: int,
    purpose: int,
    first_row: int,
    image: NDArray[np.float64],
) -> None:
    """Add normal noise, of one deviation a column, to an image in place."""
    rows, columns = image.shape
    for r in range(rows):
        state = stream(seed, purpose, first_row + r)
        for c in range(columns):
            image[r, c] += deviation[c] * normal(state)


@kernel
def digitize(low: float, high: float, image: NDArray[np.float64], out: NDArray[np.int32]) -> int:
    """Round to whole counts and clip to what the converter can give; the number clipped."""
    clipped = 0
    rows, columns = image.shape
    for r in range(rows):
        for c in range(columns):
            value = math.floor(image[r, c] + 0.5)
            if value < low:
                value = low
                clipped += 1
            elif value > high:
                value = high
                clipped += 1
            out[r, c] = np.int32(value)
    return clipped
