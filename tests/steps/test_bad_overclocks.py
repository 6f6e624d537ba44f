"""One overclock pixel without a count does not spoil a frame, and is told and flagged."""

from functools import cache, lru_cache

import attrs
import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tests import inputs, sirius
from tica_fn.cli import main
from tica_fn.products.options import Product, steps_for
from tica_fn.quality.frame_flags import FrameFlag
from tica_fn.quality.pixels import Pixel

PLACE = 1500, 2110
"""Row and column of the pixel, an overclock of amplifier B."""
BAD = pytest.mark.parametrize("bad", [np.nan, -1.0, -np.inf, 0.0, 2.0e9])


@cache
def counts():
    pixels = np.random.default_rng(1).normal(209_460.0, 9.0, (2078, 2136)).round()
    pixels[:2048, 44:2092] += 20_000.0
    return pixels


def raw_frame(bad=None, dtype=np.float64):
    pixels = counts().copy()
    if bad is not None:
        pixels[PLACE] = bad
    return tica_fn.Frame(
        pixels=pixels.astype(dtype), unit="adu", camera=2, ccd=3, exposure_s=120, coadds=48
    )


def mission_models():
    models = tica_fn.neutral_models(2, 3, gain=5.2)
    return attrs.evolve(
        models,
        row_profile=np.zeros((4, 2078)),
        black_sigma=np.full((2078, 2136), 4.3, dtype=np.float32),
    )


@BAD
@pytest.mark.parametrize("biased", [False, True])
def test_the_mean_is_that_of_the_other_pixels(bad, biased):
    models = tica_fn.neutral_models(2, 3, bias=3.0)
    steps = tica_fn.compose(tica_fn.subtract_bias(models), tica_fn.subtract_pedestal(models))
    step = steps if biased else tica_fn.subtract_pedestal()
    out = step(raw_frame(bad))
    good = raw_frame().pixels.copy()
    good[PLACE] = np.nan
    expected = np.nanmean(good[750:, 2106:2114]) - 3.0 * biased
    assert out.pedestals[1] == pytest.approx(expected, abs=1e-6)
    assert out.overclocks_dropped.tolist() == [0, 1, 0, 0]
    clean = step(raw_frame())
    assert clean.overclocks_dropped is None
    assert np.array_equal(np.delete(clean.pedestals, 1), np.delete(out.pedestals, 1))


def test_good_pixels_have_the_plain_mean_bit_for_bit():
    """Cosmic rays and starlight are counts; only what no noise reaches is left out."""
    pixels = raw_frame().pixels.copy()
    pixels[800:820, 2106:2114] += 7_000.0
    frame = attrs.evolve(raw_frame(), pixels=pixels)
    out = tica_fn.subtract_pedestal()(frame)
    assert out.overclocks_dropped is None
    means = np.empty(4)
    runs = np.array([[2095 + 11 * k, 2103 + 11 * k] for k in range(4)])
    no_bias = np.zeros((1, 1), dtype=np.float32)
    tica_fn.kernels.measure_pedestals(frame.pixels, no_bias, 1.0, 750, runs, means)
    assert np.array_equal(out.pedestals, means)


def test_a_count_of_minus_one_is_told_at_any_level():
    pixels = raw_frame().pixels - 209_460.0 + 1500.0
    pixels[PLACE] = -1.0
    out = tica_fn.subtract_pedestal()(attrs.evolve(raw_frame(), pixels=pixels))
    assert out.overclocks_dropped.tolist() == [0, 1, 0, 0]


@BAD
def test_fused_steps_do_the_same(bad):
    frame, models = raw_frame(bad), tica_fn.neutral_models(2, 3, gain=5.2, bias=2.0)
    steps = tica_fn.standard_steps(models).steps
    expected = frame
    for step in steps:
        expected = step(expected)
    out = tica_fn.calibrate(frame, models)
    assert out == expected
    assert np.isfinite(out.pixels).sum() >= out.pixels.size - 1
    back = tica_fn.inverse(tica_fn.standard_steps(models))(out)
    assert back.overclocks_dropped is None


@lru_cache(maxsize=1)
def product_steps(way):
    """Steps of a product, and what they make of the frame without a bad pixel."""
    steps = steps_for(mission_models(), Product(pedestal=way, uncertainty=True))
    return steps, steps(raw_frame())


@BAD
@pytest.mark.parametrize("way", ["mean", "row", "mission"])
def test_pedestals_and_errors_stay_what_they_are(bad, way):
    steps, clean = product_steps(way)
    out = steps(raw_frame(bad))
    assert out.overclocks_dropped.tolist() == [0, 1, 0, 0]
    assert np.allclose(out.pedestals, clean.pedestals, atol=0.05)
    here = np.s_[:2048, 44:2092]
    assert np.allclose(out.pixels[here], clean.pixels[here], rtol=0, atol=0.5)
    np.testing.assert_allclose(out.variance[here], clean.variance[here], rtol=0.01)


@BAD
def test_the_pixel_and_the_frame_are_flagged(bad):
    models = tica_fn.neutral_models(2, 3, gain=5.2)
    out = tica_fn.calibrate(raw_frame(bad), models)
    quality = tica_fn.flag_pixels(out, models).quality
    assert quality[PLACE] & Pixel.NO_DATA
    assert np.count_nonzero(quality & Pixel.NO_DATA) == 1
    found = tica_fn.flag_frame(out, models)
    assert found.flags & FrameFlag.OVERCLOCK
    assert "OVERCLOCK (B)" in found.words


def test_an_amplifier_without_any_count_has_no_pedestal():
    pixels = raw_frame().pixels.copy()
    pixels[:, 2103:2114] = np.nan
    out = tica_fn.subtract_pedestal()(attrs.evolve(raw_frame(), pixels=pixels))
    assert np.isnan(out.pedestals[1])
    assert np.isfinite(np.delete(out.pedestals, 1)).all()


@pytest.mark.parametrize("options", [[], ["--layout", "spoc"], ["--compress", "gzip"]])
@pytest.mark.parametrize("bad", [-1, 0])
def test_full_frames_tell(tmp_path, capsys, bad, options):
    from tica_fn.simulate import write_spoc_raw

    path = tmp_path / "tess2018349182459-s0006-2-3-0126-s_ffir.fits"
    frame = attrs.evolve(raw_frame(bad, np.int32), sector=6, header={"FXDOFF": 209_700})
    write_spoc_raw(frame, path)
    command = ["calibrate", path, "--caldir", inputs.EXAMPLE, "--outdir", tmp_path / "out"]
    assert main([*map(str, command), *options]) == 0
    said = capsys.readouterr()
    assert "left out of the pedestal: 1 of amplifier B" in said.out + said.err
    product = next((tmp_path / "out").iterdir())
    with fits.open(product) as hdus:
        headers = [hdu.header for hdu in hdus]
    assert any(header.get("PEDBAD_B") == 1 for header in headers)
    assert any("OVERCLOCK (B)" in str(header.get("FRAMEFLG")) for header in headers)


@pytest.fixture(scope="module")
def spoiled(tmp_path_factory):
    """Files of a target; a pixel that was not downlinked is -1 in that of the collateral."""
    place = tmp_path_factory.mktemp("files")
    for path in (inputs.TARGET, inputs.SMROW):
        (place / path.name).symlink_to(path)
    with fits.open(inputs.TVCOL) as hdus:
        row = hdus[1].data["CADENCENO"].tolist().index(173390)
        hdus[1].data["TVCOL_RAW"][row, 1200, 6] = -1
        hdus[1].data["TVCOL_CAL"][row, 1200, 6] = np.nan
        hdus.writeto(place / inputs.TVCOL.name, checksum=True)
    return place / inputs.TARGET.name


@pytest.mark.parametrize("way", ["mean", "row", "mission"])
def test_a_target_s_cadence_is_saved_and_noted(spoiled, tmp_path, capsys, way):
    command = ["calibrate", spoiled, "--caldir", inputs.EXAMPLE]
    command += ["--outdir", tmp_path, "--pedestal", way, "--uncertainty"]
    assert main([str(word) for word in command]) == 0
    said = capsys.readouterr()
    words = "cadence 173390: overclock pixels without a count left out of the pedestal: 1 of"
    assert words in said.out + said.err
    product = next(tmp_path.glob("*.cal.fits"))
    with fits.open(product) as hdus:
        flux, error = hdus[1].data["FLUX"], hdus[1].data["FLUX_ERR"]
        assert any(words[:30] in str(line) for line in hdus[0].header["HISTORY"])
    assert np.isfinite(flux).all()
    assert np.isfinite(error).all()
    assert len(sirius.frames()) == 9
