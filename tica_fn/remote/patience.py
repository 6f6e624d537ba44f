"""How long a server is waited for: overall, where the timeout of a socket starts anew each byte."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

__all__ = ["SLOWEST", "TooSlowError", "no_slower", "within"]

SLOWEST = 1000.0
"""Bytes per second below which a transfer is broken off."""

T = TypeVar("T")


class TooSlowError(Exception):
    """A server lets us wait."""


def within(seconds: float, ask: Callable[[], T], drop: Callable[[T], None]) -> T:
    """Wait for an answer for so long; one that comes later is dropped."""
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
    """Break off a transfer that brings less than the slowest rate during any such window."""
    try:
        line = socket.socket(fileno=os.dup(answer.raw.fileno()))
    except (OSError, ValueError):  # All of it has come already.
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
