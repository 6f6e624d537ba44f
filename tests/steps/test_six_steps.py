"""What the six steps refuse, keep and measure; pipelines as values."""

import itertools
import pickle

import attrs
import numpy as np
import pytest

import tica_fn
from tests.data.made_frames import made_frame
from tica_fn import Frame, Models, amplifiers, compose, inverse, neutral_models
from tica_fn.errors import ExposureMismatchError, FrameError, MissingCollateralError, ModelError
from tica_fn.immutable import is_frozen
from tica_fn.pipeline.fuse import Fused, is_one_sweep
from tica_fn.steps import STANDARD_ORDER

MAKERS = {name: getattr(tica_fn, name) for name in STANDARD_ORDER}
NEEDS = dict.fromkeys(STANDARD_ORDER[:3], "adu") | dict.fromkeys(STANDARD_ORDER[3:], "electron")


@pytest.fixture(scope="module")
def raw():
    pixels = made_frame(2, 3, 600, 3)[0]
    return Frame(pixels=pixels, unit="adu", camera=2, ccd=3, exposure_s=600, coadds=240)


@pytest.fixture(scope="module")
def models():
    _, bias, flat = made_frame(2, 3, 600, 3)
    return Models(
        camera=2, ccd=3, bias=bias, flat=flat, amplifiers=amplifiers(2, 3), exposure_s=600
    )


def every(models):
    return tica_fn.standard_steps(models).steps


def one_by_one(steps, frame):
    for step in steps:
        frame = step(frame)
    return frame


def ready_for(name, frame):
    """The frame as it would come to a step, in the unit that the step needs."""
    return attrs.evolve(frame, unit=NEEDS[name])


every_step = pytest.mark.parametrize("name", STANDARD_ORDER)


@every_step
def test_a_step_gives_a_new_frozen_frame_and_says_so(name, raw, models):
    frame = ready_for(name, raw)
    out = MAKERS[name](models)(frame)
    assert out is not frame
    assert out.pixels.dtype == np.float64
    assert is_frozen(out.pixels)
    assert out.steps == (name,)
    assert out.unit == ("adu" if name in STANDARD_ORDER[:2] else "electron")
    assert out.provenance == models.provenance
    assert (out.camera, out.ccd, out.exposure_s, out.coadds) == (2, 3, 600, 240)


@every_step
def test_a_wrong_unit_is_refused(name, raw, models):
    for unit in {"adu", "electron", "electron / s"} - {NEEDS[name]}:
        with pytest.raises(FrameError, match=f"{name} needs pixels in {NEEDS[name]}, not in"):
            MAKERS[name](models)(attrs.evolve(raw, unit=unit))


@every_step
def test_a_second_application_is_refused(name, raw, models):
    step = MAKERS[name](models)
    done = attrs.evolve(ready_for(name, raw), steps=(name,))
    for again in (step, compose(step)):
        with pytest.raises(FrameError, match=f"{name} was applied to this frame before"):
            again(done)


@pytest.mark.parametrize(("early", "late"), list(itertools.combinations(STANDARD_ORDER, 2)))
def test_a_step_after_a_later_one_is_refused(early, late, raw, models):
    done = attrs.evolve(ready_for(early, raw), steps=(late,))
    with pytest.raises(FrameError, match=f"{early} comes before {late}"):
        MAKERS[early](models)(done)
    pipeline = compose(MAKERS[late](models), MAKERS[early](models))
    with pytest.raises(FrameError, match=f"{early} comes before {late}"):
        pipeline(ready_for(late, raw))


@every_step
def test_a_frame_of_another_ccd_is_refused(name, raw, models):
    for change in ({"camera": 3}, {"ccd": 1}):
        with pytest.raises(ModelError, match="camera 2 CCD 3"):
            MAKERS[name](models)(attrs.evolve(ready_for(name, raw), **change))


@every_step
def test_a_frame_of_another_exposure_is_refused_with_both_numbers(name, raw, models):
    other = attrs.evolve(ready_for(name, raw), exposure_s=1800)
    with pytest.raises(ExposureMismatchError, match=r"1800 s.*600 s"):
        MAKERS[name](models)(other)
    # A rounded exposure time is the same one.
    MAKERS[name](models).check(attrs.evolve(other, exposure_s=600.4))


@every_step
def test_an_inverse_is_refused_where_there_is_nothing_to_undo(name, raw, models):
    undo = inverse(MAKERS[name](models))
    with pytest.raises(FrameError, match=f"whose last step is {name}; steps so far: none"):
        undo(raw)
    out = MAKERS[name](models)(ready_for(name, raw))
    with pytest.raises(FrameError, match="whose last step"):
        undo(attrs.evolve(out, steps=(*out.steps, "something_else")))
    with pytest.raises(FrameError, match="needs pixels in"):
        undo(attrs.evolve(out, unit="electron / s"))


@pytest.mark.parametrize(
    ("name", "number"), [("subtract_pedestal", "pedestals"), ("subtract_smear", "smear")]
)
def test_an_inverse_needs_the_numbers_that_were_measured(name, number, raw, models):
    out = MAKERS[name](models)(ready_for(name, raw))
    assert getattr(inverse(MAKERS[name](models))(out), number) is None
    with pytest.raises(FrameError, match="needs the"):
        inverse(MAKERS[name](models))(attrs.evolve(out, **{number: None}))


def test_an_inverse_of_an_inverse_is_the_step(models):
    step = tica_fn.apply_gain(models)
    assert inverse(inverse(step)) == step
    pipeline = tica_fn.standard_steps(models)
    assert inverse(inverse(pipeline)) == pipeline


def test_all_steps_are_undone(raw, models):
    pipeline = tica_fn.standard_steps(models)
    back = inverse(pipeline)(pipeline(raw))
    np.testing.assert_allclose(back.pixels, raw.pixels, rtol=0, atol=1e-6)
    assert np.array_equal(np.rint(back.pixels), raw.pixels)
    assert (back.unit, back.steps, back.pedestals, back.smear) == ("adu", (), None, None)


@pytest.mark.parametrize("count", range(1, 7))
def test_any_number_of_first_steps_is_fused_bit_for_bit(count, raw, models):
    steps = tica_fn.standard_steps(models).steps[:count]
    fused, stepwise = compose(*steps)(raw), one_by_one(steps, raw)
    assert fused == stepwise
    assert fused.pixels.tobytes() == stepwise.pixels.tobytes()


@pytest.mark.parametrize("threads", [2, 7, 5000])
def test_threads_change_no_bit(threads, raw, models):
    steps = tica_fn.standard_steps(models)
    alone = steps(raw, dtype=np.float32)
    found = tica_fn.calibrate(raw, models, np.float32, threads=threads)
    assert found == alone
    assert found.pixels.tobytes() == alone.pixels.tobytes()


def doubled(frame):
    """A user's own step, which says nothing of itself."""
    return attrs.evolve(frame, pixels=2.0 * frame.pixels)


def test_a_step_of_ones_own_splits_the_pass_and_is_written_down(raw, models, monkeypatch):
    passes = []
    before = Fused.__call__

    def counting(self, *args, **kwargs):
        passes.append(tuple(step.name for step in self.steps))
        return before(self, *args, **kwargs)

    monkeypatch.setattr(Fused, "__call__", counting)
    steps = tica_fn.standard_steps(models).steps
    found = compose(*steps[:3], doubled, *steps[3:])(raw)
    assert passes == [STANDARD_ORDER[:3], STANDARD_ORDER[3:]]
    assert found.steps == (*STANDARD_ORDER[:3], "doubled", *STANDARD_ORDER[3:])
    by_hand = one_by_one(steps[3:], doubled(one_by_one(steps[:3], raw)))
    assert found.pixels.tobytes() == by_hand.pixels.tobytes()
    passes.clear()
    compose(*steps)(raw)
    assert passes == [STANDARD_ORDER]


def test_a_step_of_ones_own_must_give_a_frame(raw):
    with pytest.raises(FrameError, match="returned ndarray, not a Frame"):
        compose(lambda frame: frame.pixels)(raw)
    with pytest.raises(TypeError, match="a step is a function"):
        compose("subtract_bias")


def test_a_step_of_ones_own_can_say_its_inverse(raw):
    def halved(frame):
        return attrs.evolve(frame, pixels=0.5 * frame.pixels, steps=frame.steps[:-1])

    def twice(frame):
        return doubled(frame)

    with pytest.raises(TypeError, match="no inverse"):
        inverse(twice)
    twice.inverse = halved
    pipeline = compose(twice)
    assert np.array_equal(inverse(pipeline)(pipeline(raw)).pixels, raw.pixels)


def test_nothing_composed_is_the_identity(raw):
    assert compose()(raw) is raw
    assert repr(compose()) == "compose()"
    as_float = compose()(raw, dtype=np.float64)
    assert as_float.pixels.dtype == np.float64
    assert np.array_equal(as_float.pixels, raw.pixels)


def test_pipelines_of_pipelines_are_flat(models):
    steps = tica_fn.standard_steps(models).steps
    assert compose(compose(*steps[:2]), compose(compose(*steps[2:]))) == compose(*steps)


def test_pipelines_compare_by_steps_and_models(models):
    steps = tica_fn.standard_steps(models)
    assert steps == tica_fn.standard_steps(attrs.evolve(models))
    other = attrs.evolve(models, flat=models.flat * np.float32(2))
    assert steps != tica_fn.standard_steps(other)
    assert steps != compose(*steps.steps[:-1])
    assert repr(steps).startswith("compose(subtract_bias(camera 2 CCD 3), subtract_pedestal")


def test_unknown_steps_can_not_be_left_out(models):
    with pytest.raises(ValueError, match="no such step: subtract_sky"):
        tica_fn.standard_steps(models, without=("subtract_sky",))


def test_steps_pipelines_frames_and_models_survive_pickling(raw, models):
    steps = tica_fn.standard_steps(models)
    out = steps(raw)
    for thing in (steps, inverse(steps), raw, out, models):
        thawed = pickle.loads(pickle.dumps(thing))
        assert thawed == thing
        assert repr(thawed) == repr(thing)
    there = pickle.loads(pickle.dumps(steps))(pickle.loads(pickle.dumps(raw)))
    assert there == out
    for array in (there.pixels, there.pedestals, there.smear):
        assert is_frozen(array)
    thawed = pickle.loads(pickle.dumps(models))
    for array in (thawed.bias, thawed.flat, thawed.amplifiers.gain):
        assert is_frozen(array)


def test_a_bad_pixel_stays_where_it_is(raw, models):
    pixels = raw.pixels.astype(np.float64)
    pixels[17, 600], pixels[900, 44], pixels[5, 3] = np.nan, np.inf, -np.inf
    steps = tica_fn.standard_steps(models)
    spoiled = attrs.evolve(raw, pixels=pixels)
    good, bad = steps(raw), steps(spoiled)
    assert np.argwhere(~np.isfinite(bad.pixels)).tolist() == [[5, 3], [17, 600], [900, 44]]
    same = np.isfinite(bad.pixels)
    assert np.array_equal(bad.pixels[same], good.pixels[same])
    assert np.array_equal(one_by_one(steps.steps, spoiled).pixels, bad.pixels, equal_nan=True)


def test_saturation_at_the_ends_of_int32(models):
    pixels = np.full((2078, 2136), 2**31 - 1, np.int32)
    pixels[::2] = -(2**31)
    raw = Frame(pixels=pixels, unit="adu", camera=2, ccd=3, exposure_s=600, coadds=240)
    steps = tica_fn.standard_steps(models)
    fused = steps(raw)
    assert np.isfinite(fused.pixels).all()
    assert fused.pixels.tobytes() == one_by_one(steps.steps, raw).pixels.tobytes()


def test_a_frame_that_was_restored_equals_the_raw_one(raw, models):
    """Where the arithmetic is exact; the models leave no trace either."""
    whole = attrs.evolve(models, bias=np.round(models.bias), flat=np.ones((2078, 2136)))
    for step in (tica_fn.subtract_bias(whole), tica_fn.subtract_pedestal(whole)):
        assert inverse(step)(step(raw)).provenance is None
    step = tica_fn.subtract_bias(whole)
    assert inverse(step)(step(raw)) == raw


@every_step
def test_a_step_made_of_another_acts_as_itself_in_a_pipeline(name, raw, models):
    """It has the name of a standard step, and is not swept as one."""
    standard = type(MAKERS[name](models))

    class Other(standard):
        def forward(self, piece):
            return standard.forward(self, piece) * 2.0

    frame = ready_for(name, raw)
    alone = Other(models)(frame)
    assert not np.array_equal(alone.pixels, MAKERS[name](models)(frame).pixels)
    assert np.array_equal(compose(Other(models))(frame).pixels, alone.pixels)
    steps = [Other(models) if step.name == name else step for step in every(models)]
    composed = compose(*steps)
    assert not is_one_sweep(composed.steps)
    assert np.array_equal(composed(raw).pixels, one_by_one(steps, raw).pixels)


@pytest.mark.parametrize(
    "name", ["subtract_bias", "apply_gain", "correct_linearity", "divide_flat"]
)
@pytest.mark.parametrize("wrong", [None, "calibration_10min"])
def test_what_are_no_models_is_refused(name, wrong, raw):
    with pytest.raises(TypeError, match=f"{name} needs models .*{type(wrong).__name__}"):
        MAKERS[name](wrong)
    with pytest.raises(TypeError, match="needs models"):
        tica_fn.calibrate(raw, wrong)


@every_step
def test_what_is_no_frame_is_refused(name, models):
    for step in (MAKERS[name](models), compose(MAKERS[name](models))):
        with pytest.raises(TypeError, match="takes a Frame, not ndarray"):
            step(np.zeros((2078, 2136)))


@pytest.mark.parametrize("dtype", [np.int32, np.float16, np.complex128])
def test_results_of_another_type_are_refused(dtype, raw, models):
    """Rather than cut electrons to whole ones, or numbers beyond 65504 to infinity."""
    for pipeline in (tica_fn.standard_steps(models), compose()):
        with pytest.raises(FrameError, match=f"float64 or float32, not {np.dtype(dtype)}"):
            pipeline(raw, dtype=dtype)


@pytest.mark.parametrize("dtype", [np.float32, ">i4", ">f8", "u2"])
def test_the_type_of_the_counts_changes_nothing(dtype, models):
    counts = made_frame(2, 3, 600, 3)[0] % 60000
    first, second = (
        tica_fn.calibrate(
            Frame(pixels=counts.astype(kind), unit="adu", camera=2, ccd=3, exposure_s=600,
                  coadds=240),
            models,
        )
        for kind in (np.int32, dtype)
    )  # fmt: skip
    assert first.pixels.tobytes() == second.pixels.tobytes()


def test_a_bias_per_read_is_multiplied_by_the_reads(raw, models):
    per_read = attrs.evolve(models, bias=models.bias / np.float32(256), bias_per_read=True)
    frame = attrs.evolve(raw, coadds=256.0)
    summed, read = (tica_fn.subtract_bias(m)(frame) for m in (models, per_read))
    assert np.array_equal(summed.pixels, read.pixels)
    pipeline = compose(tica_fn.subtract_bias(per_read), tica_fn.subtract_pedestal())
    assert pipeline(frame) == one_by_one(pipeline.steps, frame)


@pytest.mark.parametrize("name", ["subtract_pedestal", "subtract_smear"])
def test_a_piece_without_collateral_is_refused(name):
    frame = Frame(
        pixels=np.zeros((10, 5)), unit=NEEDS[name], camera=2, ccd=3, exposure_s=600, coadds=240,
        row=10, column=500,
    )  # fmt: skip
    for step in (MAKERS[name](), compose(MAKERS[name]())):
        with pytest.raises(MissingCollateralError, match="missing: give the"):
            step(frame)


def test_smear_takes_seven_rows_and_no_other(raw):
    pixels = np.zeros((2078, 2136))
    pixels[2061:2068] = np.arange(7.0)[:, None]
    frame = attrs.evolve(raw, pixels=pixels, unit="electron")
    out = tica_fn.subtract_smear()(frame)
    assert (out.smear == 3.0).all()
    assert (out.pixels[:2061] == -3.0).all()
    for row in (2060, 2068):  # the neighbours have no say
        other = pixels.copy()
        other[row] = 1e6
        assert (tica_fn.subtract_smear()(attrs.evolve(frame, pixels=other)).smear == 3.0).all()


def test_pedestals_take_eight_columns_from_row_750_on(raw):
    pixels = np.zeros((2078, 2136))
    for a in range(4):
        pixels[750:, 2092 + 11 * a + 3 : 2092 + 11 * (a + 1)] = 10.0 + a
    out = tica_fn.subtract_pedestal()(attrs.evolve(raw, pixels=pixels))
    assert out.pedestals.tolist() == [10.0, 11.0, 12.0, 13.0]
    edges = [0, 11, 22, 33, 44, 556, 1068, 1580, 2092, 2103, 2114, 2125]
    for first, a in zip(edges, [0, 1, 2, 3] * 3, strict=True):
        assert out.pixels[0, first] == -(10.0 + a)
    # Neither the rows before nor the three columns beside have a say.
    other = pixels.copy()
    other[:750] = 1e6
    for a in range(4):
        other[:, 2092 + 11 * a : 2092 + 11 * a + 3] = 1e6
    again = tica_fn.subtract_pedestal()(attrs.evolve(raw, pixels=other))
    assert again.pedestals.tolist() == out.pedestals.tolist()


def test_linearity_acts_on_science_columns_only(raw):
    models = neutral_models(2, 3, constants=amplifiers(2, 3))
    frame = attrs.evolve(raw, pixels=np.full((2078, 2136), 1e6), unit="electron")
    out = tica_fn.correct_linearity(models)(frame).pixels
    assert (out[:, :44] == 1e6).all()
    assert (out[:, 2092:] == 1e6).all()
    assert (out[:, 44:2092] != 1e6).all()
    by_amplifier = [set(out[:, 44 + 512 * a : 44 + 512 * (a + 1)].ravel()) for a in range(4)]
    assert [len(values) for values in by_amplifier] == [1, 1, 1, 1]
    assert len(set.union(*by_amplifier)) == 4


def test_nothing_that_is_given_is_modified(raw, models):
    before = raw.pixels.tobytes(), models.bias.tobytes(), models.flat.tobytes()
    steps = tica_fn.standard_steps(models)
    inverse(steps)(steps(raw, threads=2))
    one_by_one(steps.steps, raw)
    assert (raw.pixels.tobytes(), models.bias.tobytes(), models.flat.tobytes()) == before
    assert raw.steps == ()
