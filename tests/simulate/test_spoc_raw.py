"""Raw files look like the archive's, and the sky in their header is where the stars are."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from tess_stars2px import tess_stars2px_function_entry

from tica_fn.errors import FrameError
from tica_fn.simulate import (
    catalogue_stars,
    full_frame,
    make_models,
    random_stars,
    table_stars,
    write_models,
    write_spoc_raw,
)


@pytest.fixture(scope="module")
def made():
    return full_frame(make_models(2, 3, 1800), stars=random_stars(50, seed=1))


@pytest.fixture(scope="module")
def path(made, tmp_path_factory):
    return write_spoc_raw(made.frame, tmp_path_factory.mktemp("raw"))


def test_name_and_size_are_those_of_the_archive(path):
    assert path.name == "tess2018359142852-s0006-2-3-0126-s_ffir.fits"
    assert path.stat().st_size == 17_775_360


def test_the_file_holds_the_counts(path, made):
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        assert hdus[0].data is None
        assert hdus[1].data.dtype == ">i4"
        assert np.array_equal(hdus[1].data, made.frame.pixels)


EXPECTED = {
    "CAMERA": 2,
    "CCD": 3,
    "INT_TIME": 1.98,
    "NREADOUT": 720,
    "NUM_FRM": 900,
    "FXDOFF": 209700,
    "GAINA": 5.28,
    "READNOID": 9.90,
    "MEANBLCB": 6724,
    "SCCSB": 557,
    "SCCEB": 1068,
    "LVCSB": 12,
    "TVCEB": 2114,
    "SCICOLHB": False,
    "SCICOLHC": True,
    "SMROWS": 2059,
    "SMROWE": 2068,
    "VROWE": 2078,
    "BFROWS": 2049,
    "TMOFST23": 1.54,
    "CRPIX1": 1045.0,
    "CRPIX2": 1001.0,
    "A_ORDER": 4,
    "WCSNAMEP": "PHYSICAL",
    "CRVAL1P": 1,
    "DQUALITY": 0,
}


def test_the_header_says_what_the_archive_says(path):
    header = fits.getheader(path, 1)
    for keyword, value in EXPECTED.items():
        assert header[keyword] == value, keyword
        assert type(header[keyword]) is type(value), keyword
    assert header["EXPOSURE"] * 86400 / 0.8 / 0.99 == pytest.approx(1800, rel=1e-12)
    assert header["DEADC"] == pytest.approx(0.792)
    primary = fits.getheader(path, 0)
    assert primary["CRMITEN"] is True
    assert primary["FFIINDEX"] == 9000
    late = header["TSTART"] - header["BARYCORR"]
    assert late == pytest.approx(primary["TSTART"], abs=1e-9)
    assert abs(header["BARYCORR"]) < 510 / 86400


def test_the_wcs_of_the_header_is_that_of_tess_point(path):
    wcs = WCS(fits.getheader(path, 1), fix=False)
    stars = catalogue_stars(6, 2, 3)
    assert len(stars) > 1500
    columns, rows = wcs.all_world2pix(stars.ra, stars.dec, 0, tolerance=1e-6)
    off = np.hypot(columns - stars.columns, rows - stars.rows)
    assert np.median(off) < 0.03
    assert off.max() < 0.1


def test_stars_fall_where_tess_point_says():
    stars = catalogue_stars(35, 1, 1).chosen(range(4))
    found = tess_stars2px_function_entry(
        stars.identifier, stars.ra, stars.dec, trySector=35, aberrate=True
    )
    np.testing.assert_allclose(found[6] - 1, stars.columns, atol=1e-4)
    np.testing.assert_allclose(found[7] - 1, stars.rows, atol=1e-4)


def test_a_table_is_placed_by_pixels_wcs_or_tess_point(path):
    stars = catalogue_stars(6, 2, 3).chosen(range(30))
    pixels = Table({"Column": stars.columns, "ROW": stars.rows, "Tmag": stars.tmag})
    assert np.array_equal(table_stars(pixels).columns, stars.columns)
    sky = Table({"ra": stars.ra, "dec": stars.dec, "tmag": stars.tmag, "id": stars.identifier})
    by_pointing = table_stars(sky, sector=6, camera=2, ccd=3)
    np.testing.assert_allclose(by_pointing.columns, stars.columns, atol=1e-9)
    assert np.array_equal(by_pointing.identifier, stars.identifier)
    by_wcs = table_stars(sky, wcs=WCS(fits.getheader(path, 1), fix=False))
    np.testing.assert_allclose(by_wcs.rows, stars.rows, atol=0.1)
    with pytest.raises(ValueError, match="tmag"):
        table_stars({"ra": [1.0]})
    with pytest.raises(ValueError, match="a WCS, or sector"):
        table_stars(sky)
    with pytest.raises(ValueError, match="'column' and 'row'"):
        table_stars({"tmag": [1.0], "ra": [2.0]})


def test_an_unknown_sector_is_refused():
    with pytest.raises(ValueError, match="sector 999"):
        catalogue_stars(999, 1, 1)


def test_only_counts_can_be_written(made, tmp_path):
    with pytest.raises(FrameError, match="int32 counts"):
        write_spoc_raw(made.truth, tmp_path)
    assert not list(tmp_path.iterdir())


def test_model_folders_are_named_as_the_reference_names_them(tmp_path):
    models = make_models(2, 3, 200)
    folder = write_models(models, tmp_path)
    assert folder.name == "calibration_200sec"
    bias = fits.getdata(folder / "twodbias" / "cam2_ccd3_twoDcorrect.fits")
    flat = fits.getdata(folder / "flatfields" / "cam2_ccd3_image.fits")
    assert np.array_equal(bias, models.bias)
    assert np.array_equal(flat, models.flat)
    assert (flat[2048:] == 1).all()
    with pytest.raises(ValueError, match="no model folder for an exposure time of 77"):
        write_models(make_models(2, 3, 77), tmp_path)
