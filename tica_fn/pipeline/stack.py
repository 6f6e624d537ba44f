"""Stacks of frames as one array, for authors of pipelines; and the measured part of a frame.

Pedestals and smear are measured on a few rows and columns.  `measured_part` makes a frame of these
alone.  It goes through the same steps and checks as a whole frame; the measured values are then
used in one sweep over the whole array, without copying it.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import numpy as np
from numpy.typing import DTypeLike

from tica_fn.detector import (
    OVERCLOCK_COLUMNS,
    PEDESTAL_FIRST_ROW,
    SHAPE,
    SMEAR_ROWS,
)
from tica_fn.errors import FrameError
from tica_fn.frame import ADU, Frame, Place
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.pipeline.compose import Pipeline, standard_steps
from tica_fn.pipeline.sweep_plan import SweepPlan
from tica_fn.steps.step import Step

__all__ = ["CalibratedStack", "calibrate_stack", "measured_part", "plan_of"]

_TYPES = (np.dtype(np.int32), np.dtype(np.float32), np.dtype(np.float64))


@attrs.frozen(eq=False, kw_only=True)
class CalibratedStack:
    """Result of `calibrate_stack`.

    `pixels`: (n, 2078, 2136) float32 or float64, electron; `pedestals`: (n, 4) float64, ADU;
    `smear`: (n, 2136) float64, electron.
    """

    pixels: Array
    pedestals: Array
    smear: Array


def measured_part(image: Array, first_row: int = PEDESTAL_FIRST_ROW, **facts: Any) -> Frame:
    """Make a frame of the smear rows alone, with the overclocks as its collateral.

    `image`: (2078, 2136), any number type, ADU; `first_row`: first row of the overclocks.
    """
    first, last = SMEAR_ROWS
    column = OVERCLOCK_COLUMNS[0]
    frame = Frame(pixels=image[first:last], row=first, unit=ADU, **facts)
    overclocks = attrs.evolve(
        frame, pixels=image[first_row:, column:], row=first_row, column=column
    )
    return attrs.evolve(frame, collateral=(overclocks,))


def plan_of(steps: Pipeline, measured: Frame) -> SweepPlan:
    """Plan the sweep over the whole readout from the values measured on its small part."""
    models = {step.name: step.models for step in steps.steps if isinstance(step, Step)}
    plan = SweepPlan.of(models, Place(coadds=measured.coadds), measured.pedestals)
    return plan.with_smear(measured.smear)


def calibrate_stack(
    pixels: Array,
    models: Models,
    *,
    exposure_s: float,
    coadds: float,
    dtype: DTypeLike = np.float32,
    out: Array | None = None,
    threads: int = 1,
) -> CalibratedStack:
    """Calibrate many raw frames of one CCD, given as one array.

    Parameters
    ----------
    pixels : ndarray
        (n, 2078, 2136) int32, float32 or float64, C-contiguous, ADU; not modified.
    models : Models
        Models of the CCD and exposure time.
    exposure_s : float
        Nominal exposure time in seconds.
    coadds : float
        Number of 2 s exposures summed in each frame.
    dtype : dtype
        float32 or float64; ignored if `out` is given.
    out : ndarray, optional
        (n, 2078, 2136) float32 or float64, C-contiguous, to be filled; by default a new array.
    threads : int
        Number of frames calibrated at once; the result does not depend on it.

    Returns
    -------
    CalibratedStack
        The frames, bit for bit as `calibrate` gives them one by one, with pedestals and smear.

    Raises
    ------
    FrameError
        If an array has the wrong shape, type or order.
    ModelError
        If the models are for another exposure time.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import calibrate_stack, neutral_models
    >>> raw = np.full((2, 2078, 2136), 100, dtype=np.int32)
    >>> stack = calibrate_stack(raw, neutral_models(2, 3), exposure_s=120, coadds=48)
    >>> stack.pixels.shape, stack.pedestals[1].tolist()
    ((2, 2078, 2136), [100.0, 100.0, 100.0, 100.0])
    """
    if pixels.ndim != 3 or pixels.shape[1:] != SHAPE or pixels.dtype not in _TYPES:
        raise FrameError(
            f"a stack must be (n, {SHAPE[0]}, {SHAPE[1]}) int32, float32 or float64, not "
            f"{pixels.shape} {pixels.dtype}"
        )
    if not pixels.flags.c_contiguous:
        raise FrameError("a stack must be C-contiguous: use numpy.ascontiguousarray")
    if out is None:
        out = np.empty(pixels.shape, dtype=dtype)
    if out.shape != pixels.shape or not out.flags.c_contiguous or out.dtype not in _TYPES[1:]:
        raise FrameError(
            f"out must be C-contiguous {pixels.shape} float32 or float64, not {out.shape} "
            f"{out.dtype}"
        )
    steps = standard_steps(models)
    pedestals, smear = np.empty((len(pixels), 4)), np.empty((len(pixels), SHAPE[1]))
    facts: dict[str, Any] = {
        "camera": models.camera,
        "ccd": models.ccd,
        "exposure_s": exposure_s,
        "coadds": coadds,
    }
    raw = pixels.view()
    raw.setflags(write=False)

    def one(n: int) -> None:
        measured = steps(measured_part(raw[n], **facts))
        plan_of(steps, measured).fill(raw[n], out[n])
        pedestals[n], smear[n] = measured.pedestals, measured.smear

    if threads == 1:
        for n in range(len(pixels)):
            one(n)
    else:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(one, range(len(pixels))))
    return CalibratedStack(pixels=out, pedestals=pedestals, smear=smear)
