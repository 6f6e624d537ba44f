"""Honest timing: several runs in turn, medians, and ratios pair by pair."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np


def in_turn(
    *functions: Callable[[], object],
    runs: int = 15,
    clock: Callable[[], float] = time.perf_counter,
) -> list[np.ndarray]:
    """Run functions A B C A B C ... and give each one's times in seconds, a warm-up left out.

    ``time.thread_time`` as the clock counts one thread's work alone, whatever else a machine does.
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
    """Median of the ratios, pair by pair: the machine's drift falls out."""
    return float(np.median(one / other))
