"""Timing: alternating runs, medians, and ratios of pairs."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np


def in_turn(
    *functions: Callable[[], object],
    runs: int = 15,
    clock: Callable[[], float] = time.perf_counter,
) -> list[np.ndarray]:
    """Run functions A B C A B C ... and return the times of each in seconds, without a warm-up.

    With ``time.thread_time`` as the clock, only this thread's work counts, not other load.
    """
    times: list[list[float]] = [[] for _ in functions]
    for run in range(runs + 1):
        for taken, function in zip(times, functions, strict=True):
            start = clock()
            function()
            if run:
                taken.append(clock() - start)
    return [np.array(taken) for taken in times]


def ratio(one: np.ndarray, other: np.ndarray) -> float:
    """Median of the ratios of pairs, which cancels drifts of the machine's speed."""
    return float(np.median(one / other))
