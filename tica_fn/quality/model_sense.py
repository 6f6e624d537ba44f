"""Impossible models: values outside what flat fields and the converter allow."""

from __future__ import annotations

import numpy as np

from tica_fn.detector import READ_INTERVAL_S, SCIENCE_COLUMNS, SCIENCE_ROWS
from tica_fn.immutable import Array
from tica_fn.models import Models

__all__ = ["ADC_LIMIT", "SENSIBLE_FLAT", "outside_sense"]

SENSIBLE_FLAT = (0.1, 10.0)
"""Flats in use lie between 0.73 and 1.07."""
ADC_LIMIT = 2.0**16
"""Counts of one read, ADU: the converters have 16 bits."""


def outside_sense(models: Models) -> dict[str, str]:
    """Describe impossible values of models, and where they are.

    A bias per exposure may be negative if the level of the amplifier was subtracted from it.
    """
    science = models.flat[slice(*SCIENCE_ROWS), slice(*SCIENCE_COLUMNS)]
    found = {"flat": _outside(science, *SENSIBLE_FLAT, "", SCIENCE_COLUMNS[0])}
    if models.bias_per_read:
        found["bias"] = _outside(models.bias, 0.0, ADC_LIMIT, " ADU per read")
    elif models.exposure_s is not None:
        limit = ADC_LIMIT * max(models.exposure_s / READ_INTERVAL_S, 1.0)
        found["bias"] = _outside(models.bias, -limit, limit, " ADU per exposure")
    return {name: text for name, text in found.items() if text}


def _outside(image: Array, low: float, high: float, unit: str, first_column: int = 0) -> str:
    if low <= image.min() and image.max() <= high:
        return ""
    bad = np.argwhere(~((image >= low) & (image <= high)))
    row, column = (int(i) for i in bad[0])
    return (
        f"{len(bad)} pixels outside {low:g} to {high:g}{unit}, the first at row {row}, column "
        f"{column + first_column}: {image[row, column]:g}"
    )
