"""Extensions with uncertainty and flags, options of the steps, and flags of whole frames."""

import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tests.fits.conftest import CAMERA_NAME, calibrated_with, camera_header
from tests.fits.verify import verify
from tica_fn.cli import main
from tica_fn.quality.pixels import Pixel


@pytest.fixture(scope="module", params=["tica", "spoc"])
def flagged(request, raw_frames, spoc_models, tmp_path_factory):
    out = tmp_path_factory.mktemp(request.param)
    options = ("--layout", request.param, "--uncertainty", "--quality")
    return calibrated_with(raw_frames[:1], spoc_models, out, *options)[0]


def test_flags_of_pixels_are_written_and_read_back(flagged, raw_frames, spoc_models):
    verify(flagged)
    with fits.open(flagged, disable_image_compression=True) as hdus:
        packed = hdus["PIXEL_QUALITY"]
        assert packed.header["ZIMAGE"]
        assert packed.header["ZCMPTYPE"] == "GZIP_1"
        meanings = {packed.header[f"QBIT{n}"] for n in range(len(Pixel))}
        assert meanings == {flag.name for flag in Pixel}
        assert packed.header["NAXIS1"] * packed.header["NAXIS2"] + packed.header["PCOUNT"] < 4e5
    with fits.open(flagged) as hdus:
        plane = hdus["PIXEL_QUALITY"].data
    models = tica_fn.load_models(spoc_models, 2, 3)
    out = tica_fn.calibrate(tica_fn.read(raw_frames[0]), models, dtype=np.float32)
    expected = tica_fn.flag_pixels(tica_fn.estimate_variance(models)(out), models)
    assert np.array_equal(plane, expected.quality)
    assert plane[100, 10] & Pixel.VIRTUAL
    assert plane[2050, 500] & Pixel.BUFFER
    frame = tica_fn.read(flagged)
    assert np.array_equal(frame.quality, plane)
    error = np.sqrt(frame.variance * (frame.live_s**2 if frame.unit != "electron" else 1))
    assert np.allclose(error, np.sqrt(expected.variance), rtol=1e-5)


def test_what_is_there_is_made_again_when_more_is_wanted(raw_frames, spoc_models, tmp_path, capsys):
    (plain,) = calibrated_with(raw_frames[:1], spoc_models, tmp_path)
    before = plain.read_bytes()
    calibrated_with(raw_frames[:1], spoc_models, tmp_path, "--uncertainty")
    assert "made again, because it was made by other steps" in capsys.readouterr().out
    calibrated_with(raw_frames[:1], spoc_models, tmp_path, "--uncertainty")
    assert "1 skipped" in capsys.readouterr().out
    pixels = fits.getdata(plain)
    plain.write_bytes(before)
    assert np.array_equal(fits.getdata(plain), pixels)


OPTIONS = {
    "--linearity poc": {3: "correct_poc_linearity"},
    "--smear robust --undershoot": {4: "correct_undershoot", 5: "subtract_robust_smear"},
    "--pedestal row --linearity none": {1: "subtract_row_pedestal", 3: "subtract_smear"},
}


@pytest.mark.parametrize("options", OPTIONS)
def test_options_of_the_steps(raw_frames, spoc_models, tmp_path, options):
    (path,) = calibrated_with(raw_frames[:1], spoc_models, tmp_path, *options.split())
    frame = tica_fn.read(path)
    assert {n: frame.steps[n] for n in OPTIONS[options]} == OPTIONS[options]


def test_frames_of_zeros_are_flagged(camera_pixels, poc_models, tmp_path, capsys):
    pixels = camera_pixels.copy()
    pixels[:2078, :2136] = 0
    header = camera_header()
    header["RW_DESAT"] = False
    path = tmp_path / CAMERA_NAME
    fits.PrimaryHDU(pixels, header).writeto(path)
    out = tmp_path / "out"
    args = ["calibrate", str(path), "--caldir", str(poc_models), "--outdir", str(out)]
    assert main(args) == 0
    assert "ALL_ZERO (A B C D)" in capsys.readouterr().out
    headers = [fits.getheader(product) for product in sorted(out.iterdir())]
    assert [header["QUALITY"] for header in headers] == [0, 0, 16384, 0]
    assert "ALL_ZERO" in headers[2]["FRAMEFLG"]
    assert "FRAMEFLG" not in headers[0]
    verify(sorted(out.iterdir())[2])


@pytest.mark.parametrize("layout", ["tica", "spoc"])
def test_products_stay_valid_with_a_sky_put_in(tica_products, spoc_products, tmp_path, layout):
    """WCSAXES must come before the keywords of the physical WCS."""
    from tica_fn.wcs import read_image, update_image

    source = tica_products[0] if layout == "tica" else spoc_products[0]
    cards = [
        ("WCSAXES", 2, ""), ("CTYPE1", "RA---TAN-SIP", ""), ("CTYPE2", "DEC--TAN-SIP", ""),
        ("CRPIX1", 1069.0, ""), ("CRPIX2", 1024.0, ""), ("CRVAL1", 10.0, ""), ("CRVAL2", 20.0, ""),
        ("CD1_1", 0.0058, ""), ("CD1_2", 0.0, ""), ("CD2_1", 0.0, ""), ("CD2_2", 0.0058, ""),
        ("RADESYS", "ICRS", ""), ("CUNIT1", "deg", ""), ("CUNIT2", "deg", ""), ("RMSA", 0.1, ""),
    ]  # fmt: skip
    stars = {"TIC": np.array([1, 2]), "FLXCOL": np.array([1.0, 2.0], dtype=np.float32)}
    target = tmp_path / "fitted.fits"
    update_image(read_image(source), cards, stars, ["a line"], target)
    verify(target)
    header = fits.getheader(target, 0 if layout == "tica" else 1)
    assert (header["CRVAL1"], header["CRVAL1P"]) == (10.0, 1)
    assert tica_fn.read(target).camera == 2


@pytest.mark.parametrize("value", [0, 250_000])
def test_a_raw_frame_without_signal_is_flagged(raw_frames, spoc_models, tmp_path, capsys, value):
    """Such frames occur in the archive with a quality of 0."""
    raw = tmp_path / raw_frames[0].name
    with fits.open(raw_frames[0]) as hdus:
        hdus[1].data[:] = value
        hdus.writeto(raw, checksum=True)
    (path,) = calibrated_with([raw], spoc_models, tmp_path / "out")
    word = "CONSTANT" if value else "ALL_ZERO"
    assert f"{word} (A B C D)" in capsys.readouterr().out
    header = fits.getheader(path)
    assert (header["QUALITY"], header["DQUALITY"]) == (16384, 16384)
    assert word in header["FRAMEFLG"]
