"""Tell whether a header's solution is the one that its other cards state.

A fit writes, beside its residuals, the directions of the centres of two opposite corner pixels of
the science area (``RAX0``, ``DECX0``, ``RAX3``, ``DECX3``).  Each term of the map changes them,
and most change them more than any other pixel, so a card that was changed afterwards shows there.
Without these cards, as in files of TICA and SPOC, only gross changes can be seen: in the pixel
scale, and in inverse polynomials that no longer invert the others.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.polynomial.polynomial import polyval2d

from tica_fn.errors import AstrometryError
from tica_fn.fits.physical_wcs import origin_of, unplaced
from tica_fn.wcs.header_terms import SipTerms, coefficients, sip_terms
from tica_fn.wcs.read_back import TOLERANCE_ARCSEC
from tica_fn.wcs.solution import CRPIX, PIXEL_ARCSEC, Solution, sip_solution
from tica_fn.wcs.sphere import plane_to_sky, separation

__all__ = [
    "NOT_AS_STATED",
    "check_solution",
    "corner_cards",
    "corner_fault",
    "fault_of_solution",
    "inverse_fault",
    "scale_fault",
    "target_fault",
]

NOT_AS_STATED = "the header does not give the solution whose quality it states"
_CORNERS = np.array([[45.0, 2092.0, 45.0, 2092.0], [1.0, 1.0, 2048.0, 2048.0]])
"""Columns and rows of the readout, in the order of the keywords RMSX0 to RMSX3."""
_STATED = (0, 3)
"""Two opposite ones are enough for any term, and keep headers short."""
_FARTHEST_INVERSE = 1.0
"""Pixels.  SPOC's inverses are off by 0.19 to 0.21 (all CCDs of sectors 1 to 108 in tesswcs)."""
_SIZES = (20.0, 22.0)
"""Arcsec per pixel along each axis: 20.52 to 20.59 at the middle of all CCDs in tesswcs."""
_SKEW = 0.1
"""Cosine of the angle between the axes: up to 0.026 in tesswcs."""


def corner_cards(solution: Solution) -> list[tuple[str, Any, str]]:
    """Cards of a solution's directions at two corners; its reference pixel is the usual."""
    offset = _CORNERS - np.array(CRPIX)[:, None]
    sky = solution.pixel_to_sky(*(np.array(solution.crpix)[:, None] + offset))
    cards: list[tuple[str, Any, str]] = []
    for k in _STATED:
        where = f"readout's pixel {_CORNERS[0, k]:.0f}, {_CORNERS[1, k]:.0f}"
        cards += [(f"{name}X{k}", float(angle[k]), f"[deg] {name} of {where}")
                  for name, angle in zip(("RA", "DEC"), sky, strict=True)]  # fmt: skip
    return cards


def fault_of_solution(header: Mapping[str, Any]) -> str:
    """What shows that a header's solution is not the one that it states; empty if nothing does."""
    if not str(header.get("CTYPE1", "")).startswith("RA--"):
        return ""
    try:
        terms = sip_terms(header)
        if terms is None:
            return "it is no plain TAN-SIP, as the fit wrote" if "RAX0" in header else ""
        return (
            scale_fault(terms)
            or corner_fault(header, terms)
            or target_fault(header, terms)
            or inverse_fault(header, terms)
        )
    except (ValueError, TypeError, KeyError) as error:
        return f"its cards can't be used ({' '.join(str(error).split())})"


def check_solution(path: str | os.PathLike[str], header: Mapping[str, Any]) -> None:
    """Refuse a file whose header does not give the solution that it states."""
    fault = fault_of_solution(header)
    if fault:
        raise AstrometryError(f"{path}: {NOT_AS_STATED}: {fault} (run tica-fn wcs fit)")


def scale_fault(terms: SipTerms | Solution) -> str:
    """Say if the pixel scale, at the reference pixel, is not that of TESS."""
    numbers = (terms.crval, terms.crpix, terms.cd, terms.a, terms.b)
    if not all(np.isfinite(one).all() for one in numbers):
        return "its numbers are not finite"
    sizes = 3600.0 * np.hypot(*terms.cd)
    if not ((sizes > _SIZES[0]) & (sizes < _SIZES[1])).all():
        scale = sizes[np.argmax(np.abs(sizes - PIXEL_ARCSEC))]
        return f"its pixel scale is {scale:.3f} arcsec, not about {PIXEL_ARCSEC:g}"
    cosine = float(terms.cd[:, 0] @ terms.cd[:, 1] / np.prod(np.hypot(*terms.cd)))
    if not abs(cosine) < _SKEW:
        return f"its axes are at {np.rad2deg(np.arccos(cosine)):.1f} degrees to each other"
    return ""


def target_fault(header: Mapping[str, Any], terms: SipTerms | Solution) -> str:
    """Say if the reference value is not what its copy says, in headers of a fit."""
    if "WCSGDF" not in header:  # In other headers these keywords mean other directions.
        return ""
    for key, value in zip(("RA_TARG", "DEC_TARG"), map(float, terms.crval), strict=True):
        said = header.get(key)
        if isinstance(said, int | float) and not abs(said - value) < 1e-6:
            return f"{key} is {said}, but the reference pixel is at {value}"
    return ""


def corner_fault(header: Mapping[str, Any], terms: SipTerms | Solution) -> str:
    """Say if the corners are not where the fit put them."""
    known = [k for k in range(4) if f"RAX{k}" in header and f"DECX{k}" in header]
    if not known or unplaced(header):
        return ""
    row, column = origin_of(header)
    columns, rows = _CORNERS[0, known] - column, _CORNERS[1, known] - row
    u, v = columns - terms.crpix[0], rows - terms.crpix[1]
    bent = np.stack([u + polyval2d(u, v, terms.a), v + polyval2d(u, v, terms.b)])
    found = plane_to_sky(*(terms.cd @ bent), *terms.crval)
    said = [[float(header[f"{name}X{k}"]) for k in known] for name in ("RA", "DEC")]
    apart = 3600.0 * separation(*found, *said)
    if (apart <= TOLERANCE_ARCSEC).all():
        return ""
    worst = int(np.argmax(np.where(np.isfinite(apart), apart, np.inf)))
    k = known[worst]
    return f"corner {k} is {apart[worst]:.3g} arcsec from where the fit put it (RAX{k}, DECX{k})"


def inverse_fault(header: Mapping[str, Any], terms: SipTerms | Solution) -> str:
    """Say if the inverse polynomials, if any, do not invert the others.

    Those of a fit that wrote its corners must be the ones that follow from the others.
    """
    orders = [int(header.get(f"{name}_ORDER", 0)) for name in ("AP", "BP")]
    if not all(0 < order < 20 for order in orders):
        return ""
    side = np.linspace(-1000.0, 1000.0, 5)
    u, v = (axis.ravel() for axis in np.meshgrid(side, side))
    bent = u + polyval2d(u, v, terms.a), v + polyval2d(u, v, terms.b)
    inverse = map(coefficients, (header, header), ("AP", "BP"), orders)
    added = np.stack([polyval2d(*bent, one) for one in inverse])
    away = float(np.hypot(bent[0] + added[0] - u, bent[1] + added[1] - v).max())
    if not away < _FARTHEST_INVERSE:
        return f"AP and BP do not invert A and B, but lead {away:.2f} pixels away"
    if "RAX0" in header:
        own = sip_solution(terms.crval, terms.crpix, terms.cd, terms.a, terms.b)
        wanted = np.stack([polyval2d(*bent, one) for one in (own.ap, own.bp)])
        apart = float(np.abs(added - wanted).max())
        if not apart <= TOLERANCE_ARCSEC / PIXEL_ARCSEC:
            return f"AP and BP are not the inverse of A and B, but {apart:.2g} pixels off it"
    return ""
