"""A readout calibrated strip by strip: each goes through all steps while it is in the cache.

Values that steps measure are measured beforehand, on a small part of the readout; see
`tica_fn.pipeline.stack.measured_part`.  Every strip then goes through the same steps, or through a
sweep that combines several of them, so its bits are those of the whole frame.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

import attrs
import numpy as np

from tica_fn import kernels
from tica_fn.frame import Frame, Place
from tica_fn.immutable import Array, freeze
from tica_fn.models import Models
from tica_fn.pipeline.compose import compose
from tica_fn.pipeline.fuse import can_follow
from tica_fn.pipeline.sweep_plan import SweepPlan
from tica_fn.steps.contamination import contaminated_in_readout
from tica_fn.steps.smear import subtract_smear
from tica_fn.steps.step import Step
from tica_fn.steps.table import row_of

__all__ = ["STRIP_ROWS", "Strips", "as_reals", "can_be_stripped", "measured_by"]

STRIP_ROWS = 64
"""Rows of a strip: its float64 pixels take a megabyte, which fits into the processor's caches."""


def can_be_stripped(steps: Sequence[object]) -> bool:
    """Tell whether each step can act on every strip alone, once the small part is measured."""
    rows = [row_of(step.name) if isinstance(step, Step) else None for step in steps]
    return all(
        row is not None and (row.swept or row.stripped) and type(step) is row.kind
        for step, row in zip(steps, rows, strict=True)
    )


def measured_by(steps: Sequence[Step], part: Frame, counts: Array) -> Frame:
    """Small part of a readout after the steps, with all values that they measure.

    If smear rows are contaminated, the robust smear is measured on the whole readout.
    """
    part = as_reals(part)
    for number, step in enumerate(steps):
        if step.name != "subtract_robust_smear":
            continue
        before = compose(*steps[:number])(part)
        step.check(before)
        if not contaminated_in_readout(before, cast("Models", step.models)).any():
            break
        whole = np.empty(counts.shape)
        for first, last, pixels, _ in Strips.of(steps[:number], before).all_of(counts):
            whole[first:last] = pixels
        frame = attrs.evolve(before, collateral=(), pixels=freeze(whole), row=0, column=0)
        part = step.apply_measured(before, step.measure(frame))
        return compose(*steps[number + 1 :])(part)
    return compose(*steps)(part)


def as_reals(frame: Frame) -> Frame:
    """Give a small frame float64 pixels, so that its counts don't need kernels of their own."""
    pieces = tuple(as_reals(piece) for piece in frame.collateral)
    return attrs.evolve(frame, pixels=freeze(frame.pixels.astype(np.float64)), collateral=pieces)


@attrs.frozen(eq=False)
class _Sweep:
    """Steps done by one sweep, followed by the division by the live time if `live_s` is given."""

    plan: SweepPlan
    live_s: float | None = None

    def __call__(self, pixels: Array, first: int) -> tuple[Array, int]:
        out = np.empty(pixels.shape)
        read, _ = self.plan.sweep_rows(first, pixels, out)
        if self.live_s is not None:
            rates = np.empty(pixels.shape)
            kernels.divide_live_time(freeze(out), self.live_s, rates)
            out = rates
        return freeze(out), read


@attrs.frozen(eq=False)
class _OneStep:
    """A single step, with a frame that has all it needs but the pixels."""

    step: Step
    frame: Frame

    def __call__(self, pixels: Array, first: int) -> tuple[Array, int]:
        piece = attrs.evolve(self.frame, pixels=pixels, row=first)
        return freeze(self.step.forward(piece)), 0


@attrs.frozen(eq=False)
class Strips:
    """The steps of a readout, ready to be applied to any of its rows.

    `measured` is the small part of the readout after the steps; the frame of a strip is a copy of
    it with other pixels.
    """

    measured: Frame
    acts: tuple[_Sweep | _OneStep, ...]

    @classmethod
    def of(cls, steps: Sequence[Step], measured: Frame) -> Strips:
        """Plan the steps from the values measured on the small part."""
        acts: list[_Sweep | _OneStep] = []
        before = attrs.evolve(measured, collateral=(), column=0)
        for group in _groups(steps):
            if can_follow(_as_swept(group[0]), None):
                acts.append(_sweep_of(group, measured))
                continue
            (step,) = group
            if step.name == "divide_live_time" and acts and isinstance(acts[-1], _Sweep):
                acts[-1] = attrs.evolve(acts[-1], live_s=measured.live_s)
                continue
            done = measured.steps[: measured.steps.index(step.name)]
            acts.append(_OneStep(step, attrs.evolve(before, unit=step.needs, steps=done)))
        return cls(measured=measured, acts=tuple(acts))

    @property
    def plain(self) -> SweepPlan | None:
        """The sweep, if a single one does all steps."""
        (act, *others) = self.acts or (None,)
        if not others and isinstance(act, _Sweep) and act.live_s is None:
            return act.plan
        return None

    def __call__(self, counts: Array, first: int, last: int) -> Frame:
        """Calibrate some rows, and return their frame."""
        pixels, _ = self.pixels(counts, first, last)
        return attrs.evolve(self.measured, collateral=(), pixels=pixels, row=first)

    def pixels(self, counts: Array, first: int, last: int) -> tuple[Array, int]:
        """Calibrate some rows, and return their pixels and the sum of the words that were read.

        `counts`: (2078, 2136) int32, or uint32 words of a file; pixels are (rows, 2136) float64.
        """
        pixels, read = counts[first:last], 0
        if not self.acts or isinstance(self.acts[0], _OneStep):
            pixels, read = _native(pixels)
        for act in self.acts:
            pixels, total = act(pixels, first)
            read += total
        return pixels, read

    def all_of(self, counts: Array) -> Iterator[tuple[int, int, Array, int]]:
        """Calibrate strip after strip: yield first row, one past the last, pixels, and sum."""
        for first in range(0, len(counts), STRIP_ROWS):
            last = min(first + STRIP_ROWS, len(counts))
            yield first, last, *self.pixels(counts, first, last)


def _groups(steps: Sequence[Step]) -> list[list[Step]]:
    """Group steps that one sweep does; other steps are groups of one."""
    groups: list[list[Step]] = []
    before: Step | None = None
    for step in steps:
        own = _as_swept(step)
        if before is not None and can_follow(own, before):
            groups[-1].append(step)
        else:
            groups.append([step])
        before = own if can_follow(own, None) else None
    return groups


def _as_swept(step: Step) -> Step:
    """The step as the sweep does it: a robust smear is subtracted like any other."""
    return subtract_smear(step.models) if step.name == "subtract_robust_smear" else step


def _sweep_of(steps: Sequence[Step], measured: Frame) -> _Sweep:
    models: dict[str, Models | None] = {_as_swept(step).name: step.models for step in steps}
    place = Place(coadds=measured.coadds)
    smear = measured.smear if "subtract_smear" in models else None
    return _Sweep(SweepPlan.of(models, place, measured.pedestals).with_smear(smear))


def _native(words: Array) -> tuple[Array, int]:
    """Convert words of a file to int32 pixels, and sum them; pixels are returned as they are."""
    if words.dtype != np.uint32:
        return words, 0
    out = np.empty(words.shape, dtype=np.int32)
    flat = out.view(np.uint32).reshape(-1)
    return freeze(out), int(kernels.from_big_endian(words.reshape(-1), flat))
