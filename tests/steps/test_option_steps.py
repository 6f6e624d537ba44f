"""Live time, POC linearity and undershoot against plain loops, and their place in the order."""

import itertools

import numpy as np
import pytest

from tica_fn import (
    Frame,
    amplifiers,
    apply_gain,
    compose,
    correct_linearity,
    correct_poc_linearity,
    correct_undershoot,
    divide_flat,
    divide_live_time,
    inverse,
    neutral_models,
    subtract_bias,
    subtract_pedestal,
    subtract_smear,
)
from tica_fn.errors import FrameError, ModelError

MODELS = neutral_models(2, 3, constants=amplifiers(2, 3))
LETTERS = "ABCD"


def piece(pixels, row=0, column=0, **kw):
    fields = {"unit": "electron", "camera": 2, "ccd": 3, "exposure_s": 120, "coadds": 48} | kw
    return Frame(pixels=pixels, row=row, column=column, **fields)


def test_live_time_is_that_of_the_mission():
    out = divide_live_time()(piece(np.array([[0.0, 48 * 1.98, np.nan, np.inf]])))
    np.testing.assert_allclose(out.pixels, [[0.0, 1.0, np.nan, np.inf]], rtol=1e-15)
    assert out.unit == "electron / s"


def test_poc_linearity_is_the_formula_with_the_coadds_of_the_frame():
    levels = np.linspace(-1e3, 720 * 2.5e5, 7)
    row = np.repeat(levels[:, None], 2136, axis=1)
    out = correct_poc_linearity(MODELS)(piece(row, exposure_s=1800, coadds=720)).pixels
    for c in (0, 43, 44, 555, 556, 1067, 1068, 1579, 1580, 2091, 2092, 2135):
        for k, e in enumerate(levels):
            expected = e
            if 44 <= c < 2092:
                a = (c - 44) // 512
                gg, gl = MODELS.amplifiers.poc_gain_gain[a], MODELS.amplifiers.poc_gain_loss[a]
                expected = e / ((1 + e * gg / (720 * 0.99)) * (1 - e * gl / (720 * 0.99)))
            assert out[k, c] == pytest.approx(expected, rel=1e-14)


def twin_of_undershoot(row, first_column):
    out = [float(value) for value in row]
    for a in range(4):
        columns = [44 + 512 * a + i - first_column for i in range(512)]
        if a in (1, 3):
            columns.reverse()
        columns = [c for c in columns if 0 <= c < len(out)]
        for before, here in itertools.pairwise(columns):
            out[here] = row[here] + MODELS.amplifiers.undershoot[a] * out[before]
    return out


@pytest.mark.parametrize(("first", "count"), [(0, 2136), (550, 12), (1064, 8), (674, 11), (3, 1)])
def test_undershoot_follows_the_order_of_reading(first, count):
    row = np.random.default_rng(1).uniform(-5, 1e7, count)
    out = correct_undershoot(MODELS)(piece(row[None], row=2060, column=first)).pixels[0]
    np.testing.assert_allclose(out, twin_of_undershoot(row, first), rtol=1e-15)


def test_undershoot_of_a_star_is_given_back():
    true = np.full((1, 2136), 1e4)
    true[0, [100, 700, 1200, 2000]] = 1e6
    measured = inverse(correct_undershoot(MODELS))(
        piece(true, steps=("correct_undershoot",))
    ).pixels
    for a, (column, after) in enumerate([(100, 101), (700, 699), (1200, 1201), (2000, 1999)]):
        lost = MODELS.amplifiers.undershoot[a] * 1e6
        assert true[0, after] - measured[0, after] == pytest.approx(lost)
        assert measured[0, column] == pytest.approx(1e6 - MODELS.amplifiers.undershoot[a] * 1e4)


def test_alternatives_take_one_place():
    frame = piece(np.full((2, 2136), 1e5))
    with pytest.raises(FrameError, match="correct_poc_linearity replaces correct_linearity"):
        compose(correct_linearity(MODELS), correct_poc_linearity(MODELS))(frame)
    with pytest.raises(FrameError, match="correct_linearity replaces correct_poc_linearity"):
        compose(correct_poc_linearity(MODELS), correct_linearity(MODELS))(frame)
    with pytest.raises(FrameError, match="correct_undershoot was applied to this frame before"):
        compose(correct_undershoot(MODELS), correct_undershoot(MODELS))(frame)


def test_extra_steps_have_a_place_among_the_six():
    with pytest.raises(FrameError, match="correct_undershoot comes before divide_flat"):
        compose(divide_flat(MODELS), correct_undershoot(MODELS))(piece(np.ones((2, 2136))))
    with pytest.raises(FrameError, match="correct_linearity comes before correct_undershoot"):
        compose(correct_undershoot(MODELS), correct_linearity(MODELS))(piece(np.ones((2, 2136))))
    with pytest.raises(FrameError, match="divide_flat comes before divide_live_time"):
        compose(divide_live_time(), divide_flat(MODELS))(piece(np.ones((2, 2136))))


def test_a_pipeline_with_options_runs_and_runs_back():
    rng = np.random.default_rng(5)
    raw = rng.integers(300_000, 330_000, (2078, 2136)).astype(np.int32)
    frame = piece(raw, unit="adu")
    pipeline = compose(
        subtract_bias(MODELS), subtract_pedestal(), apply_gain(MODELS),
        correct_poc_linearity(MODELS), correct_undershoot(MODELS), subtract_smear(),
        divide_flat(MODELS), divide_live_time(),
    )  # fmt: skip
    out = pipeline(frame)
    one_by_one = frame
    for step in pipeline.steps:
        one_by_one = step(one_by_one)
    assert np.array_equal(out.pixels, one_by_one.pixels)
    assert out.steps == tuple(step.name for step in pipeline.steps)
    back = inverse(pipeline)(out)
    np.testing.assert_allclose(back.pixels, raw, rtol=1e-12)
    assert back.unit == "adu"
    assert back.steps == ()


@pytest.mark.parametrize("make", [correct_poc_linearity, correct_undershoot, divide_live_time])
def test_models_of_another_ccd_are_refused(make):
    with pytest.raises(ModelError, match="camera 1 CCD 4"):
        make(MODELS)(piece(np.ones((2, 2)), camera=1, ccd=4))
