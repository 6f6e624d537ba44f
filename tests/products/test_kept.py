"""What was added to a product stays when the product is made anew, or it is not made anew."""

import gzip
import io
import tracemalloc
import warnings

import numpy as np
import pytest
from astropy.io import fits

from tests import inputs
from tests.data.made_frames import made_frame
from tica_fn.cli import main
from tica_fn.products.kept import kept_of, told_planes
from tica_fn.wcs import read_image, update_image

CAMERA, CCD, EXPOSURE_S = 4, 3, 1800
CARDS = [
    ("EQUINOX", 2000.0, "equinox"), ("EXPTIME", 1425.6, "[s] time on source"),
    ("WCSAXES", 2, ""), ("CTYPE1", "RA---TAN-SIP", ""), ("CTYPE2", "DEC--TAN-SIP", ""),
    ("CUNIT1", "deg", ""), ("CUNIT2", "deg", ""), ("RADESYS", "ICRS", ""),
    ("CRPIX1", 1069.0, ""), ("CRPIX2", 1024.0, ""), ("CRVAL1", 10.125, ""), ("CRVAL2", -20.5, ""),
    ("CD1_1", 0.0058123456789012345, ""), ("CD1_2", 1e-5, ""), ("CD2_1", -1e-5, ""),
    ("CD2_2", 0.0058, ""), ("A_ORDER", 2, ""), ("A_2_0", -1.2345678901234567e-05, ""),
    ("A_1_1", 1e-6, ""), ("A_0_2", 1e-6, ""), ("B_ORDER", 2, ""), ("B_2_0", 2e-6, ""),
    ("B_1_1", 1e-6, ""), ("B_0_2", 1e-6, ""), ("AP_ORDER", 2, ""), ("AP_2_0", 1.2e-5, ""),
    ("BP_ORDER", 2, ""), ("BP_2_0", -2e-6, ""), ("RA_TARG", 10.125, ""), ("RMSA", 0.01, ""),
    ("WCSGDF", 0.97, "fraction"), ("WCSDEG", 2, "degree"), ("TESS_X", 1.5e8, "[km]"),
]  # fmt: skip
STARS = {"TIC": np.array([1, 2]), "FLXCOL": np.array([1.0, 2.0], np.float32)}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    counts, bias, flat = made_frame(CAMERA, CCD, EXPOSURE_S, 2)
    raw = folder / inputs.name_of(0, CAMERA, CCD)
    inputs.raw_ffi(raw, counts, camera=CAMERA, ccd=CCD, exposure_s=EXPOSURE_S)
    models = inputs.tica_models(folder / "calibration_30min", bias, flat, CAMERA, CCD)
    return raw, models, (counts, bias, flat)


@pytest.fixture
def calibrate(made, tmp_path, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")

    def run(*options, outdir="out", caldir=made[1], code=0):
        words = ["calibrate", made[0], "--caldir", caldir, "--outdir", tmp_path / outdir, *options]
        assert main([str(word) for word in words]) == code
        (product,) = (tmp_path / outdir).iterdir()
        return product

    return run


def solved(path):
    """Put a solution in a product as ``wcs fit`` does."""
    return update_image(read_image(path), CARDS, STARS, ["version 1", "reference stars of x"])


@pytest.mark.parametrize(
    ("first", "more"),
    [
        ([], ["--quality"]),
        ([], ["--uncertainty"]),
        (["--quality"], ["--quality", "--uncertainty"]),
        (["--quality"], []),
        (["--layout", "spoc"], ["--quality"]),
        (["--compress", "gzip"], ["--quality"]),
        (["--compress", "rice"], ["--quality"]),
        (["--compress", "rice"], ["--compress", "gzip2"]),
    ],
)
def test_a_solution_is_in_the_product_as_if_it_was_fitted_after(
    calibrate, first, more, monkeypatch
):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    options = {f"--{word}": word for word in ("layout", "compress")}
    again = [*first, *more] if first and first[0] in options and more[0] not in options else more
    product = calibrate(*first)
    solved(product)
    calibrate(*again)
    other = calibrate(*again, outdir="other")
    solved(other)
    assert product.read_bytes() == other.read_bytes()
    with fits.open(product, checksum=True) as hdus, warnings.catch_warnings():
        warnings.simplefilter("error")
        assert hdus["WCS_STARS"].data["TIC"].tolist() == [1, 2]


def test_an_hdu_of_somebody_else_stays(calibrate):
    product = calibrate()
    with fits.open(product, mode="append") as hdus:
        hdus.append(fits.ImageHDU(np.arange(6.0).reshape(2, 3), name="MASK"))
    solved(product)
    calibrate("--quality")
    with fits.open(product, checksum=True) as hdus:
        names = [hdu.name for hdu in hdus]
        assert set(names[1:]) == {"PIXEL_QUALITY", "MASK", "WCS_STARS"}
        np.testing.assert_array_equal(hdus["MASK"].data, [[0, 1, 2], [3, 4, 5]])


def test_a_gzipped_product_that_holds_nothing_more_is_not_kept_in_memory(calibrate):
    product = calibrate("--compress", "gzip", "--quality")
    tracemalloc.start()
    try:
        assert kept_of(product) is None
        assert told_planes(product, {"PIXEL_QUALITY"}) == ()
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert most < 16e6  # of 18 MB of pixels
    with gzip.open(product, "ab") as file, fits.HDUList() as hdus:  # a second member
        hdus.append(fits.PrimaryHDU())
        hdus.append(fits.ImageHDU(np.arange(6), name="MINE"))
        content = io.BytesIO()
        hdus.writeto(content)
        file.write(content.getvalue()[2880:])
    assert str(kept_of(product)) == "HDUs of others (MINE)"
    (mine,) = kept_of(product).added
    assert np.frombuffer(mine.data, ">i8", count=6).tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("options", [["--trim"], ["--smear", "robust"], ["--without", "flat"]])
def test_other_pixels_do_not_take_a_solution_away(calibrate, options, capsys):
    product = calibrate()
    solved(product)
    before = product.read_bytes()
    calibrate(*options, code=1)
    said = capsys.readouterr().err
    assert "holds a solution of 'tica-fn wcs fit', which would be lost" in said
    assert "--overwrite" in said
    assert product.read_bytes() == before
    calibrate(*options, "--overwrite")
    assert "overwritten, and with it a solution" in capsys.readouterr().out
    with fits.open(product) as hdus:
        assert "WCS_STARS" not in [hdu.name for hdu in hdus]


def test_other_models_do_not_take_a_solution_away(calibrate, made, tmp_path, capsys):
    product = calibrate()
    solved(product)
    _, bias, flat = made[2]
    caldir = inputs.tica_models(tmp_path / "calibration_30min", bias + 1, flat, CAMERA, CCD)
    calibrate(caldir=caldir, code=1)
    assert "would be lost" in capsys.readouterr().err


def test_overwriting_says_what_goes(calibrate, capsys):
    product = calibrate()
    solved(product)
    capsys.readouterr()
    calibrate("--overwrite")
    assert f"{product.name}: overwritten, and with it a solution" in capsys.readouterr().out
    calibrate("--overwrite")
    assert "and with it" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("first", "again", "lost"),
    [
        ("--uncertainty --quality", "--overwrite", "UNCERTAINTY and PIXEL_QUALITY"),
        ("--uncertainty --quality", "--quality", "UNCERTAINTY"),
        ("--layout spoc --quality", "--layout spoc --overwrite", "PIXEL_QUALITY"),
        ("--quality", "--quality --uncertainty --overwrite", ""),
    ],
)
def test_planes_that_are_not_made_anew_are_told(calibrate, capsys, first, again, lost):
    calibrate(*first.split())
    capsys.readouterr()
    product = calibrate(*again.split())
    told = [line for line in capsys.readouterr().out.splitlines() if "replaced without" in line]
    assert told == ([f"note: {product.name}: replaced without its {lost}"] if lost else [])


def test_a_solution_that_comes_while_a_product_is_made_anew_is_not_lost(
    calibrate, capsys, monkeypatch
):
    """Another program fits the product between the look at it and the writing."""
    from tica_fn.products import raw_files

    product, write = calibrate(), raw_files.write_keeping

    def late(*arguments):
        solved(product)
        return write(*arguments)

    monkeypatch.setattr(raw_files, "write_keeping", late)
    calibrate("--quality", code=1)
    assert f"{product}: was changed by another program" in capsys.readouterr().err
    with fits.open(product, checksum=True) as hdus:
        assert [hdu.name for hdu in hdus[1:]] == ["WCS_STARS"]
    assert [path.name for path in product.parent.iterdir()] == [product.name]


def test_a_conversion_does_not_take_a_solution_away(calibrate, tmp_path, capsys):
    product = calibrate("--uncertainty")
    words = ["convert", str(product), "--outdir", str(tmp_path / "converted")]
    assert main(words) == 0
    (converted,) = (tmp_path / "converted").iterdir()
    solved(converted)
    before = converted.read_bytes()
    calibrate("--uncertainty", "--quality")
    assert main(words) == 1
    assert "holds a solution of 'tica-fn wcs fit', which would be lost" in capsys.readouterr().err
    assert converted.read_bytes() == before
    assert main([*words, "--overwrite"]) == 0
    assert "overwritten, and with it a solution" in capsys.readouterr().out
