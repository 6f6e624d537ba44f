"""Cosmic rays: straight tracks of charge, and what the on-board trimming leaves of them.

A particle crosses the silicon at an angle and frees charge along its path.  On board, the highest
and the lowest of every ten 2 s exposures of a pixel are dropped; a single hit in a block of ten is
dropped with the exposure it is in, and what stays of it is the shift of the other nine, of which
only the lowest is dropped instead of both extremes.
"""

import math

import numpy as np
from numpy.typing import NDArray

from tica_fn.kernels.compile import kernel, plain_kernel
from tica_fn.kernels.random_numbers import normal, stream, uniform

_STEP = 0.25
"""Length of the pieces that a track is laid down in, pixels."""

_LOWEST_OF_NINE = 1.4850131622
"""Expected distance of the lowest of nine normal numbers from their mean, in deviations."""


@plain_kernel
def trace_tracks(
    hits: int,
    shape: tuple[int, int, int],
    depth: float,
    charge_per_pixel: float,
    key: tuple[int, int],
    pixel: NDArray[np.int64],
    block: NDArray[np.int64],
    charge: NDArray[np.float64],
) -> int:
    """Lay down the tracks of cosmic rays that strike an image.

    Directions are those of an isotropic flux on a flat detector, ``p(theta) ~ cos(theta)
    sin(theta)``; the charge freed along a piece of track fluctuates by 30 %.  `shape`: rows,
    columns and blocks of exposures; `key`: seed and purpose of the random numbers.  Fills in where
    (`pixel` of the flat image), when (`block`) and how much, as far as they reach; the count.
    """
    height, width, blocks = shape
    seed, purpose = key
    filled = 0
    for hit in range(hits):
        state = stream(seed, purpose, hit)
        x = uniform(state) * width - 0.5
        y = uniform(state) * height - 0.5
        when = int(uniform(state) * blocks)
        # tan(theta) for p ~ cos sin: sin(theta)**2 is uniform.
        square = min(uniform(state), 0.9999)
        length = depth * math.sqrt(square / (1.0 - square))
        angle = 2.0 * math.pi * uniform(state)
        path = math.sqrt(length * length + depth * depth)
        pieces = max(1, math.ceil(length / _STEP))
        per_piece = charge_per_pixel * path / pieces
        last = -1
        for piece in range(pieces):
            along = (piece + 0.5) / pieces * length
            c = math.floor(x + along * math.cos(angle) + 0.5)
            r = math.floor(y + along * math.sin(angle) + 0.5)
            if c < 0 or c >= width or r < 0 or r >= height:
                break
            freed = per_piece * max(0.0, 1.0 + 0.3 * normal(state))
            here = int(r) * width + int(c)
            if here == last:
                charge[filled - 1] += freed
                continue
            if filled == pixel.size:
                return filled
            pixel[filled] = here
            block[filled] = when
            charge[filled] = freed
            filled += 1
            last = here
    return filled


@kernel
def deposit(
    pixel: NDArray[np.int64], charge: NDArray[np.float64], out: NDArray[np.float64]
) -> None:
    """Add every charge to its pixel of a flat image: no mitigation."""
    for i in range(pixel.size):
        out[pixel[i]] += charge[i]


@kernel
def deposit_trimmed(
    order: NDArray[np.int64],
    pixel: NDArray[np.int64],
    block: NDArray[np.int64],
    charge: NDArray[np.float64],
    signal: NDArray[np.float64],
    reads: float,
    read_noise: NDArray[np.float64],
    out: NDArray[np.float64],
) -> None:
    """Add what the on-board trimming leaves of the charges.

    Of the hits on one pixel in one block of ten exposures the largest is dropped; the others
    stay.  The dropped one leaves ``min(charge, 1.485 sigma)``, sigma being the noise of one
    exposure of that pixel.  `order` sorts the hits by pixel and block.
    """
    columns = read_noise.size
    i = 0
    while i < order.size:
        here, when = pixel[order[i]], block[order[i]]
        total = 0.0
        largest = 0.0
        while i < order.size and pixel[order[i]] == here and block[order[i]] == when:
            total += charge[order[i]]
            largest = max(largest, charge[order[i]])
            i += 1
        noise = read_noise[here % columns]
        sigma = math.sqrt(max(0.0, signal[here]) / reads + noise * noise)
        out[here] += total - largest + min(largest, _LOWEST_OF_NINE * sigma)
