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
        The even part, electron per second and pixel; zodiacal light is 50 to 150.
    glow : float
        Earthshine at the corner of the science pixels where it is brightest, electron per second
        and pixel.
    direction_deg : float
        Direction towards which the glow rises, degrees from rising columns to rising rows.
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
        """Refuse a sky that takes light away."""
        if not (self.level >= 0 and self.glow >= 0 and self.scale > 0):
            raise ValueError(f"a sky has light of zero or more and a positive scale: {self}")

    def terms(self) -> tuple[float, float, float, float, float, float]:
        """Numbers that the kernel takes: level, glow, direction, brightest coordinate, scale.

        Returns
        -------
        tuple of float
            Level, glow, cosine, sine, coordinate of the brightest corner, scale.
        """
        cosine = float(np.cos(np.radians(self.direction_deg)))
        sine = float(np.sin(np.radians(self.direction_deg)))
        brightest = max(
            column * cosine + row * sine
            for column in (SCIENCE_COLUMNS[0], SCIENCE_COLUMNS[1] - 1)
            for row in (SCIENCE_ROWS[0], SCIENCE_ROWS[1] - 1)
        )
        return self.level, self.glow, cosine, sine, brightest, self.scale
