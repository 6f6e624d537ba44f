"""What SPOC's headers say of the readout: times of one read, and the places of its pixels.

Source: Science Data Products Description Document (EXP-TESS-ARC-ICD-TM-0014).
"""

from __future__ import annotations

from functools import cache

from tica_fn.detector import (
    AMPLIFIER_COLUMNS,
    AMPLIFIERS,
    BUFFER_ROWS,
    OVERCLOCK_COLUMNS,
    SCIENCE_COLUMNS,
    SCIENCE_ROWS,
    SMEAR_ROWS,
    UNDERCLOCK_COLUMNS,
    VIRTUAL_COLUMNS,
    VIRTUAL_ROWS,
)

__all__ = ["EXPOSED_S", "READ_OUT_S", "places_of_columns", "places_of_rows"]

EXPOSED_S, READ_OUT_S = 1.98, 0.02
"""``INT_TIME`` and ``READTIME``: in which light is collected, and the CCD is read."""


@cache
def places_of_columns(output: str) -> tuple[tuple[str, int | bool], ...]:
    """Keywords, without the letter of the output, and values: first and last columns from 1 on."""
    k = AMPLIFIERS.index(output)
    starts = (
        ("LVC", UNDERCLOCK_COLUMNS[0] + k * VIRTUAL_COLUMNS, VIRTUAL_COLUMNS),
        ("TVC", OVERCLOCK_COLUMNS[0] + k * VIRTUAL_COLUMNS, VIRTUAL_COLUMNS),
        ("SCC", SCIENCE_COLUMNS[0] + k * AMPLIFIER_COLUMNS, AMPLIFIER_COLUMNS),
    )
    places: list[tuple[str, int | bool]] = []
    for stem, first, count in starts:
        places += [(f"{stem}S", first + 1), (f"{stem}E", first + count)]
    return (*places, ("SCICOLH", output in "AC"))


@cache
def places_of_rows() -> tuple[tuple[str, int], ...]:
    """Keywords and values: first and last rows from 1 on."""
    rows = (("SCI", SCIENCE_ROWS), ("V", VIRTUAL_ROWS), ("SM", SMEAR_ROWS), ("BF", BUFFER_ROWS))
    return tuple(
        one
        for stem, (first, stop) in rows
        for one in ((f"{stem}ROWS", first + 1), (f"{stem}ROWE", stop))
    )
