"""What is told of a file that is read all the same, on its way to whoever asked for it.

While somebody listens (the command line does, for each file), notes are kept for them; else they
are Python warnings.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["FileWarning", "listening", "tell"]


class FileWarning(UserWarning):
    """A file is not all that it should be, and is read all the same."""


_kept: ContextVar[list[str] | None] = ContextVar("notes", default=None)


@contextmanager
def listening() -> Iterator[list[str]]:
    """Keep the notes of this thread in a list."""
    notes: list[str] = []
    token = _kept.set(notes)
    try:
        yield notes
    finally:
        _kept.reset(token)


def tell(text: str) -> None:
    """Tell something of a file, once."""
    notes = _kept.get()
    if notes is None:
        warnings.warn(text, FileWarning, stacklevel=3)
    elif text not in notes:
        notes.append(text)
