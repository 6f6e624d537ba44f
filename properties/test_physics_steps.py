"""What the optional steps owe: the laws of the six."""

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tica_fn
from tica_fn import Frame, compose, standard_steps
from tica_fn.errors import FrameError
from tica_fn.steps import STANDARD_ORDER, TABLE
from tica_fn.testing import (
    assert_checked,
    assert_neutral,
    assert_pure,
    assert_reversible,
    assert_tiling_independent,
    frames_with_models,
)

IN_ELECTRONS = [
    "correct_poc_linearity", "correct_undershoot", "subtract_robust_smear", "divide_live_time",
]  # fmt: skip
every_step = pytest.mark.parametrize("name", IN_ELECTRONS)
few = settings(max_examples=8, deadline=None)
fewest = settings(max_examples=2, deadline=None)


def drawn(name, **knobs):
    """Strategy of pairs: the step bound to models, and a frame that it can be applied to."""
    pairs = frames_with_models(**{"unit": "electron"} | knobs)
    return pairs.map(lambda pair: (getattr(tica_fn, name)(pair[1]), pair[0]))


@every_step
@few
@given(data=st.data())
def test_a_step_is_pure(name, data):
    assert_pure(*data.draw(drawn(name)))


@every_step
@few
@given(data=st.data())
def test_a_step_can_be_undone(name, data):
    assert_reversible(*data.draw(drawn(name)))


@every_step
@few
@given(data=st.data())
def test_a_wrong_unit_and_a_second_time_are_refused(name, data):
    assert_checked(*data.draw(drawn(name)))


@pytest.mark.parametrize(
    ("name", "width"),
    [
        ("correct_poc_linearity", 4),
        ("correct_undershoot", None),
        ("divide_live_time", 4),
    ],
)
@few
@given(data=st.data())
def test_a_pixel_does_not_depend_on_its_tile(name, width, data):
    assert_tiling_independent(*data.draw(drawn(name)), width=width)


@pytest.mark.parametrize("name", ["correct_poc_linearity", "correct_undershoot"])
@few
@given(data=st.data())
def test_a_neutral_model_changes_nothing(name, data):
    assert_neutral(*data.draw(drawn(name, neutral=True)))


@fewest
@given(data=st.data())
def test_a_pedestal_by_row_obeys_the_laws(data):
    step, frame = data.draw(drawn("subtract_row_pedestal", unit="adu", whole=True))
    assert_pure(step, frame)
    assert_reversible(step, frame)
    assert_checked(step, frame)


def mission_models(models, profile=True):
    """Models with what the mission's steps need: a row profile, and errors of the 2-D black."""
    rows = np.sin(np.linspace(0.0, 40.0, 2078)) * np.array([[0.1], [0.2], [0.0], [-0.1]])
    sigma = np.full((2078, 2136), 4.3, dtype=np.float32)
    return attrs.evolve(models, row_profile=rows if profile else None, black_sigma=sigma)


@few
@given(data=st.data())
def test_the_mission_s_linearity_obeys_the_laws(data):
    frame, models = data.draw(frames_with_models(unit="adu"))
    step = tica_fn.correct_mission_linearity(models)
    assert_pure(step, frame)
    assert_reversible(step, frame)
    assert_checked(step, frame)
    assert_tiling_independent(step, frame)
    neutral = tica_fn.neutral_models(frame.camera, frame.ccd)
    assert_neutral(tica_fn.correct_mission_linearity(neutral), frame)


@few
@given(data=st.data())
def test_the_mission_s_smear_obeys_the_laws(data):
    frame, models = data.draw(frames_with_models(unit="electron"))
    step = tica_fn.subtract_mission_smear(mission_models(models))
    assert_pure(step, frame)
    assert_reversible(step, frame)
    assert_checked(step, frame)


@fewest
@given(data=st.data())
def test_the_mission_s_pedestal_obeys_the_laws(data):
    frame, models = data.draw(frames_with_models(unit="adu", whole=True))
    step = tica_fn.subtract_mission_pedestal(mission_models(models))
    assert_pure(step, frame)
    assert_reversible(step, frame)
    assert_checked(step, frame)
    # The profile is fixed: an offset of the frame is taken off as a whole.
    shifted = attrs.evolve(frame, pixels=frame.pixels + np.float64(500.0))
    np.testing.assert_allclose(step(shifted).pixels, step(frame).pixels, rtol=0, atol=1e-6)


def test_columns_without_light_have_no_smear_in_the_mission_s_fit():
    models = mission_models(tica_fn.neutral_models(2, 3, gain=5.2))
    frame = Frame(
        pixels=np.zeros((2078, 2136)), unit="electron", camera=2, ccd=3, exposure_s=120, coadds=48
    )
    out = tica_fn.subtract_mission_smear(models)(frame)
    assert not out.smear.any()
    assert not out.pixels.any()


def test_steps_of_the_mission_compose_as_one_by_one():
    models = mission_models(
        tica_fn.neutral_models(2, 3, constants=tica_fn.amplifiers(2, 3), bias=3.0, flat=0.9)
    )
    raw = np.random.default_rng(3).normal(9000.0, 40.0, (2078, 2136))
    frame = Frame(pixels=raw, unit="adu", camera=2, ccd=3, exposure_s=120, coadds=48)
    steps = [
        tica_fn.subtract_bias(models), tica_fn.subtract_mission_pedestal(models),
        tica_fn.correct_mission_linearity(models), tica_fn.apply_gain(models),
        tica_fn.subtract_mission_smear(models), tica_fn.divide_flat(models),
    ]  # fmt: skip
    expected = frame
    for step in steps:
        expected = step(expected)
    out = compose(*steps)(frame)
    assert out == expected
    back = tica_fn.inverse(compose(*steps))(out)
    np.testing.assert_allclose(back.pixels, raw, rtol=1e-12)
    done = compose(*steps, tica_fn.estimate_variance(models))(frame)
    assert np.isfinite(done.variance).all()
    assert np.array_equal(done.smear_variance, out.smear_variance)


@fewest
@given(data=st.data())
def test_a_variance_is_pure_and_can_be_taken_away(data):
    frame, models = data.draw(frames_with_models(unit="adu"))
    done = compose(*standard_steps(models).steps[:2])(frame)
    step = tica_fn.estimate_variance(models)
    assert_pure(step, done)
    assert_reversible(step, done)
    out = step(done)
    for piece in out.pieces():
        assert piece.variance.shape == piece.pixels.shape
        assert (piece.variance > 0).all()


@given(pair=st.tuples(*(st.sampled_from([row.name for row in TABLE]) for _ in range(2))))
@settings(max_examples=60, deadline=None)
def test_the_order_is_a_table_of_places(pair):
    """Any two steps follow each other if the second has a later place, and else do not."""
    first, second = pair
    place = {row.name: row.place for row in TABLE}
    number = {row.name: k for k, row in enumerate(TABLE)}
    frame = Frame(
        pixels=np.zeros((1, 1)), unit="electron", camera=1, ccd=1, exposure_s=20, coadds=10,
        steps=(first,),
    )  # fmt: skip
    from tica_fn.steps.table import check_order

    if number[second] > number[first] and place[second] != place[first]:
        check_order(second, frame.steps)
    else:
        with pytest.raises(FrameError, match=rf"{second} (was applied|replaces|comes before)"):
            check_order(second, frame.steps)


def test_the_table_knows_every_step_and_the_six_in_their_order():
    assert STANDARD_ORDER == (
        "subtract_bias", "subtract_pedestal", "apply_gain", "correct_linearity", "subtract_smear",
        "divide_flat",
    )  # fmt: skip
    models = tica_fn.neutral_models(2, 3)
    for row in TABLE:
        step = getattr(tica_fn, row.name)(models)
        assert (type(step), step.name) == (row.kind, row.name)
        assert row.maker is getattr(tica_fn, row.name)
    assert len({(row.place, row.choice) for row in TABLE}) == len(TABLE)


@few
@given(data=st.data())
def test_robust_smear_of_clean_columns_is_the_median_bit_for_bit(data):
    frame, models = data.draw(frames_with_models(unit="electron", dtypes=(np.float64,)))
    robust = tica_fn.subtract_robust_smear(models)(frame)
    median = tica_fn.subtract_smear()(frame)
    clean = ~tica_fn.find_contaminated_columns(frame, models)
    assert np.array_equal(robust.smear[clean], median.smear[clean], equal_nan=True)
    assert np.array_equal(robust.pixels[:, clean], median.pixels[:, clean], equal_nan=True)
    assert np.isnan(robust.smear_variance[clean]).all()
    assert attrs.evolve(robust, header={}).steps == ("subtract_robust_smear",)
