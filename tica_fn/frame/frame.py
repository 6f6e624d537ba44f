"""The frame: pixels of one CCD readout and what is known of them, frozen.

A frame is mostly a full readout.  It can also be a *piece* of one (a target pixel stamp), with
the pieces of the same readout from which its pedestals and smear are measured as `collateral`.
Every step acts on the pixels and on the collateral alike.
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
"""Fields of a frame with a value for each of its columns."""


def _frames(value: Iterable[Frame]) -> tuple[Frame, ...]:
    return tuple(value)


def _names(value: Iterable[str]) -> tuple[str, ...]:
    return tuple(value)


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Frame(Viewable, Record):
    """Pixels of a CCD readout, or of a piece of one, with what is known of them.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) int32, float32 or float64; (2078, 2136) for a full readout.  Other integer
        types become int32 (float64 when they do not fit).  Masked pixels become NaN, with the flag
        ``NO_DATA`` in `quality`.  Read-only.
    unit : str
        That of the pixels, taken from them where they are an astropy ``Quantity``: ``"adu"`` or
        ``"electron"``, both per exposure (summed over the coadds), or ``"electron / s"``.
    camera, ccd : int
        Numbers 1 to 4.
    exposure_s : float
        Nominal exposure time in seconds, the whole interval from one frame to the next: 1800,
        600, 200, 120, 20.  Light was collected in ``exposure_s * 0.8 * 0.99`` of it where cosmic
        rays were trimmed on board.
    coadds : float
        Number of 2 s exposures that were summed.
    sector : int, optional
        Sector, where it is known.
    cadence : int, optional
        Cadence number (FFI index for full-frame images).
    times : Times, optional
        Start, middle and end of the exposure.
    row, column : int
        Place of ``pixels[0, 0]`` in the full readout, 0-based.
    collateral : tuple of Frame
        Other pieces of the same readout that pedestals and smear are measured on.
    steps : tuple of str
        Names of the steps applied, in order.
    pedestals : ndarray, optional
        (4,) float64, ADU: what `subtract_pedestal` measured for A, B, C, D; NaN where an
        amplifier was not measured.
    overclocks_dropped : ndarray, optional
        (4,) float64: overclock pixels of A, B, C, D that the pedestals were measured without, as
        they hold no number or one far from all others; None where all were good.
    smear : ndarray, optional
        (columns,) float64, electron: what `subtract_smear` took from each column.
    row_pedestals : ndarray, optional
        (4, 2078) float64, ADU: what `subtract_row_pedestal` took from each row of A, B, C, D; NaN
        where an amplifier was not measured.
    smear_variance : ndarray, optional
        (columns,) float64, electron squared: variance of `smear` where the step that measured it
        knows better than the noise of a median; NaN where it does not.
    pedestal_variance : ndarray, optional
        (4,) float64, ADU squared: variance of the pedestals of A, B, C, D, as `estimate_variance`
        found it.
    variance : ndarray, optional
        (rows, columns) float32 or float64, `unit` squared: what `estimate_variance` gives.
    quality : ndarray, optional
        (rows, columns) int32: bits of `tica_fn.quality.pixels.Pixel`.
    calibrated : ndarray, optional
        (rows, columns) float32: what the mission calibrated these overclock pixels to, ADU per
        second, where its file holds that beside the raw counts.
    header : mapping
        The original header, for the writers.
    source : SourceFile, optional
        The file it was read from.
    provenance : Provenance, optional
        The models it was calibrated with.

    Raises
    ------
    FrameError
        If the pixels are not 2-D numbers, do not lie in the readout or are a quantity of another
        unit, there is no such CCD or unit, or exposure time or coadds are not positive.

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
        """Check that the pixels lie in a readout that exists."""
        check_ccd(self.camera, self.ccd)
        if self.unit not in UNITS:
            raise FrameError(f"unit is one of {', '.join(map(repr, UNITS))}, not {self.unit!r}")
        rows, columns = self.pixels.shape
        inside = (
            self.row >= 0
            and self.column >= 0
            and self.row + rows <= ROWS
            and self.column + columns <= COLUMNS
        )
        if not inside:
            raise FrameError(
                f"{rows} x {columns} pixels from row {self.row}, column {self.column} on do not "
                f"lie in the {ROWS} x {COLUMNS} readout"
            )
        for name in ("variance", "quality", "calibrated"):
            plane = getattr(self, name)
            if plane is not None and plane.shape != self.pixels.shape:
                raise FrameError(f"{name} is {plane.shape}, pixels are {self.pixels.shape}")
        if not 0 < self.exposure_s < math.inf:
            raise FrameError(f"an exposure takes some time, not {self.exposure_s:g} s")
        if not 0 < self.coadds < math.inf:
            raise FrameError(f"a frame sums at least one exposure, not {self.coadds}")

    @property
    def live_s(self) -> float:
        """Time in seconds in which light was collected: 1.98 s of each 2 s exposure."""
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
            Every piece of the readout that is at hand.
        """
        yield self
        yield from self.collateral


Frame.__init__.__signature__ = signature(Frame.__attrs_init__)  # type: ignore[attr-defined]
