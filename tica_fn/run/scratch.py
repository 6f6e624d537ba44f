"""Places for incomplete products, and removal of those that killed processes left."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["remove_left_parts", "remove_left_scratch", "scratch"]

_SCRATCH = "tica-fn-run-"


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """Folder in memory for an incomplete product."""
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
    """Remove what killed processes left in memory."""
    for folder in Path("/dev/shm").glob(f"{_SCRATCH}*"):
        pid = folder.name.removeprefix(_SCRATCH).partition("-")[0]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists():
            shutil.rmtree(folder, ignore_errors=True)


_PART = re.compile(r"\..+\.fits(\.gz|\.fz)?\.[0-9a-f]{8}\.part")
_LEFT_S = 60.0
"""Seconds without a change after which a file has certainly been left behind."""


def remove_left_parts(out: Path) -> None:
    """Remove products whose writer was killed before it renamed them."""
    for path in out.glob("cam*/.*.part"):
        with contextlib.suppress(OSError):
            if _PART.fullmatch(path.name) and time.time() - path.stat().st_mtime > _LEFT_S:
                path.unlink()
