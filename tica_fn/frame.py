"""The frame: pixels of one CCD readout and what is known of them, frozen.

A frame is mostly a full readout.  It can also be a *piece* of one (a target pixel stamp), with
the pieces of the same readout from which its pedestals and smear are measured as `collateral`.
Every step acts on the pixels and on the collateral alike.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from inspect import signature
from typing import TYPE_CHECKING, Any

import attrs
import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from tica_fn.detector import COLUMNS, LIVE_FRACTION, READ_INTERVAL_S, ROWS, SHAPE, check_ccd
from tica_fn.errors import FrameError
from tica_fn.immutable import Array, FrozenMapping, Record, Unchanging, frozen_array
from tica_fn.models import Provenance, SourceFile

if TYPE_CHECKING:
    from astropy.nddata import CCDData
    from astropy.units import Quantity
    from astropy.wcs import WCS
    from matplotlib.axes import Axes

    from tica_fn.views import ExposureTime

__all__ = ["ADU", "ELECTRON", "NO_DATA", "PER_COLUMN", "RATE", "Frame", "Place", "Times"]

ADU = "adu"
ELECTRON = "electron"
RATE = "electron / s"
NO_DATA = 2048
"""Bit of `Frame.quality`: the pixel has no value."""
PER_COLUMN = ("smear", "smear_variance")
"""Fields of a frame with a value for each of its columns."""
_UNITS = (ADU, ELECTRON, RATE)
_PIXEL_TYPES = (np.dtype(np.int32), np.dtype(np.float32), np.dtype(np.float64))


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Times(Record):
    """Start, middle and end of an exposure as numbers, with the clock and place they are in.

    Parameters
    ----------
    start, mid, end : float
        Days after Julian date `zero`.
    scale : str
        Time scale as astropy names it: ``"tdb"`` or ``"utc"``.
    place : str
        ``"spacecraft"``, or ``"barycenter"`` where the light travel time has been taken out.
    zero : float
        Julian date that the numbers count from; 2457000 for TESS (TJD, BTJD).
    light_d : float
        Light travel time from the spacecraft to the barycentre that is in the numbers, days; 0
        for times at the spacecraft.
    """

    start: float
    mid: float
    end: float
    scale: str = "tdb"
    place: str = "spacecraft"
    zero: float = 2457000.0
    light_d: float = 0.0


@attrs.frozen(kw_only=True)
class Place:
    """Where a run of pixels lies in the full readout, for what depends on nothing else.

    Parameters
    ----------
    row, column : int
        First row and column, 0-based.
    shape : tuple of int
        Rows and columns.
    coadds : float
        Number of 2 s exposures that were summed.
    """

    row: int = 0
    column: int = 0
    shape: tuple[int, int] = SHAPE
    coadds: float


def _views() -> Any:
    """What astropy and matplotlib make of frames, loaded when it is used; see `tica_fn.views`."""
    return import_module("tica_fn.views")


def _unmasked(fields: dict[str, Any]) -> dict[str, Any]:
    """Arguments of a frame: a mask becomes NaN and a flag, a quantity its values in its unit."""
    pixels: Any = fields.get("pixels")
    mask = None
    if isinstance(pixels, np.ma.MaskedArray):
        mask, pixels = np.ma.getmaskarray(pixels), np.ma.getdata(pixels)
    elif hasattr(pixels, "unmasked"):  # astropy's masked arrays and quantities
        mask, pixels = np.asarray(pixels.mask), pixels.unmasked
    if hasattr(pixels, "to_value") and hasattr(pixels, "unit"):
        unit = fields.get("unit")
        if unit is None:
            unit = next((one for one in _UNITS if pixels.unit.is_equivalent(one)), None)
        try:
            values = pixels.to_value(unit)
        except ValueError:
            values = None
        if unit is None or values is None:
            wanted = f"the frame in {fields['unit']}" if fields.get("unit") else "no frame is"
            raise FrameError(f"pixels are in {pixels.unit or 'no unit'}, {wanted}")
        fields["unit"], pixels = unit, values
    if mask is not None and mask.any():
        given = np.asarray(pixels)
        kind = given.dtype if given.dtype.kind == "f" else np.float64
        pixels = np.where(mask, np.asarray(np.nan, kind), given.astype(kind))
        known = fields.get("quality")
        flags = np.where(mask, NO_DATA, 0)
        fields["quality"] = flags if known is None else np.asarray(known) | flags
    if "pixels" in fields:
        fields["pixels"] = pixels
    return fields


def _pixels(value: ArrayLike) -> Array:
    """Freeze pixels as one of the three types that kernels are compiled for."""
    array = np.asarray(value)
    if array.ndim != 2:
        raise FrameError(f"pixels must be a 2-D array [row, column], not of shape {array.shape}")
    native = array.dtype.newbyteorder("=")
    if native in _PIXEL_TYPES:
        return frozen_array(array, native)
    if array.dtype.kind in "iu":
        small = array.dtype.itemsize < 4
        if small or not array.size or (array.max() < 2**31 and array.min() >= -(2**31)):
            return frozen_array(array, np.int32)
        return frozen_array(array, np.float64)
    if array.dtype.kind == "f":
        return frozen_array(array, np.float64)
    raise FrameError(f"pixels must be integers or real numbers, not {array.dtype}")


def _vector(value: ArrayLike | None) -> Array | None:
    return None if value is None else frozen_array(value, np.float64)


def _variance(value: ArrayLike | None) -> Array | None:
    if value is None:
        return None
    if isinstance(value, np.ma.MaskedArray):
        value = np.ma.filled(value.astype(np.float64), np.nan)
    single = np.asarray(value).dtype.newbyteorder("=") == np.float32
    return frozen_array(value, np.float32 if single else np.float64)


def _quality(value: ArrayLike | None) -> Array | None:
    return None if value is None else frozen_array(value, np.int32)


def _mapping(value: Mapping[str, Any]) -> Mapping[str, Any]:
    return value if isinstance(value, Unchanging) else FrozenMapping(value)


def _frames(value: Iterable[Frame]) -> tuple[Frame, ...]:
    return tuple(value)


def _names(value: Iterable[str]) -> tuple[str, ...]:
    return tuple(value)


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Frame(Record):
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

    pixels: Array = attrs.field(converter=_pixels)
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
    pedestals: Array | None = attrs.field(default=None, converter=_vector)
    overclocks_dropped: Array | None = attrs.field(default=None, converter=_vector)
    smear: Array | None = attrs.field(default=None, converter=_vector)
    row_pedestals: Array | None = attrs.field(default=None, converter=_vector)
    smear_variance: Array | None = attrs.field(default=None, converter=_vector)
    pedestal_variance: Array | None = attrs.field(default=None, converter=_vector)
    variance: Array | None = attrs.field(default=None, converter=_variance)
    quality: Array | None = attrs.field(default=None, converter=_quality)
    calibrated: Array | None = attrs.field(default=None, converter=_variance)
    header: Mapping[str, Any] = attrs.field(factory=FrozenMapping, converter=_mapping)
    source: SourceFile | None = None
    provenance: Provenance | None = None

    if not TYPE_CHECKING:

        def __init__(self, **fields: Any) -> None:
            self.__attrs_init__(**_unmasked(fields))

    def __attrs_post_init__(self) -> None:
        """Check that the pixels lie in a readout that exists."""
        check_ccd(self.camera, self.ccd)
        if self.unit not in _UNITS:
            raise FrameError(f"unit is one of {', '.join(map(repr, _UNITS))}, not {self.unit!r}")
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

    def __getitem__(self, key: Any) -> Frame:
        """Cut a rectangle out: ``frame[rows, columns]``, counted from the frame's first pixel.

        Pixels, variance, flags, smear and the header's WCS go along; a whole number gives one row
        or column, which stays a rectangle.
        """
        cut: Frame = _views().cut_frame(self, key)
        return cut

    @property
    def wcs(self) -> WCS | None:
        """The celestial WCS of the header, which counts from the frame's first pixel, or None."""
        found: WCS | None = _views().wcs_of(self)
        return found

    @property
    def time(self) -> ExposureTime | None:
        """Middle of the exposure as astropy's `Time`, with ``start``, ``end`` and ``place``."""
        found: ExposureTime | None = _views().time_of(self)
        return found

    @property
    def quantity(self) -> Quantity:
        """The pixels with their unit, as astropy's `Quantity`."""
        return _views().quantity_of(self)

    def plot(
        self,
        ax: Axes | None = None,
        *,
        stretch: str = "asinh",
        interval: str = "zscale",
        sky: bool | None = None,
        amplifiers: bool = True,
        flags: int = 0,
        colorbar: bool = True,
        **options: Any,
    ) -> Axes:
        """Draw the frame.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Where to draw; a new figure by default.
        stretch : str
            ``"asinh"``, ``"linear"`` or ``"log"``.
        interval : str
            ``"zscale"`` or ``"minmax"``: which values span the grey scale.
        sky : bool, optional
            Whether the axes show right ascension and declination; by default where the frame has
            a WCS and `ax` is not given.  Otherwise they show rows and columns of the full
            readout, from 0.
        amplifiers : bool
            Whether to draw the bounds of amplifiers and of the science pixels.
        flags : int
            Bits of `tica_fn.quality.pixels.Pixel` to mark in red.
        colorbar : bool
            Whether to draw the scale.
        **options : object
            For `matplotlib.axes.Axes.imshow`.

        Returns
        -------
        matplotlib.axes.Axes
            The axes.

        Raises
        ------
        ValueError
            If there is no such stretch or interval, no WCS for `sky`, or no flags to mark.
        """
        drawn: Axes = _views().draw_frame(
            self,
            ax,
            stretch=stretch,
            interval=interval,
            sky=sky,
            amplifiers=amplifiers,
            flags=flags,
            colorbar=colorbar,
            **options,
        )
        return drawn

    def to_ccddata(self) -> CCDData:
        """Make an astropy `CCDData` of the frame.

        Returns
        -------
        astropy.nddata.CCDData
            Pixels, standard deviations where the frame has a variance, a mask of pixels that are
            no use (not finite, saturated, bled on, struck by a cosmic ray, without data or
            model), flags, the WCS, and a header from which `from_ccddata` makes the frame again.
        """
        return _views().to_ccddata(self)

    @classmethod
    def from_ccddata(cls, data: CCDData, /, **given: Any) -> Frame:
        """Make a frame of an astropy `CCDData`.

        Parameters
        ----------
        data : astropy.nddata.CCDData
            Pixels in adu, electron or electron / s; its uncertainty becomes the variance, what
            its mask covers is flagged.
        **given : object
            Fields of `Frame` that its header does not say, such as `camera`, `ccd`, `exposure_s`
            and `coadds`.

        Returns
        -------
        Frame
            The frame.

        Raises
        ------
        FrameError
            If camera, CCD, exposure or coadds are not known, or the unit or kind of uncertainty
            is none of a frame's.
        """
        made: Frame = _views().from_ccddata(data, **given)
        return made

    def _repr_html_(self) -> str:
        """Show picture, facts and steps in a notebook."""
        shown: str = _views().html_of(self)
        return shown


Frame.__init__.__signature__ = signature(Frame.__attrs_init__)  # type: ignore[attr-defined]
