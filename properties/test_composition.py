"""Composition in any form gives the same bits; linearity's inverse holds for all 64 amplifiers."""

import functools
import pickle

import attrs
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tica_fn
from tica_fn import Frame, amplifiers, compose, inverse, neutral_models
from tica_fn.steps import STANDARD_ORDER
from tica_fn.testing import EXPOSURES_S, assert_pure, assert_tiling_independent, frames_with_models

few = settings(max_examples=20, deadline=None)
CCDS = [(camera, ccd) for camera in range(1, 5) for ccd in range(1, 5)]
# Where the six steps leave electrons: gain is among those that are kept.
after_gain = st.sets(st.sampled_from(STANDARD_ORDER)).map(
    lambda chosen: [n for n in STANDARD_ORDER if n in chosen or n == "apply_gain"]
)
odd = st.sampled_from([np.nan, np.inf, -np.inf, -0.0, 5e-324, 1e308, -1e308, 2.0**53])
any_counts = st.floats(-1e6, 1e9) | odd


def one_by_one(steps, frame):
    for step in steps:
        frame = step(frame)
    return frame


def doubled(frame):
    return attrs.evolve(frame, pixels=2.0 * frame.pixels, steps=(*frame.steps, "doubled"))


def assert_same_numbers(left, right):
    """The same bits; NaN is NaN whatever its sign."""
    for a, b in zip(left.pieces(), right.pieces(), strict=True):
        nan = np.isnan(a.pixels)
        np.testing.assert_array_equal(nan, np.isnan(b.pixels))
        assert a.pixels[~nan].tobytes() == b.pixels[~nan].tobytes()
        assert (a.unit, a.steps) == (b.unit, b.steps)


@few
@given(
    pair=frames_with_models(dtypes=(np.float64,), elements=any_counts),
    names=after_gain,
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_any_subset_is_fused_bit_for_bit_whatever_the_values(pair, names, dtype):
    frame, models = pair
    steps = [getattr(tica_fn, name)(models) for name in names]
    with np.errstate(all="ignore"):
        expected = one_by_one(steps, frame)
        rounded = attrs.evolve(expected, pixels=expected.pixels.astype(dtype), collateral=())
        found = attrs.evolve(compose(*steps)(frame, dtype=dtype), collateral=())
    assert_same_numbers(found, rounded)


@few
@given(pair=frames_with_models(), place=st.integers(0, 6), names=after_gain)
def test_a_step_of_ones_own_can_stand_anywhere(pair, place, names):
    frame, models = pair
    steps = [getattr(tica_fn, name)(models) for name in names]
    steps.insert(min(place, len(steps)), doubled)
    pipeline = compose(*steps)
    assert_same_numbers(pipeline(frame), one_by_one(steps, frame))
    assert_pure(pipeline, frame)


@few
@given(pair=frames_with_models(), cut=st.integers(0, 6))
def test_composition_is_associative(pair, cut):
    frame, models = pair
    steps = tica_fn.standard_steps(models).steps
    whole = compose(*steps)(frame)
    parts = compose(*steps[cut:])(compose(*steps[:cut])(frame))
    assert_same_numbers(parts, whole)
    assert parts == whole


@few
@given(pair=frames_with_models())
def test_a_pickled_frame_gives_the_same(pair):
    frame, models = pair
    steps = compose(tica_fn.subtract_pedestal(models), tica_fn.apply_gain(models))
    thawed = pickle.loads(pickle.dumps(frame))
    assert thawed == frame
    assert steps(thawed) == steps(frame)


@few
@given(
    pair=frames_with_models(dtypes=(np.int32,)),
    shifts=st.lists(st.integers(-100_000, 100_000), min_size=4, max_size=4),
)
@example(pair=None, shifts=[1, -2, 30_000, 0])
def test_a_shift_of_each_amplifier_changes_nothing_downstream(pair, shifts):
    if pair is None:
        pixels = np.arange(2078 * 2136, dtype=np.int32).reshape(2078, 2136) % 50_000
        frame = Frame(pixels=pixels, unit="adu", camera=1, ccd=4, exposure_s=600, coadds=240)
        pair = frame, neutral_models(1, 4, constants=amplifiers(1, 4))
    frame, models = pair
    by_column = np.array(shifts)[tica_fn.detector.amplifier_of_columns()]

    def shifted(piece):
        columns = by_column[piece.column : piece.column + piece.pixels.shape[1]]
        moved = piece.pixels + columns
        return attrs.evolve(piece, pixels=moved, collateral=tuple(map(shifted, piece.collateral)))

    before = tica_fn.calibrate(frame, models)
    after = tica_fn.calibrate(shifted(frame), models)
    scale = 1.0 + float(np.abs(before.pixels).max())
    np.testing.assert_allclose(after.pixels, before.pixels, rtol=0, atol=1e-11 * scale + 1e-5)
    known = np.isfinite(before.pedestals)
    moved = (after.pedestals - before.pedestals)[known]
    np.testing.assert_allclose(moved, np.array(shifts)[known], rtol=0, atol=1e-6)


@few
@given(pair=frames_with_models(), height=st.integers(1, 4), width=st.integers(1, 4))
def test_tiles_of_any_size_give_the_same(pair, height, width):
    frame, models = pair
    assert_tiling_independent(tica_fn.standard_steps(models), frame, height=height, width=width)


def of_each_amplifier(camera, ccd, coadds, fractions):
    """A frame whose science columns hold fractions of what their amplifier's model reaches."""
    constants = amplifiers(camera, ccd)
    top = constants.max_domain_adu * coadds * 0.99 * constants.gain
    pixels = np.zeros((len(fractions), 2136))
    pixels[:, 44:2092] = np.asarray(fractions)[:, None] * np.repeat(top, 512)
    return Frame(
        pixels=pixels, unit="electron", camera=camera, ccd=ccd, exposure_s=coadds * 2.5,
        coadds=coadds,
    )  # fmt: skip


@functools.cache
def linearity_of(camera, ccd):
    """The step of one CCD; all share the same neutral images."""
    constants = amplifiers(camera, ccd)
    return tica_fn.correct_linearity(
        attrs.evolve(neutral(), camera=camera, ccd=ccd, amplifiers=constants)
    )


@functools.cache
def neutral():
    return neutral_models(1, 1)


def assert_undone(frame):
    step = linearity_of(frame.camera, frame.ccd)
    after = step(frame)
    back = inverse(step)(after)
    assert (np.abs(back.pixels - frame.pixels) <= 1e-12 * np.abs(frame.pixels)).all()
    again = step(back)
    assert (np.abs(again.pixels - after.pixels) <= 1e-12 * np.abs(after.pixels)).all()


@pytest.mark.parametrize(("camera", "ccd"), CCDS)
def test_linearity_is_undone_for_every_amplifier_over_its_domain(camera, ccd):
    fractions = [0.0, *np.geomspace(1e-9, 1.0, 30), *np.linspace(0.01, 1.0, 34), -1e-3, -1e-6]
    assert_undone(of_each_amplifier(camera, ccd, 720.0, fractions))


@few
@given(
    place=st.sampled_from(CCDS),
    exposure_s=st.sampled_from(EXPOSURES_S),
    fractions=st.lists(st.floats(-0.01, 1.0, allow_subnormal=False), min_size=1, max_size=6),
)
def test_linearity_is_undone_wherever_one_looks(place, exposure_s, fractions):
    fractions = [f if abs(f) > 1e-200 else 0.0 for f in fractions]
    assert_undone(of_each_amplifier(*place, exposure_s * 0.4, fractions))


@pytest.mark.parametrize(("camera", "ccd"), CCDS)
def test_linearity_rises_with_the_signal(camera, ccd):
    """So that the inverse is one and the same wherever Newton's method comes from."""
    frame = of_each_amplifier(camera, ccd, 240.0, np.linspace(-0.05, 1.5, 400))
    out = linearity_of(camera, ccd)(frame).pixels[:, 44:2092]
    assert (np.diff(out, axis=0) > 0).all()
