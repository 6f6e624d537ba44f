"""Stars' images of no family: wings, coma, trefoil and ghosts drawn at random for each seed.

Every image is a sum of Gaussian ellipses whose places, widths and angles are random polynomials of
the field; its flux centroid is the star's true place.  Nothing of the package or its simulator.
"""

import numpy as np
from numpy.polynomial.chebyshev import chebvander


class WildPSF:
    """Shapes for `tests.wcs.sky.paint`: a call gives those at columns and rows."""

    def __init__(self, seed, kind="ellipses"):
        self.rng = np.random.default_rng(seed)
        self.kind = kind
        self.drawn = [self._draw() for _ in range(24)]

    def _draw(self):
        """A random field of unit size, smooth: products of Chebyshev polynomials to degree 4."""
        size = np.array([1.0, 1.0, 0.5, 0.15, 0.03])
        return self.rng.normal(size=(5, 5)) * np.sqrt(size[:, None] * size[None]) * 0.5

    def __call__(self, column, row):
        u = chebvander((column - 1068.5) / 1060.0, 4)
        v = chebvander((row - 1024.5) / 1060.0, 4)
        degree = np.add.outer(np.arange(5), np.arange(5)) <= 4
        field = [np.einsum("pi,pj,ij->p", u, v, one * degree) for one in self.drawn]
        far = np.hypot(column - 1068.5, row - 1024.5) / 1060.0
        if self.kind == "ellipses":
            mix, shift = (0.66, 0.24, 0.1), (0.0, 0.6, 1.2)
            dx = [s * field[2 * k] for k, s in enumerate(shift)]
            dy = [s * field[2 * k + 1] for k, s in enumerate(shift)]
            wide = [0.75, 1.1, 1.8]
        elif self.kind == "trefoil":
            mix = (0.55, 0.15, 0.15, 0.15)
            turn = 0.8 * field[0]
            size = 1.1 + 0.3 * np.tanh(field[1])
            dx = [0 * far] + [size * np.cos(turn + k * 2.1 + 0.3 * field[2]) for k in range(3)]
            dy = [0 * far] + [size * np.sin(turn + k * 2.1) for k in range(3)]
            wide = [0.8, 0.8, 0.8, 0.8]
        else:  # ghost
            mix = (0.75, 0.24, 0.01)
            dx = [0 * far, 0.5 * field[0], 6.0 * (column - 1068.5) / 1060.0]
            dy = [0 * far, 0.5 * field[1], 6.0 * (row - 1024.5) / 1060.0]
            wide = [0.8, 1.3, 1.5]
        mix = np.repeat(np.array(mix)[None], column.size, axis=0)
        dx, dy = np.stack(dx, axis=1), np.stack(dy, axis=1)
        dx -= np.sum(mix * dx, axis=1, keepdims=True)
        dy -= np.sum(mix * dy, axis=1, keepdims=True)
        part = np.stack([np.exp(0.15 * np.tanh(field[8 + k])) for k in range(mix.shape[1])], axis=1)
        longer = np.stack([np.exp(0.2 * np.tanh(field[12 + k])) for k in range(mix.shape[1])], 1)
        angle = np.stack([1.0 + field[16 + k] for k in range(mix.shape[1])], axis=1)
        sx = np.array(wide) * part * longer
        return mix, dx, dy, sx, np.array(wide) * part / longer, angle
