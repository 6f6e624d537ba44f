"""A machine-readable log: one JSON object per line, appended as events happen."""

from __future__ import annotations

import json
import os
import platform
import socket
import sys
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from tica_fn.errors import describe
from tica_fn.fits.outcome import Outcome
from tica_fn.fits.version import __version__

__all__ = ["EventLog"]


class EventLog:
    """Events of one command; without a path they are dropped.

    Each line has ``time`` (UTC), ``event`` (``start``, ``outcome``, ``note``, ``end``) and ``pid``.
    """

    def __init__(self, path: Path | None, command: str) -> None:
        self.path = path
        self.command = command
        self._file: Any = None
        self._begun = time.perf_counter()

    def __enter__(self) -> Self:
        if self.path is not None:
            self._file = self.path.open("a", buffering=1)
            from importlib.metadata import version

            others = {name: version(name) for name in ("numpy", "numba", "astropy")}
            self.event(
                "start",
                command=self.command,
                arguments=sys.argv[1:],
                folder=str(Path.cwd()),
                host=socket.gethostname(),
                system=platform.platform(),
                python=platform.python_version(),
                processors=os.cpu_count(),
                versions={"tica-fn": __version__, **others},
                environment={
                    name: value
                    for name, value in os.environ.items()
                    if name.startswith(("NUMBA_", "OMP_", "OPENBLAS_", "DASK_", "SLURM_"))
                    or name == "SOURCE_DATE_EPOCH"
                },
            )
        return self

    def __exit__(self, kind: Any, error: BaseException | None, _: Any) -> None:
        if self._file is not None:
            if error is not None:
                self.end(1, describe(error))
            self._file.close()
            self._file = None

    def event(self, event: str, **said: Any) -> None:
        """Write one line."""
        if self._file is None:
            return
        when = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = {"time": when, "event": event, "pid": os.getpid(), **said}
        self._file.write(json.dumps(line, default=str) + "\n")

    def outcome(self, stage: str, outcome: Outcome) -> None:
        """Write the outcome of a file."""
        self.event(
            "outcome",
            stage=stage,
            file=str(outcome.source),
            state=outcome.state,
            outputs=[str(path) for path in outcome.outputs],
            seconds=round(outcome.seconds, 4),
            notes=list(outcome.notes),
            error=None if outcome.error is None else describe(outcome.error),
        )

    def watched(self, outcomes: Iterable[Outcome], stage: str) -> Iterator[Outcome]:
        """Pass outcomes on as they come, and write a line for each."""
        for outcome in outcomes:
            self.outcome(stage, outcome)
            yield outcome

    def end(self, code: int, message: str = "", **said: Any) -> None:
        """Write how the command ended."""
        seconds = round(time.perf_counter() - self._begun, 3)
        self.event("end", code=code, message=message, seconds=seconds, **said)
