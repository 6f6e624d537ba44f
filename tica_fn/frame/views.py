"""Methods of `Frame` for astropy, matplotlib and notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from astropy.nddata import CCDData
    from astropy.time import Time
    from astropy.units import Quantity
    from astropy.wcs import WCS
    from matplotlib.axes import Axes

__all__ = ["Viewable"]


def _views() -> Any:
    """Load `tica_fn.views` only when needed: it imports astropy, and frames do without."""
    import tica_fn

    return tica_fn.views


class Viewable:
    """Base of `Frame` with the methods that need astropy or matplotlib."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Self:
        """Cut out a rectangle: ``frame[rows, columns]``, counted from the frame's first pixel.

        Pixels, variance, flags, smear and the header's WCS are cut alike.  An integer selects one
        row or column; the result is 2-D all the same.
        """
        cut: Self = _views().cut_frame(self, key)
        return cut

    @property
    def wcs(self) -> WCS | None:
        """Celestial WCS of the header, counted from the frame's first pixel, or None."""
        found: WCS | None = _views().wcs_of(self)
        return found

    @property
    def time(self) -> Time | None:
        """Middle of the exposure as astropy's `Time`, with ``start``, ``end`` and ``place``."""
        found: Time | None = _views().time_of(self)
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
            Axes to draw on; by default those of a new figure.
        stretch : str
            ``"asinh"``, ``"linear"`` or ``"log"``.
        interval : str
            ``"zscale"`` or ``"minmax"``: range of the grey scale.
        sky : bool, optional
            Whether the axes show right ascension and declination; by default if the frame has a
            WCS and `ax` is not given.  Otherwise they show 0-based rows and columns of the full
            readout.
        amplifiers : bool
            Whether to draw the borders of the amplifiers and of the science pixels.
        flags : int
            Bits of `tica_fn.quality.pixels.Pixel` to mark in red.
        colorbar : bool
            Whether to draw a colour bar.
        **options : object
            Passed to `matplotlib.axes.Axes.imshow`.

        Returns
        -------
        matplotlib.axes.Axes
            The axes.

        Raises
        ------
        ValueError
            If there is no such stretch or interval, or if the frame has no WCS for `sky` or no
            flags to mark.
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
        """Convert the frame to an astropy `CCDData`.

        Returns
        -------
        astropy.nddata.CCDData
            Pixels, standard deviations if the frame has a variance, a mask of unusable pixels (not
            finite, saturated, bled on, hit by a cosmic ray, without data or model), flags, the
            WCS, and a header from which `from_ccddata` restores the frame.
        """
        return _views().to_ccddata(self)

    @classmethod
    def from_ccddata(cls, data: CCDData, /, **given: Any) -> Self:
        """Make a frame from an astropy `CCDData`.

        Parameters
        ----------
        data : astropy.nddata.CCDData
            Pixels in adu, electron or electron / s.  The uncertainty becomes the variance; masked
            pixels are flagged.
        **given : object
            Fields of `Frame` that the header lacks, such as `camera`, `ccd`, `exposure_s` and
            `coadds`.

        Returns
        -------
        Frame
            The frame.

        Raises
        ------
        FrameError
            If camera, CCD, exposure or coadds are not known, or if a frame cannot have that unit
            or kind of uncertainty.
        """
        made: Self = _views().from_ccddata(data, **given)
        return made

    def _repr_html_(self) -> str:
        """HTML with picture, facts and steps, for notebooks."""
        shown: str = _views().html_of(self)
        return shown
