"""The steps, one module each, what they have in common, and the table of them all."""

from typing import Any

from tica_fn.steps.step import Inverse, Step
from tica_fn.steps.table import STANDARD_ORDER, TABLE, row_of

__all__ = ["STANDARD_ORDER", "TABLE", "Inverse", "Step"]


def __getattr__(name: str) -> Any:
    """Functions that bind the steps, imported when they are asked for."""
    row = row_of(name)
    if row is None:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return row.maker
