"""Compare two solutions: the distance between their positions of the same star, over the CCD."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import attrs
import numpy as np
from numpy.typing import ArrayLike

from tica_fn.errors import AstrometryError, tell_note
from tica_fn.fits.header import merged
from tica_fn.fits.physical_wcs import origin_of, unplaced
from tica_fn.immutable import Array, Record, frozen_floats
from tica_fn.wcs.header_terms import astropy_wcs, sip_terms
from tica_fn.wcs.plate_stars import HIGHEST_DEGREE
from tica_fn.wcs.pointing import Pointing
from tica_fn.wcs.polynomial_fit import fit_plate
from tica_fn.wcs.solution import PIXEL_ARCSEC, Solution, sip_solution
from tica_fn.wcs.stated import NOT_AS_STATED, fault_of_solution

__all__ = [
    "Comparison",
    "compare_solutions",
    "comparison_table",
    "read_solution",
    "solution_of_header",
    "solution_of_map",
    "solution_of_pointing",
]

SIDE = 41


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Comparison(Record):
    """Differences of two solutions, second minus first.

    Parameters
    ----------
    columns, rows : ndarray
        (n,) float64: pixels that are compared, the first one's centre at 1.
    ra, dec : ndarray
        (n,) float64: their positions in the first solution, degrees.
    d_ra, d_dec : ndarray
        (n,) float64: difference on the sky, arcsec; in right ascension times cos(dec).
    d_columns, d_rows : ndarray
        (n,) float64: difference of the pixels that show the same point of the sky.
    """

    columns: Array = attrs.field(converter=frozen_floats)
    rows: Array = attrs.field(converter=frozen_floats)
    ra: Array = attrs.field(converter=frozen_floats)
    dec: Array = attrs.field(converter=frozen_floats)
    d_ra: Array = attrs.field(converter=frozen_floats)
    d_dec: Array = attrs.field(converter=frozen_floats)
    d_columns: Array = attrs.field(converter=frozen_floats)
    d_rows: Array = attrs.field(converter=frozen_floats)

    @property
    def numbers(self) -> dict[str, float]:
        """Rms, median and largest difference in arcsec and pixels, and the mean shift."""
        sky, pixel = np.hypot(self.d_ra, self.d_dec), np.hypot(self.d_columns, self.d_rows)
        return {
            "places": float(sky.size),
            "rms_arcsec": float(np.sqrt(np.mean(sky**2))),
            "median_arcsec": float(np.median(sky)),
            "max_arcsec": float(sky.max()),
            "rms_pixel": float(np.sqrt(np.mean(pixel**2))),
            "median_pixel": float(np.median(pixel)),
            "max_pixel": float(pixel.max()),
            "mean_columns": float(np.mean(self.d_columns)),
            "mean_rows": float(np.mean(self.d_rows)),
        }


def compare_solutions(
    first: Solution,
    second: Solution,
    columns: ArrayLike | None = None,
    rows: ArrayLike | None = None,
) -> Comparison:
    """Compare two solutions.

    Parameters
    ----------
    first, second : Solution
        The solutions.
    columns, rows : array_like, optional
        (n,) pixels to compare, such as those of stars; by default a grid of 41 x 41 over the
        science area including its edges.

    Returns
    -------
    Comparison
        Differences, second minus first.

    Examples
    --------
    >>> from tica_fn.wcs import compare_solutions, predict_pointing
    >>> from tica_fn.wcs.comparison import solution_of_pointing
    >>> one = solution_of_pointing(predict_pointing(35, 1, 1))
    >>> compare_solutions(one, one).numbers["max_arcsec"]
    0.0
    """
    if columns is None or rows is None:
        side = np.linspace(0.0, 2048.0, SIDE)
        grid = np.meshgrid(44.5 + side, 0.5 + side)
        columns, rows = grid[0].ravel(), grid[1].ravel()
    columns, rows = np.asarray(columns, float), np.asarray(rows, float)
    ra, dec = first.pixel_to_sky(columns, rows)
    other_ra, other_dec = second.pixel_to_sky(columns, rows)
    back_columns, back_rows = second.sky_to_pixel(ra, dec)
    turn = (other_ra - ra + 180.0) % 360.0 - 180.0
    fine = np.isfinite(back_columns)
    if not fine.all():
        raise AstrometryError("the fields of the two solutions do not overlap")
    return Comparison(
        columns=columns,
        rows=rows,
        ra=ra,
        dec=dec,
        d_ra=turn * np.cos(np.deg2rad(dec)) * 3600.0,
        d_dec=(other_dec - dec) * 3600.0,
        d_columns=back_columns - columns,
        d_rows=back_rows - rows,
    )


def comparison_table(comparison: Comparison) -> Any:
    """Make an astropy table of a comparison.

    Parameters
    ----------
    comparison : Comparison
        The differences.

    Returns
    -------
    astropy.table.Table
        One row per pixel; the summary numbers are in its metadata.
    """
    from astropy.table import Table

    units = {"ra": "deg", "dec": "deg", "d_ra": "arcsec", "d_dec": "arcsec"}
    table = Table(meta=comparison.numbers)
    for field in attrs.fields(Comparison):
        table[field.name] = np.array(getattr(comparison, field.name))
        table[field.name].unit = units.get(field.name, "pix")
    return table


def solution_of_map(sky: Callable[[Array, Array], Any], what: str = "the map") -> Solution:
    """Fit a solution to any smooth map from pixels to the sky.

    Parameters
    ----------
    sky : callable
        Takes columns and rows (the first pixel's centre at 1), returns right ascension and
        declination in degrees.
    what : str
        Name of the map for messages.

    Returns
    -------
    Solution
        Fitted at 41 x 41 pixels.

    Raises
    ------
    AstrometryError
        If the map is not finite, or the fit is off by more than a tenth of a pixel.
    """
    side = np.linspace(0.0, 2048.0, SIDE)
    columns, rows = (axis.ravel() for axis in np.meshgrid(44.5 + side, 0.5 + side))
    ra, dec = (np.asarray(angle, float) for angle in sky(columns, rows))
    if not (np.isfinite(ra).all() and np.isfinite(dec).all()):
        raise AstrometryError(f"{what} is not finite over the CCD")
    flat = np.full(columns.size, 9.0)
    error = np.full(columns.size, 1e-6)
    fit = fit_plate(columns, rows, ra, dec, flat, error, degree=HIGHEST_DEGREE, clip=False)
    worst = float(np.hypot(fit.residual_ra, fit.residual_dec).max())
    if worst > 0.1 * PIXEL_ARCSEC:
        raise AstrometryError(
            f"{what} is not a smooth map of this CCD: a polynomial of degree {HIGHEST_DEGREE} "
            f"is off by {worst:.2g} arcsec"
        )
    return fit.solution


def solution_of_pointing(pointing: Pointing) -> Solution:
    """Make a solution from tess-point's prediction.

    Parameters
    ----------
    pointing : Pointing
        The prediction.

    Returns
    -------
    Solution
        A fit to the prediction.
    """
    return solution_of_map(pointing.sky, "the prediction")


def solution_of_header(header: Mapping[str, Any], name: str = "header") -> Solution:
    """Make a solution from the WCS in a header.

    Parameters
    ----------
    header : mapping
        Header of SPOC's, TICA's or this package's full readouts: TAN-SIP of any degree and
        reference pixel, or another projection.
    name : str
        Name of the header for messages.

    Returns
    -------
    Solution
        For TAN and TAN-SIP, with the coefficients of the header; for other projections, a fit.  In
        the image's own pixels.

    Raises
    ------
    AstrometryError
        If the header has no celestial WCS.
    """
    if not str(header.get("CTYPE1", "")).startswith("RA--"):
        raise AstrometryError(f"{name}: the header has no WCS (no CTYPE1 of right ascension)")
    exact = sip_terms(header)
    if exact is not None:
        return sip_solution(exact.crval, exact.crpix, exact.cd, exact.a, exact.b)
    wcs = astropy_wcs(header)
    return solution_of_map(lambda x, y: wcs.all_pix2world(x, y, 1), name)


def on_the_readout(solution: Solution, header: Mapping[str, Any]) -> Solution:
    """The solution of an image's pixels, in those of the full readout."""
    unknown = unplaced(header)
    if unknown:
        raise AstrometryError(unknown)
    row, column = origin_of(header)
    return attrs.evolve(solution, crpix=(solution.crpix[0] + column, solution.crpix[1] + row))


def read_solution(path: str | os.PathLike[str]) -> Solution:
    """Read the solution in the header of an image.

    Parameters
    ----------
    path : path-like
        FITS file with the WCS in its first or second HDU.

    Returns
    -------
    Solution
        The solution, in pixels of the full readout.  An image of a part of it, such as the science
        pixels, says in its physical WCS where it lies.  A note is logged if the header does not
        give the solution whose quality it states, because its cards were changed after the fit.

    Raises
    ------
    AstrometryError
        If the file has no WCS, or is a part of the readout and does not say which.
    BadFileError
        If it is not a FITS file.
    OSError
        If it can't be read.
    """
    from tica_fn.fits.image_file import open_hdus

    hdus, _ = open_hdus(path)
    for hdu in hdus[:2]:
        if "CTYPE1" in hdu.header:
            found = solution_of_header(hdu.header, str(path))
            try:
                solution = on_the_readout(found, hdu.header)
            except AstrometryError as error:
                raise AstrometryError(f"{path}: {error}") from error
            fault = fault_of_solution(merged(hdu.header, hdus[0].header))
            if fault:
                tell_note(f"{path}: {NOT_AS_STATED}: {fault}")
            return solution
    raise AstrometryError(f"{path}: no WCS in the first two HDUs (run tica-fn wcs fit)")
