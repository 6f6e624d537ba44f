"""Camera frames, target pixel files, the truth beside them, and the command that makes them."""

import attrs
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

import tica_fn
from tica_fn.cli import main
from tica_fn.errors import FrameError
from tica_fn.fits.collateral import read_collateral
from tica_fn.fits.files import read_camera
from tica_fn.simulate import (
    Instrument,
    Stamp,
    Stars,
    full_frame,
    join_ccds,
    make_models,
    series,
    write_camera_frame,
    write_models,
    write_spoc_raw,
    write_target,
    write_truth,
)

QUIET = Instrument(read_noise=0.0, shot_noise=False)
STARS = Stars(columns=[560.3, 800.0], rows=[900.7, 400.0], tmag=[9.0, 8.0])


@pytest.fixture(scope="module")
def models():
    return make_models(2, 3, 120)


def test_raw_files_are_read_as_they_were_written(models, tmp_path):
    made = full_frame(models, exposure_s=120, stars=STARS)
    path = write_spoc_raw(made.frame, tmp_path / "tess1-s0006-2-3-0126-s_ffir.fits.gz")
    frame = tica_fn.read(path)
    assert np.array_equal(frame.pixels, made.frame.pixels)
    for name in ("camera", "ccd", "exposure_s", "coadds", "sector", "cadence"):
        assert getattr(frame, name) == getattr(made.frame, name), name
    folder = write_models(models, tmp_path)
    loaded = tica_fn.load_models(folder, 2, 3)
    assert np.array_equal(loaded.bias, models.bias)
    assert loaded.exposure_s == 120


def test_a_camera_frame_holds_four_ccds_each_way_up(models, tmp_path):
    pixels = {ccd: np.zeros((2078, 2136), dtype=np.int32) for ccd in (1, 2, 3, 4)}
    base = full_frame(models, exposure_s=120, stars=STARS, instrument=QUIET).frame
    frames = {}
    for ccd, image in pixels.items():
        image[0, 0], image[5, 7] = 10 * ccd, 100 * ccd
        frames[ccd] = attrs.evolve(base, pixels=image, ccd=ccd)
    path = write_camera_frame(frames, tmp_path)
    assert path.name == "tess2018359142852-00009000-2-crm-ffi.fits"
    with fits.open(path) as hdus:
        image, header = hdus[0].data, hdus[0].header
        assert image.shape == (4156, 4272)
        assert header["INT_TIME"] == 120
        assert header["CAM"] == 2
        assert header["CRM"] is True
        assert header["EXPTIME"] == pytest.approx(120 * 0.998449 * 0.8)
        assert header["TIME"] == pytest.approx(1229783350, abs=3600 * 24)
    assert image[0, 0] == 30
    assert image[5, 7] == 300
    assert image[0, 2136] == 40
    assert image[-1, 2135] == 20
    assert image[-6, 2135 - 7] == 200
    assert image[-1, -1] == 10
    for frame in read_camera(path):
        assert np.array_equal(frame.pixels, pixels[frame.ccd])
        assert (frame.camera, frame.exposure_s, frame.coadds) == (2, 120, 48)
        assert frame.times.start == pytest.approx(base.times.start, abs=1e-9)
    with pytest.raises(FrameError, match="CCDs 1, 2, 3 and 4"):
        join_ccds({1: pixels[1]})
    frames[4] = attrs.evolve(frames[4], cadence=1)
    with pytest.raises(FrameError, match="cadence 1"):
        write_camera_frame(frames, tmp_path)


def test_a_target_is_calibrated_to_the_truth_by_its_collateral(models, tmp_path):
    stamp = Stamp(row=890, column=550, height=21, width=13, identifier=42)
    made = list(series(models, 2, exposure_s=120, stars=STARS, instrument=QUIET))
    paths = write_target((one.frame for one in made), stamp, tmp_path)
    kinds = [path.name.split("-")[2] for path in paths[1:]]
    assert kinds == ["lvcol", "tvcol", "smrow", "vrow"] * 2
    assert paths[0].name == "tess2018359142852-s0006-0000000000000042-0126-s_tp.fits"
    useful = [p for p in paths[1:] if "tvcol" in p.name or "smrow" in p.name]
    collateral = tuple(read_collateral(path) for path in useful)
    assert all(c.checked for c in collateral)
    target = tica_fn.read_target(paths[0])
    assert (target.exposure_s, target.coadds) == (120, 48)
    for frame, one in zip(target.frames(collateral), made, strict=True):
        out = tica_fn.calibrate(frame, models)
        truth = one.truth.pixels[stamp.here]
        # Nothing but the rounding of counts is left, of pixels and of the smear they share.
        assert np.abs(out.pixels - truth).max() < 2 * 5.3
    aperture = fits.getdata(paths[0], 2)
    assert aperture.shape == (21, 13)
    assert set(np.unique(aperture & ~1)) == {32, 64}
    with pytest.raises(FrameError, match="at least one frame"):
        write_target([], stamp, tmp_path)
    with pytest.raises(FrameError, match="science columns"):
        Stamp(row=0, column=30)


def test_the_truth_file_holds_what_was_put_in(models, tmp_path):
    made = full_frame(models, exposure_s=120, stars=STARS)
    path = write_truth(made, tmp_path / "truth.fits")
    with fits.open(path, checksum=True) as hdus:
        assert np.array_equal(hdus["ELECTRONS"].data, made.truth.pixels.astype(np.float32))
        assert np.array_equal(hdus["SMEAR"].data, made.truth.smear)
        assert hdus[0].header["PEDEST_C"] == pytest.approx(made.truth.pedestals[2], rel=1e-14)
        stars = Table.read(hdus["STARS"])
    assert list(stars["tmag"]) == [9.0, 8.0]
    assert list(stars["columns"]) == [560.3, 800.0]


def test_the_command_makes_files_that_calibrate(tmp_path, capsys):
    out = tmp_path / "out"
    table = tmp_path / "stars.ecsv"
    Table({"column": [700.0], "row": [600.0], "tmag": [9.0]}).write(table)
    arguments = ["simulate", "--outdir", str(out), "--exposure", "200", "--stars", str(table)]
    assert main([*arguments, "--gzip", "--seed", "7", "--glow", "50", "--drift", "0.1,0"]) == 0
    made = [line.rsplit("/", 1)[1] for line in capsys.readouterr().out.splitlines()]
    stem = "tess2018359142852-s0006-2-3-0126-s_ffir"
    assert made == ["calibration_200sec", f"{stem}.fits.gz", f"{stem}_truth.fits"]
    raw = tica_fn.read(out / made[1])
    models = tica_fn.load_models(out / made[0], 2, 3)
    calibrated = tica_fn.calibrate(raw, models)
    again = tmp_path / "again"
    arguments[2] = str(again)
    assert main([*arguments, "--gzip", "--seed", "7", "--glow", "50", "--drift", "0.1,0"]) == 0
    for name in made[1:]:
        assert (again / name).read_bytes() == (out / name).read_bytes(), name
    with fits.open(out / made[2], checksum=True) as truth:
        error = (calibrated.pixels - truth["ELECTRONS"].data)[:2048, 44:2092]
    assert abs(np.mean(error)) < 5
    assert np.std(error) < 300


def test_the_command_makes_targets_without_noise(tmp_path, capsys):
    arguments = ["simulate", "--outdir", str(tmp_path), "--format", "target", "--no-noise"]
    more = ["--stars", "random:50", "--no-truth", "--exposure", "20", "--no-mitigation"]
    assert main([*arguments, *more]) == 0
    names = [line.rsplit("/", 1)[1] for line in capsys.readouterr().out.splitlines()]
    assert names[1].endswith("a_fast-tp.fits")
    assert names[2].endswith("a_fast-col.fits")
    target = tica_fn.read_target(tmp_path / names[1])
    assert target.counts.shape == (1, 11, 11)
    assert (target.exposure_s, target.coadds) == (20, 10)


def test_the_command_places_the_catalogue_by_any_wcs(tmp_path):
    wcs = tmp_path / "wcs.fits"
    header = fits.Header(
        {"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 1069, "CRPIX2": 1025}
    )
    header.update({"CRVAL1": 98.9, "CRVAL2": -12.3, "CD1_1": -0.0057, "CD2_2": -0.0057})
    fits.PrimaryHDU(header=header).writeto(wcs)
    assert main(["simulate", "--outdir", str(tmp_path), "--exposure", "20", "--wcs", str(wcs)]) == 0
    stars = Table.read(next(tmp_path.glob("*_truth.fits")), "STARS")
    columns, rows = WCS(header).world_to_pixel_values(stars["ra"], stars["dec"])
    assert len(stars) > 1000
    np.testing.assert_allclose(stars["columns"], columns, atol=1e-6)
    np.testing.assert_allclose(stars["rows"], rows, atol=1e-6)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["--stars", "random:x"], "a number of stars"),
        (["--stars", "nowhere.csv"], "no such file"),
        (["--exposure", "77"], "no model folder for an exposure time of 77"),
        (["--format", "target", "--stars", "none"], "give --stamp"),
        (["--sector", "999"], "sector 999"),
        (["--psf-sigma", "0"], "must be positive"),
    ],
)
def test_the_command_refuses_in_one_line(more, why, tmp_path, capsys):
    wrong = "--sector" not in more and "nowhere.csv" not in more
    assert main(["simulate", "--outdir", str(tmp_path), *more]) == 1 + wrong
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert why in error
    assert not list(tmp_path.glob("*.fits*"))
