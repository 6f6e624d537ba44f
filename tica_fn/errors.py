"""The errors that tica-fn raises, and notes about smaller problems.

Every error is a `ValueError` or an `OSError`.  Its message names the file or field, what was
expected and what was found, and says what to do where that helps.

A note is about a file that can be used all the same.  Inside `keep_notes` notes are collected in a
list (the command line does so for each file); otherwise they are logged as warnings by the logger
``tica_fn``, which Python prints by default.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

__all__ = [
    "AstrometryError",
    "BadFileError",
    "ClusterError",
    "ExposureMismatchError",
    "FrameError",
    "MissingCollateralError",
    "ModelError",
    "RemoteError",
    "UsageError",
    "describe",
    "keep_notes",
    "of_the_package",
    "one_line",
    "tell_note",
]


class FrameError(ValueError):
    """A frame does not suit a step: wrong unit, shape or CCD, or a step too many or too few."""


class AstrometryError(FrameError):
    """A frame shows another field than expected, or too few of its stars can be measured."""


class MissingCollateralError(FrameError):
    """The frame lacks the overclock or smear pixels that a step measures."""


class ModelError(ValueError):
    """A calibration model is missing, belongs to another CCD, or holds impossible values."""


class ExposureMismatchError(ModelError):
    """The models were made for an exposure time other than the frame's."""


class BadFileError(OSError):
    """A file is not as it should be: not FITS, truncated, or with a wrong checksum or keyword."""


class ClusterError(OSError):
    """A Dask cluster cannot be reached, or the connection to it was lost."""


class RemoteError(OSError):
    """A server cannot be reached, or it sends something other than expected."""


class UsageError(ValueError):
    """Arguments are missing or do not go together; the command line exits with 2."""


_OF_LIBRARIES = (
    AssertionError,
    ArithmeticError,
    EOFError,
    RecursionError,
    struct.error,
    zlib.error,
)
_NAMES_OF_LIBRARIES = frozenset({"VerifyError", "CfitsioException", "IsalError"})


def of_the_package(path: str | os.PathLike[str], error: Exception) -> Exception:
    """Turn an error that a library raised into one that names the file.

    Parameters
    ----------
    path : path-like
        The file that was being processed.
    error : Exception
        The error that was raised.

    Returns
    -------
    Exception
        `BadFileError` for errors that libraries raise for bad files, and if memory ran out.  The
        error itself if it comes from this package or the system, or is a bug in the program.
    """
    if isinstance(error, OSError | ValueError):
        return error
    text = " ".join(str(error).split())
    found: Exception | None = None
    if isinstance(error, MemoryError):
        found = BadFileError(f"{path}: not enough memory to process it")
    elif isinstance(error, _OF_LIBRARIES) or _NAMES_OF_LIBRARIES & {
        kind.__name__ for kind in type(error).__mro__
    }:
        found = BadFileError(f"{path}: can't be processed ({text or type(error).__name__})")
    if found is None:
        return error
    found.__cause__ = error
    return found


def describe(error: BaseException) -> str:
    """Describe an error in one line.

    Parameters
    ----------
    error : BaseException
        The error that was raised.

    Returns
    -------
    str
        Its file and cause, without line breaks.
    """
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return one_line(f"{os.fspath(error.filename)}: {error.strerror}")
    text = " ".join(str(error).split())
    if isinstance(error, OSError | ValueError | ImportError):
        return one_line(text) or type(error).__name__
    return one_line(f"unexpected {type(error).__name__}: {text} (run with --debug to see where)")


def one_line(text: str) -> str:
    """Escape characters that would break a line or upset a terminal.

    Parameters
    ----------
    text : str
        Any text, such as a file name.

    Returns
    -------
    str
        The text with line breaks and other control characters as backslash escapes.
    """
    return "".join(
        c if c >= " " and c not in "\x7f\x85\u2028\u2029" else ascii(c)[1:-1] for c in text
    )


_kept: ContextVar[list[str] | None] = ContextVar("notes", default=None)


@contextmanager
def keep_notes() -> Iterator[list[str]]:
    """Collect the notes of this thread in a list."""
    notes: list[str] = []
    token = _kept.set(notes)
    try:
        yield notes
    finally:
        _kept.reset(token)


def tell_note(text: str) -> None:
    """Keep a note about a file, once, in the list of `keep_notes`; outside it, log the note."""
    notes = _kept.get()
    if notes is None:
        import logging

        logging.getLogger("tica_fn").warning(text)
    elif text not in notes:
        notes.append(text)
