"""Every law catches a step that breaks it, and what strategies draw is what they say."""

import subprocess
import sys

import attrs
import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings

import tica_fn
from tica_fn import Frame
from tica_fn.immutable import freeze
from tica_fn.testing import (
    assert_checked,
    assert_neutral,
    assert_pure,
    assert_reversible,
    assert_same_frame,
    assert_tiling_independent,
    frames,
    frames_with_models,
    headers,
    models,
    star_fields,
)

FRAME = Frame(
    pixels=np.arange(35.0).reshape(5, 7),
    unit="electron",
    camera=2,
    ccd=3,
    exposure_s=120,
    coadds=48,
    row=10,
    column=50,
)


def changed(frame, pixels, **more):
    return attrs.evolve(frame, pixels=freeze(np.asarray(pixels, dtype=np.float64)), **more)


def doubled(frame):
    """Stand for a user's own step that obeys all laws."""
    if frame.unit != "electron" or "doubled" in frame.steps:
        raise ValueError("no")
    return changed(frame, 2 * frame.pixels, steps=(*frame.steps, "doubled"))


def halved(frame):
    return changed(frame, frame.pixels / 2, steps=frame.steps[:-1])


def test_a_step_of_ones_own_can_be_held_to_all_laws():
    assert_pure(doubled, FRAME)
    assert_reversible(doubled, FRAME, undo=halved)
    assert_tiling_independent(doubled, FRAME)
    assert_checked(doubled, FRAME)
    assert_neutral(lambda frame: changed(frame, frame.pixels), FRAME)


def test_a_step_that_remembers_is_not_pure():
    calls = []

    def counting(frame):
        calls.append(1)
        return changed(frame, frame.pixels + len(calls))

    with pytest.raises(AssertionError, match=r"one of its own arrays|different frame"):
        assert_pure(counting, FRAME)


def test_a_step_that_changes_its_model_is_not_pure():
    model = np.zeros(7)

    def learning(frame):
        model[0] += 1.0
        return changed(frame, frame.pixels)

    with pytest.raises(AssertionError, match="modified one of its own arrays"):
        assert_pure(learning, FRAME)


def test_a_step_that_changes_its_frame_is_not_pure():
    def thawing(frame):
        frame.pixels.setflags(write=True)
        frame.pixels[0, 0] += 1.0
        frame.pixels.setflags(write=False)
        return changed(frame, np.zeros(frame.pixels.shape))

    own = attrs.evolve(FRAME, pixels=FRAME.pixels + 0.0)
    with pytest.raises(AssertionError, match="modified its input frame"):
        assert_pure(thawing, own)


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (lambda frame: frame.pixels, "not a Frame"),
        (lambda frame: changed(frame, frame.pixels[1:]), "changed the shape"),
        (lambda frame: attrs.evolve(frame, pixels=np.int32(frame.pixels)), "int32 pixels"),
    ],
)
def test_a_step_that_gives_something_else_is_not_pure(step, why):
    with pytest.raises(AssertionError, match=why):
        assert_pure(step, FRAME)


def test_an_inverse_that_is_none_is_found():
    with pytest.raises(AssertionError, match="does not undo"):
        assert_reversible(doubled, FRAME, undo=lambda frame: changed(frame, frame.pixels / 2.001))
    with pytest.raises(AssertionError, match=r"returns .* instead of"):
        assert_reversible(doubled, FRAME, undo=lambda frame: changed(frame, frame.pixels / 2))


def test_a_neutral_step_may_not_change_one_bit():
    def nudge(frame):
        pixels = frame.pixels.copy()
        pixels[3, 3] = np.nextafter(pixels[3, 3], 99)
        return changed(frame, pixels)

    with pytest.raises(AssertionError, match="neutral"):
        assert_neutral(nudge, FRAME)


def test_a_step_that_looks_at_its_neighbours_depends_on_its_tile():
    def smoothing(frame):
        return changed(frame, frame.pixels - frame.pixels.mean(axis=1, keepdims=True))

    with pytest.raises(AssertionError, match="in the tile that starts at row 0, column 0"):
        assert_tiling_independent(smoothing, FRAME)
    assert_tiling_independent(smoothing, FRAME, width=None)


def test_a_step_that_depends_on_threads_is_found():
    def threaded(frame, *, threads=1):
        return changed(frame, frame.pixels + threads)

    with pytest.raises(AssertionError, match="with 2 threads"):
        assert_tiling_independent(threaded, FRAME)


def test_a_step_that_checks_nothing_is_found():
    with pytest.raises(AssertionError, match="pixels in adu"):
        assert_checked(lambda frame: frame, FRAME)

    def unit_only(frame):
        if frame.unit != "electron":
            raise ValueError("no")
        return frame

    with pytest.raises(AssertionError, match="a second time"):
        assert_checked(unit_only, FRAME)


def test_frames_differ_by_anything():
    assert_same_frame(FRAME, attrs.evolve(FRAME))
    with pytest.raises(AssertionError, match="cadence"):
        assert_same_frame(FRAME, attrs.evolve(FRAME, cadence=5))
    with pytest.raises(AssertionError, match="pixels"):
        assert_same_frame(FRAME, attrs.evolve(FRAME, pixels=-FRAME.pixels))


@settings(max_examples=25, deadline=None)
@given(frame=frames(camera=1))
def test_pieces_bring_all_that_the_steps_measure(frame):
    assert frame.camera == 1
    out = tica_fn.subtract_pedestal()(frame)
    assert np.isfinite(out.pedestals).any()
    readout = {}
    for piece in frame.pieces():
        for (r, c), value in np.ndenumerate(piece.pixels):
            place = (piece.row + r, piece.column + c)
            assert readout.setdefault(place, value) == value


@settings(max_examples=10, deadline=None)
@given(pair=frames_with_models(unit="electron", collateral=False), other=models(ccd=2))
def test_models_are_those_of_the_frame(pair, other):
    frame, found = pair
    assert (frame.camera, frame.ccd) == (found.camera, found.ccd)
    assert not frame.collateral
    assert other.ccd == 2


@settings(max_examples=2, deadline=None)
@given(frame=frames(whole=True, dtypes=(np.int32,)))
def test_whole_frames_are_whole(frame):
    assert frame.pixels.shape == (2078, 2136)
    assert frame.pixels.dtype == np.int32


@settings(max_examples=50, deadline=None)
@given(values=headers())
def test_headers_can_be_written(values):
    header = fits.Header()
    for keyword, value in values.items():
        header[keyword] = value
    again = fits.Header.fromstring(header.tostring())
    for keyword, value in values.items():
        if isinstance(value, float):
            # A number has 20 places in a card, sign and exponent included.
            value = pytest.approx(value, rel=1e-12, abs=0)
        assert again[keyword] == value


@settings(max_examples=25, deadline=None)
@given(stars=star_fields(max_stars=5))
def test_star_fields_lie_on_the_ccd_or_near_it(stars):
    assert len(stars) <= 5
    assert ((stars.columns >= 39) & (stars.columns <= 2097)).all()
    assert ((stars.rows >= -5) & (stars.rows <= 2053)).all()


def test_laws_need_no_hypothesis():
    """Who asks for every submodule, as `help` and completion do, meets no missing package."""
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import tica_fn; print(tica_fn.testing.assert_pure.__name__)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "assert_pure\n"
