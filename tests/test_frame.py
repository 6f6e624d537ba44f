"""Frames are frozen, owned, and stay so across processes."""

import pickle
from collections import ChainMap
from types import MappingProxyType

import numpy as np
import pytest
from astropy.io import fits

from tica_fn import Frame
from tica_fn.errors import FrameError

KNOWN = {"unit": "adu", "camera": 2, "ccd": 3, "exposure_s": 1800, "coadds": 720}


def make_frame(pixels, **other):
    return Frame(pixels=pixels, **{**KNOWN, **other})


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


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("camera", 5, "camera 5"),
        ("ccd", 0, "CCD 0"),
        ("unit", "DN", "'adu', 'electron', 'electron / s', not 'DN'"),
        ("exposure_s", 0.0, "not 0 s"),
        ("exposure_s", np.nan, "not nan s"),
        ("coadds", -48, "not -48"),
        ("coadds", np.inf, "not inf"),
    ],
)
def test_what_can_not_be(field, value, said):
    with pytest.raises(FrameError, match=said) as raised:
        make_frame(np.zeros((1, 1)), **{field: value})
    assert "Attribute" not in str(raised.value)


@pytest.mark.parametrize("kind", [dict, fits.Header, ChainMap, MappingProxyType])
def test_the_header_can_not_change(kind):
    mine = {"CAMERA": 2}
    frame = make_frame(np.zeros((1, 1)), header=kind(mine))
    mine["CAMERA"] = 3
    assert dict(frame.header) == {"CAMERA": 2}
    with pytest.raises(TypeError):
        frame.header["CAMERA"] = 4
    assert pickle.loads(pickle.dumps(frame)).header == frame.header


def test_pixels_outside_the_readout():
    with pytest.raises(FrameError, match="do not lie in"):
        make_frame(np.zeros((2079, 1)))
