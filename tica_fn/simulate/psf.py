"""The point spread function and its variation over the field.

The image of a star is the sum of three Gaussians: a core, a tail directed away from the optical
axis (coma), and a wide halo.  Their widths, and the distance of the tail, grow with the square of
the distance from the axis.  The centroid of all the light is the star's position, so measured
centroids can be compared directly with the truth.
"""

from __future__ import annotations

import attrs
import numpy as np

from tica_fn.detector import SCIENCE_COLUMNS, check_ccd
from tica_fn.immutable import Array

__all__ = ["Psf"]

_AXIS_ROW = 2099.0
"""Row of the optical axis, beyond the last science row of every CCD."""
_AXIS_SCIENCE_COLUMN = {1: 2107.0, 2: -57.0, 3: 2107.0, 4: -57.0}
"""Science column of the optical axis, by CCD: the centre of a camera's four CCDs."""
_FIELD_RADIUS = 2100.0 * np.sqrt(2.0)
"""Distance of a CCD's far corner from the optical axis, pixels."""


@attrs.frozen(kw_only=True)
class Psf:
    """Shape of the stars of one camera.

    Parameters
    ----------
    sigma : float
        Width of the core on the optical axis, pixels.
    growth : float
        Relative growth of the widths in the far corner of the field.
    coma : float
        Distance of the tail from the core in the far corner, pixels.
    coma_share : float
        Fraction of the light in the tail.
    halo_share : float
        Fraction of the light in the halo.
    halo_sigma : float
        Width of the halo on the optical axis, pixels.

    Raises
    ------
    ValueError
        If a width is not positive, or the fractions leave no light for the core.

    Examples
    --------
    >>> from tica_fn.simulate import Psf
    >>> round_and_even = Psf(sigma=0.85, growth=0, coma=0, coma_share=0, halo_share=0)
    """

    sigma: float = 0.65
    growth: float = 0.5
    coma: float = 1.0
    coma_share: float = 0.25
    halo_share: float = 0.05
    halo_sigma: float = 2.2

    def __attrs_post_init__(self) -> None:
        """Refuse impossible shapes."""
        if not (self.sigma > 0 and self.halo_sigma > 0 and self.growth > -1):
            raise ValueError(f"sigma and halo_sigma must be positive, growth above -1: {self}")
        if not (self.coma_share >= 0 and self.halo_share >= 0 and self.core_share > 0):
            raise ValueError(
                f"coma_share and halo_share must be 0 or more and leave light for the core: {self}"
            )

    @property
    def core_share(self) -> float:
        """Fraction of the light in the core."""
        return 1.0 - self.coma_share - self.halo_share

    @property
    def weights(self) -> Array:
        """Fractions of the light in core, tail and halo, (3,) float64."""
        return np.array([self.core_share, self.coma_share, self.halo_share])

    def shapes(
        self, columns: Array, rows: Array, ccd: int, jitter: float = 0.0
    ) -> tuple[Array, Array]:
        """Positions and widths of core, tail and halo for stars.

        Parameters
        ----------
        columns, rows : ndarray
            (stars,) float64: pixels of the full readout, 0-based.
        ccd : int
            Number 1 to 4; it determines where the optical axis is.
        jitter : float
            Standard deviation of the pointing within the exposure, pixels.

        Returns
        -------
        offsets : ndarray
            (stars, 3, 2) float64: centres relative to the star, column and row, pixels.
        widths : ndarray
            (stars, 3) float64: standard deviations, pixels.
        """
        check_ccd(1, ccd)
        x = columns - (SCIENCE_COLUMNS[0] + _AXIS_SCIENCE_COLUMN[ccd])
        y = rows - _AXIS_ROW
        distance = np.hypot(x, y)
        square = (distance / _FIELD_RADIUS) ** 2
        grown = 1.0 + self.growth * square
        widths = grown[:, None] * np.array([self.sigma, self.sigma, self.halo_sigma])
        # The tail is shifted outwards, the core inwards so that the centroid stays in place.
        pull = self.coma * square
        shares = np.array([-self.coma_share, self.core_share, 0.0])
        shares /= self.core_share + self.coma_share
        outward = np.stack([x, y], axis=1) / np.maximum(distance, 1.0)[:, None]
        offsets = pull[:, None, None] * shares[None, :, None] * outward[:, None, :]
        return np.ascontiguousarray(offsets), np.hypot(widths, jitter)
