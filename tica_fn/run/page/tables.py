"""Tables of the report, which can be sorted and filtered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from tica_fn.immutable import Array

__all__ = ["events_of", "flagged_rows", "html_table", "out_of_family_rows", "slowest_rows"]

_MOST = 1500
_OUTLIERS = {
    "mode": "background mode",
    "smear": "smear level",
    **{f"pedestal_{x}": f"pedestal {x.upper()}" for x in "abcd"},
    **{f"noise_{x}": f"read noise {x.upper()}" for x in "abcd"},
    "rms_arcsec": "residual",
    "good_fraction": "good-star fraction",
}


def html_table(name: str, heads: Sequence[str], rows: Sequence[Sequence[Any]], none: str) -> str:
    """Make a table; numbers sort as numbers."""
    if not rows:
        return f'<p class="none">{escape(none)}</p>'
    shown = rows[:_MOST]
    more = f" of {len(rows)}; the rest is in the record" if len(rows) > len(shown) else ""
    head = "".join(
        f'<th scope="col"><button type="button">{escape(one)}</button></th>' for one in heads
    )
    body = "".join(f"<tr>{''.join(_cell(value) for value in row)}</tr>" for row in shown)
    return (
        f'<div class="table"><label class="filter">filter <input type="search" '
        f'data-table="{name}" placeholder="words"></label> <span class="count">'
        f'<span id="{name}-count">{len(shown)}</span> rows{more}</span>'
        f'<div class="scroll"><table id="{name}"><thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></div>"
    )


def _cell(value: Any) -> str:
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return "<td></td>"
    if isinstance(value, float):
        text = f"{value:.4g}" if abs(value) < 1e5 else f"{value:,.0f}"
        return f'<td class="n" data-v="{value!r}">{text}</td>'
    if isinstance(value, int):
        return f'<td class="n" data-v="{value}">{value}</td>'
    text = str(value)
    return f"<td{' class=long' * (len(text) > 50)}>{escape(text)}</td>"


def name_of(ccd: tuple[int, int]) -> str:
    """Name of a CCD."""
    return f"cam{ccd[0]}-ccd{ccd[1]}"


def flagged_rows(frames: Mapping[Any, Mapping[str, Array]]) -> list[tuple[Any, ...]]:
    """CCD, cadence, time, flags, mode, residual, good stars and product of flagged frames."""
    rows = []
    for ccd, one in frames.items():
        for k in np.flatnonzero([bool(flags) for flags in one["flags"]]).tolist():
            rows.append(_flagged(ccd, one, k))  # noqa: PERF401
    return rows


def _flagged(ccd: tuple[int, int], one: Mapping[str, Array], k: int) -> tuple[Any, ...]:
    numbers = (float(one[name][k]) for name in ("mode", "rms_arcsec", "good_fraction"))
    time = float(one["tjd"][k])
    said = f"{time:.4f}" if np.isfinite(time) else ""
    place = name_of(ccd), int(one["cadence"][k]), said, one["flags"][k]
    return (*place, *numbers, Path(one["product"][k]).name)


def events_of(frames: Mapping[Any, Mapping[str, Array]]) -> list[tuple[Any, ...]]:
    """Runs of frames with the same flag: flag, first and last cadence, frames, CCDs.

    Runs on several CCDs that begin and end together are one event.
    """
    found: dict[tuple[str, int, int], list[tuple[str, int]]] = {}
    for ccd, one in frames.items():
        words = [{w.partition("(")[0] for w in str(f).split()} for f in one["flags"]]
        for flag in sorted(set().union(*words)) if words else ():
            places = np.flatnonzero([flag in word for word in words])
            for run in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1):
                key = flag, int(one["cadence"][run[0]]), int(one["cadence"][run[-1]])
                found.setdefault(key, []).append((name_of(ccd), len(run)))
    return [
        (flag, first, last, max(n for _, n in who), len(who), _few([name for name, _ in who]))
        for (flag, first, last), who in sorted(found.items(), key=lambda item: item[0][1])
    ]


def _few(names: list[str]) -> str:
    if len(names) <= 6:
        return ", ".join(names)
    return f"{', '.join(names[:5])} and {len(names) - 5} more"


def out_of_family_rows(frames: Mapping[Any, Mapping[str, Array]]) -> list[tuple[Any, ...]]:
    """Values more than six robust standard deviations from their CCD's median."""
    rows = []
    for ccd, one in frames.items():
        for column, what in _OUTLIERS.items():
            values = np.asarray(one[column], float)
            known = values[np.isfinite(values)]
            if known.size < 5:
                continue
            middle = np.median(known)
            spread = 1.4826 * np.median(np.abs(known - middle))
            floor = 1e-4 * max(abs(middle), 1e-6)
            sigmas = (values - middle) / max(spread, floor)
            for k in np.flatnonzero(np.abs(sigmas) > 6.0).tolist():
                place = name_of(ccd), int(one["cadence"][k]), what
                rows.append((*place, float(values[k]), float(middle), round(float(sigmas[k]), 1)))
    return sorted(rows, key=lambda row: -abs(row[-1]))


def slowest_rows(rows: Iterable[Any]) -> list[tuple[Any, ...]]:
    """The products that took longest: CCD, cadence, seconds to calibrate and to fit."""
    found = [
        (
            f"cam{row['camera']}-ccd{row['ccd']}",
            row["cadence"],
            row["seconds"],
            row["wcs_seconds"],
            Path(row["product"]).name,
        )
        for row in rows
        if row["seconds"] is not None
    ]
    return sorted(found, key=lambda row: -((row[2] or 0.0) + (row[3] or 0.0)))[:50]
