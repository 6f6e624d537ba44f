"""The solution of one frame: measure the reference stars, judge them block by block, fit.

A block of the CCD with too few good stars (saturated, or lost in scattered light) is bad.  Its
stars are *held*: they are flagged, and the fit uses their positions in the reference image, moved
by the smooth offset of the other stars, to constrain the polynomials there.  A frame without a good
block keeps the pointing of the reference image, with degree 4 and a good-star fraction of 0.
"""

from __future__ import annotations

import attrs
import numpy as np

from tica_fn.errors import AstrometryError
from tica_fn.frame import ADU, Frame
from tica_fn.immutable import Array, Record, frozen_array, frozen_floats
from tica_fn.kernels.medians import median_and_scatter
from tica_fn.kernels.stars.polynomial import polynomial_values
from tica_fn.kernels.stars.smooth_field import fit_smooth_field
from tica_fn.kernels.stars.stamps import cut_stamps, ring_background
from tica_fn.wcs.centroids import ELECTRONS_PER_ADU, StarPositions, measure_stars, saturation_level
from tica_fn.wcs.expected_error import NO_ERRORS, expected_errors
from tica_fn.wcs.light_fit import fit_plate_to_light
from tica_fn.wcs.match import find_shift
from tica_fn.wcs.plate_stars import FLOOR_PIXELS
from tica_fn.wcs.polynomial_fit import DEGREE, PlateFit, fit_plate
from tica_fn.wcs.refstars import ReferenceStars, whole_readout
from tica_fn.wcs.solution import PIXEL_ARCSEC, Solution
from tica_fn.wcs.star_blocks import BLOCKS

__all__ = ["CORNERS", "FrameSolution", "fit_frame"]

REACH = 15
SHIFT_STARS = 150
FIELD_DEGREE = 2
FARTHEST_PIXELS = 0.5
FEWEST_IN_BLOCK = 5
HELD_ERROR = 0.1
HELD_TOGETHER = 0.02
"""Pixels by which stars that are held are wrong together: the others' offset is extrapolated."""
CORNERS = ((0, 1, 5), (3, 4, 9), (15, 20, 21), (23, 24, 19))
"""Blocks of the four corners, for the keywords RMSX0 to RMSX3."""
BRIGHT = 10.0
NONE = -1.0
"""Residual of a group without stars."""
NO_CORNER = -1
_CORNER_OF_BLOCK = np.array(
    [
        next((k for k, corner in enumerate(CORNERS) if block in corner), NO_CORNER)
        for block in range(BLOCKS * BLOCKS)
    ]
)


@attrs.frozen(eq=False, repr=False, kw_only=True)
class FrameSolution(Record):
    """A frame's solution with its stars and residuals.

    Parameters
    ----------
    solution : Solution
        The solution.
    ids : ndarray
        (n,) int64: identifiers of the reference stars.
    columns, rows : ndarray
        (n,) float64: their pixels, the first one's centre at 1; for held stars, the position that
        was used; NaN if not measured.
    flux, background : ndarray
        (n,) float64: counts in 5 x 5 pixels, and background per pixel.
    valid : ndarray
        (n,) int64: 1 good, 0 not measured, -1 clipped, -2 held because its block is bad.
    residual_ra, residual_dec : ndarray
        (n,) float64: arcsec.
    rms : mapping of str to float
        The keywords RMSA to RMSX3: residuals in arcsec and pixels; -1 for a group without stars.
    shift : tuple of float
        Median offset from the reference image, columns and rows, pixels.
    bad_blocks : int
        Number of blocks with too few good stars, or no reference stars at all.
    degree : int
        Degree of the polynomials.
    expected_error : mapping of str to float
        The keywords ERRX0 to ERRMAX: rms errors to expect of the solution in the four corners of
        the science area, and at most, arcsec; -1 if not known.
    """

    solution: Solution
    ids: Array = attrs.field(converter=frozen_array)
    columns: Array = attrs.field(converter=frozen_floats)
    rows: Array = attrs.field(converter=frozen_floats)
    flux: Array = attrs.field(converter=frozen_floats)
    background: Array = attrs.field(converter=frozen_floats)
    valid: Array = attrs.field(converter=frozen_array)
    residual_ra: Array = attrs.field(converter=frozen_floats)
    residual_dec: Array = attrs.field(converter=frozen_floats)
    rms: dict[str, float]
    shift: tuple[float, float]
    bad_blocks: int
    degree: int
    expected_error: dict[str, float] = attrs.field(factory=lambda: dict(NO_ERRORS))

    @property
    def good_fraction(self) -> float:
        """Fraction of reference stars that are good: the keyword WCSGDF."""
        return float(np.count_nonzero(self.valid == 1) / max(self.valid.size, 1))


def fit_frame(
    frame: Frame, stars: ReferenceStars, method: str = "precise", degree: int = DEGREE
) -> FrameSolution:
    """Fit a solution to one frame.

    Parameters
    ----------
    frame : Frame
        Full readout, or its science pixels, of the sector, camera and CCD of the reference stars;
        not modified.  The solution is in pixels of the full readout.
    stars : ReferenceStars
        Reference stars.
    method : str
        ``"precise"`` or ``"tica"``, see `tica_fn.wcs.measure_stars`.
    degree : int
        Degree of the polynomials, 1 to 9; lowered as in `tica_fn.wcs.fit_plate`.

    Returns
    -------
    FrameSolution
        The solution with its stars and residuals.

    Raises
    ------
    AstrometryError
        If there are too few reference stars, or the frame shows another field.
    ValueError
        If there is no such degree.
    """
    frame = whole_readout(frame)
    if len(stars) < 30:
        raise AstrometryError(f"{len(stars)} reference stars are too few to fit a solution")
    places, dx, dy = _measure(frame, stars, method)
    good, expected, shift = _judge(stars, places, dx, dy)
    bad = _bad_blocks(stars.blocks, good)
    held = np.isin(stars.blocks, np.flatnonzero(bad))
    everything_bad = bool(held.all())
    good &= ~held
    columns = np.where(good, places.columns, np.where(held, expected[0], np.nan))
    rows = np.where(good, places.rows, np.where(held, expected[1], np.nan))
    error = np.where(held, HELD_ERROR, np.hypot(places.error, stars.position_error / PIXEL_ARCSEC))
    ra, dec, tmag = stars.ra, stars.dec, stars.tmag
    if method == "precise" and not everything_bad:
        at = np.stack([columns, rows])
        light = np.where(good, np.stack([places.light_columns, places.light_rows]), np.nan)
        fit, (columns, rows) = fit_plate_to_light(at, light, ra, dec, tmag, error, held, degree)
    else:
        order = min(degree, 4) if everything_bad else degree
        fit = fit_plate(columns, rows, ra, dec, tmag, error, held, order, clip=not everything_bad)
    valid = np.select([held, ~good, ~fit.used], [-2, 0, -1], default=1)
    measured = np.isfinite(columns)
    rms = _residuals(stars, fit, valid)
    expected_error = dict(NO_ERRORS)
    if not everything_bad:
        expected_error = _expected(np.stack([columns, rows]), fit, held, rms["RMSAP"])
    return FrameSolution(
        solution=fit.solution,
        ids=stars.ids,
        columns=np.where(measured, columns, places.columns),
        rows=np.where(measured, rows, places.rows),
        flux=places.flux,
        background=places.background,
        valid=valid,
        residual_ra=fit.residual_ra,
        residual_dec=fit.residual_dec,
        rms=rms,
        shift=shift,
        bad_blocks=int(bad.sum()),
        degree=fit.degree,
        expected_error=expected_error,
    )


def _measure(
    frame: Frame, stars: ReferenceStars, method: str
) -> tuple[StarPositions, float, float]:
    """Measure the stars at their positions in the reference image, with the offset of the frame.

    Frames of a sector differ by a fraction of a pixel.  A larger offset is searched only if most
    stars are not found there; a frame of another field is refused.
    """
    saturation = saturation_level(frame.exposure_s, frame.unit)

    def measure(dx: float, dy: float) -> StarPositions:
        at = stars.columns + dx, stars.rows + dy
        return measure_stars(frame.pixels, *at, method, saturation, stars.wing_factor)

    places = measure(0.0, 0.0)
    dx, dy, near = _median_offset(stars, places)
    if near >= 0.5 * len(stars) and np.hypot(dx, dy) <= 2.0:
        return (measure(dx, dy) if np.hypot(dx, dy) > 0.5 else places), dx, dy
    few = slice(0, SHIFT_STARS)
    dx, dy, contrast = find_shift(frame.pixels, stars.columns[few], stars.rows[few], REACH, blur=1)
    if contrast < 8.0:
        if near < 0.1 * len(stars):
            _check_visible(frame, stars, near)
        return places, 0.0, 0.0
    places = measure(dx, dy)
    if not _median_offset(stars, places)[2]:  # The search alone is accurate to only a pixel.
        dx, dy = 0.0, 0.0
    return places, dx, dy


def _median_offset(stars: ReferenceStars, places: StarPositions) -> tuple[float, float, int]:
    """Median offset of the good stars, and how many of them agree with it to half a pixel."""
    offset = np.stack([places.columns - stars.columns, places.rows - stars.rows])[:, places.good]
    if offset.shape[1] == 0:
        return 0.0, 0.0, 0
    middle = np.median(offset, axis=1)
    near = np.hypot(*(offset - middle[:, None])) < FARTHEST_PIXELS
    return float(middle[0]), float(middle[1]), int(np.count_nonzero(near))


def _check_visible(frame: Frame, stars: ReferenceStars, near: int) -> None:
    """Refuse a frame in which the stars should be visible but are not there."""
    few = slice(0, SHIFT_STARS)
    x, y = (np.rint(axis[few]).astype(np.int64) - 1 for axis in (stars.columns, stars.rows))
    level, scatter = ring_background(cut_stamps(frame.pixels, x, y, 5, 44, 2092, 2048), 2)
    # At least a tenth of a star's light falls on its brightest pixel.
    electrons = 15000.0 * 10 ** (-0.4 * (stars.tmag[few] - 10.0)) * 0.8 * frame.exposure_s
    peak = 0.1 * electrons / (ELECTRONS_PER_ADU if frame.unit == ADU else 1.0)
    # If the whole CCD is saturated the noise is small, but no star is visible.
    full = level >= 0.5 * saturation_level(frame.exposure_s, frame.unit)
    known = np.isfinite(scatter) & np.isfinite(peak) & ~full
    if (
        np.count_nonzero(full) < 0.5 * full.size
        and known.any()
        and np.median(peak[known] / np.maximum(scatter[known], 1e-9)) > 30.0
    ):
        raise AstrometryError(
            f"{frame.name}: {near} of {len(stars)} reference stars are where they should be, with "
            f"any offset up to {REACH} pixels, though they should be bright enough to be seen: "
            "the image shows another field, or nothing"
        )


def _judge(
    stars: ReferenceStars, places: StarPositions, dx: float, dy: float
) -> tuple[Array, Array, tuple[float, float]]:
    """Good stars, the expected position of each star, and the median offset.

    The offset from the reference image is smooth over the field: a star that differs from it by
    half a pixel is a different star.
    """
    offset = np.stack([places.columns - stars.columns, places.rows - stars.rows])
    usable = places.good & np.isfinite(offset).all(axis=0)
    u, v = (stars.columns - 1069.0) / 1024.0, (stars.rows - 1024.0) / 1024.0
    field, degree, _ = fit_smooth_field(
        u, v, offset, usable.astype(np.float64), FIELD_DEGREE, 4.0, 8
    )
    if degree < 0:
        smooth = np.tile(np.array([[dx], [dy]]), len(stars))
    else:
        smooth = polynomial_values(field, u, v, FIELD_DEGREE)
    rest = np.hypot(*(offset - smooth))
    with np.errstate(invalid="ignore"):
        good = usable & (rest < FARTHEST_PIXELS)
    shift = (dx, dy)
    if good.any():
        shift = (float(np.median(offset[0][good])), float(np.median(offset[1][good])))
    return good, np.stack([stars.columns, stars.rows]) + smooth, shift


def _bad_blocks(blocks: Array, good: Array) -> Array:
    """Blocks with too few good stars, including those without reference stars, (25,) bool."""
    total = np.bincount(blocks, minlength=BLOCKS * BLOCKS)
    fine = np.bincount(blocks[good], minlength=BLOCKS * BLOCKS)
    return np.asarray(fine < np.clip(np.ceil(total / 4.0), 1, FEWEST_IN_BLOCK))


def _residuals(stars: ReferenceStars, fit: PlateFit, valid: Array) -> dict[str, float]:
    """Keywords RMSA to RMSX3."""
    arcsec = np.stack([fit.residual_ra, fit.residual_dec])
    pixels = np.linalg.inv(fit.solution.cd) @ arcsec / 3600.0
    good, bright = valid == 1, stars.tmag < BRIGHT

    def spread(values: Array, which: Array) -> float:
        if np.count_nonzero(which) < 2:
            return NONE
        own = values[:, which]
        away = own - (own.sum(axis=1) / own.shape[1])[:, None]
        return float(np.sqrt(np.einsum("ij,ij->", away, away) / own.size))

    groups = {"A": good, "B": good & bright, "F": good & ~bright}
    out = {f"RMS{key}": spread(arcsec, which) for key, which in groups.items()}
    # The keywords in pixels are RMSAP, RMSBP and RMSBF (RMSFP would be the regular name).
    names = {"A": "RMSAP", "B": "RMSBP", "F": "RMSBF"}
    out |= {names[key]: spread(pixels, which) for key, which in groups.items()}
    corners = np.where(good & bright, _CORNER_OF_BLOCK[stars.blocks], NO_CORNER)
    for k in range(len(CORNERS)):
        part = np.ascontiguousarray(arcsec[:, corners == k])
        count = part.shape[1]
        mads = [median_and_scatter(axis, count)[1] for axis in part]
        out[f"RMSX{k}"] = float(np.sqrt(np.mean(np.square(mads)))) if count > 1 else NONE
    return out


def _expected(places: Array, fit: PlateFit, held: Array, spread: float) -> dict[str, float]:
    """Errors to expect of a solution, from the stars' weights, or else from their scatter.

    What is wrong with the smooth part of other positions than precise ones is as large as that.
    """
    weights, common = fit.weights, 0.0
    if weights is None:
        common = max(spread, FLOOR_PIXELS)
        weights = np.where(fit.used, np.where(held, HELD_ERROR, common) ** -2.0, 0.0)
    return expected_errors(places, weights, fit.degree, common, held, HELD_TOGETHER)
