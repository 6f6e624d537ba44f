"""Undefined and packed counts from raw file to product, through the command line."""

import gzip

import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tests.fits.conftest import CAMERA_NAME, camera_header
from tests.inputs import name_of, raw_ffi
from tica_fn.cli import main
from tica_fn.quality.pixels import Pixel
from tica_fn.simulate import make_models, write_models


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_models(make_models(2, 3, 120), tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def counts():
    """Counts that are packed quickly: in seven rows of eight all pixels are the same."""
    drawn = np.random.default_rng(5).integers(300_000, 310_000, (2078, 2136), dtype=np.int32)
    return np.where(np.arange(2078)[:, None] % 8 > 0, drawn[:, :1], drawn)


def product_of(raw, models, folder, *options):
    args = ["calibrate", str(raw), "--caldir", str(models), "--outdir", str(folder), *options]
    assert main(args) == 0
    return next(folder.iterdir())


@pytest.fixture(
    scope="module", params=["none", "gzip", "RICE_1", "GZIP_1", "GZIP_2", "HCOMPRESS_1"]
)
def blanked(request, counts, tmp_path_factory):
    """Raw counts of which two are blank, and their file, packed one way or another."""
    folder, packing = tmp_path_factory.mktemp("blanked"), request.param
    stored = counts.copy()
    stored[900, 1200] = stored[30, 50] = -7
    raw = raw_ffi(folder / name_of(1), stored, image={"BLANK": -7}, checksum=False)
    if packing == "gzip":
        (folder / (name_of(1) + ".gz")).write_bytes(gzip.compress(raw.read_bytes(), 1))
        raw = folder / (name_of(1) + ".gz")
    elif packing != "none":
        with fits.open(raw, do_not_scale_image_data=True) as hdus:
            image = fits.CompImageHDU(hdus[1].data, hdus[1].header, compression_type=packing)
            image.header["BLANK"] = -7
            raw = folder / (name_of(1) + ".fz")
            fits.HDUList([hdus[0], image]).writeto(raw)
    return stored, raw


@pytest.fixture(scope="module")
def before(counts, models, tmp_path_factory):
    """Pixels of the product of the same counts, none of them blank, in either layout."""
    folder = tmp_path_factory.mktemp("whole")
    whole = raw_ffi(folder / name_of(), counts)
    return {
        layout: tica_fn.read(product_of(whole, models, folder / layout, "--layout", layout)).pixels
        for layout in ("tica", "spoc")
    }


@pytest.mark.parametrize("layout", ["tica", "spoc"])
def test_a_blank_count_is_a_flagged_nan_and_no_other_pixel_changes(
    blanked, before, layout, models, tmp_path, capsys
):
    stored, raw = blanked
    capsys.readouterr()
    path = product_of(raw, models, tmp_path / "out", "--layout", layout)
    said = "".join(capsys.readouterr())
    assert "2 raw counts are undefined" in said
    out = tica_fn.read(path)
    blank = stored == -7
    np.testing.assert_array_equal(np.isnan(out.pixels), blank)
    np.testing.assert_array_equal(out.pixels[~blank], before[layout][~blank])
    with fits.open(path) as hdus:
        flags = next(hdu for hdu in hdus if hdu.name == "PIXEL_QUALITY").data
    np.testing.assert_array_equal(flags & Pixel.NO_DATA.value != 0, blank)


def test_blank_in_the_header_without_a_blank_pixel_changes_nothing(counts, models, tmp_path):
    whole = raw_ffi(tmp_path / name_of(), counts)
    named = raw_ffi(tmp_path / name_of(1), counts, image={"BLANK": -(2**31)})
    pixels = [
        tica_fn.read(product_of(raw, models, tmp_path / raw.stem)).pixels for raw in (whole, named)
    ]
    np.testing.assert_array_equal(*pixels)


@pytest.mark.parametrize("packing", ["none", "RICE_1", "GZIP_2"])
def test_unsigned_camera_frames_have_their_zero_point_once(packing, tmp_path):
    pixels = np.random.default_rng(1).integers(0, 65536, (4156, 4272)).astype(np.uint16)
    pixels[::2] = pixels[::2, :1]  # packed in no time
    path = tmp_path / CAMERA_NAME
    if packing == "none":
        fits.PrimaryHDU(pixels, camera_header()).writeto(path)
    else:
        packed = fits.CompImageHDU(pixels, camera_header(), compression_type=packing)
        fits.HDUList([fits.PrimaryHDU(), packed]).writeto(path)
    frames = tica_fn.read_camera(path)
    assert {frame.pixels.dtype for frame in frames} == {np.dtype(np.int32)}
    np.testing.assert_array_equal(frames[3].pixels, pixels[:2078, 2136:])
    np.testing.assert_array_equal(frames[0].pixels, pixels[2078:, 2136:][::-1, ::-1])


def test_counts_packed_with_loss_are_told(counts, tmp_path, caplog):
    raw = raw_ffi(tmp_path / name_of(), counts)
    with fits.open(raw) as hdus:
        image = fits.CompImageHDU(
            counts, hdus[1].header, compression_type="HCOMPRESS_1", hcomp_scale=4
        )
        path = tmp_path / (name_of(1) + ".fz")
        fits.HDUList([hdus[0], image]).writeto(path)
    tica_fn.read(path)
    assert "compressed with loss" in caplog.text


def test_reals_packed_without_loss_are_not_told_whatever_zquantiz_says(counts, tmp_path, caplog):
    raw = raw_ffi(tmp_path / name_of(), counts)
    reals = counts.astype(np.float32)
    path = tmp_path / (name_of(1) + ".fz")
    with fits.open(raw) as hdus:
        image = fits.CompImageHDU(
            reals, hdus[1].header, compression_type="GZIP_2", quantize_level=0.0
        )
        fits.HDUList([hdus[0], image]).writeto(path)
    with fits.open(path, mode="update", disable_image_compression=True) as hdus:
        hdus[1].header["ZQUANTIZ"] = "NO_DITHER"
    np.testing.assert_array_equal(tica_fn.read(path).pixels, reals)
    assert "compressed with loss" not in caplog.text


@pytest.mark.parametrize("cards", [
    {"BZERO": 1e30}, {"BSCALE": 0.0}, {"BSCALE": "x"}, {"BLANK": 0.5},
])  # fmt: skip
def test_scales_without_sense_are_one_line(cards, counts, models, tmp_path, capsys):
    raw = raw_ffi(tmp_path / name_of(), counts, checksum=False)
    data = raw.read_bytes()
    start = data.index(b"XTENSION")
    header = fits.Header.fromstring(data[start : data.index(b"END   ", start)].decode("ascii"))
    length = len(header.tostring())
    header.update(cards)
    text = header.tostring().encode("ascii")
    assert len(text) == length
    raw.write_bytes(data[:start] + text + data[start + length :])
    folder = tmp_path / "out"
    assert main(["calibrate", str(raw), "--caldir", str(models), "--outdir", str(folder)]) == 1
    said = capsys.readouterr().err.splitlines()
    assert next(iter(cards)) in said[0]
    assert raw.name in said[0]
    assert not list(folder.iterdir())
