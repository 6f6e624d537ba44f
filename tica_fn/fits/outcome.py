"""What became of one file that was worked at."""

from __future__ import annotations

from pathlib import Path

import attrs

__all__ = ["DONE", "FAILED", "NOT_BEGUN", "SKIPPED", "Outcome"]

DONE, SKIPPED, FAILED, NOT_BEGUN = "done", "skipped", "failed", "not begun"


@attrs.frozen(kw_only=True)
class Outcome:
    """What became of one input file.

    `lines` are printed in place of the usual one.  `alone` says that the outputs depend on the
    file, the models and the options, and on nothing else.
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
