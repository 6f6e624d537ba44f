"""Noise that pixels share: of the smear of their column and the pedestal of their amplifier.

A table after the uncertainty, with one row per column of the image.  Without it the variance of a
sum of pixels can't be computed from a file (`tica_fn.variance_of_sum`).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from tica_fn.detector import amplifier_of_columns
from tica_fn.errors import BadFileError
from tica_fn.fits.blocks import RawHDU
from tica_fn.fits.cards import card
from tica_fn.fits.checksum import sum_bytes
from tica_fn.fits.hdu_bytes import finished_header, table_parts
from tica_fn.frame import Frame
from tica_fn.steps.table import step_at

__all__ = ["SHARED_NAME", "shared_hdu", "shared_of"]

SHARED_NAME = "SHARED_VARIANCE"
_UNITS = {"SMEAR": "electron", "SMEAR_VAR": "electron2", "PEDESTAL_VAR": "adu2"}
_COMMENTS = {
    "COLUMN": "column of the full readout, the first is 1",
    "SMEAR": "subtracted from each pixel of the column, per exposure",
    "SMEAR_VAR": "its variance, shared by these pixels",
    "PEDESTAL_VAR": "of the pedestal, shared by the amplifier",
}
_ROWS = np.dtype(
    [("COLUMN", ">i2"), ("SMEAR", ">f8"), ("SMEAR_VAR", ">f8"), ("PEDESTAL_VAR", ">f8")]
)


def shared_hdu(frame: Frame) -> list[bytes]:
    """Header and data of the table; empty if the frame lacks part of it."""
    smeared = step_at("smear", frame.steps) is not None
    if frame.variance is None or frame.pedestal_variance is None:
        return []
    if smeared and (frame.smear is None or frame.smear_variance is None):
        return []
    count = frame.shape[1]
    unknown = np.full(count, np.nan)
    columns = {
        "COLUMN": np.arange(frame.column + 1, frame.column + count + 1, dtype=np.int16),
        "SMEAR": unknown if frame.smear is None else frame.smear,
        "SMEAR_VAR": unknown if frame.smear_variance is None else frame.smear_variance,
        "PEDESTAL_VAR": frame.pedestal_variance[amplifier_of_columns(frame.column, count)],
    }
    cards, data = table_parts(columns, _UNITS, _COMMENTS)
    cards.append(card("EXTNAME", SHARED_NAME, "noise that pixels have in common"))
    return [finished_header(cards, sum_bytes(data)), data]


def shared_of(
    path: str | os.PathLike[str], hdus: Sequence[RawHDU], column: int, count: int
) -> dict[str, Any]:
    """Fields of a frame from the table of a product; empty without such a table.

    `column`, `count`: first column and number of columns of the image.
    """
    table = next((hdu for hdu in hdus if hdu.header.get("EXTNAME") == SHARED_NAME), None)
    if table is None:
        return {}
    names = tuple(table.header.get(f"TTYPE{n + 1}") for n in range(len(_ROWS.names or ())))
    size = table.header.get("NAXIS1"), table.header.get("NAXIS2")
    if names != _ROWS.names or size != (_ROWS.itemsize, count):
        raise BadFileError(
            f"{path}: {SHARED_NAME} is not a table with {count} rows of "
            f"{', '.join(_ROWS.names or ())}"
        )
    rows = np.frombuffer(table.data, _ROWS, count)
    if not np.array_equal(rows["COLUMN"], np.arange(column + 1, column + count + 1)):
        raise BadFileError(f"{path}: {SHARED_NAME} is of other columns than the image")
    pedestal = np.full(4, np.nan)
    pedestal[amplifier_of_columns(column, count)] = rows["PEDESTAL_VAR"]
    fields = {
        "smear": rows["SMEAR"],
        "smear_variance": rows["SMEAR_VAR"],
        "pedestal_variance": pedestal,
    }
    return {name: array for name, array in fields.items() if not np.isnan(array).all()}
