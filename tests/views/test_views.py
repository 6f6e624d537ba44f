"""Frames as astropy's objects: held to astropy's own reading of the same file."""

import warnings

import attrs
import numpy as np
import pytest
from astropy.io import fits
from astropy.nddata import CCDData
from astropy.time import Time
from astropy.wcs import WCS, FITSFixedWarning

import tica_fn
from tica_fn import Frame
from tica_fn.errors import FrameError
from tica_fn.quality.pixels import Pixel
from tica_fn.simulate import full_frame, write_spoc_raw


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """A raw frame of sector 6 with the mission's WCS, as a file."""
    models = tica_fn.neutral_models(2, 3, gain=5.2)
    frame = full_frame(models, sector=6, exposure_s=1800.0, seed=3).frame
    return write_spoc_raw(frame, tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def calibrated(raw):
    models = tica_fn.neutral_models(2, 3, gain=5.2)
    frame = tica_fn.calibrate(tica_fn.read(raw), models, dtype=np.float32)
    return tica_fn.flag_pixels(tica_fn.estimate_variance(models)(frame), models)


@pytest.fixture(scope="module")
def world(raw):
    """What astropy reads of the WCS in the file itself."""
    with fits.open(raw) as hdus, warnings.catch_warnings():
        warnings.simplefilter("ignore", FITSFixedWarning)
        return WCS(hdus[1].header)


def test_wcs_is_that_of_the_file(calibrated, world):
    ours = calibrated.wcs
    columns, rows = np.array([50.0, 700.0, 2080.0]), np.array([3.0, 1500.0, 2040.0])
    there, here = world.pixel_to_world(columns, rows), ours.pixel_to_world(columns, rows)
    assert here.separation(there).arcsec.max() < 1e-9
    assert ours.array_shape == (2078, 2136)


def test_a_frame_without_wcs_has_none():
    frame = Frame(pixels=np.zeros((4, 5)), unit="adu", camera=1, ccd=1, exposure_s=600, coadds=240)
    assert frame.wcs is None
    assert frame.time is None


@pytest.mark.parametrize(
    "key",
    [
        np.s_[100:400, 500:900],
        np.s_[100:400],
        np.s_[..., 44:60],
        np.s_[-10:, -20:],
        np.s_[7, 2000:],
        np.s_[5:6, 9],
    ],
)
def test_a_cut_holds_the_pixels_numpy_cuts_at_the_same_place_in_the_sky(calibrated, world, key):
    cut = calibrated[key]
    rows, columns = (np.arange(2078), np.arange(2136))
    whole = key if isinstance(key, tuple) else (key, slice(None))
    whole = (slice(None), whole[1]) if whole[0] is Ellipsis else whole
    first_row = np.atleast_1d(rows[whole[0]])[0]
    first_column = np.atleast_1d(columns[whole[1]])[0]
    assert (cut.row, cut.column) == (first_row, first_column)
    assert np.array_equal(cut.pixels.ravel(), calibrated.pixels[whole].ravel())
    assert np.array_equal(cut.variance.ravel(), calibrated.variance[whole].ravel())
    assert np.array_equal(cut.quality.ravel(), calibrated.quality[whole].ravel())
    there = world.pixel_to_world(first_column + 0.25, first_row + 0.75)
    assert cut.wcs.pixel_to_world(0.25, 0.75).separation(there).arcsec < 1e-9
    assert cut.header["CRPIX1"] == calibrated.header["CRPIX1"] - first_column


def test_cuts_of_cuts_count_on(calibrated):
    twice, once = calibrated[100:400, 500:900][10:20, 30:40], calibrated[110:120, 530:540]
    assert twice == once
    assert twice.header["CRVAL1P"] == 531


def test_science_pixels_copied_by_cfitsio_are_in_their_place(calibrated, tmp_path):
    """It moves CRPIX1P of the physical WCS, not CRVAL1P."""
    path = tmp_path / "a_ffic.fits"
    tica_fn.write(tica_fn.trim_science(calibrated), path, layout="spoc")
    with fits.open(path, mode="update") as hdus:
        for hdu in hdus[1:3]:
            hdu.header.update({"CRVAL1P": 1, "CRPIX1P": -43})
            del hdu.header["CHECKSUM"]
    read = tica_fn.read(path)
    assert (read.row, read.column) == (0, 44)
    cut, wanted = read[100:120, 300:330], calibrated[100:120, 344:374]
    assert (cut.row, cut.column) == (wanted.row, wanted.column)
    there = wanted.wcs.pixel_to_world(3, 4)
    assert cut.wcs.pixel_to_world(3, 4).separation(there).arcsec < 1e-9
    again = Frame.from_ccddata(read.to_ccddata())[100:120, 300:330]
    assert again.wcs.pixel_to_world(3, 4).separation(there).arcsec < 1e-9


@pytest.mark.parametrize(
    ("key", "error"),
    [
        (np.s_[::2], FrameError),
        (np.s_[5:5], IndexError),
        (np.s_[3000], IndexError),
        (np.s_[1, 2, 3], IndexError),
        (np.s_[1.5], TypeError),
        ("smear", TypeError),
    ],
)
def test_what_is_no_rectangle_is_refused(calibrated, key, error):
    with pytest.raises(error):
        calibrated[key]


def test_times_are_those_of_the_header_in_its_scale(raw, calibrated):
    header = fits.getheader(raw, 1)
    time = calibrated.time
    assert isinstance(time, Time)
    assert time.scale == "tdb"
    assert time.place == "barycenter"
    zero = header["BJDREFI"] + header["BJDREFF"]
    assert time.start.jd == pytest.approx(zero + header["TSTART"], abs=1e-9)
    assert time.end.jd == pytest.approx(zero + header["TSTOP"], abs=1e-9)
    assert (time.end - time.start).sec == pytest.approx(2 * (time - time.start).sec, abs=1e-4)


def test_quantity_shares_the_pixels(calibrated):
    assert calibrated.quantity.unit == "electron"
    assert np.shares_memory(calibrated.quantity.value, calibrated.pixels)
    rate = tica_fn.divide_live_time()(attrs.evolve(calibrated, variance=None, steps=()))
    assert rate.quantity.unit == "electron / s"


def test_ccddata_survives_its_file_and_gives_the_frame_back(calibrated, world, tmp_path):
    calibrated.to_ccddata().write(tmp_path / "ccd.fits")
    ccd = CCDData.read(tmp_path / "ccd.fits")
    assert np.array_equal(ccd.data, calibrated.pixels)
    assert np.allclose(ccd.uncertainty.array**2, calibrated.variance, rtol=1e-6)
    struck = (calibrated.quality & Pixel.SATURATED) != 0
    assert ccd.mask[struck].all()
    assert not ccd.mask.all()
    there = world.pixel_to_world(700.0, 900.0)
    assert ccd.wcs.pixel_to_world(700.0, 900.0).separation(there).arcsec < 1e-6
    back = Frame.from_ccddata(ccd)
    for name in ("unit", "camera", "ccd", "exposure_s", "coadds", "sector", "cadence", "steps"):
        assert getattr(back, name) == getattr(calibrated, name), name
    assert back.times == calibrated.times
    assert np.array_equal(back.pixels, calibrated.pixels)
    assert np.allclose(back.variance, calibrated.variance, rtol=1e-6)
    assert back.wcs.pixel_to_world(700.0, 900.0).separation(there).arcsec < 1e-6


def test_a_cut_goes_through_ccddata_with_its_place(calibrated):
    cut = calibrated[100:200, 300:500]
    back = Frame.from_ccddata(cut.to_ccddata())
    assert (back.row, back.column) == (100, 300)
    assert np.array_equal(back.quality, cut.quality | back.quality & Pixel.NO_DATA)
    place = cut.wcs.pixel_to_world(3.0, 4.0)
    assert back.wcs.pixel_to_world(3.0, 4.0).separation(place).arcsec < 1e-6


def test_ccddata_of_others():
    ccd = CCDData(np.ones((3, 4)), unit="adu", mask=np.eye(3, 4, dtype=bool))
    with pytest.raises(FrameError, match="does not say camera, ccd, exposure_s, coadds"):
        Frame.from_ccddata(ccd)
    frame = Frame.from_ccddata(ccd, camera=1, ccd=2, exposure_s=600, coadds=240)
    assert np.array_equal(frame.quality == Pixel.NO_DATA, ccd.mask)
    with pytest.raises(FrameError, match="not in s"):
        Frame.from_ccddata(CCDData(np.ones((3, 4)), unit="s"), camera=1, ccd=2, exposure_s=600,
                           coadds=240)  # fmt: skip


def test_plots(calibrated):
    from matplotlib.figure import Figure

    ax = calibrated.plot(Figure().subplots(), flags=Pixel.SATURATED)
    assert ax.get_xlabel() == "column (from 0)"
    assert ax.images[0].get_extent() == [-0.5, 2135.5, -0.5, 2077.5]
    assert {text.get_text() for text in ax.texts} == {"A", "B", "C", "D"}
    on_sky = calibrated[0:100, 44:300].plot()
    assert on_sky.wcs.array_shape == (100, 256)
    linear = calibrated.plot(Figure().subplots(), stretch="linear", interval="minmax")
    assert linear.images[0].norm.vmax == calibrated.pixels.max()
    with pytest.raises(ValueError, match="stretch is one of"):
        calibrated.plot(stretch="cubic")
    bare = attrs.evolve(calibrated, header={}, quality=None)
    with pytest.raises(ValueError, match="no WCS"):
        bare.plot(sky=True)
    with pytest.raises(ValueError, match="no flags"):
        bare.plot(Figure().subplots(), flags=1)


def test_notebooks_show_picture_facts_and_steps(calibrated):
    shown = calibrated._repr_html_()
    assert "data:image/png;base64," in shown
    assert "divide_flat" in shown
    assert "camera 2 CCD 3" in shown
    assert len(shown) < 200_000
    empty = attrs.evolve(calibrated, pixels=np.full((2078, 2136), np.nan), variance=None)
    assert "<table>" in empty._repr_html_()


def test_frames_load_none_of_it_before_it_is_used():
    import subprocess
    import sys

    code = "import sys; from tica_fn.frame import Frame; print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not {"astropy", "matplotlib", "tica_fn.views"} & set(said.stdout.split())
