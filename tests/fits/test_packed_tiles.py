"""Tiles packed here are byte for byte those of astropy, and what others read is the same."""

import io

import astropy
import numpy as np
import pytest
from astropy.io import fits

from tica_fn.fits.cards import card
from tica_fn.fits.extensions import tiled_hdu
from tica_fn.fits.packed_tiles import gzipped_tiles_hdu, rice_hdu, shuffled_rows_hdu
from tica_fn.kernels.rice import DITHER_NUMBERS, limits_of_row, split_of

CARDS = [card("EXTNAME", "IMAGE", "name"), card("CAMERA", 2, "camera number")]


def by_astropy(pixels, step):
    return tiled_hdu(
        CARDS,
        pixels,
        compression_type="RICE_1",
        quantize_level=-step,
        quantize_method=1,
        dither_seed=-1,
    )


def parts_of(hdu):
    """Cards and data of an HDU's bytes; the order of the cards is not that of each astropy."""
    end = hdu.index(b"END" + b" " * 77)
    cards = sorted(hdu[place : place + 80] for place in range(0, end, 80))
    return cards, hdu[end + 80 :].lstrip(b" ")


def images():
    random = np.random.default_rng(1)
    sky = random.normal(1000.0, 30.0, (40, 333)).astype(np.float32)
    yield "sky", sky, 2.5
    stars = sky.copy()
    stars[random.random(sky.shape) < 0.05] *= 1e4
    yield "stars", stars, 2.5
    yield "coarse steps", sky, 300.0
    yield "nothing", np.zeros((5, 64), np.float32), 1.0
    yield "one value below zero", np.full((5, 64), -1234.5, np.float32), 1.0
    yield "noise that is not coded", (1e8 * random.standard_normal((6, 100))).astype("f4"), 0.5
    yield "jumps", (2e8 * (random.random((70, 65)) < 0.02)).astype("f4"), 0.7
    yield "two columns", sky[:, :2].copy(), 2.5
    yield "many rows", random.normal(0, 5, (12_000, 3)).astype("f4"), 1.0
    yield "long rows", random.normal(0, 5, (3, 25_000)).astype("f4"), 1.0
    yield "below zero", (-sky), 2.5


IMAGES = list(images())


@pytest.mark.parametrize(("_", "pixels", "step"), IMAGES, ids=[name for name, _, _ in IMAGES])
def test_rice_coded_rows_are_those_of_astropy(_, pixels, step):
    assert parts_of(rice_hdu(CARDS, pixels, step)) == parts_of(by_astropy(pixels, step))


@pytest.mark.parametrize(("_", "pixels", "step"), IMAGES, ids=[name for name, _, _ in IMAGES])
def test_shuffled_rows_are_read_by_astropy_and_told_as_it_tells_them(_, pixels, step):
    odd = pixels.copy()
    odd[0, :2], odd[-1, -1] = [np.nan, -0.0], -np.inf
    headers = []
    # Astropy 7.0 tells how it would have dithered, though nothing is quantised.
    of_dithers = ("ZQUANTIZ", "ZNAME1", "ZVAL1") if astropy.__version__ < "7.1" else ()
    usual = tiled_hdu(CARDS, odd, compression_type="GZIP_2", quantize_level=0.0)
    for packed in (shuffled_rows_hdu(CARDS, odd), usual):
        content = fits.PrimaryHDU().header.tostring().encode() + packed
        with fits.open(io.BytesIO(content)) as hdus:
            assert hdus[1].data.astype("<f4").tobytes() == odd.tobytes()
        with fits.open(io.BytesIO(content), disable_image_compression=True) as hdus:
            own = ("PCOUNT", "TFORM1", "DATASUM", "CHECKSUM")
            cards = [one for one in hdus[1].header.cards if one.keyword not in own]
            headers.append({repr(card) for card in cards if card.keyword not in of_dithers})
    assert headers[0] == headers[1]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 3e38])
@pytest.mark.parametrize("place", [(0, 0), (3, 32), (4, 39)])
def test_rows_that_cannot_be_coded_are_left_to_others(value, place):
    pixels = np.ones((5, 40), dtype=np.float32)
    pixels[place] = value
    assert rice_hdu(CARDS, pixels, 0.5) is None
    assert rice_hdu(CARDS, pixels[:, :1].copy(), 0.5) is None


def test_limits_of_rows():
    row = np.random.default_rng(2).normal(size=37).astype(np.float32)
    assert limits_of_row(row) == (row.min(), row.max())


@pytest.mark.parametrize("count", [32, 24, 1])
def test_the_split_of_rows_grows_with_the_mean_difference(count):
    splits = [split_of(count * 2.0**k, count) for k in range(20)]
    assert splits[0] == 0
    assert np.diff(splits).min() >= 0
    assert splits[-1] in (18, 19)


def test_the_dither_ends_as_the_standard_says():
    assert DITHER_NUMBERS[-1] == np.float32(1043618065 / 2147483647)


@pytest.mark.parametrize("rows", [1, 64, 65, 200])
def test_gzipped_tiles_are_read_by_astropy(rows):
    flags = np.random.default_rng(rows).integers(0, 4096, (rows, 77)).astype(np.int32)
    data = gzipped_tiles_hdu(CARDS, flags, 64)
    assert data == gzipped_tiles_hdu(CARDS, flags, 64)
    primary = io.BytesIO()
    fits.PrimaryHDU().writeto(primary)
    with fits.open(io.BytesIO(primary.getvalue() + data), checksum=True) as hdus:
        assert np.array_equal(hdus["IMAGE"].data, flags)
        assert hdus["IMAGE"].data.dtype == np.int32
        assert hdus["IMAGE"].header["CAMERA"] == 2
        assert hdus["IMAGE"].compression_type == "GZIP_1"
