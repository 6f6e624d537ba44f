"""The outcome of processing one file."""

from __future__ import annotations

from pathlib import Path

import attrs

__all__ = ["DONE", "FAILED", "NOT_BEGUN", "SKIPPED", "Outcome"]

DONE, SKIPPED, FAILED, NOT_BEGUN = "done", "skipped", "failed", "not begun"


@attrs.frozen(kw_only=True)
class Outcome:
    """The outcome of one input file.

    `lines` are printed instead of the usual line.  `alone` means that the outputs depend only on
    the file, the models and the options.
    """

    source: Path
    state: str
    outputs: tuple[Path, ...] = ()
    frames: int = 0
    notes: tuple[str, ...] = ()
    lines: tuple[str, ...] | None = None
    seconds: float = 0.0
    error: BaseException | None = None
    alone: bool = True
