"""Standard steps in standard order as one pass over the pixels.

First pedestal means and smear medians are measured, then one sweep does the rest.  The result is
bit for bit that of the steps one by one; see `tica_fn.kernels.sweep`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

import attrs
import numpy as np
from numpy.typing import DTypeLike

from tica_fn.detector import SMEAR_MEDIAN_ROWS
from tica_fn.frame import Frame
from tica_fn.immutable import Array, Record, freeze
from tica_fn.pipeline.sweep_plan import SweepPlan
from tica_fn.steps.pedestal import measure_pedestals
from tica_fn.steps.smear import covers_smear_rows, rows_of_median, smear_of_readout
from tica_fn.steps.step import Step, keep
from tica_fn.steps.table import STANDARD_ORDER, check_order, row_of

__all__ = ["Fused", "can_follow", "is_one_sweep"]


def is_swept(step: object) -> TypeGuard[Step]:
    """Tell whether the sweep can do a step."""
    row = row_of(step.name) if isinstance(step, Step) else None
    return row is not None and row.swept and type(step) is row.kind


def can_follow(step: object, before: Step | None) -> bool:
    """Tell whether a step can be done in the same pass as the one before it."""
    if not is_swept(step):
        return False
    return before is None or STANDARD_ORDER.index(step.name) > STANDARD_ORDER.index(before.name)


def is_one_sweep(steps: Sequence[object]) -> bool:
    """Tell whether steps of raw frames can run as one sweep that ends with the flat field."""
    before: Step | None = None
    for step in steps:
        if not is_swept(step) or not can_follow(step, before):
            return False
        before = step
    return before is not None and before.name == "divide_flat"


@attrs.frozen(eq=False, repr=False)
class Fused(Record):
    """A run of standard steps in standard order, done in one pass."""

    steps: tuple[Step, ...]

    def __call__(self, frame: Frame, dtype: DTypeLike = np.float64, threads: int = 1) -> Frame:
        """Apply the steps."""
        self.check(frame)
        models = {step.name: step.models for step in self.steps}
        found: dict[str, Array] = {}
        if "subtract_pedestal" in models:
            found |= measure_pedestals(frame, models.get("subtract_bias"))
        pedestals = found.get("pedestals", frame.pedestals)
        sweeps = [(piece, SweepPlan.of(models, piece, pedestals)) for piece in frame.pieces()]
        if "subtract_smear" in models:
            rows = tuple(
                (piece.column, _before_smear(sweep, piece))
                for piece, sweep in sweeps
                if covers_smear_rows(piece)
            )
            found["smear"] = smear_of_readout(rows, frame)
        provenance = frame.provenance
        for used in models.values():
            provenance = used.provenance.merged(provenance) if used else provenance
        done = []
        for piece, sweep in sweeps:
            known = keep(piece, found)
            out = np.empty(piece.shape, dtype=dtype)
            smear = known.smear if "smear" in found else None
            sweep.with_smear(smear).fill(piece.pixels, out, threads)
            done.append(
                attrs.evolve(
                    known,
                    pixels=freeze(out),
                    unit=self.steps[-1].gives,
                    steps=(*piece.steps, *models),
                    provenance=provenance,
                )
            )
        return attrs.evolve(done[0], collateral=tuple(done[1:])) if len(done) > 1 else done[0]

    def check(self, frame: Frame) -> None:
        """Do each step's own checks, as if the steps were applied one by one."""
        self.steps[0].check(frame)
        unit, done = self.steps[0].gives, (*frame.steps, self.steps[0].name)
        for step in self.steps[1:]:
            check_order(step.name, done)
            if step.needs != unit:
                step.check(attrs.evolve(frame, unit=unit, steps=done))
            step.check_models(frame)
            unit, done = step.gives, (*done, step.name)


def _before_smear(sweep: SweepPlan, piece: Frame) -> Array:
    """Rows of the smear median, after the steps before `subtract_smear`."""
    raw = rows_of_median(piece)
    out = np.empty(raw.shape)
    sweep.without_flat().sweep_rows(SMEAR_MEDIAN_ROWS[0] - piece.row, raw, out)
    return out
