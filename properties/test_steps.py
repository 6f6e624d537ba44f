"""What the six steps owe, one by one and composed."""

import functools

import attrs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tica_fn
from tica_fn.detector import SMEAR_MEDIAN_ROWS
from tica_fn.steps import STANDARD_ORDER
from tica_fn.testing import (
    assert_checked,
    assert_neutral,
    assert_pure,
    assert_reversible,
    assert_same_frame,
    assert_tiling_independent,
    frames_with_models,
)

UNIT = dict.fromkeys(STANDARD_ORDER[:3], "adu") | dict.fromkeys(STANDARD_ORDER[3:], "electron")
MODELLED = ["subtract_bias", "apply_gain", "correct_linearity", "divide_flat"]
every_step = pytest.mark.parametrize("name", STANDARD_ORDER)
# Compiling is done at the first call and loading a kernel takes its time: no deadline.
few = settings(max_examples=15, deadline=None)
fewer = settings(max_examples=10, deadline=None)
names = st.sets(st.sampled_from(STANDARD_ORDER), min_size=1).map(
    lambda chosen: [name for name in STANDARD_ORDER if name in chosen]
)


def bound(name, models):
    return getattr(tica_fn, name)(models)


def drawn(name, **knobs):
    """Strategy of pairs: the step bound to models, and a frame that it can be applied to."""
    pairs = frames_with_models(unit=UNIT[name], **knobs)
    return pairs.map(lambda pair: (bound(name, pair[1]), pair[0]))


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
def test_a_pixel_does_not_depend_on_its_tile(name, data):
    assert_tiling_independent(*data.draw(drawn(name)))


@every_step
@fewer
@given(data=st.data())
def test_a_wrong_unit_and_a_second_time_are_refused(name, data):
    assert_checked(*data.draw(drawn(name)))


@pytest.mark.parametrize(
    "name", ["subtract_bias", "apply_gain", "correct_linearity", "divide_flat"]
)
@few
@given(data=st.data())
def test_a_neutral_model_changes_nothing(name, data):
    assert_neutral(*data.draw(drawn(name, neutral=True)))


@few
@given(pair=frames_with_models(dtypes=(np.float64,)))
def test_gain_there_and_back_is_within_the_last_bits(pair):
    frame, models = pair
    step = tica_fn.apply_gain(models)
    back = tica_fn.inverse(step)(step(frame))
    np.testing.assert_array_max_ulp(back.pixels, frame.pixels, maxulp=1)


@few
@given(pair=frames_with_models(unit="electron"), level=st.floats(-1e3, 1e6))
def test_a_blank_column_has_no_smear(pair, level):
    frame, _ = pair
    blank = [attrs.evolve(p, pixels=np.full(p.pixels.shape, level)) for p in frame.pieces()]
    out = tica_fn.subtract_smear()(attrs.evolve(blank[0], collateral=blank[1:]))
    assert not out.pixels.any()
    assert (out.smear == level).all()


@few
@given(data=st.data())
def test_smear_is_the_middle_of_seven(data):
    step, frame = data.draw(drawn("subtract_smear"))
    out = step(frame)
    rows = next(p for p in frame.collateral if p.row == 2058)
    first, last = (r - rows.row for r in SMEAR_MEDIAN_ROWS)
    expected = np.median(rows.pixels[first:last].astype(np.float64), axis=0)
    np.testing.assert_array_equal(out.smear, expected)


@few
@given(pair=frames_with_models(), shift=st.integers(-100_000, 100_000))
def test_a_shift_of_all_counts_is_a_shift_of_the_pedestals(pair, shift):
    frame, _ = pair
    plain = [attrs.evolve(p, pixels=p.pixels.astype(np.int32)) for p in frame.pieces()]
    moved = [attrs.evolve(p, pixels=p.pixels + np.int32(shift)) for p in plain]
    before, after = (
        tica_fn.subtract_pedestal()(attrs.evolve(f[0], collateral=f[1:])) for f in (plain, moved)
    )
    np.testing.assert_allclose(after.pedestals, before.pedestals + shift, rtol=0, atol=1e-6)
    np.testing.assert_allclose(after.pixels, before.pixels, rtol=0, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(data=st.data(), chosen=names)
def test_any_subset_composed_is_the_steps_one_by_one_bit_for_bit(data, chosen):
    frame, models = data.draw(frames_with_models(unit=UNIT[chosen[0]]))
    steps = [bound(name, models) for name in chosen]
    try:
        one_by_one = functools.reduce(lambda before, step: step(before), steps, frame)
    except ValueError:
        # Without the gain, what needs electrons is refused: composed no less than one by one.
        with pytest.raises(ValueError, match="needs pixels in"):
            tica_fn.compose(*steps)(frame)
        return
    assert_same_frame(tica_fn.compose(*steps)(frame), one_by_one)


@few
@given(pair=frames_with_models())
def test_the_whole_calibration_is_pure_and_can_be_undone(pair):
    frame, models = pair
    steps = tica_fn.standard_steps(models)
    assert_pure(steps, frame)
    assert_reversible(steps, frame, rtol=1e-11)
    assert_tiling_independent(steps, frame)


@settings(max_examples=4, deadline=None)
@given(pair=frames_with_models(whole=True))
def test_whole_readouts_obey_the_same_laws(pair):
    frame, models = pair
    steps = tica_fn.standard_steps(models)
    assert_reversible(steps, frame, rtol=1e-11)
    for threads in (2, 3):
        assert_same_frame(steps(frame, threads=threads), steps(frame))
    half = tica_fn.calibrate(frame, models, dtype=np.float32)
    assert np.array_equal(half.pixels, steps(frame).pixels.astype(np.float32))
