"""What is stored is not what is meant: every reader of images and columns is held to astropy's.

Files are written with astropy, with stored values, scale, zero point, blank value, type and packing
drawn at random, and read with astropy again: it and this package share the standard alone.
"""

import gzip
import io
import warnings

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

import tica_fn
from tests.inputs import image_cards, name_of
from tica_fn.errors import BadFileError, keep_notes
from tica_fn.fits.blocks import read_blocks
from tica_fn.fits.large import column_of, table_rows
from tica_fn.fits.spoc import image_of
from tica_fn.fits.unpack import as_image
from tica_fn.quality.pixels import Pixel

TYPES = {8: "u1", 16: "i2", 32: "i4", 64: "i8", -32: "f4", -64: "f8"}
ZERO_OF_UNSIGNED = {8: -128, 16: 2**15, 32: 2**31, 64: 2**63}
PACKINGS = ("none", "RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1", "PLIO_1")
# HCOMPRESS wants tiles of 4 x 4 and more.
SMALL = (16, 20)


def stored_values(bitpix, packing, shape, seed):
    rng = np.random.default_rng(seed)
    if bitpix < 0:
        return rng.normal(1e5, 300, shape).astype(TYPES[bitpix])
    low, high = {8: (0, 255), 16: (-(2**15), 2**15), 32: (-(2**31), 2**31), 64: (-(2**62), 2**62)}[
        bitpix
    ]
    if packing == "PLIO_1":  # For masks; astropy's packer does not survive noise.
        mask = rng.integers(1, 9, shape) * (rng.random(shape) > 0.9)
        return mask.astype(TYPES[bitpix])
    if packing == "HCOMPRESS_1":
        low, high = max(low, -(2**20)), min(high, 2**20)
    stored = rng.integers(low, high, shape).astype(TYPES[bitpix])
    if len(shape) > 1 and shape[0] > 1000:  # Most of it is packed in no time.
        rows = np.arange(shape[0]) % 8 > 0
        stored[rows] = stored[rows, :1]
    return stored


def legal(bitpix, packing):
    """Whether the standard has it, or astropy packs it."""
    if packing in ("none", "GZIP_1", "GZIP_2"):
        return True
    return bitpix in (8, 16, 32) or (packing == "RICE_1" and bitpix < 0)


@st.composite
def images(draw, shape=SMALL, kinds=tuple(TYPES)):
    """Type, packing, cards of the meaning, rounding and seed of an image."""
    bitpix = draw(st.sampled_from(kinds))
    packing = draw(st.sampled_from([p for p in PACKINGS if legal(bitpix, p)]))
    seed = draw(st.integers(0, 2**20))
    cards = {}
    if draw(st.booleans()):
        zeros = [0.0, 1.0, 0.25, -3e4, 1e6]
        if bitpix > 0:
            zeros += [ZERO_OF_UNSIGNED[bitpix]] * 3
        cards["BZERO"] = draw(st.sampled_from(zeros))
    if cards.get("BZERO") != 2**63 and draw(st.booleans()):
        cards["BSCALE"] = draw(st.sampled_from([1, 1.0, 2.0, 0.1, -1.0]))
    if bitpix > 0 and draw(st.booleans()):
        one = int(stored_values(bitpix, packing, shape, seed)[3, 4])
        one = one % 2**31 if bitpix == 64 and packing != "none" else one  # What astropy takes.
        limits = np.iinfo(TYPES[min(bitpix, 32)])
        # astropy takes 0 for none, see the test below.
        cards["BLANK"] = draw(st.sampled_from([one, limits.max, limits.min or 7])) or 5
    method = draw(st.sampled_from(["NONE", "NO_DITHER", "DITHER_1", "DITHER_2"]))
    return bitpix, packing, cards, method, seed


def built(drawn, shape=SMALL):
    bitpix, packing, cards, method, seed = drawn
    return in_file(stored_values(bitpix, packing, shape, seed), packing, cards, method)


def in_file(stored, packing, cards, method="NONE", more=()):
    out = io.BytesIO()
    if packing == "none":
        hdus = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(stored)])
    else:
        quantized = {
            "NONE": {"quantize_level": 0.0},
            "NO_DITHER": {"quantize_level": 16.0, "quantize_method": -1},
            "DITHER_1": {"quantize_level": 16.0, "quantize_method": 1, "dither_seed": 7},
            "DITHER_2": {"quantize_level": 16.0, "quantize_method": 2, "dither_seed": 7},
        }[method]
        if stored.dtype.kind != "f":
            quantized = {}
        elif packing == "RICE_1" and method == "NONE":
            quantized = {"quantize_level": 16.0}
        packed = fits.CompImageHDU(stored, compression_type=packing, **quantized)
        first = io.BytesIO()
        fits.HDUList([fits.PrimaryHDU(), packed]).writeto(first)
        hdus = fits.open(io.BytesIO(first.getvalue()), disable_image_compression=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        header = hdus[1].header
        header.update(dict(more))
        raw = header.copy()
        hdus.writeto(out)
        # The meaning is put in afterwards: astropy would change the stored values.
        text = out.getvalue()
    start = text.index(b"XTENSION")
    stop = start + len(raw.tostring())
    header = fits.Header.fromstring(text[start:stop].decode("ascii"))
    header.update(cards)
    return text[:start] + header.tostring().encode("ascii") + text[stop:]


def by_astropy(data, number=1):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        # Unsigned integers as reals: as integers astropy would not look at BLANK.
        with fits.open(io.BytesIO(data), uint=False, memmap=False) as hdus:
            return np.array(hdus[number].data)


def assert_agree(ours, theirs):
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    # astropy scales 8 and 16-bit integers in float32.
    exact = theirs.dtype.kind in "iu" or theirs.dtype == np.float64
    scale = np.nanmax(np.abs(theirs.astype(np.float64)), initial=1.0)
    tolerance = scale * (1e-15 if exact else 1e-6)
    infinite = np.isinf(theirs)
    np.testing.assert_array_equal(np.isinf(ours), infinite)
    np.testing.assert_array_equal(ours[infinite], theirs[infinite])
    with np.errstate(invalid="ignore"):  # infinities that are the same
        off = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
    assert np.nanmax(off, initial=0.0) <= tolerance


@settings(max_examples=300, deadline=None)
@given(images())
def test_images_mean_what_astropy_says(drawn):
    data, bitpix, cards = built(drawn), drawn[0], drawn[2]
    hdus = read_blocks("x.fits", memoryview(data))
    image = as_image("x.fits", 1, hdus[1])
    ours = image_of("x.fits", image, SMALL)
    theirs = by_astropy(data)
    assert_agree(ours, theirs)
    if bitpix > 0 and cards.get("BSCALE", 1) == 1 and float(cards.get("BZERO", 0)).is_integer():
        stored = np.isnan(theirs.astype(float)).any() or "BLANK" in cards
        assert stored or ours.dtype.kind in "iu"
    assert ours.flags.c_contiguous
    assert ours.dtype.isnative


@settings(max_examples=12, deadline=None)
@given(images(shape=(2078, 2136), kinds=(16, 32, -32)), st.booleans())
def test_raw_frames_read_are_what_astropy_says(tmp_path_factory, drawn, zipped):
    data = built(drawn, (2078, 2136))
    bitpix, packing, _, method, _ = drawn
    hdus = fits.open(io.BytesIO(data), disable_image_compression=True, lazy_load_hdus=False)
    start = data.index(b"XTENSION")
    stop = start + len(hdus[1].header.tostring())
    header = fits.Header.fromstring(data[start:stop].decode("ascii"))
    header.update(image_cards(2, 3, 120))
    data = data[:start] + header.tostring().encode("ascii") + data[stop:]
    path = tmp_path_factory.mktemp("raw") / (name_of() + ".gz" * zipped)
    path.write_bytes(gzip.compress(data, 1) if zipped else data)
    with keep_notes() as told:
        frame = tica_fn.read(path)
    theirs = by_astropy(data)
    assert_agree(frame.pixels, theirs)
    undefined = np.isnan(theirs.astype(float))
    texts = " ".join(told)
    assert ("undefined" in texts) == undefined.any()
    rounded = method != "NONE" or packing == "RICE_1"
    lossy = bitpix < 0 and packing != "none" and rounded
    assert ("compressed with loss" in texts) == lossy
    if undefined.any():
        np.testing.assert_array_equal(frame.quality == Pixel.NO_DATA, undefined)
    else:
        assert frame.quality is None


@settings(max_examples=200, deadline=None)
@given(
    kind=st.sampled_from(["B", "I", "J", "K", "E", "D"]),
    seed=st.integers(0, 2**20),
    zero=st.sampled_from([None, "unsigned", 0.0, 0.5, -100]),
    scale=st.sampled_from([None, 1, 0.1, -2.0]),
    null=st.booleans(),
    shape=st.sampled_from([(), (3,), (2, 3)]),
)
def test_columns_mean_what_astropy_says(kind, seed, zero, scale, null, shape):
    bits = {"B": 8, "I": 16, "J": 32, "K": 64, "E": -32, "D": -64}[kind]
    rows = stored_values(bits, "none", (7, *shape), seed)
    width = int(np.prod(shape))
    table = fits.BinTableHDU.from_columns(
        [
            fits.Column("OTHER", "3A", array=np.array(["abc"] * 7)),
            fits.Column("VALUE", f"{width}{kind}", array=rows,
                        dim=str(tuple(reversed(shape))) if len(shape) > 1 else None),
        ]
    )  # fmt: skip
    out = io.BytesIO()
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(out)
    data = out.getvalue()
    start = data.index(b"XTENSION")
    stop = start + len(table.header.tostring())
    header = fits.Header.fromstring(data[start:stop].decode("ascii"))
    if zero is not None:
        whole = ZERO_OF_UNSIGNED.get(bits, 1.5) if zero == "unsigned" else zero
        header["TZERO2"] = whole
    if scale is not None and header.get("TZERO2") != 2**63:
        header["TSCAL2"] = scale
    if null and bits > 0:
        header["TNULL2"] = int(rows.reshape(-1)[2])
    data = data[:start] + header.tostring().encode("ascii") + data[stop:]
    hdu = read_blocks("x.fits", memoryview(data))[1]
    ours = column_of("x.fits", hdu, table_rows("x.fits", hdu), "VALUE")
    with fits.open(io.BytesIO(data), uint=False, memmap=False) as hdus:
        theirs = np.array(hdus[1].data["VALUE"])
    expected = theirs.astype(np.float64)
    if null and bits > 0:
        expected[rows == header["TNULL2"]] = np.nan
    np.testing.assert_array_equal(np.isnan(ours.astype(float)), np.isnan(expected))
    limit = np.nanmax(np.abs(expected), initial=1.0) * (1e-6 if bits in (8, 16, -32) else 1e-15)
    np.testing.assert_allclose(ours.astype(np.float64), expected, atol=limit, rtol=0)


@pytest.mark.parametrize("packing", ["none", "RICE_1"])
def test_nought_can_be_the_blank_value(packing):
    stored = np.arange(SMALL[0] * SMALL[1], dtype=np.int32).reshape(SMALL) % 7
    hdus = read_blocks("x.fits", memoryview(in_file(stored, packing, {"BLANK": 0, "BZERO": 3})))
    ours = image_of("x.fits", as_image("x.fits", 1, hdus[1]), SMALL)
    np.testing.assert_array_equal(ours, np.where(stored == 0, np.nan, stored + 3))


@pytest.mark.parametrize("cards", [
    {"BZERO": 1e30}, {"BSCALE": 0.0}, {"BSCALE": 0}, {"BZERO": "1"}, {"BLANK": 1.5},
    {"BSCALE": 1e-20, "BZERO": 1.0}, {"BZERO": -1e17, "BSCALE": 0.5},
])  # fmt: skip
@pytest.mark.parametrize("packing", ["none", "RICE_1"])
def test_scales_without_sense_are_refused(cards, packing):
    data = in_file(stored_values(32, packing, SMALL, 1), packing, cards)
    hdus = read_blocks("x.fits", memoryview(data))
    with pytest.raises(BadFileError, match=r"x\.fits"):
        image_of("x.fits", as_image("x.fits", 1, hdus[1]), SMALL)
