"""Fields of a frame: its units, and converters that freeze the arrays users give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tica_fn.errors import FrameError
from tica_fn.immutable import Array, FrozenMapping, Unchanging, frozen_array

__all__ = [
    "ADU",
    "ELECTRON",
    "NO_DATA",
    "RATE",
    "UNITS",
    "frozen_mapping",
    "frozen_pixels",
    "frozen_quality",
    "frozen_variance",
    "frozen_vector",
    "without_masks",
]

ADU = "adu"
ELECTRON = "electron"
RATE = "electron / s"
NO_DATA = 2048
"""Bit of `Frame.quality` for pixels without a value."""
UNITS = (ADU, ELECTRON, RATE)
_PIXEL_TYPES = (np.dtype(np.int32), np.dtype(np.float32), np.dtype(np.float64))


def without_masks(fields: dict[str, Any]) -> dict[str, Any]:
    """Replace masked pixels by NaN with a flag, and a quantity by its values and unit."""
    pixels: Any = fields.get("pixels")
    mask = None
    if isinstance(pixels, np.ma.MaskedArray):
        mask, pixels = np.ma.getmaskarray(pixels), np.ma.getdata(pixels)
    elif hasattr(pixels, "unmasked"):  # astropy's masked arrays and quantities
        mask, pixels = np.asarray(pixels.mask), pixels.unmasked
    if hasattr(pixels, "to_value") and hasattr(pixels, "unit"):
        unit = fields.get("unit")
        if unit is None:
            unit = next((one for one in UNITS if pixels.unit.is_equivalent(one)), None)
        try:
            values = pixels.to_value(unit)
        except ValueError:
            values = None
        if unit is None or values is None:
            wanted = repr(str(fields["unit"])) if fields.get("unit") else " or ".join(UNITS)
            raise FrameError(f"pixels are in {pixels.unit or 'no unit'}, not in {wanted}")
        fields["unit"], pixels = unit, values
    if mask is not None and mask.any():
        given = np.asarray(pixels)
        kind = given.dtype if given.dtype.kind == "f" else np.float64
        pixels = np.where(mask, np.asarray(np.nan, kind), given.astype(kind))
        known = fields.get("quality")
        flags = np.where(mask, NO_DATA, 0)
        fields["quality"] = flags if known is None else np.asarray(known) | flags
    if "pixels" in fields:
        fields["pixels"] = pixels
    return fields


def frozen_pixels(value: ArrayLike) -> Array:
    """Freeze pixels as int32, float32 or float64, for which kernels are compiled."""
    array = np.asarray(value)
    if array.ndim != 2:
        raise FrameError(f"pixels must be a 2-D array [row, column], not shape {array.shape}")
    native = array.dtype.newbyteorder("=")
    if native in _PIXEL_TYPES:
        return frozen_array(array, native)
    if array.dtype.kind in "iu":
        small = array.dtype.itemsize < 4
        if small or not array.size or (array.max() < 2**31 and array.min() >= -(2**31)):
            return frozen_array(array, np.int32)
        return frozen_array(array, np.float64)
    if array.dtype.kind == "f":
        return frozen_array(array, np.float64)
    raise FrameError(f"pixels must be integers or real numbers, not {array.dtype}")


def frozen_vector(value: ArrayLike | None) -> Array | None:
    """Freeze an array as float64."""
    return None if value is None else frozen_array(value, np.float64)


def frozen_variance(value: ArrayLike | None) -> Array | None:
    """Freeze variances as float32 or float64; masked ones become NaN."""
    if value is None:
        return None
    if isinstance(value, np.ma.MaskedArray):
        value = np.ma.filled(value.astype(np.float64), np.nan)
    single = np.asarray(value).dtype.newbyteorder("=") == np.float32
    return frozen_array(value, np.float32 if single else np.float64)


def frozen_quality(value: ArrayLike | None) -> Array | None:
    """Freeze flags as int32."""
    return None if value is None else frozen_array(value, np.int32)


def frozen_mapping(value: Mapping[str, Any]) -> Mapping[str, Any]:
    """Freeze a mapping, unless it is immutable already."""
    return value if isinstance(value, Unchanging) else FrozenMapping(value)
