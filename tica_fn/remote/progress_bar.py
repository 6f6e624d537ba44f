"""Progress of downloads: a bar on a terminal, else one plain line for each finished file."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TextIO

__all__ = ["ProgressBar", "human", "show_progress"]


def human(size_bytes: float) -> str:
    """Size in readable form."""
    for unit in ("B", "kB", "MB"):
        if size_bytes < 999.5:
            return f"{size_bytes:.0f} B" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1000
    return f"{size_bytes:.2f} GB"


class ProgressBar:
    """Counts bytes of several files that are fetched at the same time."""

    def __init__(self, files: int, stream: TextIO, bar: Any = None) -> None:
        self._files, self._stream, self._bar = files, stream, bar
        self._done = 0
        self._lock = threading.Lock()
        self._there: dict[str, int] = {}
        self._totals: dict[str, int] = {}
        self._task = bar.add_task("models", total=None) if bar is not None else None

    def reporter(self, name: str) -> Callable[[int, int | None], None]:
        """Make the function to which one file's download reports."""

        def report(there: int, total: int | None) -> None:
            with self._lock:
                self._there[name] = there
                if total is not None:
                    self._totals[name] = total
                self._show()

        return report

    def finished(self, name: str, size_bytes: int) -> None:
        """Count a complete file."""
        with self._lock:
            self._done += 1
            self._there[name] = self._totals[name] = size_bytes
            if self._bar is None:
                line = f"[{self._done}/{self._files}] {name} {human(size_bytes)}"
                print(line, file=self._stream, flush=True)
            self._show()

    def _show(self) -> None:
        """Update the bar, assuming that files of unknown length are as long as the others."""
        if self._bar is None:
            return
        known = len(self._totals)
        total = sum(self._totals.values()) * self._files / known if known else None
        self._bar.update(
            self._task,
            completed=sum(self._there.values()),
            total=total,
            description=f"{self._done} of {self._files} files",
        )


@contextmanager
def show_progress(files: int, stream: TextIO | None = None) -> Iterator[ProgressBar]:
    """Show progress for as long as the block runs."""
    stream = sys.stderr if stream is None else stream
    if not stream.isatty():
        yield ProgressBar(files, stream)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Bar(*columns, TransferSpeedColumn(), console=Console(file=stream)) as bar:
        yield ProgressBar(files, stream, bar)
