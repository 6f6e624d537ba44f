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
"""Delay before a signal whose exception was lost is raised again."""


class StoppedError(KeyboardInterrupt):
    """A signal asks the command to end, which it does as cleanly as at Ctrl-C."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.signal = signal.Signals(number)


@contextmanager
def signals_raised() -> Iterator[None]:
    """Turn signals that ask to end into exceptions like Ctrl-C; ignored signals stay ignored.

    An exception in a finalizer, or in a Python function that a library calls from C, is shown and
    dropped by Python.  The signal is then raised again.
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
