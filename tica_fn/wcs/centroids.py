"""Star positions: precise centroids tied to the flux centroid, and TICA's for comparison.

The Gaussian-windowed centroid of a star is precise to a few thousandths of a pixel.
`tica_fn.wcs.flux_tie` shifts all of them to the flux centroid, the position that photometry uses.
"""

from __future__ import annotations

import attrs
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import ArrayLike

from tica_fn.detector import SCIENCE_COLUMNS, SCIENCE_ROWS
from tica_fn.frame import ADU, ELECTRON
from tica_fn.immutable import Array, Record, frozen_array, frozen_floats
from tica_fn.kernels.stars import starlight as star
from tica_fn.kernels.stars.stamps import cell_medians, cut_stamps, isolation_of
from tica_fn.wcs.flux_tie import tie_and_light

__all__ = [
    "ELECTRONS_PER_ADU",
    "FLAGS",
    "METHODS",
    "StarPositions",
    "isolation_square",
    "measure_stars",
    "saturation_level",
]

METHODS = ("precise", "tica")
FLAGS = {
    "edge": 1,
    "missing": 2,
    "saturated": 4,
    "neighbour": 8,
    "faint": 16,
    "unsettled": 32,
}
"""Bits of `StarPositions.flags`."""

HALF = 5
"""Stamps for centroid and isolation are 11 x 11 pixels, as in TICA."""
WINDOW = 1.5
ELECTRONS_PER_ADU = 5.2
FULL_WELL = 150000.0
"""Electrons in one 2 s exposure above which a pixel may bleed."""
_REACH = 1
"""Cells of the background whose values count for a star beside its own four."""


@attrs.frozen(eq=False, repr=False, kw_only=True)
class StarPositions(Record):
    """Measured positions of stars in one frame.

    Parameters
    ----------
    columns, rows : ndarray
        (n,) float64: pixels of the full readout, the first one's centre at 1; NaN where flagged
        ``edge``, ``missing``, ``faint`` or ``unsettled``.
    flux, background : ndarray
        (n,) float64: sum of the inner 5 x 5 pixels minus background, and background per pixel, in
        the unit of the pixels.
    error : ndarray
        (n,) float64: standard error expected from the noise of the background and the star,
        pixels.
    contrast_columns, contrast_rows : ndarray
        (n,) float64: ratio of peak to wing of the two profiles.
    flags : ndarray
        (n,) int64: sum of `FLAGS`; 0 for a good star.
    light_columns, light_rows : ndarray
        (n,) float64: the star's own flux-weighted mean position, of which `columns`, `rows` are a
        smoother version; NaN for stars that are not good, for those near a saturated area, whose
        background is not known, and with the method ``"tica"``.
    tie_degree : int
        Degree of the field that ties windowed to flux centroids; -1 if there is none.
    """

    columns: Array = attrs.field(converter=frozen_floats)
    rows: Array = attrs.field(converter=frozen_floats)
    flux: Array = attrs.field(converter=frozen_floats)
    background: Array = attrs.field(converter=frozen_floats)
    error: Array = attrs.field(converter=frozen_floats)
    contrast_columns: Array = attrs.field(converter=frozen_floats)
    contrast_rows: Array = attrs.field(converter=frozen_floats)
    flags: Array = attrs.field(converter=frozen_array)
    light_columns: Array = attrs.field(converter=frozen_floats)
    light_rows: Array = attrs.field(converter=frozen_floats)
    tie_degree: int = -1

    @property
    def good(self) -> Array:
        """Stars without any flag, (n,) bool."""
        return np.asarray(self.flags == 0)


def saturation_level(exposure_s: float | None, unit: str = ELECTRON) -> float:
    """Pixel value above which a star may bleed."""
    if exposure_s is None or unit not in (ELECTRON, ADU):
        return float("inf")
    return FULL_WELL * exposure_s * 0.8 / 2.0 / (ELECTRONS_PER_ADU if unit == ADU else 1.0)


def measure_stars(
    pixels: Array,
    columns: ArrayLike,
    rows: ArrayLike,
    method: str = "precise",
    saturation: float = float("inf"),
    wing_factor: float = 0.9,
    apertures: tuple[ArrayLike, ArrayLike] | None = None,
) -> StarPositions:
    """Measure stars near predicted positions.

    Parameters
    ----------
    pixels : ndarray
        (2078, 2136) int32, float32 or float64: a full readout; not modified.
    columns, rows : array_like
        (n,) predicted positions, good to about a pixel, the first pixel's centre at 1.
    method : str
        ``"precise"``: Gaussian-windowed, tied to the flux centroid.  ``"tica"``: flux-weighted
        mean of 5 x 5 pixels in a fixed aperture.
    saturation : float
        Pixel value above which a star counts as saturated.
    wing_factor : float
        Isolation test of a star's profiles.  Up to 1: both wings must lie below the peak by this
        fraction of its height over the lower wing, in a square of half side 5.  From 3 to 11: half
        the side of the square, with a fraction of 0.9.
    apertures : tuple of array_like, optional
        (n,) int columns and rows of the stamps' middle pixels, counted from 1; by default the
        predicted positions, rounded.

    Returns
    -------
    StarPositions
        Positions with flags.

    Raises
    ------
    ValueError
        If there is no such method or isolation test.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.wcs.centroids import measure_stars
    >>> image = np.full((2078, 2136), 100.0)
    >>> y, x = np.mgrid[:2078, :2136]
    >>> image += 1e5 * np.exp(-0.5 * ((x - 999.3) ** 2 + (y - 499.8) ** 2))
    >>> star = measure_stars(image, [1000.0], [501.0])
    >>> round(float(star.columns[0]), 2), round(float(star.rows[0]), 2), int(star.flags[0])
    (1000.3, 500.8, 0)
    """
    if method not in METHODS:
        raise ValueError(f"method is {method!r}: use one of {', '.join(METHODS)}")
    half, factor = isolation_square(wing_factor)
    x0, y0 = _apertures(columns, rows, apertures)
    outside = (
        (x0 - HALF < SCIENCE_COLUMNS[0])
        | (x0 + HALF >= SCIENCE_COLUMNS[1])
        | (y0 - HALF < SCIENCE_ROWS[0])
        | (y0 + HALF >= SCIENCE_ROWS[1])
    )
    *rises, blinded = _background_slopes(pixels, x0, y0, saturation)
    slopes = np.stack(rises)
    seen = (*SCIENCE_COLUMNS, SCIENCE_ROWS[1])
    found = star.measure_starlight(pixels, x0, y0, slopes, seen, WINDOW, factor)
    if half != HALF:
        _isolate(found, pixels, x0, y0, half, factor)
    level, scatter, flux = found[star.BACKGROUND], found[star.SCATTER], found[star.FLUX]
    peak = found[star.PEAK]
    flags = np.zeros(x0.size, dtype=np.int64)
    flags[outside] |= FLAGS["edge"]
    flags[found[star.MISSING] > 0] |= FLAGS["missing"]
    flags[(peak >= saturation) | ((found[star.PLATEAU] > 4) & (peak > level))] |= FLAGS["saturated"]
    flags[found[star.ISOLATED] == 0.0] |= FLAGS["neighbour"]
    flags[~(flux > 25.0 * scatter)] |= FLAGS["faint"]

    degree, light = -1, np.full((2, x0.size), np.nan)
    if method == "tica":
        x, y = found[star.MEAN_X], found[star.MEAN_Y]
    else:
        x, y = found[star.WINDOW_X], found[star.WINDOW_Y]
        with np.errstate(invalid="ignore"):
            settled = (found[star.STEPS] > 0) & (np.hypot(x, y) < HALF - 1.0)
        flags[~settled] |= FLAGS["unsettled"]
        tie, light, degree = _tie(found, x0, y0, (flags == 0) & ~blinded)
        x, y = x + tie[0], y + tie[1]
    wild = flags & (FLAGS["edge"] | FLAGS["missing"] | FLAGS["faint"] | FLAGS["unsettled"]) != 0
    x, y = np.where(wild, np.nan, x), np.where(wild, np.nan, y)
    return StarPositions(
        columns=x0 + 1.0 + x,
        rows=y0 + 1.0 + y,
        flux=flux,
        background=level,
        error=_expected_error(flux, scatter),
        contrast_columns=found[star.CONTRAST_X],
        contrast_rows=found[star.CONTRAST_Y],
        flags=flags,
        light_columns=np.where((flags == 0) & ~blinded, x0 + 1.0 + light[0], np.nan),
        light_rows=np.where((flags == 0) & ~blinded, y0 + 1.0 + light[1], np.nan),
        tie_degree=degree,
    )


def isolation_square(wing: float) -> tuple[int, float]:
    """Half side and factor of the isolation test, which are given as one number."""
    if 0.0 < wing < 3.0:
        return HALF, wing
    if wing in range(3, 12):
        return int(wing), 0.9
    raise ValueError(
        f"isolation is {wing:g}: give a factor up to 1, or half the side of a square, 3 to 11 "
        "pixels"
    )


def _isolate(found: Array, pixels: Array, x0: Array, y0: Array, half: int, factor: float) -> None:
    """Repeat the isolation test in a square of another size."""
    stamps = cut_stamps(pixels, x0, y0, half, *SCIENCE_COLUMNS, SCIENCE_ROWS[1])
    rows = [star.ISOLATED, star.CONTRAST_X, star.CONTRAST_Y]
    for k in np.flatnonzero(np.isfinite(found[star.BACKGROUND])):
        found[rows, k] = isolation_of(stamps[k], half, found[star.BACKGROUND, k], 10.0, factor)


def _apertures(
    columns: ArrayLike, rows: ArrayLike, apertures: tuple[ArrayLike, ArrayLike] | None
) -> tuple[Array, Array]:
    """Middle pixels, 0-based; positions that are not finite are put far outside."""
    x, y = (np.atleast_1d(np.asarray(axis, float)) for axis in apertures or (columns, rows))
    lost = ~(np.isfinite(x) & np.isfinite(y)) | (np.abs(x) > 1e6) | (np.abs(y) > 1e6)
    x, y = np.where(lost, -1e6, x), np.where(lost, -1e6, y)
    return np.rint(x).astype(np.int64) - 1, np.rint(y).astype(np.int64) - 1


def _background_slopes(
    pixels: Array, x0: Array, y0: Array, saturation: float
) -> tuple[Array, Array, Array]:
    """Slope of the large-scale background (scattered light) at each star, per pixel.

    Also whether a saturated area has a part in it, in which case it is not to be relied on.
    """
    cell, count, step = 64, 32, 8
    grid = cell_medians(pixels, SCIENCE_ROWS[0], SCIENCE_COLUMNS[0], cell, count, step)
    full = np.pad(grid >= 0.5 * saturation, _REACH)
    grid = np.where(np.isfinite(grid), grid, np.nanmedian(grid) if np.isfinite(grid).any() else 0)
    # Median of three cells on each axis: a bright star fills at most one or two.
    for _ in range(2):
        before, after = np.vstack([grid[:1], grid[:-1]]), np.vstack([grid[1:], grid[-1:]])
        low, high = np.minimum(before, after), np.maximum(before, after)
        grid = np.clip(grid, low, high).T
    rise_y, rise_x = np.gradient(grid, cell, edge_order=2)
    # Bilinear between four cells, centred on the pixels sampled in each; a spline would spread the
    # step at the edge of a saturated area far into the rest.
    middle = 0.5 * (cell - step)
    v = np.clip((y0 - SCIENCE_ROWS[0] - middle) / cell, -0.5, count - 0.5)
    u = np.clip((x0 - SCIENCE_COLUMNS[0] - middle) / cell, -0.5, count - 0.5)
    i = np.clip(np.floor(v), 0, count - 2).astype(np.int64)
    j = np.clip(np.floor(u), 0, count - 2).astype(np.int64)
    v, u = v - i, u - j

    def between(grid: Array) -> Array:
        low = grid[i, j] * (1.0 - u) + grid[i, j + 1] * u
        high = grid[i + 1, j] * (1.0 - u) + grid[i + 1, j + 1] * u
        return np.asarray(low * (1.0 - v) + high * v)

    near = sliding_window_view(full, (2 * _REACH + 2, 2 * _REACH + 2))[i, j].any(axis=(1, 2))
    return between(rise_x), between(rise_y), np.asarray(near)


def _tie(found: Array, x0: Array, y0: Array, good: Array) -> tuple[Array, Array, int]:
    """Offset from windowed centroids to flux centroids at each star, learnt from good stars.

    Gives also each star's own flux centroid.
    """
    windowed = found[star.WINDOW_X : star.WINDOW_Y + 1]
    sizes = len(star.APERTURES)
    means = found[star.FLUX_X : star.FLUX_X + 2 * sizes].reshape(sizes, 2, -1)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Noise of the first moment: 127 is the root of the sum of x**2 over 21 x 21 pixels.
        noise = 127.0 * found[star.SCATTER] / found[star.FLUX]
    u, v = (x0 - 1068.0) / 1024.0, (y0 - 1023.0) / 1024.0
    return tie_and_light(windowed, means, u, v, noise, good)


def _expected_error(flux: Array, scatter: Array) -> Array:
    """Estimate the standard error of a windowed centroid on each axis, pixels.

    For a Gaussian star of width s and noise n per pixel the least error is
    ``sqrt(8 pi) s**2 n / flux``, with s = 1 here; the star's own shot noise is spread over a dozen
    pixels.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        noise = np.sqrt(scatter**2 + np.maximum(flux, 0.0) / 12.0)
        error = np.sqrt(8.0 * np.pi) * noise / flux
    return np.where((flux > 0.0) & np.isfinite(error), error, np.inf)
