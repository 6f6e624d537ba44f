"""Raw frames and models that are the same on every machine: hashes of seed, row and column.

They look like no sky; they hold empty, ordinary and nearly full pixels side by side, so that the
arithmetic is tried over the whole range.  The hash is splitmix64.
"""

import functools

import numpy as np

SHAPE = ROWS, COLUMNS = 2078, 2136
GOLDEN_RATIO, MIX_1, MIX_2 = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def hashed(seed, shape=SHAPE):
    """Uniform numbers in [0, 1): the top 53 bits of a hash of (seed, row, column)."""
    row = np.arange(shape[0], dtype=np.uint64)[:, None]
    column = np.arange(shape[1], dtype=np.uint64)[None, :]
    key = np.uint64(seed * GOLDEN_RATIO % 2**64)
    with np.errstate(over="ignore"):
        state = (key + (row << np.uint64(16)) + column) * np.uint64(GOLDEN_RATIO)
        for shift, factor in ((30, MIX_1), (27, MIX_2)):
            state ^= state >> np.uint64(shift)
            state *= np.uint64(factor)
    state ^= state >> np.uint64(31)
    return (state >> np.uint64(11)) * 2.0**-53


def amplifier_numbers():
    """Number 0 to 3 of the amplifier that reads each column."""
    return np.concatenate([np.repeat(range(4), n) for n in (11, 512, 11)])


@functools.lru_cache(maxsize=3)  # 53 MB each
def made_frame(camera, ccd, exposure_s, seed):
    """Raw counts (int32, ADU), 2-D bias (float32, ADU per exposure) and flat field (float32)."""
    coadds = exposure_s * 0.8 / 2.0
    first = 100 * seed + 10 * camera + ccd
    sky_hash, star_hash, noise_hash, level_hash = (hashed(first + k * 100003) for k in range(4))
    amplifier = amplifier_numbers()[None, :]
    bias = (30.0 * (level_hash - 0.5) + 12.0 * amplifier + 0.001 * np.arange(ROWS)[:, None]).astype(
        np.float32
    )
    flat = (0.9 + 0.2 * star_hash).astype(np.float32)

    sky, stars, smear = np.zeros(SHAPE), np.zeros(SHAPE), np.zeros(SHAPE)
    science = np.s_[:2048, 44:2092]
    sky[science] = 25.0 * coadds + 8.0 * coadds * sky_hash[science]
    bright = 38000.0 * coadds * level_hash[science] ** 6
    stars[science] = np.where(star_hash[science] > 0.997, bright, 0.0)
    smear[2058:2068, 44:2092] = 0.2 * coadds * (1.0 + hashed(7 * seed + 1)[:1, 44:2092])
    pedestal = 6500.0 * coadds / 100.0 + 37.0 * amplifier
    noise = 40.0 * (noise_hash - 0.5)
    raw = np.floor(pedestal + sky + stars + smear + noise + bias.astype(np.float64))
    arrays = raw.astype(np.int32), bias, flat
    for array in arrays:
        array.setflags(write=False)
    return arrays
