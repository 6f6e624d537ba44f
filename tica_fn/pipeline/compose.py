"""Pipelines: steps composed into a value that is called with a frame.

Steps can be composed freely.  Any subset of the standard steps, in the standard order, runs as one
pass over the pixels; any other callable from `Frame` to `Frame` can stand anywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import attrs
import numpy as np
from numpy.typing import DTypeLike

from tica_fn.errors import FrameError
from tica_fn.frame import Frame
from tica_fn.immutable import Record, freeze
from tica_fn.models import Models
from tica_fn.pipeline.fuse import Fused, can_follow
from tica_fn.steps.step import Inverse, Step
from tica_fn.steps.table import STANDARD_ORDER, TABLE

__all__ = ["Pipeline", "calibrate", "compose", "inverse", "standard_steps"]

AnyStep = Callable[[Frame], Frame]
_RESULT_TYPES = (np.dtype(np.float64), np.dtype(np.float32))


def _grouped(steps: tuple[AnyStep, ...]) -> tuple[AnyStep, ...]:
    """Gather runs of standard steps in standard order."""
    groups: list[Any] = []
    for step in steps:
        last = groups[-1][-1] if groups and isinstance(groups[-1], list) else None
        if last is not None and can_follow(step, last):
            groups[-1].append(step)
        elif can_follow(step, None):
            groups.append([step])
        else:
            groups.append(step)
    return tuple(Fused(tuple(g)) if isinstance(g, list) else g for g in groups)


@attrs.frozen(eq=False, repr=False)
class Pipeline(Record):
    """Steps that are applied from left to right; made by `compose`.

    Parameters
    ----------
    steps : tuple of callable
        Each maps a `Frame` to a `Frame`; without steps a pipeline is the identity.
    """

    steps: tuple[AnyStep, ...] = attrs.field(default=())

    def __call__(self, frame: Frame, *, dtype: DTypeLike | None = None, threads: int = 1) -> Frame:
        """Apply the steps."""
        if not isinstance(frame, Frame):
            raise TypeError(f"a pipeline takes a Frame, not {type(frame).__name__}")
        if dtype is not None and np.dtype(dtype) not in _RESULT_TYPES:
            raise FrameError(f"dtype must be float64 or float32, not {np.dtype(dtype)}")
        groups = _grouped(self.steps)
        for position, group in enumerate(groups):
            if isinstance(group, Fused):
                last = position == len(groups) - 1
                kind = dtype if last and dtype is not None else np.float64
                frame = group(frame, dtype=kind, threads=threads)
            else:
                frame = _applied(group, frame)
        if dtype is not None and frame.pixels.dtype != np.dtype(dtype):
            frame = attrs.evolve(frame, pixels=freeze(frame.pixels.astype(dtype)))
        return frame

    def __repr__(self) -> str:
        return f"compose({', '.join(_name(step, full=True) for step in self.steps)})"


def _name(step: object, *, full: bool = False) -> str:
    if full and isinstance(step, Record):
        return repr(step)
    name = getattr(step, "name", None) or getattr(step, "__name__", None)
    return str(name or type(step).__name__)


def _applied(step: AnyStep, frame: Frame) -> Frame:
    """Apply any callable, and add its name to the frame's steps."""
    after = cast("object", step(frame))
    if not isinstance(after, Frame):
        raise FrameError(f"{_name(step)} returned {type(after).__name__}, not a Frame")
    if after is not frame and after.steps == frame.steps:
        after = attrs.evolve(after, steps=(*after.steps, _name(step)))
    return after


def compose(*steps: AnyStep) -> Pipeline:
    """Compose steps into a pipeline that applies them from left to right.

    Parameters
    ----------
    *steps : callable
        Steps, pipelines, or any functions from `Frame` to `Frame`.

    Returns
    -------
    Pipeline
        A value that is called with a frame.  It can be printed, pickled, and compared: pipelines
        with the same steps and models are equal.

    Examples
    --------
    >>> from tica_fn import apply_gain, compose, neutral_models, subtract_pedestal
    >>> compose(subtract_pedestal(), apply_gain(neutral_models(2, 3)))
    compose(subtract_pedestal, apply_gain(camera 2 CCD 3))
    """
    flat: list[AnyStep] = []
    for step in steps:
        if not callable(step):
            raise TypeError(f"a step is a function from Frame to Frame, not {step!r}")
        flat.extend(step.steps if isinstance(step, Pipeline) else (step,))
    return Pipeline(tuple(flat))


def inverse(step: Step | Inverse | Pipeline | AnyStep) -> Inverse | Pipeline | AnyStep:
    """Make the step that undoes a step, or the pipeline that undoes a pipeline.

    Parameters
    ----------
    step : Step or Pipeline
        A step, an inverse, a pipeline of these, or a callable with an attribute `inverse` that
        undoes it.

    Returns
    -------
    callable
        From `Frame` to `Frame`; ``inverse(step)(step(frame))`` equals the frame up to rounding.

    Raises
    ------
    TypeError
        If the step has no inverse.

    Examples
    --------
    >>> from tica_fn import apply_gain, inverse, neutral_models
    >>> inverse(apply_gain(neutral_models(2, 3)))
    inverse(apply_gain(camera 2 CCD 3))
    """
    if isinstance(step, Pipeline):
        return Pipeline(tuple(inverse(one) for one in reversed(step.steps)))
    if isinstance(step, Inverse):
        return step.step
    if isinstance(step, Step):
        return Inverse(step)
    undo = getattr(step, "inverse", None)
    if not callable(undo):
        raise TypeError(f"{_name(step)} has no inverse: give it an attribute `inverse`")
    return undo  # type: ignore[no-any-return]


def standard_steps(models: Models, without: tuple[str, ...] = ()) -> Pipeline:
    """Compose the six standard steps in their order.

    Parameters
    ----------
    models : Models
        Models of the CCD.
    without : tuple of str
        Names of steps to leave out, as in `Frame.steps`.

    Returns
    -------
    Pipeline
        The six steps but those left out.
    """
    unknown = set(without) - set(STANDARD_ORDER)
    if unknown:
        raise ValueError(f"no such step: {', '.join(sorted(unknown))}")
    rows = (row for row in TABLE if row.standard and row.name not in without)
    return compose(*(row.maker(models) for row in rows))


def calibrate(
    frame: Frame, models: Models, dtype: DTypeLike = np.float64, *, threads: int = 1
) -> Frame:
    """Calibrate a raw frame: 2-D bias, pedestal, gain, linearity, smear, flat field.

    Parameters
    ----------
    frame : Frame
        Raw frame, (2078, 2136) int32 ADU, or a piece of one with its collateral; not modified.
    models : Models
        Models of its CCD and exposure time.
    dtype : dtype
        float64, or float32 as in files, rounded from float64.
    threads : int
        Number of threads; the result does not depend on it.

    Returns
    -------
    Frame
        Calibrated frame in electrons per exposure, with `pedestals` and `smear`.

    Raises
    ------
    FrameError
        If the frame is not raw.
    ModelError
        If the models are for another CCD or exposure time.

    Notes
    -----
    Source: Fausnaugh et al. 2020 (RNAAS 4, 251).

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, calibrate, neutral_models
    >>> raw = np.full((2078, 2136), 100, dtype=np.int32)
    >>> frame = Frame(pixels=raw, unit="adu", camera=2, ccd=3, exposure_s=120, coadds=48)
    >>> out = calibrate(frame, neutral_models(2, 3), dtype=np.float32)
    >>> out.unit, out.pixels.dtype, out.steps[-1]
    ('electron', dtype('float32'), 'divide_flat')
    """
    return standard_steps(models)(frame, dtype=dtype, threads=threads)
