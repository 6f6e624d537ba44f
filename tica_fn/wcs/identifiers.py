"""Identifiers of stars in tables: integers in various notations."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from tica_fn.immutable import Array

__all__ = ["NO_IDENTIFIER", "identifiers"]

NO_IDENTIFIER = 0
"""Identifier of stars without one."""

_WHOLE = 2**53
"""Integers above this are not all exact in float64."""
_LARGEST = 2**63 - 1
_LAST_NUMBER = re.compile(r"(?:(?<=\s)|^)(\d+\.?\d*(?:[eE][+-]?\d+)?)$|(\d+)$")


def identifiers(column: Any) -> Array:
    """Identifiers in a table's column, int64; `NO_IDENTIFIER` where there is none.

    They may be integers, floats with integer values, or names such as
    ``Gaia DR3 4472832130942575872``, of which the last number is used.
    """
    column = np.ma.asarray(column)
    missing = np.ma.getmaskarray(column)
    values = np.ma.getdata(column)
    if values.dtype.kind in "iu":
        if values.size and (values[~missing] > _LARGEST).any():
            raise ValueError("identifiers must not be above 2^63 - 1")
        return np.where(missing, NO_IDENTIFIER, values).astype(np.int64)
    if values.dtype.kind == "f":
        return _of_reals(np.where(missing, np.nan, values.astype(np.float64)))
    out = np.full(values.shape, NO_IDENTIFIER, np.int64)
    for k in np.flatnonzero(~missing):
        out[k] = _of_one(values[k])
    return out


def _of_reals(values: Array) -> Array:
    known = values[np.isfinite(values)]
    if (np.abs(known) > _WHOLE).any():
        raise ValueError(
            "identifiers are floats above 2^53, which have lost their last digits; write them as "
            "integers or text"
        )
    if (known != np.rint(known)).any():
        raise ValueError("identifiers are not integers")
    return np.where(np.isfinite(values), values, NO_IDENTIFIER).astype(np.int64)


def _of_one(value: Any) -> int:
    """Identifier in one object or text."""
    if isinstance(value, float | np.floating):
        return int(_of_reals(np.array([value]))[0])
    if isinstance(value, bool) or value is None:
        return NO_IDENTIFIER
    text = (value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)).strip()
    found = _LAST_NUMBER.search(text)
    if found is None:
        return NO_IDENTIFIER
    number = found[1] or found[2]
    if not number.isdigit():
        return int(_of_reals(np.array([float(number)]))[0])
    if int(number) > _LARGEST:
        raise ValueError(f"identifier {text} is above 2^63 - 1")
    return int(number)
