"""FITS data are big-endian, with a checksum: pixels change their byte order as they are summed.

The FITS checksum is the ones' complement sum of 32-bit big-endian words.

Source: FITS standard 4.0, appendix J.
"""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import formula, kernel
from tica_fn.kernels.types import Image, Words

__all__ = ["errors_to_file", "from_big_endian", "reals_to_file", "sum_words", "to_big_endian"]


@formula
def swapped(word: np.uint32) -> np.uint32:
    """A 32-bit word with its four bytes in the opposite order."""
    return np.uint32(
        (word >> np.uint32(24))
        | ((word >> np.uint32(8)) & np.uint32(0xFF00))
        | ((word << np.uint32(8)) & np.uint32(0xFF0000))
        | (word << np.uint32(24))
    )


@formula
def folded(total: np.uint64) -> np.uint32:
    """Ones' complement sum from a plain sum."""
    low = np.uint64(0xFFFFFFFF)
    while total > low:
        total = (total & low) + (total >> np.uint64(32))
    return np.uint32(total)


@kernel
def sum_words(words: Words) -> np.uint32:
    """Checksum of data as they lie in a FITS file.

    Parameters
    ----------
    words : ndarray
        (n,) uint32, the bytes of the file taken as native words of a little-endian machine.

    Returns
    -------
    uint32
        Ones' complement sum of the big-endian words.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import sum_words
    >>> data = np.array([1, 2, 3], dtype=">i4")  # as they lie in a file
    >>> int(sum_words(data.view(np.uint32)))
    6
    """
    total = np.uint64(0)
    for i in range(words.shape[0]):
        total += np.uint64(swapped(words[i]))
    return folded(total)


@kernel
def from_big_endian(words: Words, out: Words) -> np.uint32:
    """Fill `out` with the words of a FITS file in native byte order, and sum them.

    Parameters
    ----------
    words : ndarray
        (n,) uint32, the bytes of the file taken as native words of a little-endian machine.
    out : ndarray
        (n,) uint32; int32 or float32 pixels seen as words.

    Returns
    -------
    uint32
        Ones' complement sum of the big-endian words.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import from_big_endian
    >>> data, out = np.array([1, 2, 3], dtype=">i4"), np.empty(3, dtype=np.int32)
    >>> total = from_big_endian(data.view(np.uint32), out.view(np.uint32))
    >>> out, int(total)
    (array([1, 2, 3], dtype=int32), 6)
    """
    total = np.uint64(0)
    for i in range(words.shape[0]):
        word = swapped(words[i])
        total += np.uint64(word)
        out[i] = word
    return folded(total)


@kernel
def to_big_endian(words: Words, out: Words) -> np.uint32:
    """Fill `out` with native words in the byte order of a FITS file, and sum them.

    Parameters
    ----------
    words : ndarray
        (n,) uint32; int32 or float32 pixels seen as words.
    out : ndarray
        (n,) uint32, to be written to a file as bytes on a little-endian machine.

    Returns
    -------
    uint32
        Ones' complement sum of the big-endian words.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import to_big_endian
    >>> values, out = np.array([1, 2, 3], dtype=np.int32), np.empty(3, dtype=np.uint32)
    >>> total = to_big_endian(values.view(np.uint32), out)
    >>> out.tobytes().hex(), int(total)
    ('000000010000000200000003', 6)
    """
    total = np.uint64(0)
    for i in range(words.shape[0]):
        word = words[i]
        total += np.uint64(word)
        out[i] = swapped(word)
    return folded(total)


@kernel
def reals_to_file(pixels: Image, native: Image, out: Image) -> np.uint32:
    """Round float64 pixels to float32 in `native`, with their words of a file in `out`; the sum."""
    total = np.uint64(0)
    for r in range(pixels.shape[0]):
        for c in range(pixels.shape[1]):
            value = np.float32(pixels[r, c])
            word = value.view(np.uint32)
            total += np.uint64(word)
            native[r, c] = value
            out[r, c] = swapped(word)
    return folded(total)


@kernel
def errors_to_file(variance: Image, out: Image) -> np.uint32:
    """Fill `out` with a file's words of the square roots of float32 variances; their sum."""
    total = np.uint64(0)
    for r in range(variance.shape[0]):
        for c in range(variance.shape[1]):
            value = np.float32(np.sqrt(variance[r, c]))
            word = value.view(np.uint32)
            total += np.uint64(word)
            out[r, c] = swapped(word)
    return folded(total)
