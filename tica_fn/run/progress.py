"""Progress of a run: counts, rate, time left, failures."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs

from tica_fn.run.record import RunRecord

__all__ = ["Progress", "progress_of", "progress_text"]


@attrs.frozen(kw_only=True)
class Progress:
    """Progress of a run.

    Parameters
    ----------
    state : str
        ``running``, ``stopped``, ``done``, ``failed`` or ``killed``; of the last invocation.
    total : int
        Input files of the last invocation.
    inputs : dict of str to int
        Input files by state.
    products, solved, unsolved : int
        Products; full frames with a solution, and those whose solution failed.
    stars : int
        CCDs with reference stars.
    rate : float
        Items per second of the current or last stage; 0 if unknown.
    stage : str
        Name of that stage.
    seconds_left : float or None
        Remaining time of that stage; None if unknown.
    failures : tuple of str
        Messages of failures.
    flagged : dict of str to int
        Frames by flag.
    run : dict
        The last invocation: command, times, versions.
    """

    state: str
    total: int
    inputs: dict[str, int]
    products: int
    solved: int
    unsolved: int
    stars: int
    rate: float
    stage: str
    seconds_left: float | None
    failures: tuple[str, ...]
    flagged: dict[str, int]
    run: dict[str, Any]


def progress_of(record: RunRecord) -> Progress:
    """Progress of a run from its record.

    Parameters
    ----------
    record : RunRecord
        The record.

    Returns
    -------
    Progress
        Counts, rate, time left, failures.
    """
    runs = record.rows("runs", "ORDER BY id DESC LIMIT 1")
    run = dict(runs[0]) if runs else {}
    inputs = Counter(
        {
            row[0]: row[1]
            for row in record.query("SELECT state, count(*) FROM inputs GROUP BY state")
        }
    )
    counts = record.query(
        "SELECT count(*), sum(wcs = 'done'), sum(wcs = 'failed'), sum(wcs = '') FROM frames"
    )[0]
    failures = [row[0] for row in record.query("SELECT error FROM inputs WHERE state = 'failed'")]
    failures += [
        f"no reference stars of camera {row['camera']} CCD {row['ccd']}: {row['error']}"
        for row in record.rows("stars", "WHERE error != ''")
    ]
    failures += [
        f"no solution: {row['wcs_error']}" for row in record.rows("frames", "WHERE wcs = 'failed'")
    ]
    flagged: Counter[str] = Counter()
    for (flags,) in record.query("SELECT flags FROM frames WHERE flags != ''"):
        flagged.update(flags.split())
    stage, rate, left = _pace(record, run, inputs, counts)
    return Progress(
        state=_state(run, record.path),
        total=int(run.get("total") or sum(inputs.values())),
        inputs=dict(inputs),
        products=counts[0],
        solved=counts[1] or 0,
        unsolved=counts[2] or 0,
        stars=record.query("SELECT count(*) FROM stars WHERE path != ''")[0][0],
        rate=rate,
        stage=stage,
        seconds_left=left,
        failures=tuple(failures),
        flagged=dict(flagged),
        run=run,
    )


def _state(run: dict[str, Any], path: Path) -> str:
    """State of the last invocation; if it is "running" but not locked, it was killed."""
    import fcntl

    state = str(run.get("state") or "unknown")
    if state != "running":
        return state
    try:
        with path.with_name(".run.lock").open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return "running"
    except OSError:
        return "running"
    return "killed"


def _pace(
    record: RunRecord, run: dict[str, Any], inputs: Counter[str], counts: Any
) -> tuple[str, float, float | None]:
    stages = record.rows(
        "stages", "WHERE run = ? ORDER BY started DESC, rowid DESC", (run.get("id"),)
    )
    if not stages:
        return "", 0.0, None
    last = stages[0]
    if last["seconds"] is not None:
        rate = (last["items"] or 0) / last["seconds"] if last["seconds"] else 0.0
        return last["stage"], rate, None
    begun = datetime.fromisoformat(last["started"])
    spent = max((datetime.now(UTC) - begun).total_seconds(), 1e-3)
    if last["stage"] == "calibrate":
        done = record.query("SELECT count(*) FROM inputs WHERE run = ?", (run["id"],))[0][0]
        left = (last["total"] or 0) - done
    elif last["stage"] == "fit":
        left = counts[3] or 0
        done = (last["total"] or 0) - left
    else:
        return last["stage"], 0.0, None
    del inputs
    rate = done / spent
    return last["stage"], rate, left / rate if rate else None


def progress_text(progress: Progress, *, failures: int = 20) -> str:
    """Describe the progress in a few lines."""
    one = progress
    known = one.inputs
    lines = []
    lines.append(
        f"{one.state}: {known.get('done', 0) + known.get('skipped', 0)} of {one.total} files "
        f"calibrated, {known.get('failed', 0)} failed; {one.products} products, {one.solved} with "
        f"a solution, {one.unsolved} whose solution failed; reference stars of {one.stars} CCDs"
    )
    if one.stage:
        line = f"{one.stage}: {one.rate:.2f} per second"
        if one.seconds_left is not None:
            line += f", {_span(one.seconds_left)} left"
        lines.append(line)
    if one.run.get("started"):
        lines.append(f"last started: {one.run['started']} to {one.run.get('ended') or 'now'}")
    if one.run.get("message"):
        lines.append(str(one.run["message"]))
    if one.flagged:
        said = ", ".join(f"{word} {n}" for word, n in sorted(one.flagged.items()))
        lines.append(f"flagged frames: {said}")
    lines += [f"failed: {why}" for why in one.failures[:failures]]
    if len(one.failures) > failures:
        lines.append(f"... and {len(one.failures) - failures} more failures, in the record")
    return "\n".join(lines)


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return (
        f"{hours} h {minutes} min"
        if hours
        else f"{minutes} min {rest} s"
        if minutes
        else f"{rest} s"
    )
