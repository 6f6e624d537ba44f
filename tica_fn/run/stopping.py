"""Stopping a run early: signals, and a full disk."""

from __future__ import annotations

import errno
import signal
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import FrameType
from typing import Any, Self, TypeVar

from tica_fn.errors import describe

__all__ = ["Stop", "is_full"]

T = TypeVar("T")
_FULL = (errno.ENOSPC, errno.EDQUOT)


def is_full(error: BaseException | None) -> bool:
    """Tell whether an error means that a disk is full or a quota exhausted."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        error = error.__cause__
    return False


class Stop:
    """Whether to begin no more work, and why.

    As a context it handles SIGINT, SIGTERM and SIGHUP: the first one lets files in progress finish,
    the second one ends the process as usual.
    """

    def __init__(self) -> None:
        self.why = ""
        self.signal = 0
        self._before: dict[int, Any] = {}

    def __bool__(self) -> bool:
        return bool(self.why)

    def feed(self, items: Iterable[T]) -> Iterator[T]:
        """Yield items until there is a reason to stop."""
        for item in items:
            if self:
                return
            yield item

    def full(self, error: BaseException) -> None:
        """Stop because a disk is full."""
        self.why = self.why or f"the disk is full ({error})"

    def without_workers(self, error: BaseException | None) -> None:
        """Stop because no workers are left."""
        self.why = self.why or (describe(error) if error is not None else "no workers")

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for name in ("SIGINT", "SIGTERM", "SIGHUP"):
                number = getattr(signal, name, None)
                if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._asked)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _asked(self, number: int, _: FrameType | None) -> None:
        if self.signal:
            signal.signal(number, self._before[number])
            signal.raise_signal(number)
            return
        self.signal = number
        self.why = signal.Signals(number).name
        with suppress(OSError):  # The terminal may be gone.
            print(f"\n{self.why}: finishing the files in progress ...", flush=True)
