"""Star images by physical optics: a second truth that the fit and its tuning had no hand in.

A star's light passes the pupil of an f/1.4 lens of 105 mm aperture, whose edge is vignetted off the
axis.  The wavefront is a sum of Zernike terms: those of Seidel's aberrations grow with the field
angle by their powers; random smooth waves over the field come on top.  The image at four
wavelengths is the squared Fourier transform of the pupil.  It lies at the depth in the silicon
where that wavelength is absorbed: there the converging beam is out of focus and, off the axis,
displaced, and the charge diffuses on its way to the gates.  Jitter and pixels of 15 micrometres
follow.  Stars have colours of their own.  A star's place is the mean place of its light.

Typical figures of TESS are met: in the middle of the field half of the light falls within about a
pixel and nine tenths within 4 x 4, in the corners half within two to three pixels
(``python -m benchmarks.lens`` prints them).  Nothing here uses the package, its simulator, or the
sums of ellipses of `tests.wcs.wild`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from scipy.fft import fft2
from scipy.spatial import cKDTree
from scipy.special import erf

Array = np.ndarray
F_NUMBER = 1.4
PIXEL_UM = 15.0
GRID, STEP_UM = 320, 0.8
"""Samples of an image on a side: 17 pixels."""
LIGHT = ((0.65, 0.25, 4.0), (0.78, 0.30, 11.0), (0.88, 0.27, 35.0), (0.96, 0.18, 70.0))
"""Wavelength in micrometres, share of the light, depth of absorption in micrometres."""
DEPTH_UM, INDEX, DIFFUSION_UM = 100.0, 3.65, 5.5
CHIEF_DEG = 13.0
"""Angle at which the middle of the beam meets the detector in the corner of the field."""
REACH = 12
RIPPLE_UM = 0.045
COLOUR = 0.3
"""Scatter of the slope of stars' spectra over 0.2 micrometres, in units of e-folds."""


class Lens:
    """Images of one camera's CCD, drawn at random; a call gives what adds stars to an image."""

    def __init__(self, seed: int, ccd: int, strength: float = 1.6, all_stars: int | None = None):
        self.rng = np.random.default_rng([seed, 105])
        self.axis = (2092.0 if ccd in (1, 3) else 45.0, 2048.0)
        self.all_stars = all_stars
        ripples = self._ripples()
        self.pupils = [_Pupil(wavelength, ripples) for wavelength, _, _ in LIGHT]
        self.jitter = self.rng.uniform(0.1, 0.3, 2)
        self._draw(strength)
        while not self._is_typical():
            self._draw(strength)

    def _draw(self, strength: float) -> None:
        """Draw the wavefront over the field."""
        draw = self.rng.normal
        self.seidel = {
            "focus": draw(0.0, 0.2),
            "tilt": draw(0.0, 0.25, 2),
            "bent": draw(0.0, 0.45),
            "oblique": draw(0.0, 0.8),
            "coma": draw(0.0, 0.2),
            "coma3": draw(0.0, 0.2),
            "trefoil": draw(0.0, 0.2),
            "round": draw(0.0, 0.06),
            "round2": draw(0.0, 0.06),
            "colour": draw(0.0, 0.12),
        }
        sizes = (0.15, 0.2, 0.2, 0.06, 0.06, 0.06, 0.06, 0.02)
        self.waves = [(strength * size, *self._wave()) for size in sizes]
        self.seidel = {name: strength * value for name, value in self.seidel.items()}

    def _is_typical(self) -> bool:
        """Whether images are as TESS's: small in the middle, two to three pixels in the corner."""
        side = np.array([60.0, 1068.0, 2076.0])
        sizes = [(self.half_light(x, y), np.hypot(x - self.axis[0], y - self.axis[1]))
                 for x in side for y in side]  # fmt: skip
        corner = max(sizes, key=lambda one: one[1])[0]
        middle = min(sizes, key=lambda one: one[1])[0]
        return middle < 0.9 and 1.0 < corner < 1.5 and max(sizes)[0] < 1.5

    def half_light(self, column: float, row: float) -> float:
        """Radius in pixels around a star's place within which half of its light falls."""
        stamp = self.stamp(self.star(column, row, 0.0), 0.0, 0.0)
        y, x = np.mgrid[-REACH : REACH + 1, -REACH : REACH + 1]
        order = np.argsort(np.hypot(x, y).ravel(), kind="stable")
        radii = np.sqrt(np.arange(1, stamp.size + 1) / np.pi)
        return float(np.interp(0.5, np.cumsum(stamp.ravel()[order]), radii))

    def _wave(self) -> tuple[Array, Array, Array]:
        """A random smooth field of unit size: eight plane waves of a CCD's length or longer."""
        length, turn = self.rng.uniform(0.1, 1.0, 8), self.rng.uniform(0.0, 2.0 * np.pi, 8)
        number = 2.0 * np.pi / 2048.0 * length * np.stack([np.cos(turn), np.sin(turn)])
        return number, self.rng.uniform(0.0, 2.0 * np.pi, 8), self.rng.normal(0.0, 0.5, 8)

    def _ripples(self) -> tuple[Array, Array, Array]:
        """Ripples of the glass, 8 to 50 over the aperture, that scatter a tenth of the light."""
        number = self.rng.uniform(8.0, 50.0, 60)
        turn = self.rng.uniform(0.0, 2.0 * np.pi, 60)
        high = self.rng.normal(0.0, 1.0, 60) / np.sqrt(number)
        high *= RIPPLE_UM / np.sqrt(0.5 * np.sum(high**2))
        return np.pi * number * np.stack([np.cos(turn), np.sin(turn)]), turn, high

    def wavefront(self, column: float, row: float) -> tuple[Array, float, float]:
        """Zernike coefficients in micrometres rms, field angle (1 in the corner), its direction."""
        dx, dy = column - self.axis[0], row - self.axis[1]
        h, turn = np.hypot(dx, dy) / 2896.0, np.arctan2(dy, dx)
        c, place = self.seidel, np.array([column, row])
        out = np.array([size * np.sum(high * np.cos(place @ number + start))
                        for size, number, start, high in self.waves])  # fmt: skip
        out[0] += c["focus"] + (dx * c["tilt"][0] + dy * c["tilt"][1]) / 2048 + c["bent"] * h**2
        for first, times, value in (
            (1, 2, c["oblique"] * h**2),
            (3, 1, c["coma"] * h + c["coma3"] * h**3),
            (5, 3, c["trefoil"] * h**3),
        ):
            out[first] += value * np.cos(times * turn)
            out[first + 1] += value * np.sin(times * turn)
        out[7] += c["round"] + c["round2"] * h**2
        return out, h, turn

    def star(self, column: float, row: float, colour: float) -> list[tuple[Any, ...]]:
        """Light, share, shift and blur of each wavelength; together they are centred on 0."""
        wave, h, turn = self.wavefront(column, row)
        lean = np.tan(np.arcsin(np.sin(np.deg2rad(CHIEF_DEG) * h) / INDEX))
        weights = np.array([share * np.exp(colour * (length - 0.8) / 0.2)
                            for length, share, _ in LIGHT])  # fmt: skip
        weights /= weights.sum()
        layers, middle = [], np.zeros(2)
        for pupil, weight, (length, _, depth) in zip(self.pupils, weights, LIGHT, strict=True):
            own = wave.copy()
            own[0] += self.seidel["colour"] * (length - 0.8) / 0.2
            own[0] += depth / (8.0 * F_NUMBER**2 * INDEX) / np.sqrt(12.0)
            light, centre = pupil.image(own, h, turn)
            shift = depth * lean * np.array([np.cos(turn), np.sin(turn)])
            blur = DIFFUSION_UM * np.sqrt(1.0 - depth / DEPTH_UM)
            middle += weight * (centre + shift)
            layers.append((light, weight, shift, blur))
        return [(light, weight, shift - middle, blur) for light, weight, shift, blur in layers]

    def stamp(self, layers: list[tuple[Any, ...]], x: float, y: float) -> Array:
        """The share of each pixel of a square, its mean light `x` and `y` pixels off its middle."""
        out = np.zeros((2 * REACH + 1, 2 * REACH + 1))
        edges = np.arange(-REACH, REACH + 2) - 0.5
        places = (np.arange(GRID) - GRID // 2) * STEP_UM / PIXEL_UM
        for light, weight, shift, blur in layers:
            part = []
            for at, move, jitter in zip((x, y), shift, self.jitter, strict=True):
                sigma = np.hypot(blur / PIXEL_UM, jitter)
                below = erf((edges[:, None] - places - move / PIXEL_UM - at) / (1.41421356 * sigma))
                part.append((0.5 * np.diff(below, axis=0)).astype(np.float32))
            out += weight * (part[1] @ light @ part[0].T)
        return out

    def __call__(self, column: Array, _: Array) -> Callable[[Array, Array, Array, Array], None]:
        """What adds stars at 0-based places to an image.

        With `all_stars` only so many have an image of their own; each of the others has that of
        the nearest of them.
        """
        own = column.size if self.all_stars is None else self.all_stars
        colours = self.rng.normal(0.0, COLOUR, own)

        def add(image: Array, x: Array, y: Array, flux: Array) -> None:
            nearest = cKDTree(np.stack([x[:own], y[:own]], axis=1)).query(np.stack([x, y], 1))[1]
            order = np.argsort(nearest, kind="stable")
            starts = np.searchsorted(nearest[order], np.arange(own + 1))
            for k in range(own):
                layers = self.star(x[k] + 1.0, y[k] + 1.0, colours[k])
                for j in order[starts[k] : starts[k + 1]]:
                    c, r = round(x[j]), round(y[j])
                    stamp = flux[j] * self.stamp(layers, x[j] - c, y[j] - r)
                    _add_stamp(image, stamp, c - REACH, r - REACH)

        return add


class _Pupil:
    """The lens's opening at one wavelength, sampled so that images have steps of `STEP_UM`."""

    def __init__(self, wavelength: float, ripples: tuple[Array, Array, Array]):
        radius = 0.5 * GRID * STEP_UM / (wavelength * F_NUMBER)
        side = (np.arange(GRID) - GRID // 2) / radius
        v, u = np.meshgrid(side, side, indexing="ij")
        self.inside = np.flatnonzero((u**2 + v**2 <= 1.0).ravel())
        self.u, self.v = u.ravel()[self.inside], v.ravel()[self.inside]
        r2, turn = self.u**2 + self.v**2, np.arctan2(self.v, self.u)
        r = np.sqrt(r2)
        self.terms = np.stack([
            np.sqrt(3.0) * (2.0 * r2 - 1.0),
            np.sqrt(6.0) * r2 * np.cos(2.0 * turn), np.sqrt(6.0) * r2 * np.sin(2.0 * turn),
            np.sqrt(8.0) * (3.0 * r2 - 2.0) * r * np.cos(turn),
            np.sqrt(8.0) * (3.0 * r2 - 2.0) * r * np.sin(turn),
            np.sqrt(8.0) * r * r2 * np.cos(3.0 * turn), np.sqrt(8.0) * r * r2 * np.sin(3.0 * turn),
            np.sqrt(5.0) * (6.0 * r2**2 - 6.0 * r2 + 1.0),
        ]).astype(np.float32)  # fmt: skip
        self.wavelength = wavelength
        self.fixed = np.zeros(self.u.size, np.float32)
        for number, start, high in zip(ripples[0].T, ripples[1], ripples[2], strict=True):
            self.fixed += high * np.cos(number[0] * self.u + number[1] * self.v + start)
        self.fixed *= 2.0 * np.pi / wavelength

    def image(self, wave: Array, h: float, turn: float) -> tuple[Array, Array]:
        """Light of unit sum on the grid, and its mean place in micrometres."""
        phase = (2.0 * np.pi / self.wavelength * wave).astype(np.float32) @ self.terms + self.fixed
        # The rim of another lens, seen from the side.
        off_u, off_v = self.u - 0.35 * h * np.cos(turn), self.v - 0.35 * h * np.sin(turn)
        seen = (off_u**2 + off_v**2 <= 1.08**2).astype(np.float32)
        field = np.zeros((GRID, GRID), np.complex64)
        flat = field.reshape(-1)
        flat.real[self.inside], flat.imag[self.inside] = seen * np.cos(phase), seen * np.sin(phase)
        field = fft2(field)
        light = np.fft.fftshift(field.real**2 + field.imag**2)
        light /= light.sum()
        places = (np.arange(GRID) - GRID // 2) * STEP_UM
        return light, np.array([light.sum(axis=0) @ places, light.sum(axis=1) @ places])


def _add_stamp(image: Array, stamp: Array, column: int, row: int) -> None:
    rows, columns = image.shape
    top, left = max(row, 0), max(column, 0)
    bottom = min(row + stamp.shape[0], rows)
    right = min(column + stamp.shape[1], columns)
    if top < bottom and left < right:
        image[top:bottom, left:right] += stamp[
            top - row : bottom - row, left - column : right - column
        ]


def main() -> None:
    """Print how concentrated the light is near the axis, in the middle and in the far corner."""
    for seed in range(8):
        lens = Lens(seed, 1)
        for name, at in (
            ("axis", (2076.0, 2032.0)),
            ("middle", (1068.0, 1024.0)),
            ("corner", (60.0, 60.0)),
        ):
            layers = lens.star(*at, 0.0)
            middle, edge = (lens.stamp(layers, off, off) for off in (0.0, 0.5))
            box = edge[REACH - 1 : REACH + 3, REACH - 1 : REACH + 3].sum()
            print(
                f"lens {seed}, {name:6s}: brightest pixel {middle.max():.2f}, 4 x 4 pixels "
                f"{box:.2f}, half within a radius of {lens.half_light(*at):.2f} pixel"
            )


if __name__ == "__main__":
    main()
