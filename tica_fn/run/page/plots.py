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
    source = _models().ColumnDataSource(_points(frames, columns))
    plots = {}
    for name, label, quantities, logarithmic in _PLOTS:
        known = any(np.isfinite(source.data[one]).any() for one in quantities)
        # Without values there is nothing for the browser to find a range by.
        up = None if known else _models().Range1d(0.0, 1.0)
        label = label if known else f"{label}: not known of any frame"
        figure = _figure(name, label, across, logarithmic and known, up)
        for number, quantity in enumerate(quantities):
            marker = "x" if number and name == "drift" else "circle"
            _scatter(figure, source, quantity, marker)
        _mark_references(figure, references)
        plots[name] = figure
    flags = _flag_points(frames, columns)
    factors = sorted(set(flags["flag"])) or ["no flags"]
    figure = _figure("flags", "flags", across, False, _models().FactorRange(*reversed(factors)))
    figure.height = max(_HEIGHT, 60 + 22 * len(factors))
    _scatter(figure, _models().ColumnDataSource(flags), "flag", "circle", size=6)
    _mark_references(figure, references)
    return plots | {"flags": figure}


def _points(frames: Frames, columns: Mapping[tuple[int, int], Mapping[str, Array]]) -> Any:
    """What is drawn of every CCD, in one table: its columns, and the CCD's name."""
    parts: dict[str, list[Array]] = {}
    names: list[str] = []
    for ccd, one in columns.items():
        flagged = np.array([bool(flags) for flags in frames[ccd]["flags"]])
        shown = [one[name] for _, _, quantities, _ in _PLOTS for name in quantities]
        kept = thinned(shown, flagged & (np.cumsum(flagged) <= _MOST // 2), _MOST)
        for name, values in {**one, "cadence": frames[ccd]["cadence"]}.items():
            parts.setdefault(name, []).append(values[kept])
        names += [f"cam{ccd[0]}-ccd{ccd[1]}"] * kept.size
    kinds = {"time": np.float64, "cadence": np.int32}
    data: dict[str, Any] = {
        name: np.concatenate(values).astype(kinds.get(name, np.float32))
        for name, values in parts.items()
    }
    return data | {"ccd": names, "alpha": np.full(len(names), 0.75, np.float32)}


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


def _flag_points(frames: Frames, columns: Mapping[Any, Any]) -> dict[str, Any]:
    """Points of the plot of flags: amplifiers are left out, long runs thinned."""
    points: list[tuple[float, str, int, str]] = []
    for ccd, one in frames.items():
        seen: dict[str, int] = {}
        for k, flags in enumerate(one["flags"]):
            for word in str(flags).split():
                flag = word.partition("(")[0]
                seen[flag] = seen.get(flag, 0) + 1
                if seen[flag] <= 300 or seen[flag] % 10 == 0:
                    time = float(columns[ccd]["time"][k])
                    points.append((time, flag, int(one["cadence"][k]), f"cam{ccd[0]}-ccd{ccd[1]}"))
    names = ("time", "flag", "cadence", "ccd")
    data: dict[str, Any] = {name: [one[n] for one in points] for n, name in enumerate(names)}
    return data | {"alpha": np.full(len(points), 0.75, np.float32)}


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
        min_border_left=130 if name == "flags" else 64,
        min_border_right=14,
        **more,
    )
    made.add_tools(
        _models().HoverTool(
            tooltips=[
                ("", "@ccd"),
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
    made.xaxis.ticker.desired_num_ticks = 4  # A phone has room for no more.
    made.xaxis.formatter = _models().BasicTickFormatter(use_scientific=False)
    if name == "flags":
        made.xaxis.axis_label = "time [TJD, TDB]"
    return made


def _scatter(figure: Any, source: Any, y: str, marker: str, size: int = 4) -> None:
    from bokeh.transform import factor_cmap

    names = [f"cam{camera}-ccd{ccd}" for camera, ccd in COLOURS]
    colour: Any = factor_cmap("ccd", list(COLOURS.values()), names)
    figure.scatter(
        "time", y, source=source, size=size, marker=marker, color=colour, alpha="alpha", name=y
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
