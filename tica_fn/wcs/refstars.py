"""Reference stars of one sector, camera and CCD, found in one dark image.

The science area is divided into 5 x 5 blocks.  In each, up to 40 isolated stars with the best
contrast are kept.  They are catalogue stars of TESS magnitude 7.5 to 12, measured at the positions
that tess-point predicts, corrected for the image's offset from the prediction.
"""

from __future__ import annotations

import attrs
import numpy as np

from tica_fn.detector import SCIENCE_COLUMNS, SCIENCE_ROWS, SHAPE
from tica_fn.errors import AstrometryError
from tica_fn.frame import Frame
from tica_fn.immutable import Array, Record, frozen_floats, frozen_integers
from tica_fn.wcs.catalog import StarCatalog, default_catalog
from tica_fn.wcs.centroids import StarPositions, isolation_square, measure_stars, saturation_level
from tica_fn.wcs.epoch import likeliest_motion, settle_motion
from tica_fn.wcs.match import FieldMatch, match_field
from tica_fn.wcs.pointing import Pointing, predict_pointing, sector_mid_time
from tica_fn.wcs.polynomial_fit import fit_plate
from tica_fn.wcs.solution import PIXEL_ARCSEC
from tica_fn.wcs.star_blocks import BLOCKS, block_of

__all__ = ["ReferenceStars", "find_reference_stars", "frame_year"]

PER_BLOCK = 40
CANDIDATES_PER_BLOCK = 150
BRIGHTEST, FAINTEST = 7.5, 12.0
LARGEST_MOTION = 100.0
UNKNOWN_MOTION = 20.0
"""Assumed standard deviation of an unknown proper motion on one axis, mas/yr."""
WING_FACTOR, CONTRAST_FACTOR = 0.9, 3.5
FARTHEST_ARCSEC = 6.0
FEWEST_STARS = 60


@attrs.frozen(eq=False, repr=False, kw_only=True)
class ReferenceStars(Record):
    """Reference stars with their positions in the reference image, brightest first.

    Parameters
    ----------
    ids : ndarray
        (n,) int64: TIC or Gaia numbers.
    ra, dec : ndarray
        (n,) float64: degrees, ICRS, at the date of the reference image.
    tmag : ndarray
        (n,) float64: TESS magnitude.
    blocks : ndarray
        (n,) int64: block, 5 * row block + column block.
    predicted_columns, predicted_rows : ndarray
        (n,) float64: predicted pixels, corrected for the offset of the image.
    columns, rows : ndarray
        (n,) float64: measured pixels of the full readout, the first one's centre at 1.
    contrast_columns, contrast_rows : ndarray
        (n,) float64: ratio of peak to wing of the profiles along columns and rows.
    aperture_columns, aperture_rows : ndarray
        (n,) int64: middle pixels of the apertures, counted from 1.
    name : str
        Name of the reference image.
    wing_factor, contrast_factor : float
        Limits of the isolation test.
    position_error : ndarray
        (n,) float64: standard error of `ra` and `dec` due to that of the proper motion, arcsec.
    """

    ids: Array = attrs.field(converter=frozen_integers)
    ra: Array = attrs.field(converter=frozen_floats)
    dec: Array = attrs.field(converter=frozen_floats)
    tmag: Array = attrs.field(converter=frozen_floats)
    blocks: Array = attrs.field(converter=frozen_integers)
    predicted_columns: Array = attrs.field(converter=frozen_floats)
    predicted_rows: Array = attrs.field(converter=frozen_floats)
    columns: Array = attrs.field(converter=frozen_floats)
    rows: Array = attrs.field(converter=frozen_floats)
    contrast_columns: Array = attrs.field(converter=frozen_floats)
    contrast_rows: Array = attrs.field(converter=frozen_floats)
    aperture_columns: Array = attrs.field(converter=frozen_integers)
    aperture_rows: Array = attrs.field(converter=frozen_integers)
    name: str = ""
    wing_factor: float = WING_FACTOR
    contrast_factor: float = CONTRAST_FACTOR
    position_error: Array = attrs.field(converter=frozen_floats)

    @position_error.default
    def _exact(self) -> Array:
        return np.zeros(self.ids.shape)

    def __len__(self) -> int:
        """Count the stars."""
        return int(self.ids.size)


def frame_year(frame: Frame, sector: int | None = None) -> float:
    """Julian year of the middle of a frame."""
    return 2000.0 + (_julian_date(frame, sector) - 2451545.0) / 365.25


def _julian_date(frame: Frame, sector: int | None) -> float:
    if frame.times is not None and np.isfinite(frame.times.mid):
        return frame.times.zero + frame.times.mid
    number = sector if sector is not None else frame.sector
    if number is None:
        raise AstrometryError(f"{frame.name}: the frame has neither time nor sector; give a sector")
    return sector_mid_time(number)


def find_reference_stars(
    frame: Frame,
    sector: int | None = None,
    catalog: StarCatalog | None = None,
    method: str = "precise",
    name: str = "",
    wing: float = WING_FACTOR,
    contrast: float = CONTRAST_FACTOR,
) -> ReferenceStars:
    """Find reference stars in a dark, calibrated image.

    Parameters
    ----------
    frame : Frame
        Full readout, or its science pixels; not modified.
    sector : int, optional
        Sector; by default the frame's own.
    catalog : StarCatalog, optional
        Stars of the field; by default the built-in catalogue.
    method : str
        ``"precise"`` or ``"tica"``, see `tica_fn.wcs.measure_stars`.
    name : str
        Name or cadence of the image, kept with the stars.
    wing : float
        Isolation test, see `wing_factor` of `tica_fn.wcs.measure_stars`.
    contrast : float
        Least ratio of peak to wing of a star's profiles.

    Returns
    -------
    ReferenceStars
        Up to 40 stars in each of 25 blocks.

    Raises
    ------
    AstrometryError
        If the image does not show the field, or too few stars can be measured.
    ValueError
        If there is no such isolation test.
    """
    number = sector if sector is not None else frame.sector
    if number is None:
        raise AstrometryError(f"{frame.name}: the sector of the frame is not known; give it")
    frame = whole_readout(frame)
    isolation_square(wing)
    pointing = predict_pointing(number, frame.camera, frame.ccd, _julian_date(frame, number))
    middle_ra, middle_dec = (float(angle[0]) for angle in pointing.sky(1069.0, 1024.0))
    place, year = (middle_ra, middle_dec, 9.0), frame_year(frame, number)
    others: tuple[StarCatalog, ...] = ()
    if catalog is None:
        catalog = default_catalog(*place)
        others = tuple(default_catalog(*place, motions) for motions in ("columns", "none"))
    else:
        catalog = catalog.cone(*place)
    stars = catalog
    seen = stars.at(year)
    which = np.flatnonzero(pointing.on_ccd(seen.ra, seen.dec, margin=44.0))
    which = which[np.argsort(stars.tmag[which], kind="stable")]
    stars = seen.select(which)
    others = tuple(other.select(which).at(year) for other in others)
    columns, rows = pointing.pixels(stars.ra, stars.dec)

    match = _match(frame, pointing, stars, columns, rows)
    columns, rows = match.apply(columns, rows)
    picked = _candidates(stars, columns, rows)
    saturation = saturation_level(frame.exposure_s, frame.unit)
    places = measure_stars(frame.pixels, columns[picked], rows[picked], method, saturation, wing)
    stars = settle_motion(stars, picked, places, catalog.epoch)
    stars = likeliest_motion((stars, *others), picked, places, year - catalog.epoch)
    error = np.minimum(stars.pm_error, UNKNOWN_MOTION) * abs(year - catalog.epoch) / 1000.0
    chosen = _choose(frame, stars, error, columns, rows, picked, places, name, contrast)
    return attrs.evolve(chosen, wing_factor=wing, contrast_factor=contrast)


def whole_readout(frame: Frame) -> Frame:
    """Extend a frame of science pixels to the full readout with NaN; refuse other pieces."""
    science = (SCIENCE_ROWS[0], SCIENCE_COLUMNS[0])
    if frame.pixels.shape == (2048, 2048) and (frame.row, frame.column) == science:
        pixels = np.full(SHAPE, np.nan, np.result_type(frame.pixels.dtype, np.float32))
        pixels[slice(*SCIENCE_ROWS), slice(*SCIENCE_COLUMNS)] = frame.pixels
        return Frame(
            pixels=pixels,
            unit=frame.unit,
            camera=frame.camera,
            ccd=frame.ccd,
            exposure_s=frame.exposure_s,
            coadds=frame.coadds,
            sector=frame.sector,
            cadence=frame.cadence,
            times=frame.times,
        )
    if frame.pixels.shape != SHAPE:
        height, width = frame.pixels.shape
        raise AstrometryError(
            f"{frame.name}: a solution needs the full {SHAPE[0]} x {SHAPE[1]} readout or its "
            f"science pixels, not a piece of {height} x {width} pixels"
        )
    return frame


def _match(
    frame: Frame, pointing: Pointing, stars: StarCatalog, columns: Array, rows: Array
) -> FieldMatch:
    """Find the offset of the image from the prediction; refuse another field."""
    usable = (stars.tmag > BRIGHTEST) & (stars.tmag < FAINTEST)
    field = f"sector {pointing.sector}, camera {pointing.camera}, CCD {pointing.ccd}"
    if np.count_nonzero(usable) < FEWEST_STARS:
        raise AstrometryError(
            f"the catalogue {stars.name} has only {np.count_nonzero(usable)} stars of Tmag "
            f"{BRIGHTEST} to {FAINTEST} on {field}; {FEWEST_STARS} are needed"
        )
    match = match_field(frame.pixels, columns[usable], rows[usable])
    if match.contrast < 8.0 or match.fraction < 0.25:
        raise AstrometryError(
            f"the image does not show the field of {field}: of its {match.tried} brightest usable "
            f"stars {match.matched} are where they should be, with any offset up to 30 pixels; "
            "check sector, camera and CCD, and that the image is dark"
        )
    return match


def _candidates(stars: StarCatalog, columns: Array, rows: Array) -> Array:
    """Choose the stars to measure: the brightest suitable ones of each block."""
    fit = (
        (stars.tmag > BRIGHTEST)
        & (stars.tmag < FAINTEST)
        & (np.abs(stars.pm_ra) <= LARGEST_MOTION)
        & (np.abs(stars.pm_dec) <= LARGEST_MOTION)
        & (columns >= 50)
        & (columns <= 2087)
        & (rows >= 6)
        & (rows <= 2043)
    )
    # Only the catalogue can reveal a companion inside the star's own image.
    first, second = _pairs(columns, rows, 6.0)
    difference = stars.tmag[second] - stars.tmag[first]
    fit[first[difference < 4.0]] = False
    fit[second[difference > -4.0]] = False
    blocks = block_of(columns, rows)
    picked = [
        np.flatnonzero(fit & (blocks == block))[:CANDIDATES_PER_BLOCK]
        for block in range(BLOCKS * BLOCKS)
    ]
    return np.concatenate(picked)


def _pairs(columns: Array, rows: Array, reach: float) -> tuple[Array, Array]:
    """Pairs of places within a distance, the earlier one first.

    scipy.spatial, which has this, takes fifty times as long to load.
    """
    order = np.argsort(columns, kind="stable")
    x, y = columns[order], rows[order]
    found: list[Array] = []
    for apart in range(1, x.size):
        near = x[apart:] - x[:-apart] <= reach
        if not near.any():
            break
        near &= (x[apart:] - x[:-apart]) ** 2 + (y[apart:] - y[:-apart]) ** 2 <= reach**2
        one = np.flatnonzero(near)
        found.append(np.sort(np.stack([order[one], order[one + apart]]), axis=0))
    first, second = np.concatenate([np.empty((2, 0), np.int64), *found], axis=1)
    return first, second


def _choose(
    frame: Frame,
    stars: StarCatalog,
    error: Array,
    columns: Array,
    rows: Array,
    picked: Array,
    places: StarPositions,
    name: str,
    least: float,
) -> ReferenceStars:
    """Choose the best stars of each block, within 6 arcsec of a fit, sorted by magnitude.

    Stars whose motion is not known are taken only if a block has too few others.
    """
    contrast = np.minimum(places.contrast_columns, places.contrast_rows)
    good = np.flatnonzero(places.good & (contrast >= least))
    blocks = block_of(columns[picked], rows[picked])
    kept: list[Array] = []
    for block in range(BLOCKS * BLOCKS):
        here = good[blocks[good] == block]
        unknown = np.isinf(stars.pm_error[picked[here]])
        kept.append(here[np.lexsort((-contrast[here], unknown))][:PER_BLOCK])
    best = np.concatenate(kept)
    _check_enough(frame, best.size)
    which = picked[best]
    fit = fit_plate(
        places.columns[best],
        places.rows[best],
        stars.ra[which],
        stars.dec[which],
        stars.tmag[which],
        np.hypot(places.error[best], error[which] / PIXEL_ARCSEC),
    )
    near = np.hypot(fit.residual_ra, fit.residual_dec) <= FARTHEST_ARCSEC
    best, which = best[near], which[near]
    _check_enough(frame, best.size)
    order = np.argsort(stars.tmag[which], kind="stable")
    best, which = best[order], which[order]
    return ReferenceStars(
        ids=stars.ids[which],
        ra=stars.ra[which],
        dec=stars.dec[which],
        tmag=stars.tmag[which],
        blocks=blocks[best],
        predicted_columns=columns[which],
        predicted_rows=rows[which],
        columns=places.columns[best],
        rows=places.rows[best],
        contrast_columns=places.contrast_columns[best],
        contrast_rows=places.contrast_rows[best],
        aperture_columns=np.rint(places.columns[best]).astype(np.int64),
        aperture_rows=np.rint(places.rows[best]).astype(np.int64),
        name=name,
        position_error=error[which],
    )


def _check_enough(frame: Frame, count: int) -> None:
    if count < FEWEST_STARS:
        raise AstrometryError(
            f"{frame.name}: only {count} isolated stars can be measured, but {FEWEST_STARS} are "
            "needed; use a darker image, or a catalogue with more stars"
        )
