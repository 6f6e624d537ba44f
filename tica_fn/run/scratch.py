"""Where products are that are not complete yet, and what is left of them by processes killed."""

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


_PART = re.compile(r"\..+\.fits(\.gz|\.fz)?\.[0-9a-f]{8}\.part")
_LEFT_S = 60.0
"""How long nobody has written to what is left for sure."""


def remove_left_parts(out: Path) -> None:
    """Remove products that were to be renamed when who wrote them was killed."""
    for path in out.glob("cam*/.*.part"):
        with contextlib.suppress(OSError):
            if _PART.fullmatch(path.name) and time.time() - path.stat().st_mtime > _LEFT_S:
                path.unlink()
