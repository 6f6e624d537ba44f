"""Interpolate solutions between frames, and follow stars through frames.

From frame to frame the field moves by hundredths of a pixel, smoothly in time, so the solutions of
the frames before and after are interpolated linearly in time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tica_fn.errors import AstrometryError
from tica_fn.immutable import Array
from tica_fn.wcs.comparison import solution_of_map
from tica_fn.wcs.solution import Solution
from tica_fn.wcs.sphere import angles_of_vectors, unit_vectors

__all__ = ["interpolate_solution", "position_corrections"]


def interpolate_solution(
    solutions: Sequence[Solution], times: ArrayLike, time: float, longest: float = 0.5
) -> Solution:
    """Solution at any time, interpolated between the frames before and after.

    Parameters
    ----------
    solutions : sequence of Solution
        Solutions of frames of one sector, camera and CCD, in any order.
    times : array_like
        (n,) times of the frames, days; frames with NaN are ignored.
    time : float
        Time of the wanted solution, on the same scale.
    longest : float
        Longest allowed gap between the two frames, days.

    Returns
    -------
    Solution
        Directions of all pixels interpolated in time; at the time of a frame, that frame's own
        solution.

    Raises
    ------
    AstrometryError
        If the time lies outside the frames' times, or in a longer gap.
    ValueError
        If the numbers of times and solutions differ.

    Examples
    --------
    >>> from tica_fn.wcs import interpolate_solution, predict_pointing, solution_of_pointing
    >>> one = solution_of_pointing(predict_pointing(35, 1, 1))
    >>> interpolate_solution([one, one], [2254.0, 2254.2], 2254.1).crval == one.crval
    True
    """
    when = np.asarray(times, float)
    if when.shape != (len(solutions),):
        raise ValueError(f"{len(solutions)} solutions need as many times, not shape {when.shape}")
    order = [int(k) for k in np.argsort(when) if np.isfinite(when[k])]
    sorted_times = when[order]
    if not order or not sorted_times[0] <= time <= sorted_times[-1]:
        raise AstrometryError(f"the time {time} does not lie between frames")
    right = int(np.searchsorted(sorted_times, time))
    if sorted_times[right] == time:
        return solutions[order[right]]
    start, end = sorted_times[right - 1], sorted_times[right]
    if end - start > longest:
        raise AstrometryError(f"the time {time} lies in a gap between frames, {start} to {end}")
    share = (time - start) / (end - start)
    before, after = solutions[order[right - 1]], solutions[order[right]]
    same = ("crval", "crpix", "order")
    if all(getattr(before, name) == getattr(after, name) for name in same) and all(
        np.array_equal(getattr(before, name), getattr(after, name)) for name in ("cd", "a", "b")
    ):
        return before

    def sky(columns: Array, rows: Array) -> tuple[Array, Array]:
        first = unit_vectors(*before.pixel_to_sky(columns, rows))
        second = unit_vectors(*after.pixel_to_sky(columns, rows))
        return angles_of_vectors((1.0 - share) * first + share * second)

    return solution_of_map(sky, "the mean of two solutions")


def position_corrections(
    solutions: Sequence[Solution],
    ra: ArrayLike,
    dec: ArrayLike,
    reference: Solution,
    times: ArrayLike | None = None,
) -> Any:
    """Offset of stars from their positions in a reference frame, for every frame.

    Parameters
    ----------
    solutions : sequence of Solution
        Solutions of the frames.
    ra, dec : array_like
        (stars,) directions, degrees, ICRS.
    reference : Solution
        Solution of the reference frame.
    times : array_like, optional
        (frames,) days, for the column ``TIME``.

    Returns
    -------
    astropy.table.Table
        One row per frame: ``TIME`` if `times` is given, ``POS_CORR1`` and ``POS_CORR2``, pixels
        along columns and rows as in the mission's light curves and target pixel files; for more
        than one star each holds (stars,) values.

    Examples
    --------
    >>> from tica_fn.wcs import position_corrections, predict_pointing, solution_of_pointing
    >>> one = solution_of_pointing(predict_pointing(35, 1, 1))
    >>> ra, dec = one.pixel_to_sky([1000.0], [500.0])
    >>> float(position_corrections([one], ra, dec, one)["POS_CORR1"][0])
    0.0
    """
    from astropy.table import Table

    ra, dec = np.atleast_1d(ra), np.atleast_1d(dec)
    at = np.stack(reference.sky_to_pixel(ra, dec))
    moved = np.stack([np.stack(one.sky_to_pixel(ra, dec)) - at for one in solutions])
    table = Table()
    if times is not None:
        table["TIME"] = np.asarray(times, float)
        table["TIME"].unit = "d"
    for k, name in enumerate(("POS_CORR1", "POS_CORR2")):
        table[name] = (moved[:, k, 0] if ra.size == 1 else moved[:, k]).astype(np.float64)
        table[name].unit = "pix"
    return table
