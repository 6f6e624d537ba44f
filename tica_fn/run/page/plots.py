"""Plots of a run against time, linked: a zoom of one moves all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tica_fn.immutable import Array
from tica_fn.run.families import drift_of_frames
from tica_fn.run.page.thinning import thinned
from tica_fn.run.schema import LETTERS

__all__ = ["COLOURS", "make_plots"]

Frames = Mapping[tuple[int, int], Mapping[str, Array]]
_HUES = {1: (0.58, 0.75), 2: (0.07, 0.85), 3: (0.38, 0.65), 4: (0.85, 0.55)}
_MOST = 1500
_HEIGHT = 210
_ONE_READOUT_D = 10.0 / 86400.0


def _colour(camera: int, ccd: int) -> str:
    """A colour that can be told on white and on black."""
    import colorsys

    hue, saturation = _HUES[camera]
    red, green, blue = colorsys.hls_to_rgb(hue, 0.38 + 0.08 * ccd, saturation)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"


COLOURS = {(c, d): _colour(c, d) for c in (1, 2, 3, 4) for d in (1, 2, 3, 4)}
_PLOTS = (
    ("background", "background mode [e-]", ("mode",), True),
    ("pedestals", "pedestals less median [adu]", tuple(f"offset_{x}" for x in LETTERS), False),
    ("smear", "smear level [e-]", ("smear",), False),
    ("noise", "read noise, 4 amplifiers [e-]", tuple(f"noise_{x}" for x in LETTERS), False),
    ("residuals", "residual [arcsec]", ("rms_arcsec",), False),
    ("drift", "drift: columns o, rows x [pixel]", ("drift_columns", "drift_rows"), False),
    ("roll", "roll [arcsec]", ("roll",), False),
    ("stars", "good-star fraction", ("good_fraction",), False),
)


def make_plots(frames: Frames, references: Mapping[tuple[int, int], float]) -> dict[str, Any]:
    """Make the plots by name; `references` are times of the CCDs' reference frames."""
    columns = {ccd: _columns(one) for ccd, one in frames.items()}
    times = np.concatenate([one["time"] for one in columns.values()])
    low, high = (float(np.nanmin(times)), float(np.nanmax(times))) if times.size else (0.0, 1.0)
    room = 0.02 * (high - low) or 0.5
    across = _models().Range1d(low - room, high + room, bounds=(low - 4 * room, high + 4 * room))
    sources = {}
    for ccd, one in columns.items():
        flagged = np.array([bool(flags) for flags in frames[ccd]["flags"]])
        shown = [one[name] for _, _, names, _ in _PLOTS for name in names]
        kept = thinned(shown, flagged & (np.cumsum(flagged) <= _MOST // 2), _MOST)
        sources[ccd] = _models().ColumnDataSource(
            {
                name: np.asarray(values[kept], np.float64 if name == "time" else np.float32)
                for name, values in one.items()
            }
            | {"cadence": frames[ccd]["cadence"][kept].astype(np.int32)}
        )
    plots = {}
    for name, label, quantities, logarithmic in _PLOTS:
        figure = _figure(name, label, across, logarithmic)
        for ccd, source in sources.items():
            for number, quantity in enumerate(quantities):
                marker = "x" if number and name == "drift" else "circle"
                _scatter(figure, source, ccd, quantity, marker)
        _mark_references(figure, references)
        plots[name] = figure
    words = _flag_points(frames, columns)
    factors = sorted({word for one in words.values() for word in one["flag"]}) or ["no flags"]
    flags = _figure("flags", "flags", across, False, _models().FactorRange(*reversed(factors)))
    flags.height = max(_HEIGHT, 60 + 22 * len(factors))
    for ccd, one in words.items():
        _scatter(flags, _models().ColumnDataSource(one), ccd, "flag", "circle", size=6)
    _mark_references(flags, references)
    plots["flags"] = flags
    return plots


def _models() -> Any:
    """Bokeh's models, whose types say less than they take."""
    import bokeh.models

    return bokeh.models


def _columns(frames: Mapping[str, Array]) -> dict[str, Array]:
    time = np.asarray(frames["tjd"], float)
    if not np.isfinite(time).all():
        time = np.asarray(frames["cadence"], float)
    out = {"time": time}
    mode = np.asarray(frames["mode"], float)
    out["mode"] = np.where(mode > 0, mode, np.nan)
    for letter in LETTERS:
        pedestal = np.asarray(frames[f"pedestal_{letter}"], float)
        known = pedestal[np.isfinite(pedestal)]
        out[f"offset_{letter}"] = pedestal - (np.median(known) if known.size else 0.0)
        out[f"noise_{letter}"] = np.asarray(frames[f"noise_{letter}"], float)
    for name in ("smear", "rms_arcsec", "good_fraction"):
        out[name] = np.asarray(frames[name], float)
    out["rms_arcsec"] = np.where(out["rms_arcsec"] >= 0, out["rms_arcsec"], np.nan)
    return out | drift_of_frames(frames)


def _flag_points(frames: Frames, columns: Mapping[Any, Any]) -> dict[Any, dict[str, Any]]:
    """Points of the plot of flags: amplifiers are left out, long runs thinned."""
    out = {}
    for ccd, one in frames.items():
        times: list[float] = []
        words: list[str] = []
        cadences: list[int] = []
        seen: dict[str, int] = {}
        for k, flags in enumerate(one["flags"]):
            for word in str(flags).split():
                word = word.partition("(")[0]
                seen[word] = seen.get(word, 0) + 1
                if seen[word] > 300 and seen[word] % 10:
                    continue
                times.append(float(columns[ccd]["time"][k]))
                words.append(word)
                cadences.append(int(one["cadence"][k]))
        if words:
            out[ccd] = {"time": times, "flag": words, "cadence": cadences}
    return out


def _figure(name: str, label: str, across: Any, logarithmic: bool, up: Any = None) -> Any:
    from bokeh.plotting import figure

    more = {} if up is None else {"y_range": up}
    made: Any = figure(
        name=name,
        title=label,
        height=_HEIGHT,
        sizing_mode="stretch_width",
        x_range=across,
        y_axis_type="log" if logarithmic else "auto",
        tools="xbox_zoom,xwheel_zoom,xpan,reset,save",
        active_drag="xbox_zoom",
        output_backend="canvas",
        background_fill_alpha=0.0,
        border_fill_alpha=0.0,
        outline_line_alpha=0.3,
        min_border_left=64 if up is None else 130,
        min_border_right=14,
        **more,
    )
    made.add_tools(
        _models().HoverTool(
            tooltips=[
                ("", "$name"),
                ("cadence", "@cadence"),
                ("time", "@time{0.0000}"),
                ("", "$snap_y"),
            ]
        )
    )
    made.toolbar.logo = None
    made.toolbar.autohide = True
    made.title.text_font_size = "13px"
    made.grid.grid_line_alpha = 0.25
    made.xaxis.formatter = _models().BasicTickFormatter(use_scientific=False)
    if name == "flags":
        made.xaxis.axis_label = "time [TJD, TDB]"
    return made


def _scatter(
    figure: Any, source: Any, ccd: tuple[int, int], y: str, marker: str, size: int = 4
) -> None:
    figure.scatter(
        "time",
        y,
        source=source,
        size=size,
        marker=marker,
        color=COLOURS[ccd],
        alpha=0.75,
        name=f"cam{ccd[0]}-ccd{ccd[1]}",
    )


def _mark_references(figure: Any, references: Mapping[tuple[int, int], float]) -> None:
    for time in _apart(references.values()):
        span = _models().Span(
            location=time,
            dimension="height",
            line_dash="dashed",
            line_width=1,
            line_color="#d08000",
            line_alpha=0.8,
            name="reference",
        )
        figure.add_layout(span)


def _apart(times: Iterable[float]) -> list[float]:
    """Times, those of CCDs that are read out seconds after one another once."""
    found: list[float] = []
    for time in sorted(time for time in times if np.isfinite(time)):
        if not found or time - found[-1] > _ONE_READOUT_D:
            found.append(time)
    return found
