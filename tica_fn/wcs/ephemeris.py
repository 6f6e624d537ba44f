"""Ephemerides of the spacecraft.

An ephemeris is a table of times, positions and velocities relative to the solar-system barycentre,
on the J2000 axes.  Positions are interpolated by a cubic through positions and velocities
(Hermite), velocities by a cubic through the four nearest ones: the slope of positions rounded to
100 km, as TICA's are, would be wrong by 0.2 km/s.  There is no extrapolation, whose times could be
wrong by minutes unnoticed.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import attrs
import numpy as np

from tica_fn.errors import BadFileError, FrameError
from tica_fn.immutable import Array, Record, frozen_floats

__all__ = ["Ephemeris", "LkSpacecraft", "read_ephemeris"]

TJD_ZERO = 2457000.0
AU_KM = 149597870.7
LARGEST_GAP = 0.5
"""Largest distance in days between two rows for interpolation."""


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Ephemeris(Record):
    """Positions and velocities of the spacecraft, in order of time.

    Parameters
    ----------
    julian_dates : ndarray
        (n,) float64, TDB.
    positions : ndarray
        (n, 3) float64, km from the barycentre, axes of J2000.
    velocities : ndarray
        (n, 3) float64, km/s.
    """

    julian_dates: Array = attrs.field(converter=frozen_floats)
    positions: Array = attrs.field(converter=frozen_floats)
    velocities: Array = attrs.field(converter=frozen_floats)

    def __attrs_post_init__(self) -> None:
        """Refuse times that are not in increasing order."""
        if self.julian_dates.size < 2 or not np.all(np.diff(self.julian_dates) > 0):
            raise FrameError("an ephemeris needs two or more times in increasing order")

    def state(self, julian_date: float) -> Array:
        """Position and velocity at one time.

        Parameters
        ----------
        julian_date : float
            TDB.

        Returns
        -------
        ndarray
            (6,) float64: km, km/s.

        Raises
        ------
        FrameError
            If the time lies outside of the table or in a gap of more than half a day.

        Examples
        --------
        >>> import numpy as np
        >>> from tica_fn.wcs.ephemeris import Ephemeris
        >>> track = Ephemeris(julian_dates=[0.0, 0.1], positions=[[0, 0, 0], [8640, 0, 0]],
        ...                   velocities=[[1, 0, 0], [1, 0, 0]])
        >>> track.state(0.05)[:3].round(6)
        array([4320.,    0.,    0.])
        """
        first, last = self.julian_dates[0], self.julian_dates[-1]
        if not first <= julian_date <= last:
            raise FrameError(
                f"the ephemeris covers JD {first:.4f} to {last:.4f}, not {julian_date:.4f}"
            )
        right = int(np.clip(np.searchsorted(self.julian_dates, julian_date), 1, None))
        rows = slice(right - 1, right + 1)
        start, end = self.julian_dates[rows]
        if end - start > LARGEST_GAP:
            raise FrameError(
                f"JD {julian_date:.4f} lies in a gap of the ephemeris, {start:.4f} to {end:.4f}: "
                "rows must be at most half a day apart"
            )
        span = (end - start) * 86400.0
        s = (julian_date - start) / (end - start)
        (p0, p1), (v0, v1) = self.positions[rows], self.velocities[rows] * span
        rise, bend = p1 - p0, 2.0 * (p0 - p1) + v0 + v1
        place = p0 + s * (v0 + s * (3.0 * rise - 2.0 * v0 - v1 + s * bend))
        return np.concatenate([place, self._velocity(julian_date, right)])

    def _velocity(self, julian_date: float, right: int) -> Array:
        """Cubic through the velocities of up to four rows without a gap; `right` is the third."""
        rows = np.arange(max(right - 2, 0), min(right + 2, self.julian_dates.size))
        times = self.julian_dates[rows]
        rows = rows[np.abs(times - julian_date) <= 2.0 * LARGEST_GAP]
        times = self.julian_dates[rows]
        speed = np.zeros(3)
        for k, row in enumerate(rows):  # Lagrange's form
            others = np.delete(times, k)
            weight = np.prod((julian_date - others) / (times[k] - others))
            speed += weight * self.velocities[row]
        return speed


def read_ephemeris(path: str | os.PathLike[str]) -> Ephemeris:
    """Read the positions of the spacecraft from a table.

    Parameters
    ----------
    path : path-like
        Either plain numbers as in TICA's ``tess_ephem.txt`` (time as TJD; x, y, z in km; vx, vy, vz
        in km/s), or any table that astropy reads with columns for the time (``JD``, ``JDTDB``,
        ``datetime_jd`` as in astroquery, ``TJD``, ``time``), ``x y z`` and optionally
        ``vx vy vz``.  Units are those of the columns.  Without units, positions below 10 are
        astronomical units (and velocities au/d), as in JPL Horizons; others are km (and km/s).

    Returns
    -------
    Ephemeris
        The table in km and km/s.

    Raises
    ------
    BadFileError
        If it is not such a table.
    OSError
        If it can't be read.
    """
    path = Path(path)
    with path.open("rb") as file:
        head = file.read(400)
    try:
        first = head.decode("utf-8", "replace").split("\n", 1)[0]
        if _is_numbers(first):
            rows = np.atleast_2d(np.loadtxt(path))
            if rows.shape[1] < 7:
                raise ValueError(f"{rows.shape[1]} columns instead of 7")
            return _ephemeris(rows[:, 0], rows[:, 1:4], rows[:, 4:7])
        return _of_table(path)
    except ValueError as error:
        raise BadFileError(f"{path}: not a table of positions ({error})") from error


def _is_numbers(line: str) -> bool:
    try:
        return len([float(word) for word in line.split()]) >= 4
    except ValueError:
        return False


def _of_table(path: Path) -> Ephemeris:
    from tica_fn.wcs.catalog_tables import read_table

    table = read_table(path)
    lower = {name.lower().strip(): name for name in table.colnames}
    names = ("jdtdb", "datetime_jd", "jd", "jd_tdb", "tjd", "btjd", "time")
    time = next((lower[name] for name in names if name in lower), None)
    if time is None or not {"x", "y", "z"} <= set(lower):
        raise ValueError(f"columns {', '.join(table.colnames)}: no time or no x, y, z")
    places = [table[lower[key]] for key in ("x", "y", "z")]
    plain = all(_unit(column) is None for column in places)
    lengths = np.linalg.norm([np.asarray(column, np.float64) for column in places], axis=0)
    in_au = plain and bool(np.all(lengths < 10.0))

    def vectors(keys: str, unit: str, otherwise: float) -> Array:
        columns = [table[lower[key]] for key in keys.split()]
        return np.stack([_in_unit(column, unit, otherwise) for column in columns], axis=1)

    position = vectors("x y z", "km", AU_KM if in_au else 1.0)
    velocity = None
    if {"vx", "vy", "vz"} <= set(lower):
        velocity = vectors("vx vy vz", "km/s", AU_KM / 86400.0 if in_au else 1.0)
    dates = table[time]
    if hasattr(dates, "tdb"):  # A column of times with their scale.
        return _ephemeris(np.asarray(dates.tdb.jd, np.float64), position, velocity)
    return _ephemeris(_in_unit(dates, "d", 1.0), position, velocity)


def _unit(column: Any) -> Any:
    """Unit of a column, or None."""
    import astropy.units as u

    unit = getattr(column, "unit", None)
    return None if unit is None or u.Unit(unit) == u.dimensionless_unscaled else u.Unit(unit)


def _in_unit(column: Any, unit: str, otherwise: float) -> Array:
    """Numbers of a column converted to a unit; without a unit, multiplied by `otherwise`."""
    own = _unit(column)
    values = np.ma.filled(np.ma.asarray(getattr(column, "value", column), np.float64), np.nan)
    try:
        return np.asarray(values * (otherwise if own is None else own.to(unit)))
    except ValueError as error:  # astropy's UnitConversionError is one
        raise ValueError(f"column {column.name} is in {own}, not {unit}") from error


def _ephemeris(time: Array, position: Array, velocity: Array | None) -> Ephemeris:
    if not (np.isfinite(time).all() and np.isfinite(position).all()):
        raise ValueError("values that are not finite")
    time = np.where(time < 1e5, time + TJD_ZERO, time)
    time, rows = np.unique(time, return_index=True)
    position = position[rows]
    if velocity is None:
        from scipy.interpolate import CubicSpline

        velocity = CubicSpline((time - time[0]) * 86400.0, position)((time - time[0]) * 86400.0, 1)
        return Ephemeris(julian_dates=time, positions=position, velocities=velocity)
    return Ephemeris(julian_dates=time, positions=position, velocities=velocity[rows])


class LkSpacecraft:
    """Positions and velocities from the kernels of the optional package ``lkspacecraft``.

    On first use the package downloads about 1 GB of kernels.

    Raises
    ------
    ImportError
        If the package is not installed (``pip install 'tica-fn[ephemeris]'``).
    """

    def __init__(self) -> None:
        try:
            from lkspacecraft import TESSSpacecraft
        except ImportError as error:
            raise ImportError(
                "the package lkspacecraft is not installed: pip install 'tica-fn[ephemeris]'"
            ) from error
        self._craft = TESSSpacecraft()

    def state(self, julian_date: float) -> Array:
        """Position and velocity at one time.

        Parameters
        ----------
        julian_date : float
            TDB.

        Returns
        -------
        ndarray
            (6,) float64: km, km/s from the barycentre.

        Raises
        ------
        FrameError
            If the kernels do not cover the time.
        """
        from astropy.time import Time

        time = Time([julian_date], format="jd", scale="tdb")
        try:
            place = self._craft.get_spacecraft_position(time)
            speed = self._craft.get_spacecraft_velocity(time)
        except Exception as error:  # Its own error class derives from Exception alone.
            raise FrameError(f"lkspacecraft has no position for JD {julian_date:.4f}") from error
        return np.concatenate([np.ravel(place)[:3], np.ravel(speed)[:3]]).astype(np.float64)
