"""Compare two solutions on the sky if their keywords differ."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np

from tica_fn.compare.findings import Difference, Level, Rules
from tica_fn.fits.physical_wcs import origin_of
from tica_fn.immutable import Array

__all__ = ["judge_solution", "judge_stars"]

_WCS = re.compile(
    r"(CRPIX|CRVAL|CDELT|CTYPE)[12]|(CD|PC)[12]_[12]|LONPOLE|LATPOLE|"
    r"(A|B|AP|BP)_(\d_\d|ORDER|DMAX)|(RA|DEC)_TARG|BTC_PIX[12]|RMS[ABFX]\w*|WCS(GDF|DEG|BADB)|(RA|DEC|ERR)X\d|ERRMAX"
)
"""Keywords of a solution, and of its quality."""
_STAR_TABLE = "WCS_STARS"


def judge_solution(
    gold: Any, test: Any, stars: Array | None, found: Sequence[Difference], where: str, rules: Rules
) -> list[Difference]:
    """Say how far apart two headers put the sky, where any keyword of their solutions differs.

    With a tolerance on the sky that distance decides, and the keywords are remarks.
    """
    from tica_fn.errors import AstrometryError
    from tica_fn.wcs.comparison import compare_solutions, on_the_readout, solution_of_header
    from tica_fn.wcs.stated import NOT_AS_STATED, fault_of_solution

    if not any(_WCS.fullmatch(one.what) for one in found):
        return list(found)
    if not all(str(header.get("CTYPE1", "")).startswith("RA--") for header in (gold, test)):
        return list(found)
    try:
        first, second = (on_the_readout(solution_of_header(one), one) for one in (gold, test))
        faults = [
            f"in the {name}, {NOT_AS_STATED}: {fault}"
            for name, one in (("gold", gold), ("test", test))
            if (fault := fault_of_solution(one))
        ]
        over = compare_solutions(first, second).numbers
        text = (
            f"up to {over['max_arcsec']:.3g} arcsec apart over the science area, rms "
            f"{over['rms_arcsec']:.3g}"
        )
        places = _places(stars, origin_of(gold))
        if places is not None:
            at = compare_solutions(first, second, *places).numbers
            text += (
                f"; at {len(places[0])} stars up to {at['max_arcsec']:.3g}, rms "
                f"{at['rms_arcsec']:.3g}"
            )
    except (AstrometryError, KeyError, ValueError) as error:
        text = f"the solutions can't be compared on the sky: {error}"
        return [*found, Difference(level=Level.FAILURE, where=where, what="sky", text=text)]
    wrong = (
        Difference(level=Level.FAILURE, where=where, what="solution", text=one) for one in faults
    )
    found = [*found, *wrong]
    if rules.sky_arcsec is None:
        note = Difference(
            level=Level.NOTE, where=where, what="sky", text=text, largest=over["max_arcsec"]
        )
        return [*found, note]
    good = over["max_arcsec"] <= rules.sky_arcsec
    verdict = Difference(
        level=Level.NOTE if good else Level.FAILURE,
        where=where,
        what="sky",
        text=f"{text} ({rules.sky_arcsec:g} allowed)",
        largest=over["max_arcsec"],
    )
    remarks = [
        attrs.evolve(one, level=Level.NOTE) if good and _WCS.fullmatch(one.what) else one
        for one in found
    ]
    return [*remarks, verdict]


def judge_stars(found: Sequence[Difference], name: str, rules: Rules) -> list[Difference]:
    """Turn differences of measured stars into notes if `sky_arcsec` is given."""
    if rules.sky_arcsec is None or name.upper() != _STAR_TABLE:
        return list(found)
    return [
        attrs.evolve(one, level=Level.NOTE) if one.what.startswith("FLX") else one for one in found
    ]


def _places(stars: Array | None, origin: tuple[int, int]) -> tuple[Array, Array] | None:
    """Columns and rows in the readout of the stars in a product's table, the first pixel being 1.

    `origin`: row and column of the image's first pixel in the readout, 0-based.
    """
    if stars is None or not {"FLXCOL", "FLXROW"} <= set(stars.dtype.names or ()):
        return None
    columns, rows = (np.asarray(stars[name], float) for name in ("FLXCOL", "FLXROW"))
    fine = (columns > 0) & (rows > 0)  # 0 where a star was not measured
    return (columns[fine] + origin[1], rows[fine] + origin[0]) if fine.any() else None
