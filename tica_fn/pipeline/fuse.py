"""Standard steps in standard order as one pass over the pixels.

First the small reductions (pedestal means, smear medians), then one sweep.  The result is bit for
bit that of the steps one by one; see `tica_fn.kernels.sweep`.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.typing import DTypeLike

from tica_fn.detector import SMEAR_MEDIAN_ROWS
from tica_fn.frame import Frame
from tica_fn.immutable import Array, Record, freeze
from tica_fn.pipeline.sweep_plan import SweepPlan
from tica_fn.steps.bias import SubtractBias
from tica_fn.steps.flat import DivideFlat
from tica_fn.steps.gain import ApplyGain
from tica_fn.steps.linearity import CorrectLinearity
from tica_fn.steps.order import check_order
from tica_fn.steps.pedestal import SubtractPedestal, measure_pedestals
from tica_fn.steps.smear import (
    SmearRows,
    SubtractSmear,
    covers_smear_rows,
    rows_of_median,
    smear_of_columns,
)
from tica_fn.steps.step import Step

__all__ = ["Fused", "can_follow"]

_STANDARD: tuple[type[object], ...] = (
    SubtractBias,
    SubtractPedestal,
    ApplyGain,
    CorrectLinearity,
    SubtractSmear,
    DivideFlat,
)


def can_follow(step: object, before: Step | None) -> bool:
    """Tell whether a step can be done in the same pass as the one before it."""
    if type(step) not in _STANDARD:
        return False
    return before is None or _STANDARD.index(type(step)) > _STANDARD.index(type(before))


@attrs.frozen(eq=False, repr=False)
class Fused(Record):
    """A run of standard steps in standard order, done in one pass."""

    steps: tuple[Step, ...]

    def __call__(self, frame: Frame, dtype: DTypeLike = np.float64, threads: int = 1) -> Frame:
        """Apply the steps."""
        self.check(frame)
        models = {step.name: step.models for step in self.steps}
        pedestals = frame.pedestals
        if "subtract_pedestal" in models:
            pedestals = measure_pedestals(frame, models.get("subtract_bias"))
        sweeps = [(piece, SweepPlan.of(models, piece, pedestals)) for piece in frame.pieces()]
        rows: SmearRows | None = None
        if "subtract_smear" in models:
            rows = tuple(
                (piece.column, _before_smear(sweep, piece))
                for piece, sweep in sweeps
                if covers_smear_rows(piece)
            )
        provenance = frame.provenance
        for used in models.values():
            provenance = used.provenance.merged(provenance) if used else provenance
        done = []
        for piece, sweep in sweeps:
            smear = piece.smear if rows is None else smear_of_columns(rows, piece)
            out = np.empty(piece.shape, dtype=dtype)
            sweep.fill(piece.pixels, None if rows is None else smear, out, threads)
            done.append(
                attrs.evolve(
                    piece,
                    pixels=freeze(out),
                    unit=self.steps[-1].gives,
                    steps=(*piece.steps, *models),
                    pedestals=pedestals,
                    smear=smear,
                    provenance=provenance,
                )
            )
        return attrs.evolve(done[0], collateral=tuple(done[1:])) if len(done) > 1 else done[0]

    def check(self, frame: Frame) -> None:
        """Make each step's own checks, as if the steps were applied one by one."""
        self.steps[0].check(frame)
        unit, done = self.steps[0].gives, (*frame.steps, self.steps[0].name)
        for step in self.steps[1:]:
            check_order(step.name, done)
            if step.needs != unit:
                step.check(attrs.evolve(frame, unit=unit, steps=done))
            step.check_models(frame)
            unit, done = step.gives, (*done, step.name)


def _before_smear(sweep: SweepPlan, piece: Frame) -> Array:
    """Rows of the median as `subtract_smear` finds them: after the steps before it."""
    raw = rows_of_median(piece)
    out = np.empty(raw.shape)
    sweep.of_rows(SMEAR_MEDIAN_ROWS[0] - piece.row, len(raw)).without_flat().fill(raw, None, out)
    return out
