"""What a run would do, and estimates of its time and size from a sample of the files."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tica_fn.errors import describe
from tica_fn.fits.outcome import FAILED
from tica_fn.run.outputs import stat_facts
from tica_fn.run.record import RunRecord, open_record

if TYPE_CHECKING:
    from tica_fn.run.sample import Sample

__all__ = ["dry_run_text"]

_CCD = re.compile(r"-s\d{4}-([1-4])-([1-4])-")
_PAGE_S, _BUSY = 0.3, 0.4


def dry_run_text(
    sources: Sequence[Path],
    out: Path,
    settings: Mapping[str, Any],
    fingerprint: str,
    sample_of: Callable[[Sequence[Path]], Sample],
) -> str:
    """Say what would be done.

    `sample_of` processes some files in a temporary folder and returns measurements.
    """
    rows: dict[str, Any] = {}
    stars: set[tuple[int, int]] = set()
    try:
        record = open_record(out)
        rows = {row["path"]: row for row in record.rows("inputs")}
        stars = {(row["camera"], row["ccd"]) for row in record.rows("stars") if row["path"]}
    except OSError:
        record = None
    states = {path: _state(path, rows.get(str(path)), fingerprint, settings) for path in sources}
    count = Counter(states.values())
    todo = [path for path, state in states.items() if state == "to do"]
    retry = " (--retry-failed tries them again)" if count["failed"] else ""
    known = f"{count['done']} are done, {count['failed']} failed before{retry}"
    lines = [f"{len(sources)} files: {count['to do']} to be done, {known}"]
    with_wcs = not (settings.get("no_wcs") or settings.get("assemble"))
    jobs = int(settings.get("jobs") or 1)
    seconds, least, most, size, frames, ccds, said = 0.0, 0.0, 0.0, 0.0, 0, 0, []
    busy = os.getloadavg()[0]
    for kind, paths in _kinds(todo).items():
        try:
            one = sample_of(paths)
        except (OSError, ValueError) as error:
            lines.append(f"{len(paths)} {kind}: their time is not known: {describe(error)}")
            continue
        ours = _ccds_of(paths)
        lacking = len(ours - stars) if ours else 1
        work = len(paths) * (one.file_s + one.products * one.fit_s)
        once = one.begin_s + one.models_s * max(len(ours), 1) + one.stars_s * -(-lacking // jobs)
        seconds += once + work
        least += once + work * one.fastest
        most += once + work * one.slowest
        size += len(paths) * one.bytes
        frames += round(len(paths) * one.products)
        ccds += lacking if one.stars_s else 0
        said.append(f"{one.rounds} rounds of {one.files} {kind}")
        if one.unsolved:
            lines.append(f"without solutions, which could not be timed: {one.unsolved}")
    read = sum(path.stat().st_size for path in todo if path.exists())
    lines.append(
        f"calibrate {len(todo)} files ({read / 1e9:.2f} GB) to {frames} products in "
        f"{out}/cam<c>-ccd<d>"
    )
    if not with_wcs:
        lines.append("no solutions")
    elif settings.get("refstars"):
        lines.append(f"fit their frames with the stars in {settings['refstars']}")
    else:
        lines.append(f"find reference stars of up to {ccds} CCDs, fit the frames")
    if said:
        page = 0.0 if settings.get("no_report") else _PAGE_S
        where = f", measured here with {' and '.join(said)}"
        many = f"{jobs} job{'s' if jobs > 1 else ''}"
        if settings.get("scheduler"):
            many += " on this machine, not on the cluster's workers"
        between = f"{_span(least + page)} to {_span(most + page)} by the fastest and slowest round"
        lines.append(
            f"about {_span(seconds + page)} ({between}) with {many}, {size / 1e9:.2f} GB{where}"
        )
        if busy > _BUSY * (os.cpu_count() or 1):
            lines.append(
                f"the machine was busy before this (load {busy:.1f} on {os.cpu_count()} "
                "processors): an idle one may need less time, a busier one more"
            )
    if record is not None:
        lines += _as_it_was(record)
    place = out
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if size > free:
        lines.append(f"the disk of {place} has {free / 1e9:.2f} GB free: not enough")
    lines.append("nothing was done")
    return "\n".join(lines)


def _state(path: Path, row: Any, fingerprint: str, settings: Mapping[str, Any]) -> str:
    if row is None or row["fingerprint"] != fingerprint or settings.get("overwrite"):
        return "to do"
    try:
        same = stat_facts(path) == {"size": row["size"], "mtime_ns": row["mtime_ns"]}
    except OSError:
        same = False
    if not same:
        return "to do"
    if row["state"] == FAILED:
        return "to do" if settings.get("retry_failed") else "failed"
    return "done"


def _kinds(paths: Sequence[Path]) -> dict[str, list[Path]]:
    """Files by their kind, according to their names."""
    found: dict[str, list[Path]] = {}
    for path in paths:
        target, camera = "_tp." in path.name, "crm-ffi" in path.name and "_ccd" not in path.name
        kind = "target pixel files" if target else "camera frames" if camera else "frames"
        found.setdefault(kind, []).append(path)
    return found


def _ccds_of(paths: Sequence[Path]) -> set[tuple[int, int]]:
    """CCDs in the names of files."""
    found = (_CCD.search(path.name) for path in paths)
    return {(int(one[1]), int(one[2])) for one in found if one}


def _as_it_was(record: RunRecord) -> list[str]:
    """Rates of the stages in the last invocation that did something, for comparison."""
    rows = record.rows("stages", "WHERE seconds > 0 AND items > 0 ORDER BY run, started")
    last = {row["stage"]: f"{row['items'] / row['seconds']:.2f}" for row in rows}
    said = ", ".join(f"{stage} {rate}" for stage, rate in last.items())
    return [f"rates measured in this run: {said} per second"] if said else []


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
