"""The FITS checksum: sums of words, and their encoding in a header.

Source: FITS standard 4.0, section 4.4.2.7 and appendix J.
"""

from __future__ import annotations

import numpy as np

from tica_fn import kernels

__all__ = ["ALL_ONES", "add_sums", "encode", "sum_bytes"]

ALL_ONES = 0xFFFFFFFF
"""Sum over an HDU whose CHECKSUM is right."""

_PUNCTUATION = frozenset(b":;<=>?@[\\]^_`")


def sum_bytes(data: bytes | bytearray | memoryview) -> int:
    """Ones' complement sum of the 32-bit big-endian words in `data`."""
    # Always read-only, so that a single kernel is compiled for all inputs.
    return int(kernels.sum_words(np.frombuffer(memoryview(data).toreadonly(), dtype=np.uint32)))


def add_sums(left: int, right: int) -> int:
    """Sum of two parts from the sums of each."""
    total = left + right
    return (total & ALL_ONES) + (total >> 32)


def encode(total: int) -> str:
    """CHECKSUM's sixteen letters and digits, which make the sum of an HDU all ones."""
    letters = bytearray(16)
    for i, byte in enumerate((~total & ALL_ONES).to_bytes(4, "big")):
        quarters = [byte // 4 + ord("0") + (byte % 4 if k == 0 else 0) for k in range(4)]
        while any(q in _PUNCTUATION for q in quarters):
            for k in (0, 2):
                if quarters[k] in _PUNCTUATION or quarters[k + 1] in _PUNCTUATION:
                    quarters[k] += 1
                    quarters[k + 1] -= 1
        for k, quarter in enumerate(quarters):
            letters[4 * k + i] = quarter
    return (letters[-1:] + letters[:-1]).decode("ascii")
