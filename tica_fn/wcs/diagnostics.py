"""Solutions of many frames as a table: residuals, good stars and drift against time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from tica_fn.errors import AstrometryError, of_the_package
from tica_fn.fits.header import merged
from tica_fn.wcs.expected_error import MUCH_ARCSEC
from tica_fn.wcs.header_terms import linear_terms
from tica_fn.wcs.solution import PIXEL_ARCSEC
from tica_fn.wcs.stated import check_solution, fault_of_solution

__all__ = [
    "diagnose_files",
    "diagnose_headers",
    "drift_of",
    "header_of_solution",
    "table_of_headers",
]

KEYS = (
    "RMSA",
    "RMSB",
    "RMSF",
    "RMSAP",
    "RMSBP",
    "RMSBF",
    "RMSX0",
    "RMSX1",
    "RMSX2",
    "RMSX3",
    "ERRX0",
    "ERRX1",
    "ERRX2",
    "ERRX3",
    "ERRMAX",
    "WCSGDF",
)


def diagnose_files(paths: Sequence[str | os.PathLike[str]]) -> tuple[Any, list[Exception]]:
    """Collect the solutions of many files in a table.

    Parameters
    ----------
    paths : sequence of path-like
        Images with a solution, in any order.

    Returns
    -------
    table : astropy.table.Table
        See `diagnose_headers`.
    errors : list of Exception
        The error of each file that is not in the table.

    Raises
    ------
    AstrometryError
        If no file has a solution that can be used.
    """
    headers, names = [], []
    errors: list[Exception] = []
    for path in paths:
        try:
            headers.append(header_of_solution(path))
        except Exception as error:
            errors.append(of_the_package(path, error))
            continue
        names.append(os.fspath(path))
    if not headers:
        raise AstrometryError(f"none of {len(errors)} files has a solution: {errors[0]}")
    return table_of_headers(headers, names), errors


def header_of_solution(path: str | os.PathLike[str]) -> Any:
    """Header of a file that has a solution; one that is not as stated is refused."""
    from tica_fn.fits.image_file import open_hdus

    hdus, _ = open_hdus(path)
    found = next((hdu.header for hdu in hdus[:2] if "CTYPE1" in hdu.header), None)
    if found is None:
        raise AstrometryError(f"{path}: no solution (run tica-fn wcs fit)")
    try:
        drift_of([found])
    except (ValueError, TypeError, KeyError) as error:
        raise AstrometryError(f"{path}: the solution can't be used ({error})") from error
    whole = merged(found, hdus[0].header)
    check_solution(path, whole)
    # In SPOC's layout those that its image's header has no place for are in the primary one.
    return merged(found, {key: whole[key] for key in KEYS if key in whole})


def diagnose_headers(headers: Sequence[Any], names: Sequence[str]) -> Any:
    """Collect the solutions of many headers in a table.

    Parameters
    ----------
    headers : sequence of mapping
        Headers with the keywords of a solution; keywords that are missing become NaN.
    names : sequence of str
        Names of the frames.

    Returns
    -------
    astropy.table.Table
        One row per frame, in order of time: `name`, `tjd` (mid-exposure, TDB), the keywords `RMSA`
        to `RMSX3`, `ERRX0` to `ERRMAX` and `WCSGDF`, `crval1`, `crval2`, `drift_columns` and
        `drift_rows` (pixel of the readout that shows the direction of the median frame's reference
        pixel, minus that pixel), `roll` (arcsec relative to the median frame), `scale` (relative to
        it) and `flagged` (no good star, residual or drift off by more than five robust standard
        deviations, an error of more than a tenth of a pixel to expect, or a header that does not
        give the solution whose quality it states).  The median is taken over frames of the same
        sector, camera and CCD, as far as headers name them.
    """
    return table_of_headers(headers, names, [bool(fault_of_solution(one)) for one in headers])


def table_of_headers(
    headers: Sequence[Any], names: Sequence[str], faulty: Sequence[bool] | None = None
) -> Any:
    """Table of `diagnose_headers`; `faulty` headers, of which there are none if absent, flagged."""
    from astropy.table import Table

    values = {key: np.array([_number(header.get(key)) for header in headers]) for key in KEYS}
    for value in values.values():
        value[value < 0] = np.nan  # -1: none
    times = np.array([_mid_time(header) for header in headers])
    series = _series(headers)
    drift: dict[str, Any] = {}
    for which in series:
        for key, part in drift_of([headers[k] for k in which]).items():
            drift.setdefault(key, np.full(len(headers), np.nan))[which] = part
    order = np.argsort(np.where(np.isfinite(times), times, np.inf), kind="stable")
    table = Table(
        {
            "name": np.array([str(name) for name in names]),
            "tjd": times,
            **values,
            **drift,
        }
    )
    bad = ~(values["WCSGDF"] > 0.0) & np.isfinite(values["WCSGDF"])
    bad |= values["ERRMAX"] > MUCH_ARCSEC
    bad |= np.array(faulty or [False] * len(headers), bool)
    for key in ("RMSA", "drift_columns", "drift_rows"):
        column = np.asarray(table[key])
        for which in series:
            bad[which] |= _stands_out(column[which])
    table["flagged"] = bad
    units = {"tjd": "d", "crval1": "deg", "crval2": "deg", "roll": "arcsec"}
    units |= {"drift_columns": "pix", "drift_rows": "pix"}
    units |= {key: "arcsec" for key in KEYS if key != "WCSGDF"}
    units |= dict.fromkeys(("RMSAP", "RMSBP", "RMSBF"), "pix")
    for key, unit in units.items():
        table[key].unit = unit
    return table[order]


def _series(headers: Sequence[Any]) -> list[Any]:
    """Indices of the frames of each sector, camera and CCD."""
    keys = (("SECTOR",), ("CAMERA", "CAMNUM", "CAM"), ("CCD", "CCDNUM"))
    found: dict[tuple[str, ...], list[int]] = {}
    for k, header in enumerate(headers):
        named = [next((str(header[one]) for one in names if one in header), "") for names in keys]
        found.setdefault(tuple(named), []).append(k)
    return [np.array(which) for which in found.values()]


def drift_of(headers: Sequence[Any]) -> dict[str, Any]:
    """Pointing of frames relative to the median frame."""
    from tica_fn.fits.physical_wcs import origin_of, unplaced
    from tica_fn.wcs.sphere import angles_of_vectors, sky_to_plane, unit_vectors

    for header in headers:
        unknown = unplaced(header)
        if unknown:
            raise AstrometryError(unknown)
    crval = np.array([[float(header["CRVAL1"]), float(header["CRVAL2"])] for header in headers])
    cd = np.array([linear_terms(header) for header in headers])
    crpix = np.array([[float(header["CRPIX1"]), float(header["CRPIX2"])] for header in headers])
    crpix += np.array([origin_of(header)[::-1] for header in headers])
    offset = crpix - np.median(crpix, axis=0)
    vectors = unit_vectors(crval[:, 0], crval[:, 1])
    middle = angles_of_vectors(np.median(vectors, axis=0))
    # North differs between tangent points: correct for the convergence of the meridians.
    plane = np.stack(sky_to_plane(crval[:, 0], crval[:, 1], float(middle[0]), float(middle[1])))
    turn = (crval[:, 0] - float(middle[0]) + 180.0) % 360.0 - 180.0
    meridian = np.deg2rad(turn * np.sin(np.deg2rad(float(middle[1]))))
    moved = np.stack([np.linalg.solve(cd[k], -plane[:, k]) for k in range(len(headers))])
    angle = np.arctan2(cd[:, 1, 0], cd[:, 0, 0]) + meridian
    size = np.sqrt(np.abs(np.linalg.det(cd))) * 3600.0 / PIXEL_ARCSEC
    angle = np.unwrap(angle)
    return {
        "crval1": crval[:, 0],
        "crval2": crval[:, 1],
        "drift_columns": moved[:, 0] + offset[:, 0],
        "drift_rows": moved[:, 1] + offset[:, 1],
        "roll": np.rad2deg(angle - np.median(angle)) * 3600.0,
        "scale": size / np.median(size),
    }


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")


def _mid_time(header: Any) -> float:
    for keys in (("MIDTJD",), ("TSTART", "TSTOP")):
        if all(key in header for key in keys):
            return float(np.mean([float(header[key]) for key in keys]))
    if "MJD-BEG" in header and "MJD-END" in header:
        return 0.5 * (float(header["MJD-BEG"]) + float(header["MJD-END"])) - 56999.5
    return float("nan")


def _stands_out(values: Any) -> Any:
    fine = np.isfinite(values)
    if np.count_nonzero(fine) < 5:
        return np.zeros(values.size, dtype=bool)
    middle = np.median(values[fine])
    scatter = 1.4826 * np.median(np.abs(values[fine] - middle))
    floor = 1e-3 + 0.05 * abs(middle)
    with np.errstate(invalid="ignore"):
        return np.abs(values - middle) > 5.0 * max(scatter, floor)
