"""Cosmic rays told by time: with a pointing that moves, and through the whole of a run."""

import math

import attrs
import numpy as np
import pytest
from scipy.special import erf

from tica_fn import Frame, mark_transients, neutral_models
from tica_fn.quality.pixels import Pixel
from tica_fn.quality.transients import mark_series

MODELS = neutral_models(2, 3)


def field(sigma, dy, dx, seed, size=(256, 300), stars=400):
    """Stars at fixed places, moved by a part of a pixel, integrated over pixels; with noise."""
    rng = np.random.default_rng(5)
    image = np.full(size, 15_000.0)
    edges = np.arange(-6, 8) - 0.5
    for y, x, magnitude in zip(*rng.random((2, stars)) * np.array(size)[:, None],
                               rng.uniform(0, 3, stars), strict=True):  # fmt: skip
        r, c = int(y), int(x)
        if not (7 < r < size[0] - 8 and 7 < c < size[1] - 8):
            continue
        up, across = (
            0.5 * np.diff(erf((edges - place) / (math.sqrt(2) * sigma)))
            for place in (y - r - 0.5 + dy, x - c - 0.5 + dx)
        )
        image[r - 6 : r + 7, c - 6 : c + 7] += 1e3 * 10**magnitude * np.outer(up, across)
    noise = np.sqrt(image + 5000.0)
    image += np.random.default_rng(seed).normal(size=size) * noise
    return Frame(
        pixels=image, unit="electron", camera=2, ccd=3, exposure_s=200, coadds=80, row=100,
        column=600, variance=(noise**2).astype(np.float32),
        steps=("subtract_pedestal", "apply_gain"),
    )  # fmt: skip


@pytest.mark.parametrize("sigma", [0.45, 0.65, 0.85])
def test_a_tenth_of_a_pixel_of_jitter_is_no_ray(sigma):
    rng = np.random.default_rng(8)
    frames = [field(sigma, *rng.normal(0, 0.1, 2), seed) for seed in range(8)]
    struck = [tuple(place) for place in rng.integers(8, 240, (60, 2)).tolist()]
    pixels = np.array(frames[4].pixels)
    for r, c in struck:
        pixels[r, c] += 2500.0  # 18 standard deviations of the sky.
    frames[4] = attrs.evolve(frames[4], pixels=pixels)
    marked = list(mark_series(frames, MODELS))
    assert len(marked) == 8
    for n, frame in enumerate(marked):
        found = {tuple(place) for place in np.argwhere(frame.quality & Pixel.COSMIC_RAY).tolist()}
        assert len(found - (set(struck) if n == 4 else set())) <= 1
        if n == 4:
            assert len(found & set(struck)) > 0.7 * len(struck)


def test_light_that_comes_and_goes_is_no_ray_and_what_stays_is_hot():
    before, now, after = (field(0.65, 0.0, 0.0, seed) for seed in (1, 2, 3))
    lit = np.array(now.pixels) + np.linspace(5000.0, 5400.0, 300)
    flags = np.zeros(now.shape, dtype=np.int32)
    flags[10, 10] = flags[20, 20] = Pixel.ISOLATED
    lit[20, 20] += 4000.0
    out = mark_transients(attrs.evolve(now, pixels=lit, quality=flags), before, after)
    assert np.argwhere(out.quality & Pixel.COSMIC_RAY).tolist() == [[20, 20]]
    assert np.argwhere(out.quality & Pixel.HOT).tolist() == [[10, 10]]
    assert not (out.quality & Pixel.ISOLATED).any()


def test_fewer_than_three_frames_stay_as_they_are():
    frames = [field(0.65, 0.0, 0.0, seed) for seed in (1, 2)]
    assert list(mark_series(frames, MODELS)) == frames
    assert list(mark_series([], MODELS)) == []
