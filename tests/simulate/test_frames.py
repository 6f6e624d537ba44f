"""Simulated frames: calibration finds the truth again, within the noise and no further."""

import attrs
import numpy as np
import pytest

import tica_fn
from tica_fn.detector import AMPLIFIER_COLUMNS, SCIENCE_COLUMNS
from tica_fn.simulate import (
    Background,
    CosmicRays,
    Instrument,
    Motion,
    Stars,
    expected_variance,
    exposures_summed,
    full_frame,
    make_models,
    random_stars,
    series,
)

QUIET = Instrument(read_noise=0.0, shot_noise=False, digitize=False)
FEW = random_stars(300, seed=7)


@pytest.fixture(scope="module")
def models():
    return make_models(2, 3, 1800)


def chi_square(made, models, instrument):
    """Mean of z**2 and z of each amplifier's science pixels, away from saturation."""
    out = tica_fn.calibrate(made.frame, models)
    variance = expected_variance(made.truth, models, instrument)
    z = (out.pixels - made.truth.pixels) / np.sqrt(variance)
    z[made.truth.pixels > 150_000 * made.frame.coadds] = np.nan
    first = SCIENCE_COLUMNS[0] + AMPLIFIER_COLUMNS * np.arange(4)
    parts = [z[:2048, k : k + AMPLIFIER_COLUMNS] for k in first]
    return np.array([[np.nanmean(part**2), np.nanmean(part)] for part in parts])


def test_without_noise_calibration_finds_the_truth_exactly(models):
    made = full_frame(models, stars=FEW, instrument=QUIET)
    out = tica_fn.calibrate(made.frame, models)
    science = (slice(0, 2048), slice(*SCIENCE_COLUMNS))
    error = out.pixels[science] / made.truth.pixels[science] - 1
    assert np.abs(error).max() < 1e-12
    np.testing.assert_allclose(out.pedestals, made.truth.pedestals, rtol=1e-12)
    np.testing.assert_allclose(out.smear[44:2092], made.truth.smear[44:2092], rtol=1e-6)


@pytest.mark.parametrize(
    ("camera", "ccd", "exposure_s", "mitigation"),
    [(2, 3, 1800, True), (1, 1, 200, True), (4, 2, 20, False)],
)
def test_noise_is_what_it_should_be(camera, ccd, exposure_s, mitigation):
    models = attrs.evolve(make_models(camera, ccd, exposure_s), exposure_s=None)
    instrument = Instrument(mitigation=mitigation)
    background = Background(level=150.0, glow=400.0, direction_deg=40.0)
    made = full_frame(
        models,
        exposure_s=exposure_s,
        stars=FEW,
        background=background,
        instrument=instrument,
        seed=11,
    )
    found = chi_square(made, models, instrument)
    assert np.abs(found[:, 0] - 1.0).max() < 0.02
    assert np.abs(found[:, 1]).max() < 0.05


def test_the_same_seed_gives_the_same_frame_and_another_another(models):
    first, again, other = (full_frame(models, stars=FEW, seed=s) for s in (5, 5, 6))
    assert np.array_equal(first.frame.pixels, again.frame.pixels)
    assert not np.array_equal(first.frame.pixels, other.frame.pixels)
    assert np.array_equal(first.truth.pixels, other.truth.pixels)


def test_a_saturated_star_bleeds_into_buffer_and_smear_rows(models):
    star = Stars(columns=[700.0], rows=[2000.0], tmag=[1.0])
    made = full_frame(models, stars=star, instrument=QUIET)
    full = 200_000 * made.frame.coadds
    column = made.truth.pixels[:, 700] * models.flat[:, 700]
    assert column.max() == pytest.approx(full)
    assert column[2048:2068].min() > 0.9 * full
    assert not column[2068:].any()
    assert made.lost > 0


def test_cosmic_rays_are_in_the_frame_and_not_in_the_truth(models):
    rays = attrs.evolve(QUIET, cosmic_rays=CosmicRays(per_s=20.0), mitigation=False)
    open_models = attrs.evolve(models, exposure_s=None)
    made = full_frame(open_models, stars=FEW, instrument=rays, exposure_s=20)
    out = tica_fn.calibrate(made.frame, open_models)
    science = (slice(0, 2048), slice(*SCIENCE_COLUMNS))
    left = (out.pixels - made.truth.pixels)[science] * models.flat[science]
    np.testing.assert_allclose(left, made.cosmic_rays[science], atol=0.5)
    assert made.cosmic_rays.max() > 5000


def test_a_series_drifts_and_shakes_and_never_repeats_its_noise(models):
    star = Stars(columns=[700.0], rows=[900.0], tmag=[8.0])
    motion = Motion(drift_columns=0.25, drift_rows=-0.5, jitter=0.0)
    frames = list(series(models, 2, stars=star, motion=motion))
    assert frames[1].stars.columns[0] == pytest.approx(700.25)
    assert frames[1].stars.rows[0] == pytest.approx(899.5)
    assert frames[1].frame.cadence == frames[0].frame.cadence + 1
    gap = frames[1].frame.times.start - frames[0].frame.times.start
    assert gap * 86400 == pytest.approx(1800, abs=1e-4)
    far = (slice(0, 500), slice(44, 400))
    errors = [tica_fn.calibrate(f.frame, models).pixels - f.truth.pixels for f in frames]
    noise = [error[far].ravel() for error in errors]
    assert abs(np.corrcoef(noise[0], noise[1])[0, 1]) < 5 / np.sqrt(noise[0].size)
    shaken = Motion(jitter=0.1)
    moved = [shaken.applied(star, n, seed=1).columns[0] - 700.0 for n in range(300)]
    assert np.std(moved) == pytest.approx(0.1, rel=0.15)


def test_a_turn_keeps_distances_from_the_middle():
    stars = FEW.shifted(0.0, 0.0, roll_deg=1.0)
    before = np.hypot(FEW.columns - 1067.5, FEW.rows - 1023.5)
    after = np.hypot(stars.columns - 1067.5, stars.rows - 1023.5)
    np.testing.assert_allclose(before, after, rtol=1e-12)


def test_exposures_are_those_of_the_mission():
    found = [exposures_summed(s) for s in (1800, 600, 200, 120)]
    assert found == [720, 240, 80, 48]
    assert exposures_summed(20, mitigation=False) == 10


def test_impossible_instruments_are_refused():
    with pytest.raises(ValueError, match="full_well positive"):
        Instrument(full_well=0)
    with pytest.raises(ValueError, match="jitter and blur"):
        Motion(jitter=-1)
    with pytest.raises(ValueError, match="per_s"):
        CosmicRays(per_s=-1)
