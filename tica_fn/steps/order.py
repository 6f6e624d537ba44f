"""The order of the steps, and the refusal of steps out of it."""

from __future__ import annotations

from tica_fn.errors import FrameError

__all__ = ["ORDER", "STANDARD_ORDER", "check_order", "steps_so_far"]

STANDARD_ORDER = (
    "subtract_bias",
    "subtract_pedestal",
    "apply_gain",
    "correct_linearity",
    "subtract_smear",
    "divide_flat",
)
"""Names of the six steps in the order they act."""

ORDER = (
    ("subtract_bias",),
    ("subtract_pedestal", "subtract_row_pedestal"),
    ("apply_gain",),
    ("correct_linearity", "correct_poc_linearity"),
    ("correct_undershoot",),
    ("subtract_smear", "subtract_robust_smear"),
    ("divide_flat",),
    ("divide_live_time",),
    ("estimate_variance",),
)
"""Names of all steps in the order they act; those of one place stand in for each other."""


def check_order(name: str, done: tuple[str, ...]) -> None:
    """Refuse a step that was applied before, whose place is taken, or that comes too late."""
    if name in done:
        raise FrameError(f"{name} was applied to this frame before; {steps_so_far(done)}")
    place = _PLACES.get(name)
    if place is None:
        return
    for other in done:
        if _PLACES.get(other, -1) == place:
            raise FrameError(
                f"{name} stands in for {other}, which was applied; {steps_so_far(done)}"
            )
    for later in sorted(done, key=lambda other: _PLACES.get(other, -1)):
        if _PLACES.get(later, -1) > place:
            raise FrameError(
                f"{name} comes before {later}, which was applied; {steps_so_far(done)}"
            )


_PLACES = {name: place for place, names in enumerate(ORDER) for name in names}


def steps_so_far(steps: tuple[str, ...]) -> str:
    """Words for a message."""
    return "steps so far: " + (", ".join(steps) or "none")
