"""Signals that ask a command to end."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["StoppedError", "signals_raised"]

_AGAIN_S = 0.02
"""After how long a signal is raised again whose exception was lost."""


class StoppedError(KeyboardInterrupt):
    """A signal asks to end; whatever ends cleanly at Ctrl-C does so at it."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = signal.Signals(number)


@contextmanager
def signals_raised() -> Iterator[None]:
    """Raise signals that ask to end, as Ctrl-C is raised; those that are ignored stay so.

    A library that calls a function of Python from C, or a finalizer, can't pass an exception on:
    Python shows and drops it.  The signal is then raised again.
    """
    main = threading.main_thread()
    if threading.current_thread() is not main:
        yield
        return
    again: list[threading.Timer] = []
    shown = sys.unraisablehook

    def stop(number: int, _: Any) -> None:
        raise StoppedError(number)

    def lost(unraisable: Any) -> None:
        error = unraisable.exc_value
        if not isinstance(error, StoppedError):
            shown(unraisable)
        elif main.ident is not None:
            again.append(threading.Timer(_AGAIN_S, signal.pthread_kill, (main.ident, error.signal)))
            again[-1].start()

    before: dict[int, Any] = {}
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) in (
            signal.SIG_DFL, signal.default_int_handler
        ):  # fmt: skip
            before[number] = signal.signal(number, stop)
    sys.unraisablehook = lost
    try:
        yield
    finally:
        sys.unraisablehook = shown
        for timer in again:
            timer.cancel()
        for number, handler in before.items():
            signal.signal(number, handler)
