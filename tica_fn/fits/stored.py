"""Conversion of stored values: zero points, scales, undefined values.

Counts stay integers if possible; with undefined ones, which are NaN, they become float64.

Source: FITS standard 4.0, sections 4.4.2 (``BSCALE BZERO BLANK``) and 7.3.2 (``TSCALn TZEROn
TNULLn``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from tica_fn.errors import BadFileError
from tica_fn.immutable import Array

__all__ = ["Meaning", "column_meaning", "image_meaning"]

_WHOLE = 2**53
"""Integers up to this one are exact in float64."""


@attrs.frozen
class Meaning:
    """How stored values are converted: ``stored * scale + zero``; `blank` marks undefined ones."""

    zero: float = 0.0
    scale: float = 1.0
    blank: int | None = None

    @property
    def plain(self) -> bool:
        """Whether values need no conversion."""
        return self == Meaning()

    def of(self, stored: Array) -> Array:
        """Convert stored values to native byte order and their real values.

        `stored`: integers or reals of any shape and byte order.  Returns int32 or int64 if these
        can hold the values, else float64; plain reals keep their type.
        """
        native = stored.astype(stored.dtype.newbyteorder("="), copy=False)
        if native.dtype.kind == "f":
            if (self.zero, self.scale) == (0.0, 1.0):
                return native
            return native.astype(np.float64) * self.scale + self.zero
        undefined = None if self.blank is None else native == self.blank
        if undefined is not None and undefined.any():
            values = self._reals(native)
            values[undefined] = np.nan
            return values
        if self.scale == 1.0 and self.zero == int(self.zero):
            return _moved(native, int(self.zero))
        return self._reals(native)

    def _reals(self, native: Array) -> Array:
        if self.scale == 1.0 and self.zero == int(self.zero):
            return _moved(native, int(self.zero)).astype(np.float64)
        values: Array = native.astype(np.float64) * self.scale + self.zero
        return values


def _moved(native: Array, zero: int) -> Array:
    """Add a whole zero point to integers exactly: int32, int64 or uint64 if they fit."""
    if not native.size:
        return native.astype(np.int32)
    low, high = int(native.min()) + zero, int(native.max()) + zero
    for kind in (np.int32, np.int64, np.uint64):
        limits = np.iinfo(kind)
        if limits.min <= low and high <= limits.max:
            # Sums wrap around, so they are right if the result fits.
            bits = native.astype(np.int64).view(np.uint64) + np.uint64(zero % 2**64)
            return bits if kind is np.uint64 else bits.view(np.int64).astype(kind, copy=False)
    return native.astype(np.float64) + zero


def image_meaning(where: str, header: Mapping[str, Any]) -> Meaning:
    """Conversion of the pixels of an image."""
    zero, scale = _number(where, header, "BZERO", 0.0), _number(where, header, "BSCALE", 1.0)
    whole = int(header["BITPIX"]) > 0
    blank = _blank(where, header, "BLANK") if whole else None
    return _checked(where, "BZERO", "BSCALE", Meaning(zero, scale, blank), whole)


def column_meaning(where: str, header: Mapping[str, Any], n: int, kind: np.dtype[Any]) -> Meaning:
    """Conversion of the values of a table's column."""
    if kind.base.kind not in "iuf":
        return Meaning()
    zero, scale = f"TZERO{n}", f"TSCAL{n}"
    whole = kind.base.kind in "iu"
    meaning = Meaning(
        _number(where, header, zero, 0.0),
        _number(where, header, scale, 1.0),
        _blank(where, header, f"TNULL{n}") if whole else None,
    )
    return _checked(where, zero, scale, meaning, whole)


def _checked(where: str, zero: str, scale: str, meaning: Meaning, whole: bool) -> Meaning:
    """Refuse a conversion that makes different values equal."""
    if meaning.scale == 0.0:
        raise BadFileError(f"{where}: {scale} is 0: all values would be the same")
    exact = whole and meaning.scale == 1.0 and abs(meaning.zero) <= 2.0**63
    if not exact and abs(meaning.zero) > _WHOLE * abs(meaning.scale):
        raise BadFileError(
            f"{where}: {zero} is {meaning.zero:g}, so large that values in steps of "
            f"{meaning.scale:g} are lost"
        )
    return meaning


def _number(where: str, header: Mapping[str, Any], keyword: str, default: float) -> float:
    value = header.get(keyword)
    if value is None or type(value).__name__ == "Undefined":
        return default
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadFileError(f"{where}: {keyword} is {value!r}, not a number")
    try:
        found = float(value)
    except OverflowError:
        found = math.inf
    if not math.isfinite(found):
        raise BadFileError(f"{where}: {keyword} is {found}, not a number")
    return found


def _blank(where: str, header: Mapping[str, Any], keyword: str) -> int | None:
    value = header.get(keyword)
    if value is None or type(value).__name__ == "Undefined":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise BadFileError(f"{where}: {keyword} is {value!r}, not a whole number")
    if value != int(value):
        raise BadFileError(f"{where}: {keyword} is {value}, not a whole number")
    return int(value)
