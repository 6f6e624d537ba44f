"""TICA's production table: a Markdown row for a run."""

from __future__ import annotations

from typing import Any

import numpy as np

from tica_fn.fits.orbits import orbits_of_sector
from tica_fn.run.first_headers import first_headers
from tica_fn.run.record import RunRecord

__all__ = ["production_table"]

_COLUMNS = (
    "sector", "orbit", "version", "host", "python", "start", "end", "frames", "CCDs",
    "reference frame", "stars", "Tmag", "good fraction > 0.95", "mean good fraction",
    "residual [arcsec]", "residual [pixel]", "calibration", "stage 1", "stage 2",
)  # fmt: skip


def production_table(record: RunRecord) -> str:
    """Make the row, with its header.

    Parameters
    ----------
    record : RunRecord
        Record of a run.

    Returns
    -------
    str
        Three lines of Markdown: names, rule, values.
    """
    runs = record.rows("runs", "ORDER BY id")
    frames = record.rows("frames", "WHERE kind = 'frame'")
    stars = record.rows("stars", "WHERE path != ''")
    good = np.array([row["good_fraction"] for row in frames if row["good_fraction"] is not None])
    arcsec, pixel = (
        np.array([row[key] for row in frames if row[key] is not None and row[key] >= 0])
        for key in ("rms_arcsec", "rms_pixel")
    )
    last: Any = runs[-1] if runs else None
    values = {
        "sector": _few(row["sector"] for row in frames),
        "orbit": _orbits(record, frames),
        "version": _few(row["version"] for row in runs),
        "host": _few(row["host"] for row in runs),
        "python": _few(row["python"] for row in runs),
        "start": runs[0]["started"] if runs else "",
        "end": (last["ended"] or last["state"]) if last else "",
        "frames": str(len(frames)),
        "CCDs": str(len({(row["camera"], row["ccd"]) for row in frames})),
        "reference frame": _few(f"{s['cadence']:08d}" for s in stars if s["cadence"] is not None),
        "stars": _span([row["count"] for row in stars], "d"),
        "Tmag": _span([row[key] for row in stars for key in ("tmag_min", "tmag_max")], ".2f"),
        "good fraction > 0.95": f"{np.mean(good > 0.95):.4f}" if good.size else "",
        "mean good fraction": f"{good.mean():.4f}" if good.size else "",
        "residual [arcsec]": f"{arcsec.mean():.4f}" if arcsec.size else "",
        "residual [pixel]": f"{pixel.mean():.5f}" if pixel.size else "",
        "calibration": _wall(record, "calibrate"),
        "stage 1": _wall(record, "stars"),
        "stage 2": _wall(record, "fit"),
    }
    lines = (_COLUMNS, tuple("---" for _ in _COLUMNS), tuple(values[name] for name in _COLUMNS))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _few(values: Any) -> str:
    """Different values, in order; only the first and a count if there are more than four."""
    found = [str(value) for value in dict.fromkeys(values) if value not in (None, "")]
    return ", ".join(found) if len(found) <= 4 else f"{found[0]} and {len(found) - 1} more"


def _span(values: list[Any], form: str) -> str:
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    return format(low, form) if low == high else f"{low:{form}} to {high:{form}}"


def _wall(record: RunRecord, stage: str) -> str:
    seconds = record.query("SELECT sum(seconds) FROM stages WHERE stage = ?", (stage,))[0][0]
    if seconds is None:
        return ""
    hours, rest = divmod(round(seconds), 3600)
    return f"{hours}:{rest // 60:02d}:{rest % 60:02d}"


def _orbits(record: RunRecord, frames: list[Any]) -> str:
    """Orbits in the headers of the first and the last product."""
    found = []
    for row in (frames[:1] + frames[-1:]) if frames else []:
        try:
            header = first_headers(record.path.parent / row["product"])[0]
        except OSError:
            continue
        said = str(header.get("ORB_SEG", "")).strip()
        number = header.get("ORBIT_ID")
        orbits = orbits_of_sector(row["sector"]) if row["sector"] else ()
        found.append(said or (f"o{orbits.index(number) + 1}" if number in orbits else ""))
    return _few(found)
