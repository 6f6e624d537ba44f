"""Outcomes of failed files, which long batches collect, hold no pixels."""

import gc
import weakref
from pathlib import Path

import numpy as np
import pytest

from tica_fn.cli import main
from tica_fn.errors import BadFileError
from tica_fn.fits.batch import ModelShelf, attempt, run_batch
from tica_fn.fits.outcome import FAILED


@pytest.fixture(autouse=True)
def uncollected():
    gc.disable()
    yield
    gc.enable()


class Pixels(np.ndarray):
    """An array that can be watched."""


@pytest.mark.parametrize("chained", [False, True])
def test_a_failure_lets_go_of_pixels_before_garbage_is_collected(chained):
    watched = []

    def fail(path, *_):
        pixels = np.zeros((4, 4)).view(Pixels)
        watched.append(weakref.ref(pixels))
        try:
            raise KeyError(pixels.size)
        except KeyError as error:
            if chained:
                raise BadFileError(f"{path}: damaged") from error
        raise BadFileError(f"{path}: damaged")

    outcomes = [attempt(Path("a"), fail), *run_batch([Path("b"), Path("c")], fail, jobs=2)]
    assert [outcome.state for outcome in outcomes] == [FAILED] * 3
    assert all(
        "fail" in str(outcome.error.__traceback__.tb_next.tb_frame) for outcome in outcomes[:1]
    )
    assert [one() for one in watched] == [None] * 3


def test_models_that_fail_are_told_each_time_with_a_short_trace(tmp_path):
    shelf = ModelShelf(tmp_path / "calibration_30min")
    lengths = []
    for _ in range(3):
        with pytest.raises(ValueError, match="calibration_30min") as caught:
            shelf(2, 3)
        lengths.append(len(caught.traceback))
        assert caught.traceback[-1].name != "__call__"
    assert lengths[0] == lengths[1] == lengths[2]


def test_the_memory_of_a_command_can_be_collected_afterwards(tmp_path):
    assert main(["info", str(tmp_path / "none.fits")]) == 1
    assert gc.get_freeze_count() == 0
