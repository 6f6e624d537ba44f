"""Types of the kernels' arguments, for readers and type checkers."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Image", "Table", "Vector", "Words"]

Array: TypeAlias = NDArray[Any]
"""An array of any shape and type."""
Image: TypeAlias = NDArray[Any]
"""(rows, columns) C-contiguous int32, float32 or float64."""
Vector: TypeAlias = NDArray[np.float64]
"""(n,) C-contiguous float64."""
Table: TypeAlias = NDArray[np.int64]
"""(n, 2) C-contiguous int64: runs of columns, first and one past the last."""
Words: TypeAlias = NDArray[np.uint32]
"""(n,) C-contiguous uint32: bytes of a file, four by four."""
