"""Tile-compressed products of either layout, with uncertainties and flags."""

import warnings

import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tests.fits.conftest import STAR, calibrated_with
from tests.fits.verify import verify
from tica_fn.cli import main
from tica_fn.fits.tiled import quantum


@pytest.mark.parametrize("layout", ["tica", "spoc"])
@pytest.mark.parametrize("method", ["rice", "gzip2"])
def test_packed_products_hold_what_plain_ones_do(
    raw_frames, spoc_models, tmp_path, layout, method, capsys, monkeypatch
):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    options = ("--layout", layout, "--uncertainty", "--quality")
    (plain,) = calibrated_with(raw_frames[:1], spoc_models, tmp_path / "plain", *options)
    options += ("--compress", method)
    (packed,) = calibrated_with(raw_frames[:1], spoc_models, tmp_path / "packed", *options)
    assert packed.name == f"{plain.name}.fz"
    assert packed.stat().st_size < (0.4 if method == "rice" else 0.8) * plain.stat().st_size
    verify(packed)
    before, after = tica_fn.read(plain), tica_fn.read(packed)
    step = quantum(720) / (before.live_s if layout == "spoc" else 1)
    if method == "gzip2":
        step = 0.0
    difference = np.abs(after.pixels.astype(float) - before.pixels)
    assert (difference <= 0.501 * step + (step > 0) * np.spacing(np.abs(before.pixels))).all()
    errors = np.sqrt(before.variance), np.sqrt(after.variance)
    assert np.abs(errors[1] - errors[0]).max() <= 0.51 * step / 16 + 1e-6 * errors[0].max()
    assert np.array_equal(after.quality, before.quality)
    for what in ("unit", "steps", "times", "sector", "cadence", "exposure_s", "coadds"):
        assert getattr(after, what) == getattr(before, what)
    calibrated_with(raw_frames[:1], spoc_models, packed.parent, *options)
    assert "1 skipped" in capsys.readouterr().out
    (again,) = calibrated_with(raw_frames[:1], spoc_models, tmp_path / "again", *options)
    assert again.read_bytes() == packed.read_bytes()
    other = "gzip2" if method == "rice" else "rice"
    calibrated_with(raw_frames[:1], spoc_models, packed.parent, *options[:-1], other)
    assert "made again, because it was compressed in another way" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore")
def test_astrocut_and_lightkurve_read_packed_products(
    raw_frames, spoc_models, star_position, tmp_path
):
    pytest.importorskip("astrocut")
    from astrocut import CubeFactory, TessCubeCutout

    pytest.importorskip("lightkurve")
    from lightkurve import TessTargetPixelFile

    options = ("--layout", "spoc", "--compress", "rice")
    paths = calibrated_with(raw_frames[:2], spoc_models, tmp_path / "out", *options)
    names = [str(path) for path in paths]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        cube = CubeFactory().make_cube(names, str(tmp_path / "cube.fits"))
    assert not [w for w in said if "truncat" in str(w.message).lower()]
    cut = TessCubeCutout(cube, coordinates=star_position, cutout_size=11, threads=1)
    with fits.open(cut.write_as_tpf(output_dir=str(tmp_path))[0]) as hdus:
        flux, error = hdus[1].data["FLUX"][0], hdus[1].data["FLUX_ERR"][0]
        photon = np.sqrt(0.841 * flux.max() / (720 * 1.98))
        assert 0.95 * photon < error.max() < 1.1 * photon
    tpf = TessTargetPixelFile.from_fits_images(
        names, position=star_position, size=(11, 11), extension=1, quality_bitmask="none"
    )
    assert tpf.flux.value[0].max() == fits.getdata(paths[0], 1)[STAR[1], STAR[0]]


def test_target_pixels_are_not_tiled(tmp_path, capsys):
    from tests import inputs

    args = ["calibrate", str(inputs.TARGET), "--caldir", str(inputs.EXAMPLE)]
    assert main([*args, "--outdir", str(tmp_path), "--compress", "rice"]) == 1
    assert "plain or gzipped" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_one_ccd_is_not_assembled(raw_frames, spoc_models, tmp_path, capsys):
    args = ["calibrate", str(raw_frames[0]), "--caldir", str(spoc_models)]
    assert main([*args, "--outdir", str(tmp_path), "--assemble"]) == 1
    assert "--assemble is for camera frames" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
