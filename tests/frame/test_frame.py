"""Frames are frozen, owned, and stay so across processes."""

import inspect
import pickle
from collections import ChainMap
from types import MappingProxyType

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits

from tica_fn import Frame
from tica_fn.errors import FrameError
from tica_fn.quality.pixels import Pixel

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
        ("exposure_s", 0.0, "not 0"),
        ("exposure_s", np.nan, "not nan"),
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
    with pytest.raises(FrameError, match="do not fit into"):
        make_frame(np.zeros((2079, 1)))


def made(pixels, **fields):
    known = {"camera": 2, "ccd": 3, "exposure_s": 120, "coadds": 48}
    return Frame(pixels=pixels, **(known | fields))


@pytest.mark.parametrize("kind", [np.int32, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("by", ["numpy", "astropy", "astropy quantity"])
def test_a_mask_becomes_nan_and_a_flag(kind, by):
    values = np.arange(12, dtype=kind).reshape(3, 4)
    mask = values % 5 == 2
    if by == "numpy":
        frame = made(np.ma.masked_array(values, mask), unit="adu")
    else:
        masked = pytest.importorskip("astropy.utils.masked").Masked(values, mask=mask)
        frame = made(masked << u.adu if "quantity" in by else masked, unit="adu")
    np.testing.assert_array_equal(frame.pixels, np.where(mask, np.nan, values))
    np.testing.assert_array_equal(frame.quality, np.where(mask, Pixel.NO_DATA.value, 0))
    assert frame.pixels.dtype == (np.float32 if kind == np.float32 and by == "numpy" else
                                  frame.pixels.dtype)  # fmt: skip
    flags = np.ones((3, 4), np.int32)
    both = made(np.ma.masked_array(values, mask), unit="adu", quality=flags)
    np.testing.assert_array_equal(both.quality, 1 | np.where(mask, Pixel.NO_DATA.value, 0))
    bare = made(np.ma.masked_array(values), unit="adu")
    assert bare.quality is None
    np.testing.assert_array_equal(bare.pixels, values)


def test_a_quantity_is_in_its_unit_or_refused():
    values = np.arange(12.0).reshape(3, 4)
    rate = u.electron / u.s
    for unit, name in ((u.adu, "adu"), (u.electron, "electron"), (rate, "electron / s")):
        assert made(values * unit).unit == name
        assert made(values * unit, unit=name).unit == name
        np.testing.assert_array_equal(made(values * unit).pixels, values)
    minute = made(values * u.electron / u.min, unit="electron / s")
    np.testing.assert_allclose(minute.pixels, values / 60)
    assert made(values * 1000 * u.electron / u.ks).unit == "electron / s"
    for unit, name in ((u.electron, "adu"), (u.adu, "electron"), (u.electron, "electron / s"),
                       (u.Jy, "adu"), (u.one, "adu"), (u.ct, None), (u.m, None)):  # fmt: skip
        with pytest.raises(FrameError, match="pixels are in"):
            made(values * unit, **({"unit": name} if name else {}))
    with pytest.raises(TypeError, match="unit"):
        made(values)


def test_a_frame_is_an_array_of_its_pixels():
    values = np.arange(12, dtype=np.int32).reshape(3, 4)
    frame = made(values, unit="adu")
    assert np.asarray(frame) is frame.pixels
    assert np.asarray(frame, dtype=np.float32).dtype == np.float32
    assert np.array(frame).flags.writeable
    np.testing.assert_array_equal(np.median(frame, axis=0), np.median(values, axis=0))
    assert list(inspect.signature(Frame).parameters)[:3] == ["pixels", "unit", "camera"]
