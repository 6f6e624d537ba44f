"""What a run would do, how long it would take and how large it would be, from measured figures."""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tica_fn.fits.outcome import FAILED
from tica_fn.run.outputs import stat_facts
from tica_fn.run.record import open_record

__all__ = ["FIGURES", "dry_run_text"]

FIGURES = {
    "calibrate_none_s": 0.055,
    "calibrate_gzip_s": 0.12,
    "calibrate_rice_s": 0.1,
    "calibrate_gzip2_s": 0.53,
    "fit_s": 0.08,
    "stars_s": 0.7,
    "bytes_none": 17.8e6,
    "bytes_gzip": 13.7e6,
    "bytes_rice": 5.6e6,
    "bytes_gzip2": 11.3e6,
}
"""Seconds of a processor and bytes a frame, and seconds a CCD's stars, where a run has no figures
of its own yet: by ``python -m benchmarks.runs`` on 12 simulated frames of 600 s, camera 2 CCD 3
in sector 35, on a core of an AMD EPYC.  Waiting for the disk comes on top."""


def dry_run_text(
    sources: Sequence[Path], out: Path, settings: Mapping[str, Any], fingerprint: str
) -> str:
    """Say what would be done."""
    rows, figures, where = {}, dict(FIGURES), "of one core of an AMD EPYC"
    stars = 0
    try:
        record = open_record(out)
        rows = {row["path"]: row for row in record.rows("inputs")}
        stars = record.query("SELECT count(*) FROM stars WHERE path != ''")[0][0]
        measured = _measured(record, settings.get("compress") or "none")
        if measured:
            figures |= measured
            where = "measured in this run"
    except OSError:
        pass
    states = Counter(_state(path, rows.get(str(path)), fingerprint, settings) for path in sources)
    todo = [p for p in sources if _state(p, rows.get(str(p)), fingerprint, settings) == "to do"]
    frames = sum(4 if _is_camera(path) else 1 for path in todo)
    size = _bytes(todo)
    packing = settings.get("compress") or "none"
    made = frames * figures[f"bytes_{packing}"]
    with_wcs = not (settings.get("no_wcs") or settings.get("trim") or settings.get("assemble"))
    threads = int(settings.get("jobs") or 1)
    seconds = frames * figures[f"calibrate_{packing}_s"]
    ccds = max(min(frames, 16) - stars, 0)
    if with_wcs:
        seconds += frames * figures["fit_s"] + ccds * figures["stars_s"]
    lines = [
        f"{len(sources)} files: {states['to do']} to be done, {states['done']} are done, "
        f"{states['failed']} failed before"
        + (" (--retry-failed tries them again)" if states["failed"] else ""),
    ]
    lines.append(
        f"calibrate {states['to do']} files ({size / 1e9:.2f} GB) to about {frames} frames in "
        f"{out}/cam<c>-ccd<d>"
    )
    if with_wcs:
        lines.append(
            f"find reference stars of up to {ccds} CCDs, fit {frames} frames"
            if not settings.get("refstars")
            else f"fit {frames} frames with the stars in {settings['refstars']}"
        )
    else:
        lines.append("no solutions")
    lines.append(
        f"about {_span(seconds / threads)} with {threads} job{'s' if threads > 1 else ''}, "
        f"{made / 1e9:.2f} GB (figures {where})"
    )
    place = out
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if made > free:
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


def _is_camera(path: Path) -> bool:
    return "crm-ffi" in path.name and "_ccd" not in path.name


def _bytes(paths: Sequence[Path]) -> int:
    total = 0
    for path in paths:
        try:
            total += path.stat().st_size
        except OSError:
            continue
    return total


def _measured(record: Any, packing: str) -> dict[str, float]:
    """Figures of this run: seconds of a thread a frame; bytes, where they are packed as wanted."""
    row = record.query(
        "SELECT avg(i.seconds / i.frames) FROM inputs i WHERE i.state = 'done' AND i.frames > 0"
    )[0]
    fit, size, product = record.query(
        "SELECT avg(wcs_seconds), avg(size), min(product) FROM frames"
    )[0]
    found = {}
    ending = {"none": ".fits", "gzip": ".gz"}.get(packing, ".fz")
    if row[0] is not None and str(product).endswith(ending):
        found = {f"calibrate_{packing}_s": float(row[0]), f"bytes_{packing}": float(size)}
    return found | ({"fit_s": float(fit)} if fit else {})


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
