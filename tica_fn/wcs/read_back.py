"""Check a solution's header cards by reading them back before the file is replaced.

The numbers are parsed from the bytes of the header alone.  They must give the fitted solution at
its stars and over a grid of the readout.
"""

from __future__ import annotations

import os

import numpy as np

from tica_fn.detector import COLUMNS, ROWS
from tica_fn.errors import BadFileError
from tica_fn.fits.cards import CARD
from tica_fn.immutable import Array
from tica_fn.kernels.stars.polynomial import polynomial_values
from tica_fn.wcs.solution import PIXEL_ARCSEC, SCALE, Solution
from tica_fn.wcs.sphere import plane_to_sky, separation

__all__ = ["TOLERANCE_ARCSEC", "check_header", "solution_in"]

TOLERANCE_ARCSEC = 0.001
_SIDE = 15


def solution_in(header: bytes) -> Solution:
    """Solution in the cards of a header: TAN-SIP with CD, forward and inverse polynomials."""
    text = header.decode("ascii")
    found: dict[str, str] = {}
    for start in range(0, len(text), CARD):
        if text[start + 8 : start + 10] == "= ":
            value = text[start + 10 : start + CARD].split("/", 1)[0]
            found.setdefault(text[start : start + 8].rstrip(), value.strip())
    kinds = [found.get(f"CTYPE{axis}", "").strip("' ") for axis in (1, 2)]
    if kinds != ["RA---TAN-SIP", "DEC--TAN-SIP"]:
        raise ValueError(f"CTYPE1, CTYPE2 are {kinds}")
    orders = {name: int(found[f"{name}_ORDER"]) for name in ("A", "B", "AP", "BP")}
    size = max(orders.values()) + 1
    matrices = {name: np.zeros((size, size)) for name in orders}
    for name, order in orders.items():
        # Like other readers: missing coefficients are 0, those beyond the order are ignored.
        for i in range(order + 1):
            for j in range(order + 1 - i):
                matrices[name][i, j] = float(found.get(f"{name}_{i}_{j}", 0.0))
    return Solution(
        crval=[float(found[f"CRVAL{axis}"]) for axis in (1, 2)],
        crpix=[float(found[f"CRPIX{axis}"]) for axis in (1, 2)],
        cd=[[float(found[f"CD{i}_{j}"]) for j in (1, 2)] for i in (1, 2)],
        a=matrices["A"],
        b=matrices["B"],
        ap=matrices["AP"],
        bp=matrices["BP"],
    )


def check_header(
    path: str | os.PathLike[str],
    header: bytes,
    fitted: Solution,
    columns: Array,
    rows: Array,
    origin: tuple[int, int] = (0, 0),
) -> None:
    """Refuse a header that does not give the fitted solution.

    `columns`, `rows`: (n,) positions of stars in the full readout, the first pixel's centre at 1;
    `origin`: row and column of the readout at which the image starts.
    """
    try:
        read = solution_in(header)
    except (KeyError, ValueError) as error:
        raise BadFileError(f"{path}: the solution in the header can't be read: {error}") from error
    known = np.isfinite(columns) & np.isfinite(rows)
    grid = np.meshgrid(np.linspace(1, COLUMNS, _SIDE), np.linspace(1, ROWS, _SIDE))
    u = np.concatenate([columns[known], grid[0].ravel()]) - fitted.crpix[0]
    v = np.concatenate([rows[known], grid[1].ravel()]) - fitted.crpix[1]
    moved = np.subtract(fitted.crpix, read.crpix) - origin[::-1]
    order = max(matrix.shape[0] for one in (read, fitted) for matrix in (one.a, one.ap)) - 1
    matrices = [m for one in (read, fitted) for m in (one.a, one.b, one.ap, one.bp)]
    terms = np.stack([_flat(matrix, order) for matrix in matrices])
    # Evaluated together, as both solutions need the same powers.
    added = polynomial_values(terms, u / SCALE, v / SCALE, order)
    skies = []
    for one, start in ((read, 0), (fitted, 4)):
        xi, eta = one.cd @ (np.stack([u, v]) + added[start : start + 2])
        skies.append(plane_to_sky(xi, eta, *one.crval))
    apart = 3600.0 * separation(*skies[0], *skies[1])
    back = PIXEL_ARCSEC * np.abs(added[2:4] - added[6:8])
    worst = max(float(apart.max()), float(back.max()), PIXEL_ARCSEC * float(np.abs(moved).max()))
    if not worst <= TOLERANCE_ARCSEC:
        raise BadFileError(
            f"{path}: the solution to be written differs from the fitted one by {worst:.3g} "
            "arcsec; the file is unchanged"
        )


def _flat(matrix: Array, order: int) -> Array:
    """Coefficients in the order of the kernel, for coordinates divided by SCALE."""
    size = matrix.shape[0]
    return np.array(
        [
            matrix[d - j, j] * SCALE**d if d < size else 0.0
            for d in range(order + 1)
            for j in range(d + 1)
        ]
    )
