"""The frame: immutable pixels of one CCD readout with their metadata.

A frame is usually a full readout.  It can also be a *piece* of one, such as a target pixel stamp;
its `collateral` then holds the pieces of the same readout on which pedestals and smear are
measured.  Every step acts on the pixels and on the collateral.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from inspect import signature
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import DTypeLike

from tica_fn.detector import COLUMNS, LIVE_FRACTION, READ_INTERVAL_S, ROWS, check_ccd
from tica_fn.errors import FrameError
from tica_fn.frame.exposure import Times
from tica_fn.frame.fields import (
    UNITS,
    frozen_mapping,
    frozen_pixels,
    frozen_quality,
    frozen_variance,
    frozen_vector,
    without_masks,
)
from tica_fn.frame.views import Viewable
from tica_fn.immutable import Array, FrozenMapping, Record
from tica_fn.models import Provenance, SourceFile

__all__ = ["PER_COLUMN", "Frame"]

PER_COLUMN = ("smear", "smear_variance")
"""Fields of a frame with one value per column."""


def _frames(value: Iterable[Frame]) -> tuple[Frame, ...]:
    return tuple(value)


def _names(value: Iterable[str]) -> tuple[str, ...]:
    return tuple(value)


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Frame(Viewable, Record):
    """Pixels of a CCD readout, or of a piece of one, with their metadata.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) int32, float32 or float64; (2078, 2136) for a full readout.  Other integer
        types become int32 (float64 when they do not fit).  Masked pixels become NaN, with the flag
        ``NO_DATA`` in `quality`.  Read-only.
    unit : str
        Unit of the pixels: ``"adu"`` or ``"electron"``, both per exposure (summed over the
        coadds), or ``"electron / s"``.  Taken from the pixels if they are an astropy ``Quantity``.
    camera, ccd : int
        Numbers 1 to 4.
    exposure_s : float
        Nominal exposure time in seconds, from one frame to the next: 1800, 600, 200, 120, 20.  If
        cosmic rays were mitigated on board, light was collected for ``exposure_s * 0.8 * 0.99``.
    coadds : float
        Number of 2 s exposures that were summed.
    sector : int, optional
        Sector, if known.
    cadence : int, optional
        Cadence number; for full-frame images, the FFI index.
    times : Times, optional
        Start, middle and end of the exposure.
    row, column : int
        Position of ``pixels[0, 0]`` in the full readout, 0-based.
    collateral : tuple of Frame
        Other pieces of the same readout, on which pedestals and smear are measured.
    steps : tuple of str
        Names of the steps applied, in order.
    pedestals : ndarray, optional
        (4,) float64, ADU: pedestals of A, B, C, D that `subtract_pedestal` measured; NaN for an
        amplifier that was not measured.
    overclocks_dropped : ndarray, optional
        (4,) float64: number of overclock pixels of A, B, C, D left out of the pedestals, as they
        are not finite or far from all others; None if all were good.
    smear : ndarray, optional
        (columns,) float64, electron: smear that `subtract_smear` subtracted from each column.
    row_pedestals : ndarray, optional
        (4, 2078) float64, ADU: pedestals that `subtract_row_pedestal` subtracted from each row of
        A, B, C, D; NaN for an amplifier that was not measured.
    smear_variance : ndarray, optional
        (columns,) float64, electron squared: variance of `smear`, if the step that measured it
        gives one; NaN where the noise of a median applies.
    pedestal_variance : ndarray, optional
        (4,) float64, ADU squared: variance of the pedestals of A, B, C, D, from
        `estimate_variance`.
    variance : ndarray, optional
        (rows, columns) float32 or float64, `unit` squared: variance of the pixels, from
        `estimate_variance`.
    quality : ndarray, optional
        (rows, columns) int32: bits of `tica_fn.quality.pixels.Pixel`.
    calibrated : ndarray, optional
        (rows, columns) float32, ADU per second: SPOC's calibrated values of these overclock
        pixels, if its file holds them beside the raw counts.
    header : mapping
        The original header.
    source : SourceFile, optional
        The file it was read from.
    provenance : Provenance, optional
        The models it was calibrated with.

    Raises
    ------
    FrameError
        If the pixels are not a 2-D array of numbers, lie outside the readout or have another
        unit; if there is no such CCD or unit; if exposure time or coadds are not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame
    >>> raw = np.zeros((2078, 2136), dtype=np.int32)
    >>> frame = Frame(pixels=raw, unit="adu", camera=2, ccd=3, exposure_s=1800, coadds=720)
    >>> frame.pixels.flags.writeable
    False
    """

    pixels: Array = attrs.field(converter=frozen_pixels)
    unit: str
    camera: int
    ccd: int
    exposure_s: float = attrs.field(converter=float)
    coadds: float = attrs.field()
    sector: int | None = None
    cadence: int | None = None
    times: Times | None = None
    row: int = 0
    column: int = 0
    collateral: tuple[Frame, ...] = attrs.field(default=(), converter=_frames)
    steps: tuple[str, ...] = attrs.field(default=(), converter=_names)
    pedestals: Array | None = attrs.field(default=None, converter=frozen_vector)
    overclocks_dropped: Array | None = attrs.field(default=None, converter=frozen_vector)
    smear: Array | None = attrs.field(default=None, converter=frozen_vector)
    row_pedestals: Array | None = attrs.field(default=None, converter=frozen_vector)
    smear_variance: Array | None = attrs.field(default=None, converter=frozen_vector)
    pedestal_variance: Array | None = attrs.field(default=None, converter=frozen_vector)
    variance: Array | None = attrs.field(default=None, converter=frozen_variance)
    quality: Array | None = attrs.field(default=None, converter=frozen_quality)
    calibrated: Array | None = attrs.field(default=None, converter=frozen_variance)
    header: Mapping[str, Any] = attrs.field(factory=FrozenMapping, converter=frozen_mapping)
    source: SourceFile | None = None
    provenance: Provenance | None = None

    if not TYPE_CHECKING:

        def __init__(self, **fields: Any) -> None:
            self.__attrs_init__(**without_masks(fields))

    def __attrs_post_init__(self) -> None:
        """Check camera, CCD, unit, shapes, exposure time and coadds."""
        check_ccd(self.camera, self.ccd)
        if self.unit not in UNITS:
            raise FrameError(
                f"unit must be one of {', '.join(map(repr, UNITS))}, not {self.unit!r}"
            )
        rows, columns = self.pixels.shape
        inside = (
            self.row >= 0
            and self.column >= 0
            and self.row + rows <= ROWS
            and self.column + columns <= COLUMNS
        )
        if not inside:
            raise FrameError(
                f"{rows} x {columns} pixels from row {self.row}, column {self.column} do not fit "
                f"into the {ROWS} x {COLUMNS} readout"
            )
        for name in ("variance", "quality", "calibrated"):
            plane = getattr(self, name)
            if plane is not None and plane.shape != self.pixels.shape:
                raise FrameError(f"{name} has shape {plane.shape}, pixels {self.pixels.shape}")
        if not 0 < self.exposure_s < math.inf:
            raise FrameError(f"exposure_s must be positive and finite, not {self.exposure_s:g}")
        if not 0 < self.coadds < math.inf:
            raise FrameError(f"coadds must be positive and finite, not {self.coadds}")

    @property
    def live_s(self) -> float:
        """Time in seconds for which light was collected: 1.98 s of each 2 s exposure."""
        return float(self.coadds) * READ_INTERVAL_S * LIVE_FRACTION

    @property
    def name(self) -> str:
        """Short name for messages, such as ``camera 2 CCD 3``."""
        return f"camera {self.camera} CCD {self.ccd}"

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the pixels."""
        rows, columns = self.pixels.shape
        return rows, columns

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> Array:
        """The pixels, for numpy."""
        if copy is False:
            return np.array(self.pixels, dtype=dtype, copy=False)
        return np.array(self.pixels, dtype=dtype) if copy else np.asarray(self.pixels, dtype)

    def pieces(self) -> Iterator[Frame]:
        """Iterate over this frame and its collateral.

        Yields
        ------
        Frame
            Every available piece of the readout.
        """
        yield self
        yield from self.collateral


Frame.__init__.__signature__ = signature(Frame.__attrs_init__)  # type: ignore[attr-defined]
