"""Flags of pixels, frames and models, each on a frame that must have it and one that must not."""

import attrs
import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tests import inputs, sirius
from tica_fn import (
    Frame,
    amplifiers,
    apply_gain,
    calibrate,
    compose,
    correct_linearity,
    correct_poc_linearity,
    correct_undershoot,
    divide_live_time,
    estimate_variance,
    flag_frame,
    flag_pixels,
    mark_transients,
    neutral_models,
    subtract_bias,
    subtract_pedestal,
    subtract_robust_smear,
    subtract_smear,
    unexpected_models,
)
from tica_fn.cli import main
from tica_fn.errors import FrameError
from tica_fn.quality.frame_flags import FrameFlag, SpocQuality, as_dquality
from tica_fn.quality.pixels import STRAP_COLUMNS, Pixel
from tica_fn.simulate import random_stars, strap_columns

MODELS = neutral_models(2, 3, constants=amplifiers(2, 3))


def raw_frame(seed=1, sky=2000.0, **kw):
    raw = np.random.default_rng(seed).normal(5000, 10, (2078, 2136))
    raw[:2048, 44:2092] += sky
    fields = {"unit": "adu", "camera": 2, "ccd": 3, "exposure_s": 120, "coadds": 48} | kw
    return Frame(pixels=raw.astype(np.int32), **fields)


def changed(frame, *changes):
    pixels = np.array(frame.pixels)
    for where, value in changes:
        pixels[where] += np.asarray(value).astype(pixels.dtype)
    return attrs.evolve(frame, pixels=pixels)


def bits_of(frame, **kw):
    return flag_pixels(calibrate(frame, MODELS), MODELS, **kw).quality


@pytest.fixture(scope="module")
def plain():
    return bits_of(raw_frame())


def test_every_pixel_says_what_it_is(plain):
    kind = plain & (Pixel.VIRTUAL | Pixel.BUFFER | Pixel.SMEAR_ROW)
    assert plain.dtype == np.int32
    assert (kind[:2048, 44:2092] == 0).all()
    assert (kind[:, :44] == Pixel.VIRTUAL).all()
    assert (kind[:, 2092:] == Pixel.VIRTUAL).all()
    assert (kind[2048:2058, 44:2092] == Pixel.BUFFER).all()
    assert (kind[2058:2068, 44:2092] == Pixel.SMEAR_ROW).all()
    assert (kind[2068:] == Pixel.VIRTUAL).all()
    edge = plain & Pixel.EDGE > 0
    assert edge.sum() == 2 * 2048 + 2 * 2046
    assert edge[0, 44]
    assert edge[2047, 2091]
    assert not edge[1, 45]


def test_straps_are_116_columns_and_those_of_the_simulator(plain):
    strap = plain & Pixel.STRAP > 0
    assert np.array_equal(np.flatnonzero(strap[100]), STRAP_COLUMNS)
    assert not strap[2048:].any()
    assert np.array_equal(STRAP_COLUMNS, strap_columns())
    science = STRAP_COLUMNS - 43
    for column in (77, 78, 982, 974, 1067, 1972, 516, 1533, 673, 676, 1376):
        assert column in science
    assert 874 not in science


def test_an_ordinary_frame_has_nothing_wrong(plain):
    wrong = (
        Pixel.SATURATED | Pixel.BEYOND_LINEARITY | Pixel.BLEED_COLUMN | Pixel.SMEAR_CONTAMINATED
        | Pixel.MODEL_INVALID | Pixel.COSMIC_RAY | Pixel.NO_DATA
    )  # fmt: skip
    assert not (plain & wrong).any()


def test_full_wells_bleed_columns_and_spoilt_smear():
    electrons = 48 * 190_000 / 5.26
    frame = changed(
        raw_frame(),
        (np.s_[100:103, 700], electrons),
        (np.s_[2040:2063, 800], electrons),
        (np.s_[50, 900], 48 * 170_000 / 5.26),
    )
    quality = bits_of(frame)
    assert set(np.argwhere(quality & Pixel.SATURATED)[:, 1]) == {700, 800}
    assert (quality[100:103, 700] & Pixel.SATURATED).all()
    bleeding = quality & Pixel.BLEED_COLUMN > 0
    assert np.array_equal(np.flatnonzero(bleeding.any(axis=0)), [800])
    assert bleeding[:2058, 800].all()
    assert not bleeding[2058:].any()
    spoilt = quality & Pixel.SMEAR_CONTAMINATED > 0
    assert np.array_equal(np.flatnonzero(spoilt.any(axis=0)), [799, 800, 801])
    assert spoilt[:, 800].all()
    lower = flag_pixels(calibrate(frame, MODELS), MODELS, full_well_e=160_000.0).quality
    assert lower[50, 900] & Pixel.SATURATED


@pytest.mark.parametrize("linearity", [correct_linearity, correct_poc_linearity, None])
def test_the_range_of_the_linearity_model_is_that_of_the_measured_signal(linearity):
    """Just below and just above the range, in counts, whichever correction was made."""
    constants = MODELS.amplifiers
    columns = [300, 800, 1300, 1800]
    pixels = np.full((3, 2136), 1e5)
    for a, column in enumerate(columns):
        end = constants.max_domain_adu[a] * 48 * 0.99
        pixels[1, column], pixels[2, column] = end * 0.9999, end * 1.0001
    counts = Frame(pixels=pixels, unit="adu", camera=2, ccd=3, exposure_s=120, coadds=48,
                   steps=("subtract_pedestal",))  # fmt: skip
    steps = [apply_gain(MODELS)] + ([linearity(MODELS)] if linearity else [])
    out = flag_pixels(compose(*steps)(counts), MODELS, cosmic_rays=False).quality
    beyond = out & Pixel.BEYOND_LINEARITY > 0
    assert not beyond[:2].any()
    assert np.array_equal(np.flatnonzero(beyond[2]), columns)


def test_flags_do_not_depend_on_how_far_a_frame_was_calibrated():
    frame = changed(raw_frame(), (np.s_[100:120, 700], 48 * 190_000 / 5.26))
    less = compose(subtract_bias(MODELS), subtract_pedestal(), apply_gain(MODELS))(frame)
    full = compose(correct_linearity(MODELS), subtract_smear(), divide_live_time())(less)
    one, two = (flag_pixels(f, MODELS, cosmic_rays=False).quality for f in (less, full))
    assert np.array_equal(one & ~32, two & ~32)


def test_single_pixels_that_shine_alone_are_suspect_and_stars_are_not():
    models = tica_fn.simulate.make_models(2, 3, 1800)
    stars = random_stars(3000, seed=5)
    made = tica_fn.simulate.full_frame(models, stars=stars, seed=6)
    hits = [(300, 500), (1000, 1500), (5, 60), (2000, 2100)]
    struck = changed(made.frame, *((np.s_[r, c], 4000.0) for r, c in hits))
    out = flag_pixels(calibrate(struck, models), models)
    suspect = {(int(r), int(c)) for r, c in np.argwhere(out.quality & Pixel.COSMIC_RAY)}
    assert set(hits) <= suspect
    assert len(suspect - set(hits)) < 20


def test_what_shines_in_one_frame_of_three_is_suspect():
    before, now, after = (calibrate(raw_frame(seed), MODELS) for seed in (1, 2, 3))
    pixels = np.array(now.pixels)
    pixels[100:103, 200] += 3000.0
    pixels[500, 600] -= 9000.0
    struck = estimate_variance(MODELS)(attrs.evolve(now, pixels=pixels))
    out = mark_transients(struck, before, after)
    assert {tuple(map(int, p)) for p in np.argwhere(out.quality)} == {
        (100, 200), (101, 200), (102, 200),
    }  # fmt: skip
    with pytest.raises(FrameError, match="variance"):
        mark_transients(now, before, after)
    with pytest.raises(FrameError, match="same pixels"):
        mark_transients(struck, before, attrs.evolve(after, pixels=after.pixels[:5], row=3))


def test_models_that_can_not_be_right_and_missing_numbers():
    flat = np.ones((2078, 2136))
    flat[10, 500], flat[11, 500], flat[12, 500] = 0.3, 1.7, 0.6
    error = np.full((2078, 2136), 2e-4)
    error[13, 500] = 0.5
    models = attrs.evolve(MODELS, flat=flat, flat_error=error)
    done = calibrate(raw_frame(), models)
    pixels = np.array(done.pixels)
    pixels[20, 500] = np.nan
    out = flag_pixels(attrs.evolve(done, pixels=pixels), models).quality
    assert np.array_equal(np.flatnonzero((out & Pixel.MODEL_INVALID)[:, 500]), [10, 11, 13])
    assert np.argwhere(out & Pixel.NO_DATA).tolist() == [[20, 500]]


def test_bits_that_were_there_stay():
    done = calibrate(raw_frame(), MODELS)
    marked = attrs.evolve(done, quality=np.full((2078, 2136), 4096))
    assert (flag_pixels(marked, MODELS).quality & 4096).all()
    with pytest.raises(FrameError, match="pedestals"):
        flag_pixels(raw_frame(), MODELS)


def test_the_real_sirius_stamp_is_flagged_as_it_is():
    models = sirius.models()
    pipeline = compose(
        subtract_bias(models), subtract_pedestal(), apply_gain(models), correct_linearity(models),
        correct_undershoot(models), subtract_robust_smear(models),
    )  # fmt: skip
    out = flag_pixels(pipeline(sirius.frames()[0]), models)
    quality = out.quality
    assert (quality & Pixel.SMEAR_CONTAMINATED).all()
    bleeding = (quality & Pixel.BLEED_COLUMN).any(axis=0)
    assert bleeding[3:9].all()
    assert not bleeding[0]
    saturated = quality & Pixel.SATURATED > 0
    assert 0.1 < saturated.mean() < 0.4
    assert (saturated & (quality & Pixel.BEYOND_LINEARITY > 0)).sum() > 0.9 * saturated.sum()
    strap = np.flatnonzero((quality & Pixel.STRAP)[0])
    assert np.array_equal(
        strap + 674, STRAP_COLUMNS[(STRAP_COLUMNS >= 674) & (STRAP_COLUMNS < 685)]
    )
    smear_rows, overclocks = out.collateral
    assert (smear_rows.quality & Pixel.SMEAR_ROW).all()
    assert (overclocks.quality & Pixel.VIRTUAL).all()


def test_dead_amplifiers_are_seen_raw_and_calibrated():
    raw = raw_frame()
    pixels = np.array(raw.pixels)
    pixels[:, 44:556] = 0
    pixels[:, :11] = 0
    pixels[:, 2092:2103] = 0
    pixels[:, 1580:2092] = 777
    pixels[:, 33:44] = 777
    pixels[:, 2125:] = 777
    broken = attrs.evolve(raw, pixels=pixels)
    for frame in (broken, calibrate(broken, MODELS), calibrate(broken, MODELS, dtype=np.float32)):
        found = flag_frame(frame, MODELS).by_amplifier
        assert found[0] & FrameFlag.ALL_ZERO
        assert found[3] & FrameFlag.CONSTANT
        assert found[1] == found[2] == FrameFlag(0)
    assert flag_frame(raw, MODELS).flags == FrameFlag(0)
    assert flag_frame(calibrate(raw, MODELS), MODELS).flags == FrameFlag(0)
    assert flag_frame(broken, MODELS).words == "ALL_ZERO (A), CONSTANT (D)"


def test_scattered_light_and_full_amplifiers():
    bright = changed(raw_frame(), (np.s_[:2048, 556:1068], 2000 * 95.04 / 5.26))
    found = flag_frame(calibrate(bright, MODELS), MODELS)
    assert found.by_amplifier[1] == FrameFlag.SCATTERED_LIGHT
    assert found.flags == FrameFlag.SCATTERED_LIGHT
    assert found.background[1] == pytest.approx(2000 + 2000 * 5.26 / 95.04, rel=0.02)
    full = changed(raw_frame(), (np.s_[:1500, 556:1068], 48 * 190_000 / 5.26))
    found = flag_frame(calibrate(full, MODELS), MODELS)
    assert found.by_amplifier[1] == FrameFlag.SATURATED_CHANNEL
    assert found.saturated[1] == pytest.approx(1500 / 2048, abs=0.01)


def test_pedestals_out_of_their_family():
    family = [calibrate(raw_frame(seed), MODELS).pedestals for seed in range(2, 8)]
    assert flag_frame(calibrate(raw_frame(1), MODELS), MODELS, family=family).flags == 0
    off = changed(raw_frame(), (np.s_[:, 2114:2125], 30.0))
    found = flag_frame(calibrate(off, MODELS), MODELS, family=family)
    assert found.by_amplifier == (0, 0, FrameFlag.PEDESTAL, 0)
    lost = attrs.evolve(calibrate(off, MODELS), pedestals=[5000.0, np.nan, 5000.0, 5000.0])
    assert flag_frame(lost, MODELS).by_amplifier[1] & FrameFlag.PEDESTAL


def test_spoc_bits_are_spoc_s():
    assert as_dquality(FrameFlag(0)) == 0
    assert as_dquality(FrameFlag.SCATTERED_LIGHT) == 4096
    assert as_dquality(FrameFlag.PEDESTAL) == 16384
    assert SpocQuality.STRAY_LIGHT == 2048
    assert [bit.value for bit in SpocQuality] == [2**k for k in range(16)]
    assert [bit.value for bit in Pixel] == [2**k for k in range(15)]


def test_models_of_the_sector_are_known(tmp_path):
    models = sirius.models()
    assert unexpected_models(models, 6) == ()
    assert unexpected_models(models, None) == ()
    assert unexpected_models(models, 7) == ()
    flat = np.array(models.flat)
    flat[5, 5] = np.nextafter(flat[5, 5], np.float32(2))
    other = attrs.evolve(models, flat=flat, files=())
    assert unexpected_models(other, 6) == (
        "the flat model of camera 2 CCD 3 is not that of sector 6 (tess2018323-2-3-flat.fits)",
    )
    assert unexpected_models(attrs.evolve(other, kind="tica"), 6) == ()
    table = tmp_path / "mine.csv"
    table.write_text(
        "maker,kind,camera,ccd,checksum,first_sector,last_sector,name,note\n"
        "spoc,gain,0,0,feed,7,9,gain.xml,mine\n"
    )
    assert unexpected_models(models, 8, table) == (
        "the gain model of camera 2 CCD 3 is not that of sector 8 (gain.xml)",
    )


def test_the_command_says_once_that_models_are_unexpected(tmp_path, capsys):
    """Two frames of sector 6 with another flat field: one remark, and the products are made."""
    caldir, out = tmp_path / "models", tmp_path / "out"
    caldir.mkdir()
    for kind, value in (("flat", 1.0), ("2dblack", 0.0)):
        image = fits.ImageHDU(np.full((2078, 2136), value, dtype=np.float32))
        fits.HDUList([fits.PrimaryHDU(), image]).writeto(caldir / f"tess2018323-2-3-{kind}.fits")
    pixels = np.random.default_rng(1).normal(5000, 10, (2078, 2136)).astype(np.int32)
    raws = [inputs.raw_ffi(tmp_path / inputs.name_of(k), pixels) for k in (0, 1)]
    words = [*map(str, raws), "--caldir", str(caldir), "--outdir", str(out)]
    assert main(["calibrate", *words]) == 0
    said = capsys.readouterr().out
    assert said.count("the flat model of camera 2 CCD 3 is not that of sector 6") == 1
    assert said.count("the bias model") == 1
    assert len(list(out.iterdir())) == 2
