"""The table of all steps: their names, modules and places in the order.

Everything else that refers to steps by name is derived from it: the check of the order, the six
standard steps, the choices of the command line, the steps that one sweep does.  The module imports
quickly.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, NamedTuple

from tica_fn.errors import FrameError

__all__ = [
    "STANDARD_ORDER",
    "STANDARD_PLACES",
    "TABLE",
    "Row",
    "check_order",
    "choices_at",
    "row_of",
    "step_at",
    "steps_so_far",
]


class Row(NamedTuple):
    """One step; the order of steps is that of the rows.

    `name`: name of the step, and of the function that makes it.  `module`: module of both.
    `place`: steps with the same place replace each other.  `choice`: the step's value for the
    option named after the place, if there is a choice.  `standard`: whether it is one of the six.
    `swept`: whether the sweep can do it, in one pass with others.  `stripped`: whether it can act
    on a few rows alone, after measuring overclocks and smear rows (`tica_fn.pipeline.strips`);
    swept steps can too.
    """

    name: str
    module: str
    place: str
    choice: str = ""
    standard: bool = False
    swept: bool = False
    stripped: bool = False

    @property
    def maker(self) -> Any:
        """The function that makes the step from models."""
        return getattr(import_module(f"tica_fn.{self.module}"), self.name)

    @property
    def kind(self) -> type[Any]:
        """The step's class, such as `SubtractBias`."""
        name = self.name.title().replace("_", "")
        found: type[Any] = getattr(import_module(f"tica_fn.{self.module}"), name)
        return found


TABLE = (
    Row("subtract_bias", "steps.bias", "bias", standard=True, swept=True),
    Row("subtract_pedestal", "steps.pedestal", "pedestal", "mean", standard=True, swept=True),
    Row("subtract_row_pedestal", "steps.row_pedestal", "pedestal", "row", stripped=True),
    Row(
        "subtract_mission_pedestal", "steps.mission_pedestal", "pedestal", "mission", stripped=True
    ),
    Row(
        "correct_mission_linearity",
        "steps.mission_linearity",
        "linearity",
        "mission",
        stripped=True,
    ),
    Row("apply_gain", "steps.gain", "gain", standard=True, swept=True),
    Row("correct_linearity", "steps.linearity", "linearity", "spoc", standard=True, swept=True),
    Row("correct_poc_linearity", "steps.poc_linearity", "linearity", "poc", stripped=True),
    Row("correct_undershoot", "steps.undershoot", "undershoot", stripped=True),
    Row("subtract_smear", "steps.smear", "smear", "median", standard=True, swept=True),
    Row("subtract_robust_smear", "steps.robust_smear", "smear", "robust", stripped=True),
    Row("subtract_mission_smear", "steps.mission_smear", "smear", "mission", stripped=True),
    Row("divide_flat", "steps.flat", "flat", standard=True, swept=True),
    Row("divide_live_time", "steps.live_time", "live_time", stripped=True),
    Row("estimate_variance", "uncertainty.estimate_variance", "variance"),
)
"""All steps in their order."""

STANDARD_ORDER = tuple(row.name for row in TABLE if row.standard)
"""Names of the six standard steps in their order."""

STANDARD_PLACES = tuple(row.place for row in TABLE if row.standard)
"""Places of the six standard steps, which are their names on the command line."""

_ROWS = {row.name: (number, row) for number, row in enumerate(TABLE)}


def row_of(name: str) -> Row | None:
    """Row of a step; None for a step of another package."""
    return _ROWS[name][1] if name in _ROWS else None


def choices_at(place: str) -> tuple[str, ...]:
    """Values of an option for the step at a place, the standard one first."""
    rows = [row for row in TABLE if row.place == place]
    return tuple(row.choice for row in sorted(rows, key=lambda row: not row.standard))


def step_at(place: str, done: tuple[str, ...]) -> str | None:
    """Name of the step that was applied at a place, if one was."""
    return next((row.name for row in TABLE if row.place == place and row.name in done), None)


def check_order(name: str, done: tuple[str, ...]) -> None:
    """Refuse a step that was applied before, whose place is taken, or that comes too late."""
    if name in done:
        raise FrameError(f"{name} was applied to this frame before; {steps_so_far(done)}")
    if name not in _ROWS:
        return
    number, row = _ROWS[name]
    other = step_at(row.place, done)
    if other is not None:
        raise FrameError(f"{name} replaces {other}, which was applied; {steps_so_far(done)}")
    for later in TABLE[number + 1 :]:
        if later.name in done:
            raise FrameError(
                f"{name} comes before {later.name}, which was applied; {steps_so_far(done)}"
            )


def steps_so_far(steps: tuple[str, ...]) -> str:
    """List of applied steps for a message."""
    return "steps so far: " + (", ".join(steps) or "none")
