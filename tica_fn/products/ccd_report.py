"""TICA's report of a CCD: amplifier by amplifier, science pixels and overclocks.

Row and column means, histograms, mean and standard deviation; profiles of overclocks and smear;
and a table of many frames with raw and calibrated overclocks side by side.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import attrs
import numpy as np

from tica_fn.detector import (
    AMPLIFIER_COLUMNS,
    AMPLIFIERS,
    OVERCLOCK_COLUMNS,
    ROWS,
    SCIENCE_COLUMNS,
    SCIENCE_ROWS,
    VIRTUAL_COLUMNS,
)
from tica_fn.fits.clocks import spacecraft_times
from tica_fn.frame import ADU, Frame
from tica_fn.immutable import Array

__all__ = ["REGIONS", "AmplifierNumbers", "numbers_of", "overclock_table", "region_of"]

REGIONS = ("science", "overclock")


@attrs.frozen(kw_only=True)
class AmplifierNumbers:
    """Mean and standard deviation of one amplifier's region in one frame."""

    file: str
    camera: int
    ccd: int
    cadence: int | None
    tjd: float
    unit: str
    raw: bool
    amplifier: str
    region: str
    mean: float
    std: float
    pedestal: float


def region_of(frame: Frame, amplifier: int, region: str) -> Array:
    """Science pixels of an amplifier, or its last eight overclock columns."""
    if region == "science":
        first = SCIENCE_COLUMNS[0] + amplifier * AMPLIFIER_COLUMNS
        rows, columns = SCIENCE_ROWS, (first, first + AMPLIFIER_COLUMNS)
    else:
        last = OVERCLOCK_COLUMNS[0] + VIRTUAL_COLUMNS * (amplifier + 1)
        rows, columns = (0, ROWS), (last - 8, last)
    place = zip((rows, columns), (frame.row, frame.column), frame.shape, strict=True)
    ranges = [
        slice(*(min(max(edge - start, 0), size) for edge in edges)) for edges, start, size in place
    ]
    return frame.pixels[tuple(ranges)]


def numbers_of(frame: Frame, file: str) -> list[AmplifierNumbers]:
    """Mean and standard deviation of every amplifier and region of a frame, in float64."""
    found = []
    here = None if frame.times is None else spacecraft_times(frame.times)
    tjd = np.nan if here is None else here.mid + here.zero - 2457000.0
    for a, letter in enumerate(AMPLIFIERS):
        for region in REGIONS:
            pixels = region_of(frame, a, region)
            known = pixels[np.isfinite(pixels)].astype(np.float64)
            pedestal = np.nan if frame.pedestals is None else frame.pedestals[a]
            one = AmplifierNumbers(
                file=file,
                camera=frame.camera,
                ccd=frame.ccd,
                cadence=frame.cadence,
                tjd=float(tjd),
                unit=frame.unit,
                raw=frame.unit == ADU and not frame.steps,
                amplifier=letter,
                region=region,
                mean=float(known.mean()) if known.size else np.nan,
                std=float(known.std()) if known.size else np.nan,
                pedestal=float(pedestal),
            )
            found.append(one)
    return found


def overclock_table(numbers: Iterable[AmplifierNumbers]) -> Any:
    """Tabulate the numbers of many frames; raw and calibrated ones of a frame share a row.

    Parameters
    ----------
    numbers : iterable of AmplifierNumbers
        Numbers of raw frames, calibrated ones, or both.

    Returns
    -------
    astropy.table.Table
        One row per frame, amplifier and region: `tjd`, `camera`, `ccd`, `cadence`, `amplifier`,
        `region`, `mean_before` and `std_before` (raw counts, adu), `mean_after` and `std_after`
        (electron), `correction` (the pedestal, adu), `file`; NaN if not given.
    """
    from astropy.table import Table

    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for one in numbers:
        who = one.cadence if one.cadence is not None else one.file
        key = one.camera, one.ccd, who, one.amplifier, one.region
        row = rows.setdefault(key, {"mean_before": np.nan, "std_before": np.nan,
                                    "mean_after": np.nan, "std_after": np.nan,
                                    "correction": np.nan, "file": one.file})  # fmt: skip
        when = "before" if one.raw else "after"
        row |= {
            "tjd": one.tjd, "camera": one.camera, "ccd": one.ccd,
            "cadence": -1 if one.cadence is None else one.cadence, "amplifier": one.amplifier,
            "region": one.region, f"mean_{when}": one.mean, f"std_{when}": one.std,
        }  # fmt: skip
        if not one.raw:
            row |= {"correction": one.pedestal, "file": one.file}
    names = (
        "tjd", "camera", "ccd", "cadence", "amplifier", "region", "mean_before", "std_before",
        "mean_after", "std_after", "correction", "file",
    )  # fmt: skip
    listed = sorted(rows.values(), key=lambda r: (r["camera"], r["ccd"], r["cadence"], r["file"]))
    table = Table({name: [row[name] for row in listed] for name in names})
    units = {"tjd": "d", "mean_before": "adu", "std_before": "adu", "correction": "adu"}
    for name, unit in (units | {"mean_after": "electron", "std_after": "electron"}).items():
        table[name].unit = unit
    return table
