"""The map of a header from pixels to the sky, taken apart: reference point, matrix, polynomials."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from tica_fn.immutable import Array

__all__ = ["SipTerms", "astropy_wcs", "linear_terms", "sip_terms"]


@attrs.frozen(eq=False)
class SipTerms:
    """A plain TAN-SIP or TAN map: `crval`, `crpix` (2,), `cd` (2, 2), `a`, `b` square matrices."""

    crval: Array
    crpix: Array
    cd: Array
    a: Array
    b: Array


def sip_terms(header: Mapping[str, Any]) -> SipTerms | None:
    """Take over the numbers of a plain TAN-SIP or TAN header; None for other headers."""
    kinds = (str(header.get("CTYPE1", "")).strip(), str(header.get("CTYPE2", "")).strip())
    sip = kinds == ("RA---TAN-SIP", "DEC--TAN-SIP")
    plain = float(header.get("LONPOLE", 180.0)) == 180.0
    plain &= all(str(header.get(f"CUNIT{k}", "deg")).strip() in ("deg", "") for k in (1, 2))
    turned = any(key in header for key in ("CROTA1", "CROTA2"))
    if not (sip or kinds == ("RA---TAN", "DEC--TAN")) or not plain or turned:
        return None
    orders = [int(header.get(f"{name}_ORDER", 0)) for name in "AB"] if sip else [0]
    order = max(*orders, 2)
    matrices = np.zeros((2, order + 1, order + 1))
    for k, name in enumerate("AB" if sip else ""):
        matrices[k, : orders[k] + 1, : orders[k] + 1] = coefficients(header, name, orders[k])
    if matrices[:, 0, 0].any() or matrices[:, 0, 1].any() or matrices[:, 1, 0].any():
        return None
    return SipTerms(
        np.array([float(header[f"CRVAL{k}"]) for k in (1, 2)]),
        np.array([float(header[f"CRPIX{k}"]) for k in (1, 2)]),
        np.array(linear_terms(header)),
        *matrices,
    )


def coefficients(header: Mapping[str, Any], name: str, order: int) -> Array:
    """Coefficients ``<name>_i_j`` of a polynomial, (order + 1, order + 1); those missing are 0."""
    out = np.zeros((order + 1, order + 1))
    for i in range(order + 1):
        for j in range(order + 1 - i):
            out[i, j] = float(header.get(f"{name}_{i}_{j}", 0.0))
    return out


def linear_terms(header: Mapping[str, Any]) -> list[list[float]]:
    """The CD matrix of a header, degrees per pixel, written as CD or as PC and CDELT."""
    pairs = [[(i, j) for j in (1, 2)] for i in (1, 2)]
    if any(f"CD{i}_{j}" in header for row in pairs for i, j in row):
        return [[float(header.get(f"CD{i}_{j}", 0.0)) for i, j in row] for row in pairs]
    return [
        [
            float(header.get(f"CDELT{i}", 1.0)) * float(header.get(f"PC{i}_{j}", i == j))
            for i, j in row
        ]
        for row in pairs
    ]


def astropy_wcs(header: Mapping[str, Any]) -> Any:
    """The map of any celestial header as `astropy.wcs.WCS`."""
    from astropy.io import fits
    from astropy.wcs import WCS

    with warnings.catch_warnings():
        # Dates that astropy corrects do not matter here.
        warnings.simplefilter("ignore")
        plain = {key: header[key] for key in header if key not in ("COMMENT", "HISTORY", "")}
        return WCS(fits.Header([(key, value) for key, value in plain.items() if len(key) < 9]))
