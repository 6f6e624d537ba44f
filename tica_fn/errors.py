"""The errors that tica-fn raises, all under `ValueError` or `OSError`; notes of lesser things.

Each message names the file or field, what was expected, what came, and what to do.  A note is told
of a file that is read all the same.  While somebody listens (the command line does, for each file),
notes are kept for them; else they go to the logger ``tica_fn`` as warnings, which Python prints
unless it is told otherwise.
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
    """A frame is not what a step needs: its unit, shape, camera, or what was done to it."""


class AstrometryError(FrameError):
    """A frame's stars are not where they should be (another field), or too few can be measured."""


class MissingCollateralError(FrameError):
    """The frame lacks the overclock or smear pixels from which a step measures its numbers."""


class ModelError(ValueError):
    """A calibration model is missing, of another CCD, or holds values that cannot be right."""


class ExposureMismatchError(ModelError):
    """The models were made for another exposure time than the frame's."""


class BadFileError(OSError):
    """A file is not what it should be: not FITS, truncated, a checksum or keyword is wrong."""


class ClusterError(OSError):
    """A Dask cluster cannot be reached, or went away."""


class RemoteError(OSError):
    """A server cannot be reached, or what it sends is not what it should be."""


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
    """Turn what a library raised at a file into an error that names the file.

    Parameters
    ----------
    path : path-like
        The file that was worked at.
    error : Exception
        What was raised.

    Returns
    -------
    Exception
        `BadFileError` for what libraries raise at bad files and where memory ran out; the error
        itself if it is one of this package, of the system, or a fault of the program.
    """
    if isinstance(error, OSError | ValueError):
        return error
    text = " ".join(str(error).split())
    found: Exception | None = None
    if isinstance(error, MemoryError):
        found = BadFileError(f"{path}: it needs more memory than there is")
    elif isinstance(error, _OF_LIBRARIES) or _NAMES_OF_LIBRARIES & {
        kind.__name__ for kind in type(error).__mro__
    }:
        found = BadFileError(f"{path}: can't be worked at ({text or type(error).__name__})")
    if found is None:
        return error
    found.__cause__ = error
    return found


def describe(error: BaseException) -> str:
    """Put an error in one line.

    Parameters
    ----------
    error : BaseException
        What was raised.

    Returns
    -------
    str
        Its file and cause, without line ends.
    """
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return one_line(f"{os.fspath(error.filename)}: {error.strerror}")
    text = " ".join(str(error).split())
    if isinstance(error, OSError | ValueError | ImportError):
        return one_line(text) or type(error).__name__
    return one_line(f"unexpected {type(error).__name__}: {text} (run with --debug to see where)")


def one_line(text: str) -> str:
    """Escape what would break a line or a terminal.

    Parameters
    ----------
    text : str
        Any text, such as a file's name.

    Returns
    -------
    str
        With line ends and other control characters as backslash escapes.
    """
    return "".join(
        c if c >= " " and c not in "\x7f\x85\u2028\u2029" else ascii(c)[1:-1] for c in text
    )


_kept: ContextVar[list[str] | None] = ContextVar("notes", default=None)


@contextmanager
def keep_notes() -> Iterator[list[str]]:
    """Keep the notes of this thread in a list."""
    notes: list[str] = []
    token = _kept.set(notes)
    try:
        yield notes
    finally:
        _kept.reset(token)


def tell_note(text: str) -> None:
    """Tell something of a file; who listens keeps it once."""
    notes = _kept.get()
    if notes is None:
        import logging

        logging.getLogger("tica_fn").warning(text)
    elif text not in notes:
        notes.append(text)
