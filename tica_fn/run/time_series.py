"""The time series of an orbit: background mode and pedestals of every CCD, frame by frame.

TICA writes one table per camera, ``cal_timeseries.txt``, with one line per frame: the name
right-aligned in 45 characters, a space, then four modes and sixteen pedestals in 15 characters
with 2 decimals each.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import attrs
import numpy as np
from numpy.typing import ArrayLike

from tica_fn.detector import AMPLIFIERS, CCDS
from tica_fn.errors import BadFileError
from tica_fn.fits.atomic import write_whole
from tica_fn.immutable import Array, Record, frozen_array, frozen_floats

__all__ = [
    "TimeSeries",
    "cadence_of_name",
    "camera_of_name",
    "gather_time_series",
    "read_time_series",
    "time_series_text",
    "write_time_series",
]

HEADER = (
    "name",
    *(f"mode_ccd{ccd}" for ccd in CCDS),
    *(f"output{letter}_ccd{ccd}" for ccd in CCDS for letter in AMPLIFIERS),
)
_CADENCE = re.compile(r"(?<!\d)(\d{8})(?!\d)|s\d{4}-o\d[ab]?-(\d+)")
_CAMERA = re.compile(r"-\d{8}-([1-4])-|cam([1-4])|-([1-4])-[1-4]-\d{4}-")


@attrs.frozen(eq=False, repr=False, kw_only=True)
class TimeSeries(Record):
    """Background mode and pedestals of a camera's CCDs, in order of name.

    Parameters
    ----------
    names : tuple of str
        File names of the n frames.
    cadences : ndarray
        (n,) int64: cadence numbers; -1 if unknown.
    modes : ndarray
        (n, 4) float64, electron per exposure: background mode of CCDs 1 to 4; NaN if there is no
        such frame.
    pedestals : ndarray
        (n, 4, 4) float64, ADU: by CCD and amplifier.
    files : dict
        Names of the n products by CCD, if known.
    """

    names: tuple[str, ...]
    cadences: Array = attrs.field(converter=frozen_array)
    modes: Array = attrs.field(converter=frozen_floats)
    pedestals: Array = attrs.field(converter=frozen_floats)
    files: dict[int, tuple[str, ...]] = attrs.field(factory=dict)

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.names)


def cadence_of_name(name: str) -> int:
    """Cadence number in a file name; -1 if there is none.

    ``tess<stamp>-<cadence>-<camera>-crm-ffi.fits``, or a name as at MAST.
    """
    match = _CADENCE.search(name)
    return int(match[1] or match[2]) if match else -1


def camera_of_name(name: str) -> int | None:
    """Camera in a file name, or None."""
    match = _CAMERA.search(name)
    return int(match[1] or match[2] or match[3]) if match else None


def time_series_text(series: TimeSeries) -> str:
    """Lines of ``cal_timeseries.txt``.

    Parameters
    ----------
    series : TimeSeries
        Time series of a camera.

    Returns
    -------
    str
        A header line and one line per frame.
    """
    lines = [f"{HEADER[0]:>45s} " + "".join(f"{name:>15s}" for name in HEADER[1:])]
    for name, modes, pedestals in zip(series.names, series.modes, series.pedestals, strict=True):
        numbers = (*modes.tolist(), *pedestals.ravel().tolist())
        lines.append(f"{name:>45s} " + "".join(f"{number:15.2f}" for number in numbers))
    return "\n".join(lines) + "\n"


def read_time_series(path: str | os.PathLike[str]) -> TimeSeries:
    """Read a ``cal_timeseries.txt``.

    Parameters
    ----------
    path : path-like
        File of TICA or of this package.

    Returns
    -------
    TimeSeries
        Its frames, in order of name.

    Raises
    ------
    BadFileError
        If it is not such a file.
    OSError
        If it can't be read.
    """
    path = Path(path)
    try:
        lines = path.read_text().splitlines()
    except UnicodeDecodeError as error:
        raise BadFileError(f"{path}: not a text file") from error
    if not lines or tuple(lines[0].split()) != HEADER:
        raise BadFileError(
            f"{path}: its first line does not have the columns of a cal_timeseries.txt "
            f"({' '.join(HEADER[:3])} ...)"
        )
    names, rows = [], []
    for number, line in enumerate(lines[1:], 2):
        words = line.split()
        if not words:
            continue
        try:
            values = [float(word) for word in words[1:]]
        except ValueError as error:
            raise BadFileError(f"{path}: line {number}: {error}") from error
        if len(values) != len(HEADER) - 1:
            raise BadFileError(
                f"{path}: line {number} has {len(values)} numbers, not {len(HEADER) - 1}"
            )
        names.append(words[0])
        rows.append(values)
    if not names:
        raise BadFileError(f"{path}: contains no frames")
    order = sorted(range(len(names)), key=names.__getitem__)
    twice = [names[a] for a, b in pairwise(order) if names[a] == names[b]]
    if twice:
        raise BadFileError(f"{path}: contains {twice[0]} twice")
    table = np.array([rows[k] for k in order])
    named = tuple(names[k] for k in order)
    return TimeSeries(
        names=named,
        cadences=np.array([cadence_of_name(name) for name in named], np.int64),
        modes=table[:, :4],
        pedestals=table[:, 4:].reshape(-1, 4, 4),
    )


def write_time_series(series: TimeSeries, path: str | os.PathLike[str]) -> None:
    """Write a ``cal_timeseries.txt``, complete or not at all."""
    write_whole(path, [time_series_text(series).encode()])


def gather_time_series(
    rows: Iterable[tuple[str, int, int, str, float, ArrayLike]],
) -> TimeSeries:
    """Combine frames of single CCDs to a camera's time series.

    `rows`: name of the camera's frame, cadence, CCD, product, mode, (4,) pedestals of each.
    """
    found: dict[str, tuple[int, dict[int, tuple[str, float, Array]]]] = {}
    for name, cadence, ccd, file, mode, pedestals in rows:
        one = file, mode, np.asarray(pedestals, float)
        found.setdefault(name, (cadence, {}))[1][ccd] = one
    names = tuple(sorted(found))
    none = ("", np.nan, np.full(4, np.nan))
    values = [[found[name][1].get(ccd, none) for ccd in CCDS] for name in names]
    return TimeSeries(
        names=names,
        cadences=np.array([found[name][0] for name in names], np.int64),
        modes=np.array([[one[1] for one in row] for row in values]).reshape(-1, 4),
        pedestals=np.array([[one[2] for one in row] for row in values]).reshape(-1, 4, 4),
        files={ccd: tuple(row[k][0] for row in values) for k, ccd in enumerate(CCDS)},
    )
