"""Types of arguments."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

__all__ = ["listed_files", "positive"]


def positive(text: str) -> int:
    """Number of things, at least one."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive whole number")
    return int(text)


def listed_files(path: Path) -> list[Path]:
    """Names in a list, one a line; blank lines and what follows a # are left out.

    The # is at the beginning or after a space: names may have one in them.
    """
    try:
        text = path.read_text()
    except UnicodeDecodeError as error:
        raise OSError(f"{path}: not a text file, one file name a line") from error
    lines = (re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip() for line in text.splitlines())
    return [Path(line) for line in lines if line]
