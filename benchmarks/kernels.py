"""The sweep compared with its unavoidable memory traffic, and each step alone."""

from __future__ import annotations

import time
from collections.abc import Callable

import numba
import numpy as np

import tica_fn
from benchmarks.timing import in_turn, ratio
from tica_fn.frame import Frame, Place
from tica_fn.pipeline.compose import Pipeline
from tica_fn.pipeline.sweep_plan import SweepPlan
from tica_fn.simulate import full_frame, make_models, random_stars

Row = tuple[str, str]


_CACHED = 16
"""So many rows of all arrays fit into a core's own cache."""


@numba.njit(nogil=True, error_model="numpy")
def _traffic(pixels, bias, flat, out):  # pragma: no cover - compiled
    """Read int32 pixels and two float32 models, write float32: memory traffic alone."""
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            out[r, c] = np.float32(pixels[r, c]) + bias[r, c] + flat[r, c]


def traffic_of_a_ccd() -> Callable[[], None]:
    """The memory traffic of one CCD, in whose time other work can be told on any machine."""
    shape = (2078, 2136)
    pixels, out = np.ones(shape, dtype=np.int32), np.empty(shape, dtype=np.float32)
    bias, flat = np.ones(shape, dtype=np.float32), np.ones(shape, dtype=np.float32)
    return lambda: _traffic(pixels, bias, flat, out)


def measure() -> list[Row]:
    """Rows of the table."""
    models = make_models(2, 3, 1800)
    frame = full_frame(models, stars=random_stars(500, seed=1), seed=1).frame
    pipeline = tica_fn.standard_steps(models)
    out = np.empty(frame.pixels.shape, dtype=np.float32)

    def floor() -> None:
        _traffic(frame.pixels, models.bias, models.flat, out)

    def floor_fresh() -> None:
        _traffic(frame.pixels, models.bias, models.flat, np.empty_like(out))

    def fused() -> None:
        pipeline(frame, dtype=np.float32)

    def two_threads() -> None:
        pipeline(frame, dtype=np.float32, threads=2)

    def four_threads() -> None:
        pipeline(frame, dtype=np.float32, threads=4)

    plan = _plan(frame, pipeline)

    def from_cache() -> None:
        """As many rows, but always the same few."""
        for _ in range(len(out) // _CACHED):
            plan.sweep_rows(0, frame.pixels[:_CACHED], out[:_CACHED])

    kinds = (floor, floor_fresh, fused, lambda: plan.sweep_rows(0, frame.pixels, out), from_cache)
    bare, fresh, one, sweep, cached = in_turn(*kinds, runs=40, clock=time.thread_time)
    _, two, four = in_turn(fused, two_threads, four_threads, runs=20)
    rows = [
        ("memory traffic alone, into the same array", _ms(bare)),
        ("memory traffic alone, into a new array", _ms(fresh)),
        ("six steps fused, float32 output, one thread, with allocation", _ms(one)),
        ("... relative to the traffic into the same array", _x(one, bare)),
        ("... relative to the traffic into a new array", _x(one, fresh)),
        ("the pass alone, relative to the traffic into the same array", _x(sweep, bare)),
        ("... its arithmetic alone, on rows in the cache", _x(cached, bare)),
        ("six steps fused, two threads", _ms(two)),
        ("six steps fused, four threads", _ms(four)),
    ]
    for step in pipeline.steps:
        before = frame
        (taken,) = in_turn(
            lambda step=step, before=before: step(before), runs=7, clock=time.thread_time
        )
        frame = step(frame)
        rows.append((f"{step.name} alone, float64 output", _ms(taken)))
    return rows


def _plan(frame: Frame, pipeline: Pipeline) -> SweepPlan:
    """The pass as it is run once pedestals and smear are known."""
    done = pipeline(frame)
    steps = {step.name: step.models for step in pipeline.steps}
    plan = SweepPlan.of(steps, Place(coadds=frame.coadds), done.pedestals)
    return plan.with_smear(done.smear)


def _x(one: np.ndarray, other: np.ndarray) -> str:
    return f"{ratio(one, other):.2f} x"


def _ms(taken: np.ndarray) -> str:
    return f"{np.median(taken) * 1e3:.1f} ms"
