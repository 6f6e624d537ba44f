"""Target pixels: cosmic rays that the mission found on the ground, flags, and the late clock."""

import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tests import inputs, targets
from tica_fn.cli import main
from tica_fn.errors import FrameError
from tica_fn.fits.collateral import read_collateral
from tica_fn.products.options import Product, steps_for
from tica_fn.quality.pixels import Pixel

FAST = "tess2018349182459-s0006-0000000000000001-0126-a_fast-tp.fits"
CADENCES = [500, 501]
ROW, COLUMN, SHAPE = 100, 300, (11, 13)
RAYS = [  # Cadence, RAWX, RAWY (1-based), e-/s; one pixel twice, one beyond the stamp, one cadence.
    (500, COLUMN + 1, ROW + 1, 125.5),
    (501, COLUMN + 5, ROW + 3, 60.25),
    (501, COLUMN + 5, ROW + 3, 10.0),
    (501, COLUMN + 99, ROW + 3, 77.0),
    (499, COLUMN + 5, ROW + 3, 99.0),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two 20 s cadences with their collateral, and models."""
    folder = tmp_path_factory.mktemp("fast")
    rng = np.random.default_rng(4)
    readouts = rng.normal(5000.0, 20.0, (2, 2078, 2136)).astype(np.int32)
    readouts[:, :2048, 44:2092] += 900
    targets.write_collateral(folder, readouts, CADENCES, amplifiers="A", fast=True)
    window = np.s_[:, ROW : ROW + SHAPE[0], COLUMN : COLUMN + SHAPE[1]]
    path = targets.write_target(
        folder / FAST, readouts[window], CADENCES, row=ROW, column=COLUMN, interval_s=20, coadds=10,
    )  # fmt: skip
    inputs.tica_models(folder / "calibration_20sec", np.zeros((2078, 2136)), np.ones((2078, 2136)))
    columns = [
        fits.Column(name, form, unit=unit, array=[ray[n] for ray in RAYS])
        for n, (name, form, unit) in enumerate(
            [("CADENCENO", "J", None), ("RAWX", "I", "pixel"), ("RAWY", "I", "pixel"),
             ("COSMIC_RAY", "E", "e-/s")]
        )
    ]  # fmt: skip
    with fits.open(path, mode="update") as hdus:
        hdus[0].header.update({"CRMITEN": False, "CRSPOC": True, "DATA_REL": 38})
        hdus.append(fits.BinTableHDU.from_columns(columns, name="TARGET COSMIC RAY"))
    return folder


def calibrate(folder, out, *options, code=0):
    words = [folder / FAST, "--caldir", folder / "calibration_20sec", "--outdir", out, *options]
    assert main(["calibrate", *map(str, words)]) == code
    return out / FAST.replace(".fits", ".cal.fits")


def test_the_mission_s_rays_are_subtracted_again_by_their_very_values(folder, tmp_path, capsys):
    clean = calibrate(folder, tmp_path / "clean")
    said = capsys.readouterr().out
    assert "HDU TARGET COSMIC RAY: 1 of its rows are outside this file, and ignored" in said
    kept = calibrate(folder, tmp_path / "kept", "--keep-cosmic-rays")
    assert "cosmic rays stay in FLUX, and CRSPOC is F" in capsys.readouterr().out
    one, two = (fits.open(path) for path in (clean, kept))
    less = two[1].data["FLUX"].astype(float) - one[1].data["FLUX"]
    expected = np.zeros((2, *SHAPE))
    expected[0, 0, 0] = 125.5
    expected[1, 2, 4] = 70.25
    np.testing.assert_allclose(less, expected, atol=1e-4)
    assert np.array_equal(less != 0, expected != 0)
    # The light of a ray has its noise, subtracted or not.
    assert np.array_equal(one[1].data["FLUX_ERR"], two[1].data["FLUX_ERR"])
    assert one[0].header["CRSPOC"] is True
    assert two[0].header["CRSPOC"] is False
    assert "subtracted from FLUX again" in "".join(one[0].header["HISTORY"])
    assert "FLUX has the cosmic rays" in "".join(two[0].header["HISTORY"])
    steps = [value for name, value in one[0].header.items() if name.startswith("CALSTEP")]
    assert steps[-1] == "subtract_cosmic_rays"
    assert "subtract_cosmic_rays" not in two[0].header.values()
    assert len(one[3].data) == len(RAYS)
    one.close()
    two.close()
    # Each is known again, and not taken for the other.
    calibrate(folder, tmp_path / "clean")
    assert "skipped" in capsys.readouterr().out
    calibrate(folder, tmp_path / "clean", "--keep-cosmic-rays")
    assert "made by other steps" in capsys.readouterr().out


def test_in_python_too(folder, tmp_path):
    pixels = tica_fn.read_target(folder / FAST)
    models = tica_fn.load_models(folder / "calibration_20sec", 2, 3)
    collateral = tuple(read_collateral(p) for p in sorted(folder.glob("*_fast-col.fits")))
    steps = steps_for(models, Product())
    frames = [steps(frame) for frame in pixels.frames(collateral)]
    cleaned = [pixels.subtract_cosmic_rays(frame) for frame in frames]
    flux = fits.getdata(calibrate(folder, tmp_path), 1)["FLUX"]
    for n, frame in enumerate(cleaned):
        assert np.array_equal(flux[n], (frame.pixels / 19.8).astype(np.float32))
    assert frames[0].pixels[0, 0] - cleaned[0].pixels[0, 0] == pytest.approx(125.5 * 19.8)
    with pytest.raises(FrameError, match="already subtracted"):
        pixels.subtract_cosmic_rays(cleaned[0])
    with pytest.raises(FrameError, match="electrons per second"):
        pixels.subtract_cosmic_rays(next(pixels.frames(collateral)))


def test_a_file_that_does_not_tell_which_rays_says_so(folder, tmp_path, capsys):
    bare = tmp_path / "bare"
    bare.mkdir()
    for path in folder.iterdir():
        (bare / path.name).symlink_to(path)
    (bare / FAST).unlink()
    with fits.open(folder / FAST) as hdus:
        fits.HDUList(hdus[:3]).writeto(bare / FAST)
    product = calibrate(bare, tmp_path / "out")
    assert "does not list them" in capsys.readouterr().out
    assert fits.getheader(product)["CRSPOC"] is False


def test_flags_of_target_pixels(folder, tmp_path):
    product = calibrate(folder, tmp_path, "--quality")
    with fits.open(product) as hdus:
        table = hdus["PIXEL_QUALITY"]
        assert table.data["CADENCENO"].tolist() == CADENCES
        bits = table.data["PIXEL_QUALITY"]
        assert bits.shape == (2, *SHAPE)
        assert table.header["QBIT9"] == "COSMIC_RAY"
        rays = bits & Pixel.COSMIC_RAY > 0
        assert np.argwhere(rays).tolist() == [[0, 0, 0], [1, 2, 4]]
        assert hdus[0].header["NEXTEND"] == len(hdus) - 1 if "NEXTEND" in hdus[0].header else True
    plain = calibrate(folder, tmp_path / "plain")
    assert np.array_equal(fits.getdata(plain, 1)["FLUX"], fits.getdata(product, 1)["FLUX"])


def test_the_example_is_of_a_late_release_and_its_clock_can_be_corrected(tmp_path, capsys):
    assert main(["info", str(inputs.TARGET)]) == 0
    assert "about 2 s late" in capsys.readouterr().out
    words = ["calibrate", inputs.TARGET, "--caldir", inputs.EXAMPLE, "--outdir", tmp_path]
    assert main([*map(str, words), "--time-correction", "spoc"]) == 0
    (product,) = tmp_path.glob("*.cal.fits*")
    capsys.readouterr()
    with fits.open(inputs.TARGET) as before, fits.open(product) as after:
        late = (after[1].data["TIME"] - before[1].data["TIME"]) * 86400
        # Middle of -2.000 + 0.031 at the start and -2.000 + 0.011 at the end.
        np.testing.assert_allclose(late, -1.979, atol=1e-4)
        for n in (0, 1):
            for keyword, seconds in (("TSTART", -1.969), ("TSTOP", -1.989)):
                moved = after[n].header[keyword] - before[n].header[keyword]
                assert moved * 86400 == pytest.approx(seconds, abs=1e-4)
        # 18:27:39.308 less 1.969 s.
        assert after[0].header["DATE-OBS"] == "2018-12-15T18:27:37.339Z"
        assert after[1].header["DATE-END"] == "2019-01-06T13:09:59.251Z"
        assert (after[0].header["TCSPBEG"], after[0].header["TCSPEND"]) == (-1.969, -1.989)
        assert after[0].header["CALSTEP1"] == "correct_time_spoc"
        assert "about 2 s late" not in "".join(after[0].header["HISTORY"])
    again = [str(product), "--caldir", str(inputs.EXAMPLE), "--outdir", str(tmp_path / "again")]
    for path in inputs.TARGET.parent.glob("*col.fits*"):
        (tmp_path / path.name).symlink_to(path)
    assert main(["calibrate", *again, "--time-correction", "spoc"]) == 1
    assert "were corrected for spoc before" in capsys.readouterr().err
    assert main([*map(str, words), "--time-correction", "barycenter", "--overwrite"]) == 1
    assert "calibrate them without --time-correction" in capsys.readouterr().err
