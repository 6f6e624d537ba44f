"""How a frame is seen by astropy, matplotlib and notebooks: the methods of `Frame` for that."""

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
    """Load `tica_fn.views` through the package itself: frames are below files and astropy."""
    import tica_fn

    return tica_fn.views


class Viewable:
    """Base of `Frame` with what needs astropy or matplotlib."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Self:
        """Cut a rectangle out: ``frame[rows, columns]``, counted from the frame's first pixel.

        Pixels, variance, flags, smear and the header's WCS go along; a whole number gives one row
        or column, which stays a rectangle.
        """
        cut: Self = _views().cut_frame(self, key)
        return cut

    @property
    def wcs(self) -> WCS | None:
        """The celestial WCS of the header, which counts from the frame's first pixel, or None."""
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
    def from_ccddata(cls, data: CCDData, /, **given: Any) -> Self:
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
        made: Self = _views().from_ccddata(data, **given)
        return made

    def _repr_html_(self) -> str:
        """Show picture, facts and steps in a notebook."""
        shown: str = _views().html_of(self)
        return shown
