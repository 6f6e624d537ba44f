"""Independent generator of raw frames with everything that is flagged, and its positions.

It shares no code with the package and imports only numpy and scipy.  It shares the layout of a
readout (columns, rows), the values of gain and full well in the models, and published properties of
the detector: pixels of 15 um, 100 um deep; about 5 cosmic rays per second and cm**2 that free 80
electrons per um; 2 s reads, of which with mitigation the highest and lowest of ten are dropped.
Every read of every pixel is drawn, and dropped as on the spacecraft.
"""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from scipy.special import erf

SHAPE = (2078, 2136)
SCIENCE = (slice(0, 2048), slice(44, 2092))
READ_NOISE = 8.0
PEDESTAL_ADU = 6700.0
LIVE_S = 1.98
PIXEL_CM = 15e-4
RAYS = 5.0
FREED = 80.0
DEEP_PIXELS = 100.0 / 15.0
FULL = 180_000.0
"""Electrons per read from which a pixel counts as saturated."""


def star_field(seed, stars, sigma, *, shift=(0.0, 0.0), mag_limit=16.0, brightest=5.5, more=()):
    """Electrons per second in the science pixels: stars of Gaussian profile, integrated.

    `shift`: rows and columns by which the pointing is off; `more`: row, column and light of
    further stars.
    """
    rng = np.random.default_rng(seed)
    image = np.zeros((2048, 2048))
    # Counts of stars grow as 10**(0.45 mag) in a crowded field.
    low, high = 10 ** (0.45 * brightest), 10 ** (0.45 * mag_limit)
    magnitude = np.log10(low + (high - low) * rng.random(stars)) / 0.45
    light = 1.5e4 * 10 ** (-0.4 * (magnitude - 10.0))
    x, y = rng.random((2, stars)) * 2048
    rows, columns, lights = np.array(more, dtype=float).reshape(-1, 3).T
    x, y, light = (np.concatenate(pair) for pair in ((x, columns), (y, rows), (light, lights)))
    x, y = x + shift[1], y + shift[0]
    reach = 6
    offset = np.arange(-reach, reach + 1)
    root = np.sqrt(2.0) * sigma
    for x0, y0, e in zip(x, y, light, strict=True):
        c, r = int(np.floor(x0)), int(np.floor(y0))
        px = 0.5 * np.diff(erf((np.append(offset, reach + 1) + c - x0) / root))
        py = 0.5 * np.diff(erf((np.append(offset, reach + 1) + r - y0) / root))
        cs, rs = offset + c, offset + r
        kc, kr = (cs >= 0) & (cs < 2048), (rs >= 0) & (rs < 2048)
        image[np.ix_(rs[kr], cs[kc])] += e * np.outer(py[kr], px[kc])
    return image


def ray_tracks(rng, seconds):
    """Pixels hit, and the electrons freed in each, by straight tracks through the silicon."""
    hits = rng.poisson(RAYS * seconds * (2048 * PIXEL_CM) ** 2)
    # An isotropic flux on a flat detector: the sine squared of the angle is uniform.
    sine2 = np.minimum(rng.random(hits), 0.999)
    length = DEEP_PIXELS * np.sqrt(sine2 / (1 - sine2))
    turn = rng.random(hits) * 2 * np.pi
    x0, y0 = rng.random((2, hits)) * 2048
    where, freed = [], []
    for n in range(hits):
        steps = max(int(np.ceil(length[n] * 20)), 1)
        along = (np.arange(steps) + 0.5) / steps * length[n]
        c = np.floor(x0[n] + along * np.cos(turn[n])).astype(int)
        r = np.floor(y0[n] + along * np.sin(turn[n])).astype(int)
        path_um = 15.0 * np.hypot(length[n], DEEP_PIXELS)
        inside = (c >= 0) & (c < 2048) & (r >= 0) & (r < 2048)
        flat, count = np.unique(r[inside] * 2048 + c[inside], return_counts=True)
        # Losses along a thin layer scatter by a third, with a tail (Landau's, nearly).
        loss = FREED * path_um / steps * count * np.exp(0.3 * rng.normal(size=len(flat)))
        where.append(flat)
        freed.append(loss)
    none = np.zeros(0)
    return (
        np.concatenate(where) if where else none.astype(int),
        np.concatenate(freed) if freed else none,
    )


def blemishes(seed, hot=300, dead=150):
    """Hot pixels (electrons per second) and dead ones (response), the same on every frame."""
    rng = np.random.default_rng(seed)
    chosen = rng.choice(2048 * 2048, hot + dead, replace=False)
    dark = np.zeros(2048 * 2048)
    dark[chosen[:hot]] = 10 ** rng.uniform(1.0, 3.5, hot)
    response = np.ones(2048 * 2048)
    response[chosen[hot:]] = rng.uniform(0.0, 0.4, dead)
    return dark.reshape(2048, 2048), response.reshape(2048, 2048)


def frame(light, seed, *, sky=100.0, glow=None, dark=0.0, response=1.0, reads=100, mitigation=True,
          rays=True, gain=(5.28, 5.26, 5.25, 5.21), full_well=190_000.0, lost=()):  # fmt: skip
    """One raw frame, in ADU summed over the kept reads, and its contents.

    `light`, `glow`: electrons per second in the science pixels; `lost`: (rows, columns) slices
    of the readout whose counts are zero.
    """
    rng = np.random.default_rng([*np.atleast_1d(seed), 77])
    rate = (light + sky + (0.0 if glow is None else glow)) * response + dark
    mean = rate * LIVE_S
    spilt = np.zeros((20, 2048))  # Buffer and smear rows, into which charge runs too.
    for c in np.flatnonzero((mean > full_well).any(axis=0)):
        column = np.concatenate([mean[:, c], spilt[:, c]])
        _bleed(column, full_well)
        mean[:, c], spilt[:, c] = column[:2048], column[2048:]
    full = mean >= FULL
    kept = np.zeros(SHAPE)
    left = np.zeros((2048, 2048))
    whole = np.zeros(SHAPE)
    whole[SCIENCE] = mean
    whole[2048:2068, SCIENCE[1]] = spilt
    noise = np.sqrt(whole + READ_NOISE**2).astype(np.float32)
    # Every row passes the light of the others during transfer, so all rows of a column have smear.
    whole[:, SCIENCE[1]] += mean.sum(axis=0) * 1e-5
    block = 10 if mitigation else 1
    for _ in range(reads // block):
        struck = [
            ray_tracks(rng, 2.0) if rays else (np.zeros(0, int), np.zeros(0)) for _ in range(block)
        ]
        drawn = rng.standard_normal((block, *SHAPE), dtype=np.float32)
        drawn *= noise
        plain = drawn.sum(axis=0, dtype=np.float64)
        if mitigation:
            plain -= drawn.max(axis=0)
            plain -= drawn.min(axis=0)
        science = plain[SCIENCE]
        pixels = np.unique(np.concatenate([w for w, _ in struck])) if rays else np.zeros(0, int)
        if len(pixels):
            values = drawn[:, SCIENCE[0], SCIENCE[1]].reshape(block, -1)[:, pixels].astype(float)
            for n, (where, freed) in enumerate(struck):
                np.add.at(values[n], np.searchsorted(pixels, where), freed)
            total = values.sum(axis=0)
            if mitigation:
                total -= values.max(axis=0) + values.min(axis=0)
            r, c = np.unravel_index(pixels, (2048, 2048))
            left[r, c] += total - science[r, c]
            science[r, c] = total
        kept += plain
    number = reads * 8 // 10 if mitigation else reads
    electrons = kept + whole * number
    a = np.empty(2136, int)
    a[44:2092] = np.arange(2048) // 512
    a[:44], a[2092:] = np.arange(44) // 11, np.arange(44) // 11
    adu = electrons / np.array(gain)[a] + PEDESTAL_ADU * number
    counts = np.rint(adu).astype(np.int32)
    zero = np.zeros(SHAPE, bool)
    for here in lost:
        zero[here] = True
    counts[zero] = 0
    sigma = np.sqrt((mean + READ_NOISE**2) * number * (0.841 if mitigation else 1.0))
    return SimpleNamespace(
        counts=counts,
        coadds=number,
        rays=left,
        sigma=sigma,
        full=full,
        spilt=(spilt[10:] > 0.0).any(axis=0),
        zero=zero,
        dark=dark,
        response=response,
    )


def _bleed(column, well):
    """Let charge beyond the well run along a column, half each way, in place."""
    over = np.maximum(column - well, 0.0)
    np.minimum(column, well, out=column)
    for order in (slice(None), slice(None, None, -1)):
        carried = 0.0
        part, extra = column[order], 0.5 * over[order]
        for n in range(len(part)):
            carried += extra[n]
            room = min(well - part[n], carried)
            part[n] += room
            carried -= room
