"""Frames are frozen, owned, and stay so across processes."""

import pickle

import numpy as np
import pytest

from tica_fn import Frame
from tica_fn.errors import FrameError


def make_frame(pixels):
    return Frame(pixels=pixels, unit="adu", camera=2, ccd=3, exposure_s=1800, coadds=720)


def test_pixels_are_copied_and_frozen():
    mine = np.zeros((3, 4), dtype=np.int32)
    frame = make_frame(mine)
    mine[0, 0] = 7
    assert frame.pixels[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        frame.pixels[0, 0] = 1


def test_pickling_keeps_frames_frozen_and_equal():
    frame = make_frame(np.array([[1.0, np.nan]]))
    thawed = pickle.loads(pickle.dumps(frame))
    assert thawed == frame
    assert not thawed.pixels.flags.writeable
    assert thawed.pixels.flags.owndata


@pytest.mark.parametrize("dtype", [">i4", "<i4", "u2", "i2", "u4", "i8"])
def test_integer_pixels_become_native_int32(dtype):
    assert make_frame(np.ones((2, 2), dtype=dtype)).pixels.dtype == np.int32


def test_integers_too_large_for_int32_become_float64():
    frame = make_frame(np.array([[2**31]], dtype=np.uint32))
    assert frame.pixels.dtype == np.float64
    assert frame.pixels[0, 0] == 2**31


def test_repr_shows_shape_and_type_not_pixels():
    assert "<2078x2136 int32>" in repr(make_frame(np.zeros((2078, 2136), dtype=np.int32)))


def test_no_such_camera():
    with pytest.raises(FrameError, match="camera 5"):
        Frame(pixels=np.zeros((1, 1)), unit="adu", camera=5, ccd=1, exposure_s=1800, coadds=720)


def test_pixels_outside_the_readout():
    with pytest.raises(FrameError, match="do not lie in"):
        make_frame(np.zeros((2079, 1)))
