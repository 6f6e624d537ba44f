"""Single precision in numbers of double precision, so that a kernel is compiled for these alone.

A sum, product or quotient of float32 numbers is the same whether it is computed in float32 or is
computed in float64 and then rounded.
"""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import formula

__all__ = ["rounded_if"]


@formula
def rounded_if(value: float, rounded: bool) -> float:
    """A number, rounded to single precision if that is asked for."""
    return float(np.float32(value)) if rounded else value
