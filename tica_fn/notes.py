"""What is told of a file that is read all the same, on its way to whoever asked for it.

While somebody listens (the command line does, for each file), notes are kept for them; else they
go to the logger ``tica_fn`` as warnings, which Python prints unless it is told otherwise.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = ["listening", "tell"]

_kept: ContextVar[list[str] | None] = ContextVar("notes", default=None)
_log = logging.getLogger("tica_fn")


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
    """Tell something of a file; who listens keeps it once."""
    notes = _kept.get()
    if notes is None:
        _log.warning(text)
    elif text not in notes:
        notes.append(text)
