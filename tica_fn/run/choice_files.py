"""Files with the choices of frames: TICA's own files, or one ECSV table.

In a folder: ``cam<c>/cal_timeseries.txt``, ``reffin.txt``, and in ``cam<c>_ccd<d>/`` the files
``ref_list`` and ``rms_list`` (file names) and ``bad_calibration.txt`` (cadence numbers).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from tica_fn.detector import AMPLIFIERS, CCDS
from tica_fn.errors import FrameError
from tica_fn.fits.atomic import write_whole
from tica_fn.fits.whole_files import save_figure
from tica_fn.run.choices import Choices, Rules, choose_frames
from tica_fn.run.time_series import TimeSeries, write_time_series

__all__ = ["CameraChoices", "choices_table", "choose_of_camera", "draw_choices", "write_tica_files"]


@attrs.frozen(eq=False, kw_only=True)
class CameraChoices:
    """A camera's time series and the choices for each CCD with frames."""

    camera: int
    series: TimeSeries
    by_ccd: Mapping[int, Choices]

    def files(self, ccd: int, which: Any) -> list[str]:
        """Names of a CCD's frames at these indices."""
        names = self.series.files.get(ccd, self.series.names)
        return [names[k] for k in np.arange(len(self.series))[which].tolist()]


def choose_of_camera(
    camera: int,
    series: TimeSeries,
    rules: Rules | None = None,
    barred: Mapping[int, Any] | None = None,
) -> CameraChoices:
    """Choose frames of each CCD; `barred`: (n,) bool by CCD, frames that can't be references."""
    found = {}
    for ccd in CCDS:
        modes = series.modes[:, ccd - 1]
        if np.isfinite(modes).any():
            no = False if barred is None else barred.get(ccd, False)
            found[ccd] = choose_frames(modes, series.pedestals[:, ccd - 1], rules, no)
    return CameraChoices(camera=camera, series=series, by_ccd=found)


def write_tica_files(
    cameras: list[CameraChoices], folder: str | os.PathLike[str], *, one_list: bool = False
) -> list[Path]:
    """Write TICA's files for these cameras.

    Parameters
    ----------
    cameras : list of CameraChoices
        The cameras.
    folder : path-like
        Output folder.
    one_list : bool
        Use camera 1, CCD 1's reference list for every CCD.

    Returns
    -------
    list of pathlib.Path
        The files written.

    Raises
    ------
    FrameError
        If a cadence number is unknown, or there is no camera 1, CCD 1 for `one_list`.
    OSError
        If a file can't be written.
    """
    folder = Path(folder)
    texts: dict[Path, str] = {}
    wanted = _cadences_of_first(cameras) if one_list else None
    lines = []
    for one in cameras:
        series = one.series
        _check_cadences(series)
        for ccd, chosen in one.by_ccd.items():
            place = folder / f"cam{one.camera}_ccd{ccd}"
            if chosen.reference >= 0:
                cadence = int(series.cadences[chosen.reference])
                lines.append(f"cam{one.camera}_ccd{ccd} {cadence:08d}\n")
            listed: Any = chosen.references
            if wanted is not None:
                there = np.isfinite(series.modes[:, ccd - 1])
                listed = np.flatnonzero(np.isin(series.cadences, wanted) & there)
            bad = [f"{cadence:d}" for cadence in series.cadences[chosen.bad].tolist()]
            texts[place / "ref_list"] = _lines(one.files(ccd, listed))
            texts[place / "rms_list"] = _lines(one.files(ccd, chosen.dark))
            texts[place / "bad_calibration.txt"] = _lines(bad)
    texts[folder / "reffin.txt"] = "".join(lines)
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, [text.encode()])
    written = list(texts)
    for one in cameras:
        path = folder / f"cam{one.camera}" / "cal_timeseries.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_time_series(one.series, path)
        written.append(path)
    return written


def _lines(words: list[str]) -> str:
    return "".join(f"{word}\n" for word in words)


def _check_cadences(series: TimeSeries) -> None:
    if (series.cadences < 0).any():
        name = series.names[int(np.argmax(series.cadences < 0))]
        raise FrameError(f"{name}: its cadence number, which TICA's files need, is unknown")


def _cadences_of_first(cameras: list[CameraChoices]) -> Any:
    for one in cameras:
        if one.camera == 1 and 1 in one.by_ccd:
            return one.series.cadences[one.by_ccd[1].references]
    raise FrameError("no frames of camera 1, CCD 1, whose reference list is needed")


def choices_table(cameras: list[CameraChoices]) -> Any:
    """Make a table of all frames and the choices.

    Parameters
    ----------
    cameras : list of CameraChoices
        The cameras.

    Returns
    -------
    astropy.table.Table
        One row per frame and CCD: `camera`, `ccd`, `name`, `cadence`, `mode` (electron),
        `pedestal_a` to `pedestal_d` (adu), `bad`, `dark`, `reference`, `in_reference_list`; the
        thresholds of dark time are in its ``meta``.
    """
    from astropy.table import Table, vstack

    parts, thresholds = [], {}
    for one in cameras:
        for ccd, chosen in one.by_ccd.items():
            there = np.isfinite(one.series.modes[:, ccd - 1])
            places = np.arange(len(one.series))
            table = Table()
            table["name"] = one.files(ccd, slice(None))
            table["camera"], table["ccd"] = one.camera, ccd
            table["cadence"] = np.array(one.series.cadences)
            table["mode"] = np.array(one.series.modes[:, ccd - 1])
            for a, letter in enumerate(AMPLIFIERS):
                column = f"pedestal_{letter.lower()}"
                table[column] = np.array(one.series.pedestals[:, ccd - 1, a])
                table[column].unit = "adu"
            table["mode"].unit = "electron"
            table["bad"], table["dark"] = np.array(chosen.bad), np.array(chosen.dark)
            table["reference"] = places == chosen.reference
            table["in_reference_list"] = np.isin(places, chosen.references)
            parts.append(table[there])
            thresholds[f"cam{one.camera}_ccd{ccd}"] = chosen.threshold
    out = vstack(parts, metadata_conflicts="silent")
    out.meta["dark under [electron per exposure]"] = thresholds
    return out


def draw_choices(one: CameraChoices, path: str | os.PathLike[str]) -> Path:
    """Draw modes and pedestals of a camera's CCDs against cadence, with the chosen frames marked.

    Parameters
    ----------
    one : CameraChoices
        The camera.
    path : path-like
        Picture to write.

    Returns
    -------
    pathlib.Path
        The same.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13.0, 11.0), layout="constrained")
    axes: Any = figure.subplots(4, 2, squeeze=False, sharex=True)
    known = one.series.cadences >= 0
    x = np.where(known.all(), one.series.cadences, np.arange(len(one.series)))
    for ccd in CCDS:
        left, right = axes[ccd - 1]
        left.set_ylabel(f"CCD {ccd}: mode [e-]")
        right.set_ylabel("pedestal - median [adu]")
        chosen = one.by_ccd.get(ccd)
        if chosen is None:
            continue
        modes, pedestals = one.series.modes[:, ccd - 1], one.series.pedestals[:, ccd - 1]
        left.plot(x, modes, ".", color="0.6", ms=3, label="frames")
        left.plot(x[chosen.dark], modes[chosen.dark], ".", color="tab:blue", ms=4, label="dark")
        few = chosen.references
        left.plot(
            x[few], modes[few], "o", mfc="none", color="tab:green", ms=6, label="reference list"
        )
        if chosen.reference >= 0:
            at = chosen.reference
            left.plot(x[at], modes[at], "*", color="tab:orange", ms=13, label="reference frame")
            left.axhline(chosen.threshold, color="tab:blue", lw=0.8, ls="--", label="dark under")
        if (modes > 0).any():
            left.set_yscale("log", nonpositive="mask")
        for a, letter in enumerate(AMPLIFIERS):
            middle = np.nanmedian(pedestals[:, a])
            right.plot(x, pedestals[:, a] - middle, ".", ms=3, label=letter)
            bad = chosen.bad
            right.plot(x[bad], pedestals[bad, a] - middle, "x", color="red", ms=5)
        floor = modes[modes > 0].min() if (modes > 0).any() else 1.0
        bad_modes = np.where(modes[chosen.bad] > 0, modes[chosen.bad], floor)
        left.plot(x[chosen.bad], bad_modes, "x", color="red", ms=6, label="bad calibration")
        if (span := np.nanmax(np.abs(pedestals - np.nanmedian(pedestals, axis=0)))) > 100.0:
            right.set_yscale("symlog", linthresh=max(1.0, span * 1e-4))
        right.legend(fontsize=7, ncols=4)
    first = min(one.by_ccd, default=0)
    if first:
        axes[first - 1, 0].legend(fontsize=7, ncols=2)
    for axis in axes[3]:
        axis.set_xlabel("cadence")
    figure.suptitle(f"Camera {one.camera}")
    return save_figure(figure, path, dpi=110)
