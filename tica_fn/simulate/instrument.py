"""The detector and its electronics: full well, smear, noise, cosmic rays, converter."""

from __future__ import annotations

import math

import attrs
import numpy as np
from numpy.typing import ArrayLike

from tica_fn.detector import COLUMNS, amplifier_of_columns
from tica_fn.immutable import Array, Record, frozen_array
from tica_fn.kernels.cosmic import deposit, deposit_trimmed, trace_tracks
from tica_fn.uncertainty.noise import TRIMMED_VARIANCE

__all__ = ["CosmicRays", "Instrument", "exposures_summed"]

_BLOCK = 10
_EXPOSURE_S = 2.0
_COSMIC_PURPOSE = 3


def exposures_summed(exposure_s: float, mitigation: bool = True) -> float:
    """Number of 2 s exposures that a frame sums.

    Parameters
    ----------
    exposure_s : float
        Interval from one frame to the next, seconds.
    mitigation : bool
        Whether two of every ten exposures are dropped on board to mitigate cosmic rays.

    Returns
    -------
    float
        Number of exposures.

    Examples
    --------
    >>> from tica_fn.simulate import exposures_summed
    >>> exposures_summed(1800), exposures_summed(20, mitigation=False)
    (720.0, 10.0)
    """
    return exposure_s / _EXPOSURE_S * (0.8 if mitigation else 1.0)


def _four(value: ArrayLike) -> Array:
    return frozen_array(np.broadcast_to(np.asarray(value, dtype=np.float64), (4,)))


@attrs.frozen(kw_only=True)
class CosmicRays:
    """Particles that hit the detector.

    Parameters
    ----------
    per_s : float
        Particles per second on a whole readout; 0 for none.  5 per second and square centimetre
        correspond to about 50.
    depth : float
        Thickness of the silicon, pixels.
    electrons_per_pixel : float
        Electrons generated along one pixel of track.

    Raises
    ------
    ValueError
        If a number is negative.
    """

    per_s: float = 0.0
    depth: float = 6.7
    electrons_per_pixel: float = 1200.0

    def __attrs_post_init__(self) -> None:
        """Refuse impossible numbers."""
        if not (self.per_s >= 0 and self.depth > 0 and self.electrons_per_pixel >= 0):
            raise ValueError(
                f"per_s and electrons_per_pixel must be 0 or more, depth positive: {self}"
            )


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Instrument(Record):
    """Properties of a detector and its electronics.

    Parameters
    ----------
    read_noise : ndarray
        (4,) float64: noise of one read of A, B, C and D, electron; a single number applies to all.
    full_well : float
        Capacity of a pixel in one 2 s exposure, electron; `inf` for no saturation.
    smear : float
        Light that each row adds to all others of its column during frame transfer, as a fraction of
        the light of an exposure: transfer time of a row divided by the exposure time.
    cosmic_rays : CosmicRays
        Particles that hit the detector.
    mitigation : bool
        Whether the lowest and highest of every ten exposures of each pixel are dropped on board.
    shot_noise : bool
        Whether electron numbers are drawn from a Poisson distribution or are the expected ones.
    digitize : bool
        Whether the counts are rounded to integers and clipped.
    converter_limit : float
        Largest count of the converter for one read, ADU.
    black : ndarray
        (4,) float64: mean count of a dark read of A, B, C and D, ADU.  It lowers the limit of the
        converter by that much, and is written as ``MEANBLC``.

    Raises
    ------
    ValueError
        If a number is impossible.

    Notes
    -----
    Read noise and black are those in headers of camera 2 CCD 3 in sector 6.  The smear is that of
    the mission's instrument simulator (httm); it agrees with real smear rows of sector 6, about 5
    electrons per read in columns with sky and faint stars.
    """

    read_noise: Array = attrs.field(default=(9.87, 7.63, 7.72, 9.90), converter=_four)
    full_well: float = 200_000.0
    smear: float = 9.8e-6
    cosmic_rays: CosmicRays = attrs.field(factory=CosmicRays)
    mitigation: bool = True
    shot_noise: bool = True
    digitize: bool = True
    converter_limit: float = 60_000.0
    black: Array = attrs.field(default=(6812.0, 6724.0, 6753.0, 6433.0), converter=_four)

    def __attrs_post_init__(self) -> None:
        """Refuse impossible numbers."""
        if not ((self.read_noise >= 0).all() and self.full_well > 0 and 0 <= self.smear <= 1):
            raise ValueError(
                f"read_noise must be 0 or more, smear from 0 to 1, full_well positive: {self}"
            )

    @property
    def spread(self) -> float:
        """Factor by which on-board trimming changes the standard deviation of the noise."""
        return math.sqrt(TRIMMED_VARIANCE) if self.mitigation else 1.0

    def noise_of_columns(self, first: int = 0, count: int = COLUMNS) -> Array:
        """Noise of one read in each column.

        Parameters
        ----------
        first, count : int
            First of these columns of the full readout, and their number.

        Returns
        -------
        ndarray
            (count,) float64, electron.
        """
        return np.asarray(self.read_noise[amplifier_of_columns(first, count)])

    def strike(self, signal: Array, coadds: float, seed: int, first_column: int = 0) -> Array:
        """Electrons from cosmic rays in a frame.

        Parameters
        ----------
        signal : ndarray
            (rows, columns) float64: expected electrons of the frame.
        coadds : float
            Number of exposures summed.
        seed : int
            Seed of the frame.
        first_column : int
            Position of the frame's first column in the full readout.

        Returns
        -------
        ndarray
            (rows, columns) float64, electron.
        """
        height, width = signal.shape
        out = np.zeros(height * width)
        exposures = coadds / (0.8 if self.mitigation else 1.0)
        area = height * width / (2048.0 * 2048.0)
        mean = self.cosmic_rays.per_s * exposures * _EXPOSURE_S * area
        hits = int(np.random.default_rng([seed, _COSMIC_PURPOSE]).poisson(mean))
        capacity = 200 * hits + 1000
        pixel, block = np.empty(capacity, dtype=np.int64), np.empty(capacity, dtype=np.int64)
        charge = np.empty(capacity)
        filled = trace_tracks(
            hits,
            (height, width, max(1, round(exposures / _BLOCK))),
            self.cosmic_rays.depth,
            self.cosmic_rays.electrons_per_pixel,
            (seed, _COSMIC_PURPOSE),
            pixel,
            block,
            charge,
        )
        pixel, block, charge = pixel[:filled], block[:filled], charge[:filled]
        if self.mitigation:
            order = np.lexsort((block, pixel))
            noise = self.noise_of_columns(first_column, width)
            flat = np.ascontiguousarray(signal).reshape(-1)
            deposit_trimmed(order, pixel, block, charge, flat, coadds, noise, out)
        else:
            deposit(pixel, charge, out)
        return out.reshape(height, width)
