"""Stacks give the bits of single frames, whatever the type, the threads and the output."""

import numpy as np
import pytest

import tica_fn
from tica_fn.errors import ExposureMismatchError, FrameError
from tica_fn.simulate import make_models

FACTS = {"exposure_s": 120.0, "coadds": 48.0}


@pytest.fixture(scope="module")
def models():
    return make_models(1, 4, 120)


@pytest.fixture(scope="module")
def raw():
    return np.random.default_rng(3).integers(2**18, 2**19, (3, 2078, 2136)).astype(np.int32)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("threads", [1, 2])
def test_bits_of_single_frames(models, raw, kind, threads):
    before = raw.copy()
    stack = tica_fn.calibrate_stack(raw, models, **FACTS, dtype=kind, threads=threads)
    assert np.array_equal(raw, before)
    for n, pixels in enumerate(raw):
        frame = tica_fn.Frame(pixels=pixels, unit="adu", camera=1, ccd=4, **FACTS)
        single = tica_fn.calibrate(frame, models, dtype=kind)
        assert stack.pixels.dtype == kind
        assert stack.pixels[n].tobytes() == single.pixels.tobytes()
        assert np.array_equal(stack.pedestals[n], single.pedestals)
        assert np.array_equal(stack.smear[n], single.smear)


def test_fills_the_array_it_is_given(models, raw):
    out = np.empty(raw.shape, dtype=np.float32)
    assert tica_fn.calibrate_stack(raw, models, **FACTS, out=out).pixels is out


def test_refuses_what_is_no_stack(models, raw):
    with pytest.raises(FrameError, match="a stack must be"):
        tica_fn.calibrate_stack(raw[0], models, **FACTS)
    with pytest.raises(FrameError, match="C-contiguous"):
        tica_fn.calibrate_stack(raw[::2], models, **FACTS)
    for wrong in ({"out": np.empty((1, 2, 3))}, {"dtype": np.float16}, {"dtype": np.int32}):
        with pytest.raises(FrameError, match="out must be C-contiguous"):
            tica_fn.calibrate_stack(raw, models, **FACTS, **wrong)


def test_refuses_models_of_another_exposure(models, raw):
    with pytest.raises(ExposureMismatchError, match=r"600 s.*120 s"):
        tica_fn.calibrate_stack(raw, models, exposure_s=600, coadds=240)
