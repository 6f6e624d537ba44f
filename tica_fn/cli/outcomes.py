"""What commands print while they process files, and at the end."""

from __future__ import annotations

import sys
import time
from collections import Counter
from itertools import chain
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tica_fn.cli.arguments import Inputs
    from tica_fn.fits.batch import Outcome

__all__ = ["Bar", "refused", "show_outcomes", "tell_outcomes", "work_through"]


def work_through(
    inputs: Inputs,
    work: Callable[[Path], Outcome],
    what: str,
    *,
    jobs: int = 1,
    debug: bool = False,
    summary: bool = True,
) -> int:
    """Process every input separately, report the outcomes, and return the exit code."""
    from tica_fn.fits.batch import run_batch

    outcomes = run_batch(inputs.paths, lambda path, _: work(path), jobs)
    return tell_outcomes(
        chain(refused(inputs), outcomes), inputs.total, what, debug=debug, summary=summary
    )


def refused(inputs: Inputs) -> list[Outcome]:
    """Outcomes of folders without any input file."""
    from tica_fn.fits.outcome import FAILED, Outcome

    return [Outcome(source=path, state=FAILED, error=error) for path, error in inputs.empty]


def tell_outcomes(
    outcomes: Iterable[Outcome],
    total: int,
    what: str,
    *,
    debug: bool,
    summary: bool = True,
    log: Path | None = None,
) -> int:
    """Show progress, failures and a summary; return the exit code."""
    from tica_fn.run.event_log import EventLog

    start = time.perf_counter()
    with EventLog(log, what) as events:
        states, failures = show_outcomes(events.watched(outcomes, what), total, what, debug)
        events.end(1 if states["failed"] else 0)
    if summary:
        seconds = time.perf_counter() - start
        rate = states["frames"] / seconds
        left = f", {states['not begun']} not begun" if states["not begun"] else ""
        print(
            f"{states['done']} done, {states['skipped']} skipped, {states['failed']} failed{left} "
            f"in {seconds:.1f} s ({rate:.1f} frames/s)"
        )
        if total > 1:  # In a long run the earlier lines have scrolled away.
            for failure in failures:
                print(f"failed: {failure}")
    return 1 if states["failed"] or states["not begun"] else 0


def show_outcomes(
    outcomes: Iterable[Outcome], total: int, what: str, debug: bool
) -> tuple[Counter[str], list[str]]:
    """Show progress: a bar on a terminal, else one line per file; always show failures.

    Returns the numbers of files by state and of frames, and the messages of failures.
    """
    import traceback

    from tica_fn.errors import describe, one_line

    states: Counter[str] = Counter()
    failures: list[str] = []
    with Bar(total, what) as (say, step):
        for outcome in outcomes:
            states[outcome.state] += 1
            states["frames"] += outcome.frames
            step()
            for note in outcome.notes:
                say(one_line(f"note: {note}"))
            if outcome.state == "not begun":
                if states["not begun"] == 1 and outcome.error is not None:  # The same for all.
                    say(f"tica-fn: {describe(outcome.error)}", sys.stderr)
                if not sys.stdout.isatty():
                    say(f"not begun {one_line(str(outcome.source))}")
            elif outcome.error is not None:
                message = describe(outcome.error)
                name = one_line(str(outcome.source))
                if name not in message and " ".join(str(outcome.source).split()) not in message:
                    message = f"{name}: {message}"
                failures.append(message)
                say(f"tica-fn: {message}", sys.stderr)
                if debug:
                    traceback.print_exception(outcome.error)
            elif outcome.lines is not None:
                for line in outcome.lines:
                    say(one_line(line))
            elif not sys.stdout.isatty():
                outputs = ", ".join(one_line(str(path)) for path in outcome.outputs)
                why = " (there already)" if outcome.state == "skipped" else ""
                say(f"{outcome.state} {outputs}{why} {outcome.seconds:.2f} s")
    return states, failures


class Bar:
    """A progress bar if standard output is a terminal, else plain lines."""

    def __init__(self, total: int | None, what: str) -> None:
        self.total = total
        self.what = what
        self.progress: Any = None

    def __enter__(self) -> tuple[Any, Any]:
        if sys.stdout.isatty():
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                Progress,
                TextColumn,
                TimeRemainingColumn,
            )

            self.progress = Progress(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeRemainingColumn(),
            )
            self.progress.start()
            self.task = self.progress.add_task(self.what, total=self.total)
        return self.say, self.step

    def say(self, line: str, stream: Any = None) -> None:
        """Print a line above the bar."""
        beside = stream is sys.stderr and not sys.stderr.isatty()
        if self.progress is not None and not beside:
            self.progress.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            print(line, file=stream or sys.stdout, flush=True)

    def step(self) -> None:
        """Count one more."""
        if self.progress is not None:
            self.progress.advance(self.task)

    def __exit__(self, *_: object) -> None:
        if self.progress is not None:
            self.progress.stop()
