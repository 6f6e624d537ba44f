"""The errors that tica-fn raises, all under `ValueError` or `OSError`, and their words.

Each message names the file or field, what was expected, what came, and what to do.
"""

from __future__ import annotations

import os

__all__ = [
    "AstrometryError",
    "BadFileError",
    "ExposureMismatchError",
    "FrameError",
    "MissingCollateralError",
    "ModelError",
    "RemoteError",
    "describe",
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


class RemoteError(OSError):
    """A server cannot be reached, or what it sends is not what it should be."""


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
        return f"{os.fspath(error.filename)}: {error.strerror}"
    text = " ".join(str(error).split())
    if isinstance(error, OSError | ValueError | ImportError):
        return text or type(error).__name__
    return f"unexpected {type(error).__name__}: {text} (run with --debug to see where)"
