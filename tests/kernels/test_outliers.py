"""Outliers: the kernel against plain loops, the law of stars, and what single frames can tell."""

import math

import attrs
import numpy as np
import pytest
from scipy.special import erf

from tica_fn import Frame, flag_pixels, kernels, neutral_models
from tica_fn.kernels.outliers import spread_marks
from tica_fn.quality.outliers import LIMITS
from tica_fn.quality.pixels import Pixel

BITS = np.array([1, 2, 4, 8], dtype=np.int32)


def plain(pixels, variance, sky, width, first, last, tested):
    """The same as the kernel in plain loops, from its description."""
    share, least, lone_sigmas, track_sigmas = LIMITS
    out = np.zeros(pixels.shape, dtype=np.int32)
    for r in range(1, len(pixels) - 1):
        for c in range(first + 1, last - 1):
            if not tested[r]:
                continue
            b = sky[r, (c - first) // width]
            p, var = float(pixels[r, c]) - b, float(variance[r, c])
            four = [float(pixels[r + y, c + x]) - b for y, x in ((-1, 0), (1, 0), (0, -1), (0, 1))]
            noise = [float(variance[r + y, c + x]) for y, x in ((-1, 0), (1, 0), (0, -1), (0, 1))]
            up, side = share * p - four[0] - four[1], share * p - four[2] - four[3]
            if not (up == up and side == side and p == p):
                continue
            of_up, of_side = (share**2 * var + noise[k] + noise[k + 1] for k in (0, 2))
            if p > 5.0 * math.sqrt(var) and (up > 0 or side > 0):
                corner = max(float(pixels[r + y, c + x]) - b for y in (-1, 1) for x in (-1, 1))
                clear = corner <= max(0.25 * p, 4.0 * math.sqrt(var))
                both = math.sqrt(of_up + of_side + 2 * share**2 * var)
                bright = p > least * math.sqrt(var)
                if bright and clear and min(up, side) > 0 and up + side > lone_sigmas * both:
                    out[r, c] |= 1
                elif bright and up > track_sigmas * math.sqrt(of_up):
                    out[r, c] |= 2
                else:
                    out[r, c] |= 4
            elif p <= 5.0 * math.sqrt(var):
                near = sorted(
                    float(pixels[r + y, c + x]) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x
                )
                about = max(float(v) for v in variance[r - 1 : r + 2, c - 1 : c + 2].flat)
                gap = near[1] - float(pixels[r, c])
                lowest = sorted(four)[1] + b
                first_look = pixels[r, c] < 0.6 * lowest
                first_look = first_look and (lowest - pixels[r, c]) ** 2 > 16 * var
                if first_look and pixels[r, c] < 0.6 * near[1]:
                    out[r, c] |= 8 if gap > 8.0 * math.sqrt(var + about) else 0
    return out


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_kernel_is_plain_loops(dtype):
    rng = np.random.default_rng(7)
    pixels = rng.normal(1000.0, 30.0, (40, 61))
    pixels[rng.integers(0, 40, 80), rng.integers(0, 61, 80)] += rng.uniform(100, 3000, 80)
    pixels[10, 5:20] += 900.0
    pixels[20:34, 40] += 900.0
    for k in range(8):
        pixels[22 + k, 10 + k] += 900.0
    pixels[rng.integers(1, 39, 30), rng.integers(1, 60, 30)] = 5.0
    pixels[3, 3] = np.nan
    pixels = pixels.astype(dtype)
    variance = np.full(pixels.shape, 900.0, dtype=np.float32)
    sky = np.full((40, 3), 1000.0)
    tested = np.arange(40) != 30
    out = np.zeros(pixels.shape, dtype=np.int32)
    before = pixels.copy()
    columns = np.array([2, 59])
    kernels.outlying_pixels(pixels, variance, sky, 20, columns, tested, np.array(LIMITS), BITS, out)
    expected = plain(pixels, variance, sky, 20, 2, 59, tested)
    assert np.array_equal(pixels, before, equal_nan=True)
    near_nothing = np.zeros(pixels.shape, bool)
    near_nothing[2:5, 2:5] = True  # Beside a value that is no number nothing is promised.
    assert np.array_equal(out[~near_nothing], expected[~near_nothing])
    for bit in BITS:
        assert (out & bit).any()


def star(sigma, y, x, electrons, size=15):
    edges = np.arange(size + 1) - 0.5
    up, across = (
        0.5 * np.diff(erf((edges - size // 2 - offset) / (math.sqrt(2) * sigma)))
        for offset in (y, x)
    )
    return electrons * np.outer(up, across)


@pytest.mark.parametrize("sigma", [0.45, 0.65, 0.85])
def test_no_star_breaks_the_law_wherever_it_is(sigma):
    """All phases, bright and faint, alone and in pairs: without noise nothing is found."""
    variance = np.full((15, 15), 400.0, dtype=np.float32)
    offsets = np.linspace(-0.5, 0.5, 11)
    for electrons in (1e3, 1e5):
        for y in offsets:
            for x in offsets:
                pixels = 500.0 + star(sigma, y, x, electrons) + star(sigma, 1.3, -1.1, 0.4e5)
                out = np.zeros(pixels.shape, dtype=np.int32)
                kernels.outlying_pixels(
                    pixels, variance, np.full((15, 1), 500.0), 15, np.array([0, 15]),
                    np.ones(15, bool), np.array(LIMITS), BITS, out,
                )  # fmt: skip
                assert not out.any()


def test_marks_spread_to_what_touches():
    out = np.zeros((7, 9), dtype=np.int32)
    out[1, 1] = 2
    out[2, 2] = out[3, 3] = out[3, 4] = 4
    out[6, 8] = 4
    out[1, 1] |= 512
    spread_marks(2, 4, 64, out)
    assert np.argwhere(out & 64).tolist() == [[1, 1], [2, 2], [3, 3], [3, 4]]
    assert out[1, 1] == 64 + 512
    assert out[6, 8] == 4


MODELS = neutral_models(2, 3)


def electrons(changes=(), coadds=80, sky=16000.0):
    rng = np.random.default_rng(3)
    pixels = rng.normal(0.0, 60.0, (2078, 2136))
    pixels[:2048, 44:2092] += rng.normal(sky, 130.0, (2048, 2048))
    for where, value in changes:
        pixels[where] += value
    return Frame(
        pixels=pixels.astype(np.float32), unit="electron", camera=2, ccd=3, exposure_s=200,
        coadds=coadds, steps=("subtract_pedestal", "apply_gain"), pedestals=[5e5] * 4,
        variance=np.where(pixels > 5000, 130.0**2, 60.0**2).astype(np.float32),
    )  # fmt: skip


def flagged(frame, bit, models=MODELS):
    quality = flag_pixels(frame, models).quality
    return {tuple(map(int, place)) for place in np.argwhere(quality & bit)}


HOT = [(50 + 37 * k % 1900, 100 + 61 * k % 1900) for k in range(60)]


def test_many_pixels_that_stand_alone_are_hot_on_board_trimmed_frames():
    frame = electrons([(place, 5000.0) for place in HOT])
    assert flagged(frame, Pixel.HOT) == set(HOT)
    assert not flagged(frame, Pixel.COSMIC_RAY)
    # Without the mitigation they may be rays; none but a map can tell.
    loose = attrs.evolve(frame, coadds=100)
    assert flagged(loose, Pixel.ISOLATED) | flagged(loose, Pixel.HOT) == set(HOT)


def test_a_few_are_rays_and_a_map_tells():
    frame = electrons([(place, 5000.0) for place in HOT[:5]])
    assert flagged(frame, Pixel.COSMIC_RAY) == set(HOT[:5])
    bad = np.zeros((2078, 2136), np.int32)
    bad[HOT[0]], bad[HOT[1]], bad[7, 700] = Pixel.HOT, Pixel.HOT, Pixel.DEAD
    known = attrs.evolve(MODELS, bad_pixels=bad)
    assert flagged(frame, Pixel.COSMIC_RAY, known) == set(HOT[2:5])
    assert flagged(frame, Pixel.HOT, known) == set(HOT[:2])
    assert flagged(frame, Pixel.DEAD, known) == {(7, 700)}


def test_tracks_are_rays_without_mitigation_and_columns_are_not():
    track = [(300 + k, 500 + 2 * k + j) for k in range(8) for j in range(2)]
    frame = electrons([(place, 3000.0) for place in track] + [(np.s_[:2048, 900], 6000.0)])
    found = flagged(attrs.evolve(frame, coadds=100), Pixel.COSMIC_RAY)
    assert found <= set(track)
    assert len(found) > 10


def test_dead_pixels_see_little_of_what_their_neighbours_see():
    places = [(100, 300), (1500, 1999), (1500, 1998)]
    frame = electrons([(place, -14000.0) for place in places])
    assert flagged(frame, Pixel.DEAD) == set(places)


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_zeros_are_no_counts(level):
    """Half an amplifier whose counts are zero, or as good as zero, beside legal ones."""
    frame = electrons()
    pixels = np.array(frame.pixels)
    pixels[:1024, 44:556] = level - 5e5
    quality = flag_pixels(attrs.evolve(frame, pixels=pixels), MODELS).quality
    lost = quality & Pixel.NO_DATA > 0
    assert lost[:1024, 44:556].all()
    # Neither they nor the pixels beside them are outliers.
    assert not (quality & (Pixel.COSMIC_RAY | Pixel.HOT | Pixel.DEAD | Pixel.ISOLATED)).any()
    assert lost.sum() == 1024 * 512
    assert not (flag_pixels(frame, MODELS, cosmic_rays=False).quality & Pixel.NO_DATA).any()
