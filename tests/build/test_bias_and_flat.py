"""Models built from simulated stacks recover the true ones within the noise."""

import math
from functools import cache

import attrs
import numpy as np
import pytest

from tica_fn import Frame, amplifiers, build_bias, build_flat, calibrate, inverse, neutral_models
from tica_fn.detector import SHAPE, amplifier_of_columns
from tica_fn.errors import ExposureMismatchError, FrameError, ModelError
from tica_fn.pipeline.compose import standard_steps

CAMERA, CCD, EXPOSURE_S, COADDS = 2, 3, 120.0, 48.0
READ_NOISE_ADU = 12.0
FRAMES = 9
SCIENCE = (slice(0, 2048), slice(44, 2092))


def make(pixels, **more):
    known = {"camera": CAMERA, "ccd": CCD, "exposure_s": EXPOSURE_S, "coadds": COADDS}
    return Frame(pixels=pixels, unit="adu", **(known | more))


@cache
def true_bias():
    """A bias with structure along rows and columns, a level for each amplifier, hot pixels."""
    rng = np.random.default_rng(5)
    rows = 20 * np.exp(-np.arange(SHAPE[0])[:, None] / 100.0)
    columns = rng.normal(0, 4, SHAPE[1])[None, :]
    levels = np.array([6000.0, 6100.0, 5900.0, 6050.0])[amplifier_of_columns()]
    hot = np.where(rng.random(SHAPE) < 1e-4, 900.0, 0.0)
    return rows + columns + levels + hot


@cache
def noise_planes():
    rng = np.random.default_rng(6)
    return [rng.normal(0, READ_NOISE_ADU, SHAPE).astype(np.float32) for _ in range(FRAMES)]


def dark(seed):
    """A dark frame: read noise, pedestals that drift by more than the noise, cosmic rays."""
    rng = np.random.default_rng(seed)
    drift = rng.normal(0, 40, 4)[amplifier_of_columns()]
    pixels = true_bias() + drift + noise_planes()[seed]
    rows, columns = rng.integers(0, 2048, 800), rng.integers(44, 2092, 800)
    pixels[rows, columns] += rng.exponential(3000, 800) + 200
    return make(np.rint(pixels).astype(np.int32))


@pytest.fixture(scope="module")
def bias():
    frames = [dark(seed) for seed in range(FRAMES)]
    return build_bias(frames, lambda frame: frame)


def student_inside(frames):
    """Probability that the mean is within its estimated uncertainty of the truth."""
    from scipy.stats import t

    return float(2 * t.cdf(1, frames - 1) - 1)


def test_bias_is_recovered_within_the_noise(bias):
    assert (bias.kind, bias.camera, bias.ccd, bias.exposure_s) == ("bias", 2, 3, 120.0)
    assert bias.image.dtype == bias.uncertainty.dtype == np.float32
    # The frames' pedestals drift together with an amplifier: the mean drift is the model's.
    error = bias.image - true_bias()
    own = amplifier_of_columns()
    offsets = np.array([np.median(error[:, own == a]) for a in range(4)])
    assert np.abs(offsets).max() < 4 * 40 / math.sqrt(FRAMES)
    pull = (error - offsets[own]) / bias.uncertainty
    assert abs(np.mean(np.abs(pull) < 1) - student_inside(FRAMES)) < 0.005
    noise = math.hypot(READ_NOISE_ADU, math.sqrt(1 / 12)) / math.sqrt(FRAMES)
    assert abs(math.sqrt(np.mean(bias.uncertainty.astype(float) ** 2)) / noise - 1) < 0.02
    assert np.abs(error - offsets[own]).max() < 7 * READ_NOISE_ADU / math.sqrt(FRAMES - 2)
    # Nearly all the cosmic rays were clipped, and nearly nothing else.
    assert 0.98 * 800 * FRAMES < bias.clipped < 1.05 * 800 * FRAMES
    assert bias.levels.shape == (FRAMES,)


def test_a_frame_calibrated_with_the_built_bias_has_the_noise_and_no_more(bias):
    models = attrs.evolve(neutral_models(CAMERA, CCD), bias=bias.image)
    out = calibrate(dark(0), models)
    assert np.abs(out.pedestals).max() < 200
    science = out.pixels[SCIENCE]
    assert abs(np.median(science)) < 0.5
    scatter = 1.4826 * np.median(np.abs(science - np.median(science)))
    assert READ_NOISE_ADU * 0.85 < scatter < READ_NOISE_ADU * 1.2


@cache
def true_flat():
    rng = np.random.default_rng(8)
    flat = np.ones(SHAPE)
    rows, columns = np.mgrid[0:2048, 0:2048] / 1024.0 - 1.0
    shape = 1.0 - 0.1 * (rows**2 + columns**2)
    flat[SCIENCE] = shape * rng.normal(1.0, 0.01, (2048, 2048))
    flat[SCIENCE] /= np.median(flat[SCIENCE])
    return flat


def flat_models():
    bias = np.broadcast_to(np.float32(500.0), SHAPE)
    return attrs.evolve(
        neutral_models(CAMERA, CCD, exposure_s=EXPOSURE_S, constants=amplifiers(CAMERA, CCD)),
        bias=bias,
    )


LEVELS = np.array([60_000.0, 30_000, 90_000, 45_000, 75_000, 60_000, 20_000, 90_000, 50_000])


def lit(seed):
    """A frame of even light, its level another each time, as the inverse pipeline makes it raw."""
    rng = np.random.default_rng(100 + seed)
    level = LEVELS[seed]
    electrons = level * true_flat()
    mean = electrons[SCIENCE]
    unit = noise_planes()[seed][SCIENCE] / READ_NOISE_ADU
    pixels = np.zeros(SHAPE)
    pixels[SCIENCE] = mean + np.sqrt(mean) * unit
    pixels[:2048, 44:2092][1000, 1000] = 0.0  # dead
    smear = np.zeros(SHAPE[1])
    smear[44:2092] = 0.02 * level
    done = standard_steps(flat_models(), without=("divide_flat",)).steps
    frame = Frame(
        pixels=pixels,
        unit="electron",
        camera=CAMERA,
        ccd=CCD,
        exposure_s=EXPOSURE_S,
        coadds=COADDS,
        steps=tuple(step.name for step in done),
        pedestals=rng.normal(7000, 50, 4),
        smear=smear,
    )
    for step in reversed(done):
        frame = inverse(step)(frame)
    return make(np.rint(frame.pixels).astype(np.int32))


def test_flat_is_recovered_within_the_noise():
    frames = [lit(seed) for seed in range(FRAMES)]
    flat = build_flat(frames, lambda frame: frame, flat_models())
    assert flat.kind == "flat"
    np.testing.assert_allclose(flat.levels, LEVELS, rtol=2e-3)
    science, truth = flat.image[SCIENCE].astype(float), true_flat()[SCIENCE]
    alive = np.ones(truth.shape, bool)
    alive[1000, 1000] = False
    pull = ((science - truth) / flat.uncertainty[SCIENCE])[alive]
    assert abs(np.mean(np.abs(pull) < 1) - student_inside(FRAMES)) < 0.01
    assert abs(np.median(pull)) < 0.02
    # As good as photon noise allows: the relative error of all the electrons together.
    best = np.sqrt(truth[alive] / LEVELS.sum())
    assert abs(np.std((science[alive] - truth[alive]) / best) - 1) < 0.03
    assert (science[1000, 1000], np.isnan(flat.uncertainty[1000, 1044])) == (1.0, True)
    dark_part = np.ones(SHAPE, bool)
    dark_part[SCIENCE] = False
    np.testing.assert_array_equal(flat.image[dark_part], 1.0)
    np.testing.assert_array_equal(flat.uncertainty[dark_part], 0.0)
    assert np.isclose(np.median(flat.image[SCIENCE]), 1.0)


def blank(**more):
    return make(np.zeros(SHAPE, np.int32), **more)


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        ({"ccd": 4}, "2: is of camera 2 CCD 4, but the first frame is of camera 2 CCD 3"),
        ({"exposure_s": 600.0}, "2: exposure_s is 600, but 120 in the first frame"),
        ({"coadds": 60.0}, "2: coadds is 60, but 48 in the first frame"),
        ({"steps": ("subtract_bias",)}, "2: not a raw full readout"),
    ],
)
def test_frames_that_are_not_alike_are_refused(odd, message):
    with pytest.raises(FrameError, match=message):
        build_bias([0, 1, 2], lambda n: blank(**(odd if n == 2 else {})))


def test_a_flat_needs_light_and_its_own_models():
    with pytest.raises(FrameError, match="1: no light"):
        build_flat([1, 1, 1], lambda _: blank(), neutral_models(CAMERA, CCD))
    bright = np.zeros(SHAPE, np.int32)
    bright[SCIENCE] = int(100_000 * COADDS)
    with pytest.raises(FrameError, match="1: too much light"):
        build_flat([1, 1, 1], lambda _: make(bright), flat_models())
    with pytest.raises(ModelError, match="models are for camera 1 CCD 1"):
        build_flat([1, 1, 1], lambda _: blank(), neutral_models(1, 1))
    with pytest.raises(ExposureMismatchError):
        build_flat([1, 1, 1], lambda _: blank(), neutral_models(CAMERA, CCD, exposure_s=1800))
