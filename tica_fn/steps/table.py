"""The table of all steps: what each is called, where it is found, and where it acts.

All else that knows steps by name is derived from it: the order that is checked, the six standard
steps, the choices of the command line, the run that one sweep does.  It imports nothing heavy.
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
    """One step; its place in the order is that of its row.

    `name`: of the step, and of the function that binds it.  `module`: where in the package both
    are.  `place`: steps of one place stand in for each other.  `choice`: the word that an option
    of the place's name chooses it by, where there is a choice.  `standard`: one of the six.
    `swept`: the sweep can do it, in one pass with others.  `stripped`: rows go through it by
    themselves once it has measured what it needs on the overclocks and smear rows
    (`tica_fn.pipeline.strips`); the swept ones do.
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
        """The function that binds the step to models."""
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
"""All steps in the order they act."""

STANDARD_ORDER = tuple(row.name for row in TABLE if row.standard)
"""Names of the six steps in the order they act."""

STANDARD_PLACES = tuple(row.place for row in TABLE if row.standard)
"""Places of the six steps: what the command line calls them."""

_ROWS = {row.name: (number, row) for number, row in enumerate(TABLE)}


def row_of(name: str) -> Row | None:
    """Row of a step; None for one that is not of this package."""
    return _ROWS[name][1] if name in _ROWS else None


def choices_at(place: str) -> tuple[str, ...]:
    """Words that an option chooses the step of a place by, the standard one first."""
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
        raise FrameError(f"{name} stands in for {other}, which was applied; {steps_so_far(done)}")
    for later in TABLE[number + 1 :]:
        if later.name in done:
            raise FrameError(
                f"{name} comes before {later.name}, which was applied; {steps_so_far(done)}"
            )


def steps_so_far(steps: tuple[str, ...]) -> str:
    """Words for a message."""
    return "steps so far: " + (", ".join(steps) or "none")
