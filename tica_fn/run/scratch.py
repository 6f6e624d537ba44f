"""A folder in memory for a product that is not complete yet."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

__all__ = ["remove_left_scratch", "scratch"]

_SCRATCH = "tica-fn-run-"


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Folder in memory for a product that is not complete yet."""
    place = Path("/dev/shm")
    roomy = place.is_dir() and shutil.disk_usage(place).free > 500e6
    folder = Path(
        tempfile.mkdtemp(prefix=f"{_SCRATCH}{os.getpid()}-", dir=place if roomy else None)
    )
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def remove_left_scratch() -> None:
    """Remove what processes that were killed left in memory."""
    for folder in Path("/dev/shm").glob(f"{_SCRATCH}*"):
        pid = folder.name.removeprefix(_SCRATCH).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)
