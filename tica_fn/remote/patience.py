"""Overall time limits for servers; a socket's own timeout restarts with each byte."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

__all__ = ["SLOWEST", "TooSlowError", "no_slower", "within"]

SLOWEST = 1000.0
"""Transfers slower than this many bytes per second are aborted."""

T = TypeVar("T")


class TooSlowError(Exception):
    """The server is too slow."""


def within(seconds: float, ask: Callable[[], T], drop: Callable[[T], None]) -> T:
    """Wait at most this long for an answer, and drop one that comes later."""
    answers: list[T] = []
    errors: list[BaseException] = []
    lock, given_up, done = threading.Lock(), threading.Event(), threading.Event()

    def work() -> None:
        try:
            answer = ask()
        except BaseException as error:
            errors.append(error)
        else:
            with lock:
                answers.append(answer)
                late = given_up.is_set()
            if late:
                drop(answer)
        done.set()

    threading.Thread(target=work, daemon=True).start()
    if not done.wait(seconds):
        with lock:
            given_up.set()
        if not answers:
            raise TooSlowError
    if errors:
        raise errors[0]
    return answers[0]


@contextmanager
def no_slower(answer: Any, window_s: float, count: Callable[[], int]) -> Iterator[None]:
    """Abort a transfer that falls below the slowest rate in any window."""
    try:
        line = socket.socket(fileno=os.dup(answer.raw.fileno()))
    except (OSError, ValueError):  # The answer is complete already.
        yield
        return
    done, slow = threading.Event(), threading.Event()

    def watch() -> None:
        before = count()
        while not done.wait(window_s):
            if count() - before < SLOWEST * window_s:
                slow.set()
                with suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)
                return
            before = count()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    except Exception:
        if slow.is_set():
            raise TooSlowError from None
        raise
    finally:
        done.set()
        watcher.join()
        line.close()
    if slow.is_set():
        raise TooSlowError
