"""Corrections of a frame's times; the frame records their names, and its header the raw values.

`tica_fn.clock` explains them.  The light travel time is that for the direction of the CCD's
reference pixel.  It varies by minutes over a CCD: for a single star use
`tica_fn.wcs.barycentric_time`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import attrs

from tica_fn.clock import CORRECTION_STEP, DAY_S, TIME_CORRECTIONS
from tica_fn.errors import FrameError
from tica_fn.frame import Frame, Times

__all__ = ["check_correction", "correct_times"]

_REFERENCE_PIXEL = (1069.0, 1024.0)
"""Column and row, 1-based, near the middle of the science area."""


def correct_times(frame: Frame, names: Iterable[str], state: Any = None) -> Frame:
    """Correct the times of a frame.

    Parameters
    ----------
    frame : Frame
        Frame with its times; not modified.
    names : iterable of str
        Corrections: ``"spoc"``, ``"poc"``, ``"poc-documented"``, ``"ccd"`` or ``"barycenter"``,
        which is always applied last.
    state : array_like, optional
        (3,) or (6,) position of the spacecraft from the barycentre, km, at mid exposure; by default
        that in the frame's header (``TESS_X``...).

    Returns
    -------
    Frame
        New frame with corrected `times`, and with the corrections among its `steps`; its header
        keeps the raw values.

    Raises
    ------
    FrameError
        If the frame has no times; if a correction was made before, is not for this kind of file, or
        is not needed; or if position or direction are not known.

    Notes
    -----
    The numbers and their sources are those of `tica_fn.clock`.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, Times, correct_times
    >>> times = Times(start=2037.0, mid=2037.0035, end=2037.007)
    >>> frame = Frame(pixels=np.zeros((2078, 2136)), unit="adu", camera=1, ccd=4,
    ...               exposure_s=600, coadds=240, times=times, header={"STARTTJD": 2037.0})
    >>> out = correct_times(frame, ["poc", "ccd"])
    >>> round((out.times.start - times.start) * 86400, 3), out.steps
    (-1.89, ('correct_time_poc', 'correct_time_ccd'))
    """
    wanted = set(names)
    unknown = wanted - set(TIME_CORRECTIONS)
    if unknown:
        raise ValueError(
            f"no such time correction: {', '.join(sorted(unknown))}; use "
            f"{', '.join(TIME_CORRECTIONS)}"
        )
    for name in (name for name in TIME_CORRECTIONS if name in wanted):
        frame = _corrected(frame, name, state)
    return frame


def _corrected(frame: Frame, name: str, state: Any) -> Frame:
    times = frame.times
    if times is None:
        raise FrameError(f"{frame.name}: the frame has no times to correct")
    correction = TIME_CORRECTIONS[name]
    check_correction(frame.name, name, frame.steps, frame.header)
    if name == "barycenter":
        after = _barycentric(frame, times, state)
        if after is times:
            return frame
    else:
        shifts = correction.seconds(frame.camera, frame.ccd, frame.header)
        first, last = (seconds / DAY_S for seconds in shifts)
        after = attrs.evolve(
            times,
            start=times.start + first,
            mid=times.mid + 0.5 * (first + last),
            end=times.end + last,
        )
    return attrs.evolve(frame, times=after, steps=(*frame.steps, CORRECTION_STEP + name))


def check_correction(
    file: str, name: str, steps: tuple[str, ...], header: Mapping[str, Any]
) -> None:
    """Refuse a correction that was made before or that a file does not need."""
    correction = TIME_CORRECTIONS[name]
    for made in (name, *correction.instead):
        if CORRECTION_STEP + made in steps:
            raise FrameError(f"{file}: times were corrected for {made} before")
    if why := correction.refused(header):
        raise FrameError(f"{file}: correction {name} {why}")


def _barycentric(frame: Frame, times: Times, state: Any) -> Times:
    if times.place == "barycenter":
        return times
    from tica_fn.wcs.barycenter import barycentric_correction

    ra, dec = _direction(frame)
    late = float(barycentric_correction(ra, dec, frame if state is None else state)[0]) / DAY_S
    return attrs.evolve(
        times,
        start=times.start + late,
        mid=times.mid + late,
        end=times.end + late,
        place="barycenter",
        light_d=late,
    )


def _direction(frame: Frame) -> tuple[float, float]:
    """Direction of the CCD's reference pixel from its WCS, else from the sector's pointing."""
    ra, dec = frame.header.get("CRVAL1"), frame.header.get("CRVAL2")
    if isinstance(ra, int | float) and isinstance(dec, int | float):
        return float(ra), float(dec)
    if frame.sector is None:
        raise FrameError(
            f"{frame.name}: neither WCS nor sector give the direction for the light travel time"
        )
    from tica_fn.wcs.pointing import predict_pointing

    right, up = predict_pointing(frame.sector, frame.camera, frame.ccd).sky(
        [_REFERENCE_PIXEL[0]], [_REFERENCE_PIXEL[1]]
    )
    return float(right[0]), float(up[0])
