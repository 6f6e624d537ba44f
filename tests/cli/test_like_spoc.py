"""``calibrate --like spoc`` on the real target and on full frames, and ``models build black``."""

import shutil

import attrs
import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tests import inputs, mission
from tica_fn.cli import main
from tica_fn.detector import ROWS, SHAPE, amplifier_of_columns
from tica_fn.products.options import LIKE, Product, steps_for
from tica_fn.products.readouts import part_of, readout_of
from tica_fn.simulate import write_spoc_raw

COADDS = 48
LIVE_S = COADDS * 1.98
PROFILE = 0.15 * np.sin(np.linspace(0.0, 30.0, ROWS)) * np.array([[1.0], [-0.5], [0.2], [2.0]])


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The example's models without the row profile."""
    place = tmp_path_factory.mktemp("models")
    for path in inputs.EXAMPLE.iterdir():
        if path.name != "row-profile-2-3.fits" and "0126" not in path.name:
            (place / path.name).symlink_to(path)
    return place


@pytest.fixture(scope="module")
def raws(folder, tmp_path_factory):
    """Full frames with a known row profile, levels that drift, a cosmic ray and light."""
    place = tmp_path_factory.mktemp("raw")
    models = tica_fn.load_models(folder, 2, 3)
    paths = []
    for seed in range(4):
        random = np.random.default_rng(seed)
        adu = models.bias.astype(np.float64) + PROFILE[amplifier_of_columns()].T + 0.3 * seed - 25.0
        pixels = 209_700.0 + COADDS * adu + random.normal(0.0, 9.0, SHAPE)
        pixels[:2048, 44:2092] += 30_000.0
        pixels[:2068, 44:2092] += 5_000.0
        pixels[700 + seed, 2100:2103] += 9_000.0
        frame = tica_fn.Frame(
            pixels=np.rint(pixels).astype(np.int32), unit="adu", camera=2, ccd=3, exposure_s=120.0,
            coadds=COADDS, sector=6, header={"FXDOFF": 209_700},
        )  # fmt: skip
        path = place / f"tess201834918245{seed}-s0006-2-3-0126-s_ffir.fits"
        write_spoc_raw(frame, path)
        paths.append(path)
    return paths


@pytest.fixture(scope="module")
def built(folder, raws, tmp_path_factory):
    place = tmp_path_factory.mktemp("built") / "models"
    shutil.copytree(folder, place, symlinks=True)
    command = ["models", "build", "black", *raws, "--caldir", folder]
    assert main([*map(str, command), "-o", str(place / "row-profile-2-3.fits")]) == 0
    return place


def test_a_black_is_built_from_full_frames(built):
    models = tica_fn.load_models(built, 2, 3)
    assert models.row_profile_file.name == "row-profile-2-3.fits"
    expected = PROFILE - PROFILE.mean(axis=1, keepdims=True)
    stated = fits.getdata(built / "row-profile-2-3.fits", "UNCERTAINTY")
    # 9 ADU of noise in 48 reads, four frames of ten columns.
    assert np.median(stated) == pytest.approx(9.0 / COADDS / np.sqrt(40), rel=0.05)
    pull = (models.row_profile - expected) / stated
    assert pull.std() == pytest.approx(1.0, abs=0.05)
    assert np.abs(pull).max() < 7.0
    assert np.abs(models.row_profile.mean(axis=1)).max() < 1e-12


def test_a_black_is_told_by_calibrated_overclocks(tmp_path, folder):
    out = tmp_path / "row-profile-2-3.fits"
    command = ["models", "build", "black", inputs.TVCOL, "--caldir", folder, "-o", out]
    assert main([str(word) for word in command]) == 0
    found, shipped = fits.getdata(out), fits.getdata(inputs.EXAMPLE / out.name)
    assert np.isnan(found[[0, 2, 3]]).all()
    # The example's 2-D black is quantised; the profile that ships was made with the true one.
    assert np.abs(found[1] - shipped[1]).max() < 0.02
    header = fits.getheader(out)
    assert (header["NFRAME_B"], header["EXACT_B"], header["EXACT_A"]) == (10, True, False)


def test_full_frames(built, raws, tmp_path):
    command = ["calibrate", raws[0], "--caldir", built, "--outdir", tmp_path, "--like", "spoc"]
    assert main([*map(str, command), "--layout", "spoc"]) == 0
    models = tica_fn.load_models(built, 2, 3, errors=True)
    steps = tica_fn.compose(
        tica_fn.subtract_bias(models), tica_fn.subtract_mission_pedestal(models),
        tica_fn.correct_mission_linearity(models), tica_fn.apply_gain(models),
        tica_fn.subtract_mission_smear(models), tica_fn.divide_flat(models),
    )  # fmt: skip
    rate = tica_fn.compose(steps, tica_fn.divide_live_time())
    expected = rate(tica_fn.read(raws[0]), dtype=np.float32)
    product = next(tmp_path.glob("*ffic.fits"))
    image, header = fits.getdata(product, 1), fits.getheader(product)
    assert np.array_equal(image, expected.pixels)  # strip by strip, the same bits
    light = steps(tica_fn.read(raws[0])).pixels[:2048, 44:2092]
    assert 0.9 < np.median(light) / (30_000.0 * 5.25) < 1.1
    assert header["ARITHMET"] == "SPOC (pedestal, linearity, smear)"
    assert header["ORIGIN"] == "tica-fn"
    names = [header[k] for k in header if k.startswith("MODFIL")]
    assert "row-profile-2-3.fits" in names
    # Smear and light come back: a quarter of the light is as far from linear as the model says.
    back = tica_fn.read(product)
    assert back.steps[1:3] == ("subtract_mission_pedestal", "correct_mission_linearity")


def test_full_frames_with_uncertainties_and_flags(built, raws, tmp_path):
    """Strip by strip, the bits of the whole frame."""
    command = ["calibrate", raws[1], "--caldir", built, "--outdir", tmp_path, "--like", "spoc"]
    assert main([*map(str, command), "--uncertainty", "--quality"]) == 0
    models = tica_fn.load_models(built, 2, 3, errors=True)
    product = Product(uncertainty=True, quality=True, **LIKE["spoc"])
    steps, raw = steps_for(models, product), tica_fn.read(raws[1])
    assert readout_of(part_of(steps, raw), raw.pixels, models, steps, product) is not None
    expected = steps(raw, dtype=np.float32)
    flags = tica_fn.flag_pixels(expected, models).quality
    with fits.open(next(tmp_path.glob("*.cal.fits"))) as hdus:
        assert np.array_equal(hdus[0].data, expected.pixels)
        assert np.array_equal(hdus["UNCERTAINTY"].data, np.sqrt(expected.variance))
        assert np.array_equal(hdus["PIXEL_QUALITY"].data, flags)


def test_single_steps_and_what_is_missing(folder, raws, tmp_path, capsys):
    base = ["calibrate", str(raws[0]), "--caldir", str(folder), "--outdir", str(tmp_path)]
    assert main([*base, "--like", "spoc"]) == 1
    assert "row profile of amplifier A of camera 2 CCD 3 is not known" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert main([*base, "--like", "spoc", "--pedestal", "mean"]) == 0
    header = fits.getheader(next(tmp_path.glob("*.cal.fits")))
    assert header["ARITHMET"] == "SPOC (linearity, smear)"
    assert header["CALSTEP2"] == "subtract_pedestal"
    assert main([*base]) == 0
    header = fits.getheader(next(tmp_path.glob("*.cal.fits")))
    assert "ARITHMET" not in header
    assert not any("row-profile" in str(value) for value in header.values())


def test_the_real_target(tmp_path):
    """With the example's quantised models; `tests/pipeline/test_mission.py` has the true ones."""
    command = ["calibrate", inputs.TARGET, "--caldir", inputs.EXAMPLE, "--outdir", tmp_path]
    assert main([*map(str, command), "--like", "spoc"]) == 0
    product = next(tmp_path.glob("*.cal.fits"))
    found = fits.getdata(product, 1)["FLUX"][:9].astype(np.float64)
    flat = mission.models().flat[mission.PLACES["stamp"]]
    light = (found - mission.of_mission(inputs.TARGET, "FLUX")) * flat
    rest = light - np.median(light, axis=1, keepdims=True)
    assert np.median(np.abs(rest)) < 0.2
    assert np.abs(rest).max() < 3.0
    header = fits.getheader(product)
    assert header["ARITHMET"].startswith("SPOC")
    assert header.comments["ARITHMET"] == "but not its product"


def test_a_profile_of_another_ccd_or_shape_is_refused(tmp_path, folder):
    place = tmp_path / "models"
    shutil.copytree(folder, place, symlinks=True)
    hdu = fits.PrimaryHDU(np.zeros((4, ROWS)))
    hdu.header.update(MODEL="row profile", CAMERA=2, CCD=4)
    hdu.writeto(place / "row-profile-2-3.fits")
    with pytest.raises(tica_fn.errors.ModelError, match="its CCD is 4, expected 3"):
        tica_fn.load_models(place, 2, 3)
    fits.PrimaryHDU(np.zeros((4, 7))).writeto(place / "row-profile-2-3.fits", overwrite=True)
    with pytest.raises(tica_fn.errors.BadFileError, match="row-profile-2-3"):
        tica_fn.load_models(place, 2, 3)
    with pytest.raises(tica_fn.errors.ModelError, match="a row profile has shape"):
        attrs.evolve(tica_fn.neutral_models(2, 3), row_profile=np.zeros((4, 3)))
