"""The sky between the stars: zodiacal light, and the glow of Earth or Moon."""

from __future__ import annotations

import attrs
import numpy as np

from tica_fn.detector import SCIENCE_COLUMNS, SCIENCE_ROWS

__all__ = ["Background"]


@attrs.frozen(kw_only=True)
class Background:
    """Light of the sky on each pixel, before stars.

    Parameters
    ----------
    level : float
        Uniform part, electron per second and pixel; zodiacal light is 50 to 150.
    glow : float
        Earthshine in the brightest corner of the science pixels, electron per second and pixel.
    direction_deg : float
        Direction in which the glow increases, degrees, counted from the direction of increasing
        columns towards that of increasing rows.
    scale : float
        Length over which the glow falls to 1/e, pixels.

    Raises
    ------
    ValueError
        If the light is negative or the scale is not positive.
    """

    level: float = 100.0
    glow: float = 0.0
    direction_deg: float = 0.0
    scale: float = 800.0

    def __attrs_post_init__(self) -> None:
        """Refuse negative light and scales that are not positive."""
        if not (self.level >= 0 and self.glow >= 0 and self.scale > 0):
            raise ValueError(f"level and glow must be 0 or more, scale positive: {self}")

    def terms(self) -> tuple[float, float, float, float, float, float]:
        """Arguments of the kernel.

        Returns
        -------
        tuple of float
            Level, glow, cosine and sine of the direction, coordinate of the brightest corner along
            it, scale.
        """
        cosine = float(np.cos(np.radians(self.direction_deg)))
        sine = float(np.sin(np.radians(self.direction_deg)))
        brightest = max(
            column * cosine + row * sine
            for column in (SCIENCE_COLUMNS[0], SCIENCE_COLUMNS[1] - 1)
            for row in (SCIENCE_ROWS[0], SCIENCE_ROWS[1] - 1)
        )
        return self.level, self.glow, cosine, sine, brightest, self.scale
