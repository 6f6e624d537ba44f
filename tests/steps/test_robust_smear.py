"""Smear of bleeding columns: on real Sirius, and on simulated frames whose smear is known."""

import attrs
import numpy as np
import pytest

from tests import sirius
from tica_fn import (
    Frame,
    apply_gain,
    calibrate,
    compose,
    correct_linearity,
    correct_undershoot,
    divide_flat,
    divide_live_time,
    estimate_variance,
    find_contaminated_columns,
    inverse,
    kernels,
    neutral_models,
    subtract_bias,
    subtract_pedestal,
    subtract_robust_smear,
    subtract_smear,
)
from tica_fn.errors import FrameError, MissingCollateralError
from tica_fn.simulate import Instrument, Stars, full_frame, make_models, random_stars


def before_smear(models):
    return compose(
        subtract_bias(models), subtract_pedestal(), apply_gain(models), correct_linearity(models),
        correct_undershoot(models),
    )  # fmt: skip


@pytest.fixture(scope="module")
def sirius_rates():
    models = sirius.models()
    pipeline = compose(
        before_smear(models), subtract_robust_smear(models), divide_flat(models), divide_live_time()
    )
    return [pipeline(frame) for frame in sirius.frames()]


def test_sky_beside_sirius_is_positive_and_the_same_in_every_column(sirius_rates):
    """Rows 762 to 961, where no column is saturated: the mission has -23,000 e-/s there."""
    for out in sirius_rates:
        sky = np.percentile(out.pixels[:200], 20, axis=0)
        assert (sky > 130).all()
        assert (sky < 155).all()


def test_sky_beside_sirius_is_flat_along_the_column(sirius_rates):
    """Away from the star the outer columns show one level from row 762 to row 2048."""
    for out in sirius_rates:
        for column in (0, 1, 10):
            parts = [
                np.percentile(out.pixels[k : k + 200, column], 20) for k in (0, 200, 400, 600, 1087)
            ]
            assert np.ptp(parts) < 20, parts
            assert min(parts) > 130


def test_smear_of_sirius_repeats_from_cadence_to_cadence(sirius_rates):
    smear = np.array([out.smear for out in sirius_rates]) / sirius.LIVE_S
    assert (smear.std(axis=0) < 4 + 0.01 * smear.mean(axis=0)).all()
    # The star's own smear is highest in its own column, and falls off to either side.
    mean = smear.mean(axis=0)
    assert 1000 < mean[5] < 1500
    assert (np.diff(mean[1:6]) > 0).all()
    assert (np.diff(mean[5:]) < 0).all()


def test_clean_columns_of_the_real_smear_rows_keep_their_median():
    models = sirius.models()
    frame = before_smear(models)(sirius.frames()[0])
    robust = subtract_robust_smear(models)(frame).collateral[0]
    median = subtract_smear()(frame).collateral[0]
    spoilt = find_contaminated_columns(robust, models)
    assert 35 <= spoilt.sum() <= 60
    where = 556 + np.flatnonzero(spoilt)
    assert where.min() > 640
    assert where.max() < 710
    assert np.array_equal(robust.smear[~spoilt], median.smear[~spoilt])
    # Outside the stamp there are smear rows alone: what lies between its neighbours is taken.
    assert (robust.smear[spoilt] < 1500 * sirius.LIVE_S).all()


@pytest.fixture(scope="module")
def crowded():
    models = make_models(2, 3, 1800)
    stars = random_stars(4000, seed=2)
    bright = Stars(columns=[500.3, 1200.0, 1500.2], rows=[1900.0, 1800.0, 1000.0],
                   tmag=[0.5, 6.0, -1.5])  # fmt: skip
    both = Stars(**{
        field.name: np.concatenate([getattr(stars, field.name), getattr(bright, field.name)])
        for field in attrs.fields(Stars)
    })  # fmt: skip
    made = full_frame(models, stars=both, seed=3, instrument=Instrument())
    pipeline = compose(
        subtract_bias(models), subtract_pedestal(), apply_gain(models), correct_linearity(models)
    )
    return made, models, pipeline(made.frame)


def test_simulated_bleeding_columns_are_found_and_no_others(crowded):
    _, models, frame = crowded
    found = np.flatnonzero(find_contaminated_columns(frame, models))
    assert set(found) >= {500, 1500}
    assert set(found) <= {498, 499, 500, 501, 502, 1498, 1499, 1500, 1501, 1502}


def test_contamination_is_found_at_any_stage(crowded):
    _, models, frame = crowded
    expected = find_contaminated_columns(frame, models)
    for rest in (
        compose(subtract_smear()),
        compose(subtract_smear(), divide_flat(models)),
        compose(subtract_robust_smear(models), divide_flat(models), divide_live_time()),
    ):
        assert np.array_equal(find_contaminated_columns(rest(frame), models), expected)


def test_the_true_smear_is_found_again(crowded):
    made, models, frame = crowded
    out = subtract_robust_smear(models)(frame)
    spoilt = find_contaminated_columns(frame, models)
    error = out.smear - made.truth.smear
    # The column that a star fills from end to end shows nothing: it is bridged, and says so.
    bridged = np.zeros_like(spoilt)
    bridged[1500] = True
    known = spoilt & ~bridged
    assert np.abs(error[known]).max() < 400  # e-/exposure: 0.3 e-/s, the median is off by 1e8
    assert np.abs((subtract_smear()(frame).smear - made.truth.smear)[500]) > 1e7
    assert (np.abs(error[spoilt]) < 4 * np.sqrt(out.smear_variance[spoilt])).all()
    assert np.isnan(out.smear_variance[~spoilt]).all()


def test_clean_columns_have_the_noise_of_the_median(crowded):
    made, models, frame = crowded
    out = compose(subtract_robust_smear(models), estimate_variance(models))(frame)
    clean = ~find_contaminated_columns(frame, models)
    clean[:44] = clean[2092:] = False
    pull = (out.smear - made.truth.smear)[clean] / np.sqrt(out.smear_variance[clean])
    assert pull.std() == pytest.approx(1.0, abs=0.05)


def test_the_image_of_the_column_is_right_where_the_median_ruins_it(crowded):
    made, models, frame = crowded
    sky = np.s_[200:1000, 500]
    robust = compose(subtract_robust_smear(models), divide_flat(models))(frame)
    median = compose(subtract_smear(), divide_flat(models))(frame)
    truth = made.truth.pixels[sky]
    assert abs(np.median(robust.pixels[sky] - truth)) < 400
    assert np.median(median.pixels[sky] - truth) < -1e7


def test_the_step_is_undone_with_its_numbers(crowded):
    _, models, frame = crowded
    step = subtract_robust_smear(models)
    out = step(frame)
    back = inverse(step)(out)
    np.testing.assert_allclose(back.pixels, frame.pixels, rtol=1e-12, atol=1e-6)
    assert back.smear is None
    assert back.smear_variance is None
    with pytest.raises(FrameError, match="needs the smear"):
        inverse(step)(attrs.evolve(out, smear=None))
    with pytest.raises(FrameError, match="replaces subtract_smear"):
        step(subtract_smear()(frame))


def test_missing_smear_rows_are_refused_as_by_the_median():
    stamp = Frame(pixels=np.ones((5, 5)), unit="electron", camera=2, ccd=3, exposure_s=120,
                  coadds=48, column=600)  # fmt: skip
    with pytest.raises(MissingCollateralError, match="smrow"):
        subtract_robust_smear(neutral_models(2, 3))(stamp)


def test_a_lost_smear_row_is_made_up_for():
    pixels = np.random.default_rng(1).normal(5000.0, 60.0, (2078, 2136))
    pixels[2048:] -= 4000.0
    pixels[2063, 700] = np.nan
    frame = Frame(pixels=pixels, unit="electron", camera=2, ccd=3, exposure_s=120, coadds=48)
    out = subtract_robust_smear(neutral_models(2, 3))(frame)
    assert out.smear[700] == pytest.approx(1000, abs=40)
    assert np.isnan(subtract_smear()(frame).smear[700])


def test_level_is_that_of_most_values_whatever_lies_above():
    random = np.random.default_rng(4)
    found = np.empty(2)
    for share in (0.0, 0.2, 0.4):
        values = random.normal(100.0, 3.0, 4000)
        count = int(share * len(values))
        values[:count] += random.exponential(200.0, count)
        values[count : count + 5] = np.nan
        assert kernels.background_level(np.sort(values), found) > 2000
        assert found[0] == pytest.approx(100.0, abs=0.2 + 3 * share)
    assert kernels.background_level(np.full(3, np.nan), found) == 0
    assert np.isnan(found).all()
    assert kernels.background_level(np.full(7, 2.5), found) == 7
    assert found.tolist() == [2.5, 0.0]


def test_fall_off_is_first_three_rows_less_last_three():
    rows = np.arange(20.0).reshape(10, 2) ** 2
    out = np.empty(2)
    kernels.fall_off(rows, out)
    np.testing.assert_allclose(out, rows[:3].mean(axis=0) - rows[-3:].mean(axis=0))


def test_standard_calibration_is_untouched_by_all_this(crowded):
    made, models, _ = crowded
    assert calibrate(made.frame, models).smear_variance is None
