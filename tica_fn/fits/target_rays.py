"""Cosmic rays that the mission found in target pixels on the ground and removed from FLUX.

20 s target pixels are not trimmed on board (``CRMITEN = F``).  The mission cleans them
(``CRSPOC = T``) and lists what it removed in the table ``TARGET COSMIC RAY``: ``CADENCENO``,
``RAWX`` and ``RAWY`` (column and row of the readout, 1-based), ``COSMIC_RAY`` in e-/s.  The
original flux is FLUX + COSMIC_RAY.  The raw counts still contain the rays.
"""

from __future__ import annotations

import os

import attrs
import numpy as np
from numpy.typing import ArrayLike

from tica_fn.errors import BadFileError, FrameError
from tica_fn.fits.blocks import RawHDU
from tica_fn.fits.large import column_of, table_rows, whole_numbers
from tica_fn.frame import ELECTRON, RATE, Frame
from tica_fn.immutable import Array, Record, freeze, frozen_array

__all__ = ["RAYS_NAME", "RAYS_STEP", "CosmicRays", "cosmic_rays_of", "without_rays"]

RAYS_NAME = "TARGET COSMIC RAY"
RAYS_STEP = "subtract_cosmic_rays"
"""Name of the step in a frame's list."""
_COLUMNS = ("CADENCENO", "RAWX", "RAWY", "COSMIC_RAY")


def _whole(value: ArrayLike) -> Array:
    return frozen_array(value, np.int32)


@attrs.frozen(eq=False, repr=False, kw_only=True)
class CosmicRays(Record):
    """Cosmic rays of a target, as the mission found them.

    Parameters
    ----------
    cadences : ndarray
        (rays,) int32, increasing cadence numbers.
    rows, columns : ndarray
        (rays,) int32, position in the full readout, 0-based.
    flux : ndarray
        (rays,) float64, electron per second.
    """

    cadences: Array = attrs.field(converter=_whole)
    rows: Array = attrs.field(converter=_whole)
    columns: Array = attrs.field(converter=_whole)
    flux: Array = attrs.field(converter=frozen_array)

    def image_of(self, cadence: int, row: int, column: int, shape: tuple[int, int]) -> Array:
        """Rays of a cadence as an image of this shape and first pixel, electron per second."""
        out = np.zeros(shape)
        of_cadence = slice(*np.searchsorted(self.cadences, (cadence, cadence + 1)).tolist())
        r, c = self.rows[of_cadence] - row, self.columns[of_cadence] - column
        here = (r >= 0) & (r < shape[0]) & (c >= 0) & (c < shape[1])
        np.add.at(out, (r[here], c[here]), self.flux[of_cadence][here])
        return out


def cosmic_rays_of(path: str | os.PathLike[str], hdus: list[RawHDU]) -> CosmicRays | None:
    """Read the mission's cosmic rays; None if it removed none, or does not list them."""
    if not hdus[0].header.get("CRSPOC"):
        return None
    hdu = next((one for one in hdus[1:] if one.header.get("EXTNAME") == RAYS_NAME), None)
    if hdu is None:
        return None
    table = table_rows(path, hdu)
    missing = set(_COLUMNS) - set(table.dtype.names or ())
    if missing:
        raise BadFileError(f"{path}: no column {', '.join(sorted(missing))} in {RAYS_NAME}")
    cadences, columns, rows, flux = (column_of(path, hdu, table, name) for name in _COLUMNS)
    if not np.isfinite(flux).all():
        raise BadFileError(f"{path}: COSMIC_RAY of {RAYS_NAME} is not a number in some rows")
    numbers = (
        whole_numbers(f"{path}: {name} of {RAYS_NAME}", values, 0)
        for name, values in (("CADENCENO", cadences), ("RAWY", rows), ("RAWX", columns))
    )
    cadence, row, column = numbers
    order = np.argsort(cadence, kind="stable")
    return CosmicRays(
        cadences=cadence[order], rows=row[order] - 1, columns=column[order] - 1, flux=flux[order]
    )


def without_rays(frame: Frame, rays: CosmicRays | None, read_s: float) -> Frame:
    """Subtract the cosmic rays of its cadence from a calibrated frame.

    `read_s`: live time of one exposure, seconds.
    """
    if rays is None:
        return frame
    if frame.unit not in (ELECTRON, RATE):
        raise FrameError(
            f"{frame.name}: subtracting cosmic rays needs electrons or electrons per second, not "
            f"{frame.unit}"
        )
    if RAYS_STEP in frame.steps:
        raise FrameError(f"{frame.name}: its cosmic rays were already subtracted")
    cadence = -1 if frame.cadence is None else frame.cadence
    found = rays.image_of(cadence, frame.row, frame.column, frame.shape)
    seconds = frame.coadds * read_s if frame.unit == ELECTRON else 1.0
    pixels = (frame.pixels - found * seconds).astype(frame.pixels.dtype)
    return attrs.evolve(frame, pixels=freeze(pixels), steps=(*frame.steps, RAYS_STEP))
