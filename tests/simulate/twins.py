"""Naive twins of the simulation's kernels: plain Python, one pixel at a time."""

import math

import numpy as np

MASK = 2**64 - 1


def mix(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


class Stream:
    def __init__(self, seed, purpose, row):
        inner = mix((mix(seed & MASK) + purpose) & MASK)
        self.state = mix((inner + (row << 32)) & MASK)

    def uniform(self):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        return (mix(self.state) >> 11) * 2.0**-53

    def normal(self):
        while True:
            u, v = 2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0
            s = u * u + v * v
            if 0.0 < s < 1.0:
                return u * math.sqrt(-2.0 * math.log(s) / s)

    def poisson(self, mean):
        if not mean > 0.0:
            return 0.0
        if mean < 10.0:
            limit, count, product = math.exp(-mean), 0.0, self.uniform()
            while product > limit:
                count += 1.0
                product *= self.uniform()
            return count
        # Hörmann's PTRS, with the constants of the paper.
        b = 0.931 + 2.53 * math.sqrt(mean)
        a = -0.059 + 0.02483 * b
        while True:
            u, v = self.uniform() - 0.5, self.uniform()
            us = 0.5 - abs(u)
            k = math.floor((2.0 * a / us + b) * u + mean + 0.43)
            if us >= 0.07 and v <= 0.9277 - 3.6224 / (b - 2.0):
                return float(k)
            if k < 0 or (us < 0.013 and v > us):
                continue
            left = math.log(v * (1.1239 + 1.1328 / (b - 3.4)) / (a / (us * us) + b))
            if left <= k * math.log(mean) - mean - math.lgamma(k + 1.0):
                return float(k)


def add_shot_noise(spread, seed, purpose, first_row, image):
    out = image.copy()
    for r, row in enumerate(image):
        stream = Stream(seed, purpose, first_row + r)
        for c, mean in enumerate(row.tolist()):
            if 0.0 < mean < math.inf:
                out[r, c] = mean + spread * (stream.poisson(mean) - mean)
    return out


def add_read_noise(deviation, seed, purpose, first_row, image):
    out = image.copy()
    for r in range(image.shape[0]):
        stream = Stream(seed, purpose, first_row + r)
        for c in range(image.shape[1]):
            out[r, c] += deviation[c] * stream.normal()
    return out


def bleed(full_well, rows, image):
    out, lost = image.copy(), 0.0
    for c in range(image.shape[1]):
        excess = [max(0.0, value - full_well) for value in image[:rows, c]]
        out[:rows, c] = np.minimum(image[:rows, c], full_well)
        for order in (range(rows), reversed(range(rows))):
            carried = 0.0
            for r in order:
                carried += 0.5 * excess[r]
                moved = min(full_well - out[r, c], carried)
                out[r, c] += moved
                carried -= moved
            lost += carried
    return out, lost


def trace_tracks(hits, height, width, blocks, depth, charge_per_pixel, seed, purpose):
    found = []
    for hit in range(hits):
        stream = Stream(seed, purpose, hit)
        x, y = stream.uniform() * width - 0.5, stream.uniform() * height - 0.5
        when = int(stream.uniform() * blocks)
        square = min(stream.uniform(), 0.9999)
        length = depth * math.sqrt(square / (1.0 - square))
        angle = 2.0 * math.pi * stream.uniform()
        pieces = max(1, math.ceil(length / 0.25))
        per_piece = charge_per_pixel * math.hypot(length, depth) / pieces
        track = []
        for piece in range(pieces):
            along = (piece + 0.5) / pieces * length
            c = math.floor(x + along * math.cos(angle) + 0.5)
            r = math.floor(y + along * math.sin(angle) + 0.5)
            if not (0 <= c < width and 0 <= r < height):
                break
            freed = per_piece * max(0.0, 1.0 + 0.3 * stream.normal())
            if track and track[-1][0] == r * width + c:
                track[-1][2] += freed
            else:
                track.append([r * width + c, when, freed])
        found += track
    return found


def deposit_trimmed(pixel, block, charge, signal, reads, read_noise, size):
    out = np.zeros(size)
    hits = {}
    for p, b, q in zip(pixel, block, charge, strict=True):
        hits.setdefault((p, b), []).append(q)
    for (p, _), charges in hits.items():
        noise = read_noise[p % len(read_noise)]
        sigma = math.sqrt(max(0.0, signal[p]) / reads + noise * noise)
        largest = max(charges)
        out[p] += sum(charges) - largest + min(largest, 1.4850131622 * sigma)
    return out


def add_background(level, glow, cosine, sine, start, scale, first_row, first_column, image):
    out = image.copy()
    for r in range(image.shape[0]):
        for c in range(image.shape[1]):
            along = (c + first_column) * cosine + (r + first_row) * sine
            out[r, c] += level + glow * math.exp((along - start) / scale)
    return out
