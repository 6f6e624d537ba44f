"""Files that are not all they should be, and are read all the same, with a note."""

import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tests.fits.conftest import CAMERA_NAME, calibrated_with, camera_header
from tests.inputs import TARGET, image_cards, name_of, raw_ffi
from tica_fn.cli import main
from tica_fn.errors import BadFileError
from tica_fn.wcs import read_image


@pytest.fixture(scope="module")
def counts():
    return np.random.default_rng(2).integers(10_000, 20_000, (2078, 2136), dtype=np.int32)


def said(capsys):
    out = capsys.readouterr()
    return out.out + out.err


def of_tica(path, ccd=2, **more):
    """A product as TICA makes it: the raw header with its sums, the pixels others."""
    header = camera_header()
    del header["CAM"]
    header.update({"CAMNUM": 1, "CCDNUM": ccd, "UNITS": "electrons", "TICAVER": "1.4.0"})
    header.update({"CHECKSUM": "mdAbmb2ZmbAambAU", "DATASUM": "1234567890"})
    header["COMMENT"] = "calibration applied at 2026-01-01"
    header.update(more)
    pixels = np.random.default_rng(1).normal(1e4, 300, (2078, 2136)).astype(np.float32)
    fits.PrimaryHDU(pixels, header).writeto(path)
    return pixels


@pytest.mark.parametrize("version", ["1.4.0", None])
def test_a_fresh_product_of_tica_with_the_raw_sums(version, tmp_path, caplog):
    path = tmp_path / "x_ccd2.cal.fits"
    pixels = of_tica(path, TICAVER=version) if version else of_tica(path)
    frame = tica_fn.read(path)
    np.testing.assert_array_equal(frame.pixels, pixels)
    assert (frame.camera, frame.ccd, frame.unit, frame.exposure_s) == (1, 2, "electron", 600)
    assert "DATASUM is the raw file's" in caplog.text
    assert read_image(path).frame.ccd == 2


def test_a_damaged_product_of_ours_is_still_refused(camera_file, poc_models, tmp_path):
    product = calibrated_with([camera_file], poc_models, tmp_path / "out")[0]
    data = bytearray(product.read_bytes())
    data[2_000_000] ^= 1
    product.write_bytes(data)
    with pytest.raises(BadFileError, match="DATASUM"):
        tica_fn.read(product)


def test_raws_that_tica_split_are_calibrated(
    camera_file, camera_pixels, poc_models, tmp_path, capsys
):
    before = calibrated_with([camera_file], poc_models, tmp_path / "whole")[3]
    header = fits.getheader(camera_file)
    del header["CAM"]
    header.update({"CAMNUM": 1, "CCDNUM": 4, "UNITS": "ADU"})
    path = tmp_path / f"{CAMERA_NAME.removesuffix('.fits')}_ccd4.raw.fits"
    fits.PrimaryHDU(camera_pixels[:2078, 2136:], header).writeto(path)
    (product,) = calibrated_with([path], poc_models, tmp_path / "out")
    assert "DATASUM is the raw file's" in said(capsys)
    np.testing.assert_array_equal(tica_fn.read(product).pixels, tica_fn.read(before).pixels)
    assert fits.getheader(product)["UNITS"] == "electrons"


@pytest.mark.parametrize("where", ["primary", "image"])
def test_letters_that_are_not_ascii_in_a_card_that_nobody_needs(
    where, counts, spoc_models, tmp_path, capsys
):
    raw = raw_ffi(tmp_path / name_of(), counts, exposure_s=1800, checksum=False,
                  primary={"OBSERVER": "Angstroem"}, image={"OBSERVER": "Angstroem"})  # fmt: skip
    data = raw.read_bytes()
    place = data.index(b"Angstroem", 0 if where == "primary" else data.index(b"XTENSION"))
    raw.write_bytes(data[:place] + "Ångström"[:8].encode("latin-1") + b" " + data[place + 9 :])
    (product,) = calibrated_with([raw], spoc_models, tmp_path / "out")
    assert "non-ASCII" in said(capsys)
    with fits.open(product) as hdus:
        hdus.verify("exception")
    clean = raw_ffi(tmp_path / name_of(1), counts, exposure_s=1800)
    (other,) = calibrated_with([clean], spoc_models, tmp_path / "clean")
    np.testing.assert_array_equal(tica_fn.read(product).pixels, tica_fn.read(other).pixels)


@pytest.mark.parametrize("empty", [1, 2])
@pytest.mark.parametrize("packed", [False, True])
def test_an_image_behind_empty_extensions(empty, packed, counts, spoc_models, tmp_path, capsys):
    path = tmp_path / name_of()
    image = fits.CompImageHDU(counts) if packed else fits.ImageHDU(counts)
    image.header.update(image_cards(2, 3, 1800))
    hdus = fits.HDUList([fits.PrimaryHDU(), *(fits.ImageHDU() for _ in range(empty)), image])
    hdus.writeto(path, checksum=True)
    (product,) = calibrated_with([path], spoc_models, tmp_path / "out")
    assert f"using the image in HDU {empty + 1}" in said(capsys)
    clean = raw_ffi(tmp_path / name_of(1), counts, exposure_s=1800)
    (other,) = calibrated_with([clean], spoc_models, tmp_path / "clean")
    np.testing.assert_array_equal(tica_fn.read(product).pixels, tica_fn.read(other).pixels)
    np.testing.assert_array_equal(tica_fn.read(path).pixels, counts)
    np.testing.assert_array_equal(read_image(path).frame.pixels, counts)


@pytest.mark.parametrize("missing", [1, 500, 768])
def test_a_last_block_that_is_not_filled_up(missing, counts, spoc_models, tmp_path, capsys):
    raw = raw_ffi(tmp_path / name_of(), counts, exposure_s=1800)
    size = counts.nbytes
    whole = raw.read_bytes()
    assert -size % 2880 == 768
    raw.write_bytes(whole[:-missing])
    (product,) = calibrated_with([raw], spoc_models, tmp_path / "out")
    assert "is not filled up" in said(capsys)
    assert tica_fn.read(product).shape == (2078, 2136)
    raw.write_bytes(whole[: -(768 + 4)])  # A pixel is gone.
    with pytest.raises(BadFileError, match="truncated"):
        tica_fn.read(raw)


def test_a_frame_without_any_count_is_refused(counts, spoc_models, tmp_path, capsys):
    raw = raw_ffi(tmp_path / name_of(), np.full_like(counts, -5), image={"BLANK": -5},
                  exposure_s=1800, checksum=False)  # fmt: skip
    args = ["calibrate", str(raw), "--caldir", str(spoc_models), "--outdir", str(tmp_path / "out")]
    assert main(args) == 1
    assert "all of its raw counts are undefined" in capsys.readouterr().err


@pytest.mark.parametrize("value", [-1, 0])
def test_target_files_without_counts_are_refused(value, tmp_path):
    path = tmp_path / TARGET.name.removesuffix(".gz")
    with fits.open(TARGET) as hdus:
        hdus[1].data["RAW_CNTS"][:] = value
        hdus.writeto(path, checksum=True)
    with pytest.raises(BadFileError, match="no raw counts in it"):
        tica_fn.read_target(path)


def test_a_cutout_of_tesscut_is_called_what_it_is(tmp_path):
    path = tmp_path / "tess-s0006-2-3_83.0_-40.0_11x11_astrocut.fits"
    with fits.open(TARGET) as hdus:
        hdus[0].header["CREATOR"] = "astrocut"
        hdus[0].header["NEXTEND"] = 7
        hdus.writeto(path, checksum=True)
    with pytest.raises(BadFileError, match="TESScut"):
        tica_fn.read_target(path)
    folder = tmp_path / "out"
    assert main(["calibrate", str(path), "--caldir", str(tmp_path), "--outdir", str(folder)]) == 1
