"""The steps, one module each, with their common base and the table of all steps."""

from typing import TYPE_CHECKING, Any

from tica_fn.steps.table import STANDARD_ORDER, TABLE, row_of

if TYPE_CHECKING:
    from tica_fn.steps.step import Inverse, Step

__all__ = ["STANDARD_ORDER", "TABLE", "Inverse", "Step"]


def __getattr__(name: str) -> Any:
    """Import functions that make steps, and their classes, on first use."""
    if name in ("Inverse", "Step"):
        from tica_fn.steps import step

        return getattr(step, name)
    row = row_of(name)
    if row is None:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return row.maker
