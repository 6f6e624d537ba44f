"""Electrons in each pixel from stars, background, straps, hot and dead pixels."""

from __future__ import annotations

import attrs
import numpy as np

from tica_fn.detector import (
    COLUMNS,
    LIVE_FRACTION,
    ROWS,
    SCIENCE_COLUMNS,
    SCIENCE_ROWS,
)
from tica_fn.immutable import Array
from tica_fn.kernels.sky_light import add_background, add_stars
from tica_fn.simulate.background import Background
from tica_fn.simulate.psf import Psf
from tica_fn.simulate.stars import Stars

__all__ = ["Blemishes", "live_seconds", "sky_electrons", "strap_columns"]

_EXPOSURE_S = 2.0
"""Length of one of the exposures that are summed, seconds."""
_LARGEST_REACH = 300


@attrs.frozen(kw_only=True)
class Blemishes:
    """Hot and dead pixels, and straps.

    Parameters
    ----------
    hot : float
        Fraction of the science pixels with a dark current.
    hot_electrons_per_s : float
        Mean dark current of hot pixels, electron per second, with an exponential distribution.
    dead : float
        Fraction of the science pixels that detect a tenth of the light or less.
    straps : float
        Relative excess sensitivity of columns above the metal straps.
    seed : int
        Seed for the choice of pixels: the same seed gives the same detector for every frame.

    Raises
    ------
    ValueError
        If a fraction is not between 0 and 1, or `straps` is -1 or less.
    """

    hot: float = 0.0
    hot_electrons_per_s: float = 500.0
    dead: float = 0.0
    straps: float = 0.0
    seed: int = 0

    def __attrs_post_init__(self) -> None:
        """Refuse impossible fractions."""
        if not (0 <= self.hot <= 1 and 0 <= self.dead <= 1 and self.straps > -1):
            raise ValueError(f"hot and dead must be from 0 to 1, straps above -1: {self}")

    def act_on(self, electrons: Array, seconds: float) -> None:
        """Apply the blemishes to the electrons of a full readout, in place.

        Parameters
        ----------
        electrons : ndarray
            (2078, 2136) float64; modified.
        seconds : float
            Time for which light was collected.
        """
        science = electrons[slice(*SCIENCE_ROWS), slice(*SCIENCE_COLUMNS)]
        if self.straps:
            science[:, strap_columns() - SCIENCE_COLUMNS[0]] *= 1.0 + self.straps
        random = np.random.default_rng(self.seed)
        for share, hot in ((self.dead, False), (self.hot, True)):
            count = round(share * science.size)
            chosen = random.choice(science.size, count, replace=False)
            rows, columns = np.unravel_index(chosen, science.shape)
            if hot:
                science[rows, columns] += (
                    random.exponential(self.hot_electrons_per_s, count) * seconds
                )
            else:
                science[rows, columns] *= random.uniform(0.0, 0.1, count)


def strap_columns() -> Array:
    """Columns above the metal straps behind the silicon, which reflect red light back.

    Returns
    -------
    ndarray
        (116,) int64: columns of the full readout, 0-based, the same on every CCD.

    Notes
    -----
    Source: the strap list of TESSreduce, with its 1-based science column 874 corrected to 974.

    Examples
    --------
    >>> from tica_fn.simulate import strap_columns
    >>> strap_columns().size
    116
    """
    groups = [
        *(first + 128 * k for first in (77, 81, 85) for k in range(8)),
        *(first + 128 * k for first in (1067, 1071, 1075) for k in range(8)),
        *(516, 520, 524, 1524, 1528, 1532),
        *(673, 675, 1373, 1375),
    ]
    pairs = np.array([[first, first + 1] for first in sorted(groups)]).ravel()
    return pairs - 1 + SCIENCE_COLUMNS[0]


def live_seconds(coadds: float) -> float:
    """Time for which the light of a frame was collected.

    Parameters
    ----------
    coadds : float
        Number of 2 s exposures that were summed.

    Returns
    -------
    float
        Seconds: 1.98 per exposure.
    """
    return coadds * _EXPOSURE_S * LIVE_FRACTION


def sky_electrons(
    stars: Stars,
    *,
    ccd: int,
    coadds: float,
    psf: Psf | None = None,
    background: Background | None = None,
    blemishes: Blemishes | None = None,
    jitter: float = 0.0,
) -> Array:
    """Expected electrons from the sky in each pixel of a CCD, without noise.

    Parameters
    ----------
    stars : Stars
        The stars.
    ccd : int
        Number 1 to 4; it determines where the optical axis is.
    coadds : float
        Number of 2 s exposures that are summed.
    psf : Psf, optional
        Shape of the stars.
    background : Background, optional
        The sky between them.
    blemishes : Blemishes, optional
        Straps, hot and dead pixels.
    jitter : float
        Standard deviation of the pointing within the exposure, pixels, in each direction.

    Returns
    -------
    ndarray
        (2078, 2136) float64, electron per exposure; zero outside the science pixels.

    Examples
    --------
    >>> from tica_fn.simulate import Background, Stars, sky_electrons
    >>> star = Stars(columns=[600.25], rows=[1000.0], tmag=[10.0])
    >>> image = sky_electrons(star, ccd=3, coadds=720, background=Background(level=0))
    >>> round(float(image.sum()) / (15_000 * 720 * 1.98), 6)
    1.0
    """
    seconds = live_seconds(coadds)
    out = np.zeros((ROWS, COLUMNS))
    science = np.zeros((SCIENCE_ROWS[1], SCIENCE_COLUMNS[1] - SCIENCE_COLUMNS[0]))
    sky = background or Background()
    add_background(*sky.terms(), SCIENCE_ROWS[0], SCIENCE_COLUMNS[0], science)
    shape = psf or Psf()
    offsets, widths = shape.shapes(stars.columns, stars.rows, ccd, jitter)
    light = stars.electrons_per_s
    add_stars(
        np.stack([stars.columns, stars.rows, light]),
        shape.weights,
        offsets,
        widths,
        _reach(light * seconds, offsets, widths),
        (SCIENCE_ROWS[0], SCIENCE_COLUMNS[0]),
        science,
    )
    np.multiply(science, seconds, out=out[slice(*SCIENCE_ROWS), slice(*SCIENCE_COLUMNS)])
    if blemishes is not None:
        blemishes.act_on(out, seconds)
    return out


def _reach(electrons: Array, offsets: Array, widths: Array) -> Array:
    """Distance in pixels beyond which a star gives less than about a tenth of an electron."""
    depth = np.sqrt(2.0 * np.log1p(10.0 * electrons))
    extent = np.max(np.abs(offsets).max(axis=2) + widths * depth[:, None], axis=1, initial=0.0)
    return np.asarray(np.minimum(np.ceil(extent).astype(np.int64) + 1, _LARGEST_REACH))
