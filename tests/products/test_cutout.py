"""Cut-outs: the pixels, times and places that a file holds, by independent readers."""

import subprocess
import sys
import warnings

import attrs
import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits

import tica_fn
from tica_fn.cli import main
from tica_fn.errors import BadFileError, FrameError
from tica_fn.simulate import full_frame, write_spoc_raw

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # lightkurve tells of parts that are not installed
    lightkurve = pytest.importorskip("lightkurve")

STATE = {"TESS_X": 1.2e8, "TESS_Y": -7.1e7, "TESS_Z": -3.0e7, "TESS_VX": 1.0, "TESS_VY": 2.0,
         "TESS_VZ": 3.0}  # fmt: skip


@pytest.fixture(scope="module")
def models():
    return tica_fn.neutral_models(2, 3, gain=5.2)


@pytest.fixture(scope="module")
def frames(models, tmp_path_factory):
    """Two calibrated frames with variances and the mission's WCS, the later one first."""
    folder = tmp_path_factory.mktemp("raw")
    found = []
    for number in (1, 0):
        raw = full_frame(models, sector=6, exposure_s=1800.0, seed=3, number=number).frame
        raw = tica_fn.read(write_spoc_raw(raw, folder))
        frame = tica_fn.calibrate(raw, models, dtype=np.float32)
        found.append(tica_fn.estimate_variance(models)(frame))
    return found


@pytest.fixture(scope="module")
def star(frames):
    """A place in the sky, and its pixel by the WCS of the frames."""
    column, row = 903.3, 1200.8
    return frames[0].wcs.pixel_to_world(column, row), column, row


def test_pixels_errors_and_places(frames, star):
    place, column, row = star
    found = tica_fn.cutout(frames, place, (5, 7))
    assert (found.row, found.column) == (round(row) - 2, round(column) - 3)
    for n, frame in enumerate(reversed(frames)):  # in order of time
        here = np.s_[found.row : found.row + 5, found.column : found.column + 7]
        assert np.allclose(found.flux[n], frame.pixels[here] / 1425.6, rtol=1e-6)
        assert np.allclose(found.flux_error[n], np.sqrt(frame.variance[here]) / 1425.6, rtol=1e-6)
    x, y = found.wcs.world_to_pixel(place)
    assert (float(x) + found.column, float(y) + found.row) == pytest.approx((column, row), abs=1e-3)
    assert np.all(np.diff(found.time) > 0)


def test_times_are_those_of_the_star(frames, star):
    """By hand: the light time from the place in the header, along the star."""
    place, *_ = star
    moved = []
    for frame in frames:
        times = attrs.evolve(frame.times, place="spacecraft", light_d=0.0)
        moved.append(attrs.evolve(frame, times=times, header={**frame.header, **STATE}))
    found = tica_fn.cutout(moved, place)
    assert found.place == "barycenter"
    direction = place.cartesian.xyz.value
    seconds = direction @ [STATE["TESS_X"], STATE["TESS_Y"], STATE["TESS_Z"]] / 299792.458
    middle = sorted(frame.times.mid for frame in frames)
    assert found.time == pytest.approx(np.array(middle) + seconds / 86400.0, abs=1e-9)
    assert found.time_correction * 86400.0 == pytest.approx([seconds, seconds], abs=1e-4)


@pytest.mark.parametrize("options", [{}, {"layout": "spoc"}, {"gz": True}, {"trim": True}])
def test_files_give_what_frames_give(frames, star, tmp_path, options):
    place, *_ = star
    options = dict(options)
    ending = ".fits.gz" if options.pop("gz", False) else ".fits"
    trim = options.pop("trim", False)
    paths = []
    for n, frame in enumerate(frames):
        if options:
            frame = tica_fn.divide_live_time()(attrs.evolve(frame, variance=None, steps=()))
            frame = attrs.evolve(frame, variance=frames[n].variance / 1425.6**2)
        frame = tica_fn.trim_science(frame) if trim else frame
        tica_fn.write(frame, tmp_path / f"{n}{ending}", **options)
        paths.append(tmp_path / f"{n}{ending}")
    there, here = tica_fn.cutout(paths, place, 9), tica_fn.cutout(frames, place, 9)
    assert (there.row, there.column) == (here.row, here.column)
    assert np.allclose(there.flux, here.flux, rtol=1e-6)
    assert np.allclose(there.flux_error, here.flux_error, rtol=1e-6)
    assert np.allclose(there.time, here.time, rtol=0, atol=1e-9)


def test_only_the_rows_that_are_needed_are_read(frames, star, tmp_path, monkeypatch):
    place, *_ = star
    tica_fn.write(frames[0], tmp_path / "frame.fits")
    monkeypatch.setattr("tica_fn.products.cutout_sources.read", None)
    assert tica_fn.cutout(tmp_path / "frame.fits", place, 9).flux.shape == (1, 9, 9)


def test_info_tells_of_a_file_that_reaches_beyond_the_readout(frames, star, tmp_path, capsys):
    place, *_ = star
    found = tica_fn.cutout(frames, place, (9, 3000))
    assert found.column < 0
    path = found.write(tmp_path / "wide_tp.fits")
    assert main(["info", str(path)]) == 0
    said = capsys.readouterr().out
    assert f"row {found.row}, column {found.column} (both from 0)" in said
    assert f"9 x 3000, {len(frames)} cadences" in said
    with pytest.raises(BadFileError, match="no raw counts"):
        tica_fn.read_target(path)


def test_lightkurve_knows_the_file_by_itself(frames, star, tmp_path, request):
    place, column, row = star
    found = tica_fn.cutout(frames, place, 11)
    pixels = lightkurve.read(found.write(tmp_path / "star_tp.fits"))
    request.addfinalizer(pixels.hdu.close)
    assert isinstance(pixels, lightkurve.TessTargetPixelFile)
    assert (pixels.column, pixels.row) == (found.column + 1, found.row + 1)
    assert np.allclose(pixels.flux.value, found.flux)
    assert np.allclose(pixels.flux_err.value, found.flux_error)
    assert pixels.time.format == "btjd"
    x, y = pixels.wcs.all_world2pix(place.ra.deg, place.dec.deg, 0)
    assert (float(x) + found.column, float(y) + found.row) == pytest.approx((column, row), abs=1e-3)
    corner = pixels.wcs.all_pix2world(0.0, 10.0, 0)
    true = frames[0].wcs.pixel_to_world(found.column, found.row + 10)
    assert SkyCoord(*corner, unit="deg").separation(true).arcsec < 0.1
    curve = found.to_lightkurve().to_lightcurve(aperture_mask="all")
    assert np.allclose(curve.flux.value, found.flux.sum(axis=(1, 2)), rtol=1e-5)


def test_the_file_is_legal_and_not_replaced_unasked(frames, star, tmp_path):
    place, *_ = star
    found = tica_fn.cutout(frames, place, 5)
    path = found.write(tmp_path / "star_tp.fits.gz")
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        assert hdus[2].header["CRVAL1P"] == found.column + 1
    with pytest.raises(FileExistsError, match="overwrite=True"):
        found.write(path)
    assert found.write(path, overwrite=True) == path


def test_beyond_the_pixels_there_are_none(frames):
    place = frames[0].wcs.pixel_to_world(46.0, 1.0)
    found = tica_fn.cutout(frames[:1], place, 9)
    assert found.row == -3
    assert np.isnan(found.flux[0, :3]).all()
    assert np.isfinite(found.flux[0, 3:]).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ccd": 4}, "camera 2 CCD 4"),
        ({"exposure_s": 600.0}, "exposure times"),
        ({"unit": "adu"}, "calibrate it first"),
    ],
)
def test_frames_that_do_not_belong_together_are_refused(frames, star, change, message):
    with pytest.raises(FrameError, match=message):
        tica_fn.cutout([frames[0], attrs.evolve(frames[1], **change)], star[0])


def test_what_is_not_there_is_refused(frames):
    with pytest.raises(FrameError, match="is not on camera 2 CCD 3"):
        tica_fn.cutout(frames, (10.0, 80.0))
    with pytest.raises(FrameError, match="no frames"):
        tica_fn.cutout([], (10.0, 80.0))
    with pytest.raises(FrameError, match="none of the frames has a WCS"):
        tica_fn.cutout([attrs.evolve(frames[0], header={})], (10.0, 80.0))


def test_the_command(frames, star, tmp_path, capsys):
    place, *_ = star
    paths = []
    for n, frame in enumerate(frames):
        tica_fn.write(attrs.evolve(frame, variance=None), tmp_path / f"{n}.fits")
        paths.append(str(tmp_path / f"{n}.fits"))
    out = str(tmp_path / "star_tp.fits")
    words = ["--ra", str(place.ra.deg), "--dec", str(place.dec.deg), "--size", "9", "-o", out]
    assert main(["cutout", *paths, *words]) == 0
    said = capsys.readouterr().out
    assert "2 frames of 9 x 9 pixels" in said
    assert "calibrate with --uncertainty" in said
    with fits.open(out) as hdus:
        assert hdus[1].data["FLUX"].shape == (2, 9, 9)
    assert main(["cutout", *paths, *words]) == 1
    assert "exists already" in capsys.readouterr().err
    code = subprocess.run(
        [sys.executable, "-m", "tica_fn", "cutout", paths[0], *words, "--size", "1", "2", "3"],
        capture_output=True,
        check=False,
    ).returncode
    assert code == 2
