"""The base of all steps: immutable values that are called with a frame and return a new one.

A step checks the frame (its unit; camera, CCD and exposure time of the models; that neither the
step nor a later one was applied before), acts on the pixels and on the collateral, and appends its
name to the frame's `steps`.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import attrs
import numpy as np

from tica_fn.errors import ExposureMismatchError, FrameError, ModelError
from tica_fn.frame import PER_COLUMN, Frame, Place
from tica_fn.immutable import Array, Record, freeze
from tica_fn.models import Models
from tica_fn.steps.table import check_order, steps_so_far

__all__ = ["Inverse", "Step", "filled", "keep", "window"]

_SAME_EXPOSURE = 0.01
"""Relative difference up to which two exposure times count as equal, because of rounding."""


@attrs.frozen(eq=False, repr=False)
class Step(Record, abc.ABC):
    """A step of the calibration; subclasses define how it acts on one piece of a readout.

    Parameters
    ----------
    models : Models, optional
        Models of the CCD.
    """

    name: ClassVar[str]
    needs: ClassVar[str]
    """Unit of the pixels it takes."""
    gives: ClassVar[str]
    """Unit of the pixels it returns."""
    bound: ClassVar[bool] = True
    """Whether it requires models."""
    measures: ClassVar[tuple[str, ...]] = ()
    """Fields of the frame with the measured values; the first is required to undo the step."""

    models: Models | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse models that are not `Models`."""
        if not isinstance(self.models, Models) and (self.bound or self.models is not None):
            raise TypeError(
                f"{self.name} needs models such as those of tica_fn.load_models, not "
                f"{type(self.models).__name__}"
            )

    def __call__(self, frame: Frame) -> Frame:
        """Apply the step."""
        self.check(frame)
        return self.apply(frame)

    def __repr__(self) -> str:
        return self.name if self.models is None else f"{self.name}({self.models.name})"

    def check(self, frame: Frame) -> None:
        """Refuse a frame to which this step can't be applied.

        Parameters
        ----------
        frame : Frame
            The frame.

        Raises
        ------
        FrameError
            If the unit is wrong, or this or a later step was applied before.
        ModelError
            If the models are for another CCD or exposure time.
        """
        if not isinstance(frame, Frame):
            raise TypeError(f"{self.name} takes a Frame, not {type(frame).__name__}")
        check_order(self.name, frame.steps)
        if frame.unit != self.needs:
            raise FrameError(f"{self.name} needs pixels in {self.needs}, not in {frame.unit}")
        self.check_models(frame)

    def check_models(self, frame: Frame) -> None:
        """Refuse a frame of another CCD or exposure time than the models'.

        Parameters
        ----------
        frame : Frame
            The frame.

        Raises
        ------
        ModelError
            If camera, CCD or exposure time differ.
        """
        models = self.models
        if models is None:
            return
        if (frame.camera, frame.ccd) != (models.camera, models.ccd):
            raise ModelError(f"the frame is of {frame.name}, but the models are for {models.name}")
        wanted = models.exposure_s
        if wanted is not None and not abs(frame.exposure_s - wanted) <= _SAME_EXPOSURE * wanted:
            raise ExposureMismatchError(
                f"the frame's exposure time is {frame.exposure_s:g} s, but the models were made "
                f"for {models.exposure_s:g} s"
            )

    def measure(self, frame: Frame) -> Mapping[str, Array]:  # noqa: ARG002
        """Measure the values that the step subtracts, on a frame and its collateral.

        Parameters
        ----------
        frame : Frame
            A frame that passed `check`.

        Returns
        -------
        mapping
            One array for each name in `measures`, for the whole readout: (2136,) float64 for values
            per column, of which each piece keeps its own.
        """
        return {}

    def apply(self, frame: Frame) -> Frame:
        """Apply the step to the frame and its collateral, without checks.

        Parameters
        ----------
        frame : Frame
            A frame that passed `check`.

        Returns
        -------
        Frame
            New frame.
        """
        return self.apply_measured(frame, self.measure(frame))

    def apply_measured(self, frame: Frame, found: Mapping[str, Array]) -> Frame:
        """Apply the step with values measured on this frame or on more of its readout.

        Parameters
        ----------
        frame : Frame
            A frame that passed `check`.
        found : mapping
            Result of `measure`.

        Returns
        -------
        Frame
            New frame.
        """
        pieces = tuple(self._after(keep(piece, found)) for piece in frame.collateral)
        return attrs.evolve(self._after(keep(frame, found)), collateral=pieces)

    def undo(self, frame: Frame) -> Frame:
        """Undo the step, without checks of the frame's steps.

        Parameters
        ----------
        frame : Frame
            A frame whose last step was this one.

        Returns
        -------
        Frame
            New frame.

        Raises
        ------
        FrameError
            If a piece lacks the values that the step measured.
        """
        if not all(self.keeps_what_it_measured(piece) for piece in frame.pieces()):
            word = self.measures[0].removeprefix("row_")
            verb = "were" if word.endswith("s") else "was"
            raise FrameError(f"inverse({self.name}) needs the {word} that {verb} subtracted")
        pieces = tuple(self._before(piece) for piece in frame.collateral)
        return attrs.evolve(self._before(frame), collateral=pieces)

    def keeps_what_it_measured(self, piece: Frame) -> bool:
        """Tell whether a piece has the measured values needed to undo the step.

        Parameters
        ----------
        piece : Frame
            A frame or a piece of its collateral.

        Returns
        -------
        bool
            True also for steps that measure nothing.
        """
        return not self.measures or getattr(piece, self.measures[0]) is not None

    @abc.abstractmethod
    def forward(self, piece: Frame) -> Array:
        """Pixels of one piece after the step.

        Parameters
        ----------
        piece : Frame
            A frame or a piece of its collateral.

        Returns
        -------
        ndarray
            (rows, columns) float64.
        """

    @abc.abstractmethod
    def backward(self, piece: Frame) -> Array:
        """Pixels of one piece before the step.

        Parameters
        ----------
        piece : Frame
            A frame or a piece of its collateral.

        Returns
        -------
        ndarray
            (rows, columns) float64.
        """

    def _after(self, piece: Frame) -> Frame:
        models = self.models
        return attrs.evolve(
            piece,
            pixels=freeze(self.forward(piece)),
            unit=self.gives,
            steps=(*piece.steps, self.name),
            provenance=models.provenance.merged(piece.provenance) if models else piece.provenance,
        )

    def _before(self, piece: Frame) -> Frame:
        steps = piece.steps[:-1]
        forgotten: dict[str, Any] = dict.fromkeys(self.measures)
        return attrs.evolve(
            piece,
            pixels=freeze(self.backward(piece)),
            unit=self.needs,
            steps=steps,
            provenance=piece.provenance if steps else None,
            **forgotten,
        )


@attrs.frozen(eq=False, repr=False)
class Inverse(Record):
    """The inverse of a step, itself a callable from `Frame` to `Frame`.

    Parameters
    ----------
    step : Step
        The step to undo.
    """

    step: Step

    @property
    def name(self) -> str:
        """Name in messages and listings."""
        return f"inverse({self.step.name})"

    def __call__(self, frame: Frame) -> Frame:
        """Undo the step."""
        step = self.step
        if not frame.steps or frame.steps[-1] != step.name:
            raise FrameError(
                f"{self.name} needs a frame whose last step is {step.name}; "
                f"{steps_so_far(frame.steps)}"
            )
        if frame.unit != step.gives:
            raise FrameError(f"{self.name} needs pixels in {step.gives}, not in {frame.unit}")
        step.check_models(frame)
        return step.undo(frame)

    def __repr__(self) -> str:
        return f"inverse({self.step!r})"


def keep(piece: Frame, found: Mapping[str, Array]) -> Frame:
    """Store values measured on the readout in a piece, for its own columns."""
    if not found:
        return piece
    here = slice(piece.column, piece.column + piece.shape[1])
    own: dict[str, Any] = {k: v[here] if k in PER_COLUMN else v for k, v in found.items()}
    return attrs.evolve(piece, **own)


def filled(kernel: Callable[..., Any], piece: Frame, *arguments: object) -> Array:
    """Call a kernel of the form ``kernel(pixels, *arguments, out)`` on a piece's pixels.

    Returns (rows, columns) float64.
    """
    pixels = piece.pixels.astype(np.float64, copy=False)
    out = np.empty(pixels.shape, dtype=np.float64)
    kernel(pixels, *arguments, out)
    return out


def window(image: Array, piece: Frame | Place) -> Array:
    """Cut an image model to the pixels of a piece.

    `image`: (2078, 2136), a model of the full readout; returns (rows, columns), C-contiguous and
    read-only.
    """
    rows, columns = piece.shape
    if (rows, columns) == image.shape:
        return image
    cut = image[piece.row : piece.row + rows, piece.column : piece.column + columns]
    return cut if cut.flags.c_contiguous else freeze(cut.copy())
