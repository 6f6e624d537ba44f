"""Writing the report of a run."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from tica_fn.fits.atomic import write_whole
from tica_fn.run.page.plots import COLOURS, PLOTS, plotted
from tica_fn.run.page.quick_look import quick_look
from tica_fn.run.page.tables import (
    events_of,
    flagged_rows,
    html_table,
    out_of_family_rows,
    slowest_rows,
)
from tica_fn.run.progress import Progress, progress_of
from tica_fn.run.record import RunRecord
from tica_fn.run.summary import frames_by_ccd

__all__ = ["write_page"]

_PLANE = ((2, 1), (3, 4))
"""Places of the CCDs in their camera's frame, where 1 and 2 are rotated by 180 degrees."""


_PLANE_WORDS = (
    "<p class='soft'>The reference frame of each CCD, at its place in the camera's frame. Click "
    "on one to filter the tables.</p>"
)
_TIME_WORDS = (
    "<p class='soft'>Drag or turn the wheel over a plot to zoom all of them. Dashed lines: "
    "reference frames. Long series show all outliers and some of the other points.</p>"
)


def write_page(record: RunRecord, path: Path) -> Path:
    """Write the report of a run.

    Parameters
    ----------
    record : RunRecord
        Its record.
    path : pathlib.Path
        Page to write, complete or not at all.

    Returns
    -------
    pathlib.Path
        The same.

    Raises
    ------
    OSError
        If the record can't be read or the page can't be written.
    """
    progress = progress_of(record)
    frames = frames_by_ccd(record)
    stars = {(row["camera"], row["ccd"]): row for row in record.rows("stars")}
    references = _reference_times(frames, stars)
    drawn = json.dumps(plotted(frames, references)) if frames else ""
    sections = [
        _head(record, progress, frames),
        "<h2 id='plane'>Focal plane</h2>",
        _PLANE_WORDS,
        _plane(record, frames, stars),
        "<h2 id='events'>Events</h2>",
        html_table(
            "events-table",
            ("flag", "first cadence", "last cadence", "frames", "CCDs", "which"),
            events_of(frames),
            "No frame is flagged.",
        ),
        "<h2 id='time'>Against time</h2>",
        _TIME_WORDS,
        _keys(frames),
        *(f'<div class="plot" id="plot-{name}"></div>' for name in (PLOTS if frames else ())),
        "<h2 id='failures'>Failures</h2>",
        html_table("failures-table", ("what failed, and why",), [(w,) for w in progress.failures],
                   "Nothing failed."),
        "<h2 id='flagged'>Flagged frames</h2>",
        html_table(
            "flagged-table",
            ("CCD", "cadence", "TJD", "flags", "mode", "residual", "good stars", "product"),
            flagged_rows(frames),
            "No frame is flagged.",
        ),
        "<h2 id='family'>Out of family</h2>",
        "<p class='soft'>Over six robust standard deviations from the CCD's median.</p>",
        html_table(
            "family-table",
            ("CCD", "cadence", "what", "value", "median", "sigma"),
            out_of_family_rows(frames),
            "Nothing is.",
        ),
        "<h2 id='slowest'>Slowest</h2>",
        html_table(
            "slowest-table",
            ("CCD", "cadence", "calibrate [s]", "fit [s]", "product"),
            slowest_rows(record.rows("frames")),
            "No times are known.",
        ),
        "<h2 id='references'>Reference stars</h2>",
        html_table(
            "stars-table",
            ("CCD", "reference frame", "cadence", "stars", "Tmag from", "to", "error"),
            [
                (f"cam{c}-ccd{d}", row["reference"] or "", row["cadence"], row["count"],
                 row["tmag_min"], row["tmag_max"], row["error"] or "")
                for (c, d), row in sorted(stars.items())
            ],
            "None.",
        ),
        "<h2 id='made'>Provenance</h2>",
        _provenance(record),
    ]  # fmt: skip
    page = _TEMPLATE.format(
        title=escape(f"tica-fn run: {record.path.parent.name}"),
        css=_text("page.css"),
        body="\n".join(sections),
        plots=_PLOTS.format(bokeh=_bokeh(), drawn=drawn.replace("</", "<\\/"), js=_text("plots.js"))
        if drawn
        else "",
        js=_text("page.js"),
    )
    write_whole(path, [page.encode("utf-8", "backslashreplace")])
    return path


_TEMPLATE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="data:,">
<title>{title}</title>
<style>{css}</style>
</head>
<body>
<main>
{body}
</main>
{plots}
<script>{js}</script>
</body>
</html>
"""


_PLOTS = """<script>{bokeh}</script>
<script type="application/json" id="plotted">{drawn}</script>
<script>{js}</script>"""


def _text(name: str) -> str:
    return (files("tica_fn.run.page") / name).read_text()


def _bokeh() -> str:
    """BokehJS and its plotting API; Bokeh itself is not loaded."""
    found = find_spec("bokeh")
    if found is None or not found.submodule_search_locations:
        raise ImportError("the page of a run needs Bokeh: pip install 'tica-fn[report]'")
    folder = Path(found.submodule_search_locations[0]) / "server/static/js"
    return "\n".join((folder / name).read_text() for name in ("bokeh.min.js", "bokeh-api.min.js"))


def _reference_times(frames: Any, stars: Mapping[Any, Any]) -> dict[tuple[int, int], float]:
    found = {}
    for ccd, row in stars.items():
        if ccd in frames and row["cadence"] is not None:
            here = np.flatnonzero(frames[ccd]["cadence"] == row["cadence"])
            times = frames[ccd]["tjd"]
            if here.size:
                known = np.isfinite(times).all()
                found[ccd] = float((times if known else frames[ccd]["cadence"])[here[0]])
    return found


def _head(record: RunRecord, progress: Progress, frames: Any) -> str:
    inputs = progress.inputs
    flagged = sum(bool(flags) for one in frames.values() for flags in one["flags"])
    failed = len(progress.failures)
    sectors = sorted({int(s) for one in frames.values() for s in one["sector"] if s > 0})
    mark = {"done": "good", "running": "", "failed": "bad"}.get(progress.state, "warn")
    good = [float(g) for one in frames.values() for g in one["good_fraction"] if np.isfinite(g)]
    rms = [
        float(r) for one in frames.values() for r in one["rms_arcsec"] if np.isfinite(r) and r >= 0
    ]
    calibrated = inputs.get("done", 0) + inputs.get("skipped", 0)
    facts = (
        (progress.state, "state of the run", mark),
        (f"{calibrated} / {progress.total}", "files calibrated", ""),
        (str(progress.products), "products", ""),
        (str(progress.solved), "with a solution", ""),
        (str(failed), "failures", "bad" if failed else "good"),
        (str(flagged), "flagged frames", "warn" if flagged else "good"),
        (f"{np.median(rms):.4f}″" if rms else "-", "median residual", ""),
        (f"{np.mean(good):.3f}" if good else "-", "mean good-star fraction", ""),
    )
    tiles = "".join(
        f'<div class="fact"><b class="{kind}">{escape(value)}</b><span>{label}</span></div>'
        for value, label, kind in facts
    )
    run = progress.run
    links = "".join(
        f'<a href="#{name}">{label}</a>'
        for name, label in (
            ("plane", "focal plane"), ("events", "events"), ("time", "against time"),
            ("failures", "failures"), ("flagged", "flagged"), ("family", "out of family"),
            ("slowest", "slowest"), ("references", "reference stars"), ("made", "provenance"),
        )
    )  # fmt: skip
    where = f"Sector {', '.join(map(str, sectors))}, " if sectors else ""
    return (
        f"<h1>{escape(where)}{escape(str(record.path.parent))}</h1>"
        f"<p class='soft'>tica-fn {escape(str(run.get('version', '')))}, begun "
        f"{escape(str(run.get('started', '')))}, ended {escape(str(run.get('ended') or 'not yet'))}"
        f"</p>{_message(run)}<nav>{links}</nav><div class='facts'>{tiles}</div>"
    )


def _message(run: Mapping[str, Any]) -> str:
    """Message of the last invocation: why it ended, or what is unknown about it."""
    return f"<p class='soft'>{escape(str(run['message']))}</p>" if run.get("message") else ""


def _plane(record: RunRecord, frames: Any, stars: Mapping[Any, Any]) -> str:
    failed = Counter(
        (row["camera"], row["ccd"]) for row in record.rows("frames", "WHERE wcs = 'failed'")
    )
    parts = []
    for camera in (1, 2, 3, 4):
        tiles = "".join(
            _tile(record, frames, stars, failed, (camera, ccd)) for row in _PLANE for ccd in row
        )
        parts.append(
            f'<div class="camera"><h3>camera {camera}</h3><div class="ccds">{tiles}</div></div>'
        )
    return f'<div class="plane">{"".join(parts)}</div>'


def _tile(
    record: RunRecord, frames: Any, stars: Mapping[Any, Any], failed: Counter[Any], ccd: Any
) -> str:
    name = f"cam{ccd[0]}-ccd{ccd[1]}"
    one = frames.get(ccd)
    if one is None:
        label = f"<small>{ccd[0]}.{ccd[1]}</small>"
        return f'<div class="ccd"><div class="no">no frames</div>{label}</div>'
    star = stars.get(ccd)
    reference = one["product"][0]
    if star is not None and star["cadence"] is not None:
        here = np.flatnonzero(one["cadence"] == star["cadence"])
        reference = one["product"][here[0]] if here.size else reference
    words = Counter(w.partition("(")[0] for f in one["flags"] for w in str(f).split())
    wrong = [f"{count} x {word}" for word, count in words.most_common(3)]
    kind = "warn" if words else "good"
    if failed[ccd]:
        wrong.insert(0, f"{failed[ccd]} not solved")
        kind = "bad"
    if star is not None and star["error"]:
        wrong.insert(0, "no reference stars")
        kind = "bad"
    uri = quick_look(record.path.parent / reference, turned=ccd[1] in (1, 2))
    image = f'<img src="{uri}" alt="{name}" loading="lazy">' if uri else '<div class="no">?</div>'
    said = ", ".join(wrong) or "no problems"
    return (
        f'<button type="button" class="ccd {kind}-b" data-ccd="{name}" title="{escape(said)}">'
        f"{image}<small><b>{ccd[0]}.{ccd[1]}</b> {len(one['product'])} frames<br>"
        f'<span class="{kind} why">{escape(said)}</span></small></button>'
    )


def _keys(frames: Any) -> str:
    keys = "".join(
        f'<button type="button" data-ccd="cam{c}-ccd{d}" aria-pressed="true">'
        f'<i style="background:{COLOURS[c, d]}"></i>{c}.{d}</button>'
        for c, d in sorted(frames)
    )
    return f'<div class="keys">{keys}</div>'


def _provenance(record: RunRecord) -> str:
    runs = record.rows("runs", "ORDER BY id")
    table = html_table(
        "runs-table",
        ("no.", "started", "ended", "state", "version", "python", "host", "command"),
        [
            (row["id"], row["started"], row["ended"] or "", row["state"], row["version"],
             row["python"], row["host"], row["command"])
            for row in runs
        ],
        "No invocation is recorded: the record was rebuilt from the products.",
    )  # fmt: skip
    models = html_table(
        "models-table",
        ("CCD", "model", "version", "kind", "SHA-256"),
        [
            (f"cam{m['camera']}-ccd{m['ccd']}", m["name"], m["version"], m["kind"], m["sha256"])
            for m in record.rows("models", "ORDER BY camera, ccd, name")
        ],
        "No models are recorded.",
    )
    said = json.loads(runs[-1]["configuration"]) if runs else {}
    text = escape(json.dumps(said, indent=1, sort_keys=True))
    return (
        f"{table}<details><summary>Configuration of the last invocation</summary><pre>{text}</pre>"
        "</details>"
        f"<details><summary>Models</summary>{models}</details>"
    )
