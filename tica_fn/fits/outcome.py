"""The outcome of processing one file."""

from __future__ import annotations

from pathlib import Path

import attrs

__all__ = ["DONE", "FAILED", "NOT_BEGUN", "SKIPPED", "Outcome", "without_locals"]

DONE, SKIPPED, FAILED, NOT_BEGUN = "done", "skipped", "failed", "not begun"


def without_locals(error: BaseException) -> BaseException:
    """Let go of what the functions held that an error passed: pixels, and often the error itself.

    Such circles are found late by the garbage collector, and hold whole files meanwhile.
    """
    import traceback

    passed: BaseException | None = error
    while passed is not None:
        traceback.clear_frames(passed.__traceback__)
        passed = passed.__cause__ or passed.__context__
    return error


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
    error: BaseException | None = attrs.field(
        default=None, converter=attrs.converters.optional(without_locals)
    )
    alone: bool = True
