"""Huffman-coded bytes of a DEFLATE stream, as fast as they can be looked up.

The bytes of calibrated pixels hardly repeat: all that packs them is that some occur more often.

Source: RFC 1951.
"""

from __future__ import annotations

import numpy as np

from tica_fn.kernels.compile import kernel
from tica_fn.kernels.types import Array, Words

__all__ = ["code_pairs", "code_words"]

_LENGTH_BITS = np.uint64(5)


@kernel
def code_pairs(codes: Words, lengths: Words, out: Words) -> None:
    """Fill `out` with the codes of pairs of bytes, the first in the low byte, and their lengths.

    `codes`, `lengths`: (256,) uint32, of one byte, 13 bits at most, the first bit lowest; `out`:
    (65536,) uint32, the length in the lowest five bits.
    """
    for second in range(256):
        for first in range(256):
            both = codes[first] | (codes[second] << lengths[first])
            length = lengths[first] + lengths[second]
            out[256 * second + first] = (both << np.uint32(_LENGTH_BITS)) | length


@kernel
def code_words(words: Words, pairs: Words, held: int, start: np.uint64, out: Array) -> int:
    """Fill `out` with the codes of the words' bytes, behind some bits that are there already.

    `words`: (n,) uint32, four bytes each; `pairs`: as `code_pairs` makes them; `start`: the `held`
    bits that stand before, fewer than 64; `out`: (m,) uint64, one longer than it may have to be.
    Gives how many bits `out` holds, the last ones in a word that is not full.
    """
    place, filled = 0, np.uint64(held)
    last, whole = np.uint64(63), np.uint64(64)
    one, of_length = np.uint64(1), np.uint64(31)
    waiting = start
    for i in range(words.shape[0]):
        word = words[i]
        low = np.uint64(pairs[word & np.uint32(0xFFFF)])
        high = np.uint64(pairs[word >> np.uint32(16)])
        code = (low >> _LENGTH_BITS) | ((high >> _LENGTH_BITS) << (low & of_length))
        together = waiting | (code << filled)
        # Stored each time, and kept where it is full: a branch would often be guessed wrong.
        out[place] = together
        over = (code >> one) >> (last - filled)
        filled += (low & of_length) + (high & of_length)
        full = filled >= whole
        place += int(full)
        waiting = over if full else together
        filled &= last
    out[place] = waiting
    return 64 * place + int(filled)
