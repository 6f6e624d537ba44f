"""Huffman-coded words against strings of bits."""

import numpy as np
import pytest

from tica_fn.kernels.deflate import code_pairs, code_words


def some_codes(random, longest):
    lengths = random.integers(1, longest + 1, 256).astype(np.uint32)
    codes = np.array([random.integers(0, 1 << int(n)) for n in lengths], dtype=np.uint32)
    return codes, lengths


def bits_of(value, length):
    """The first bit lowest."""
    return "".join(str(value >> k & 1) for k in range(length))


@pytest.mark.parametrize("longest", [1, 7, 13])
@pytest.mark.parametrize("held", [0, 1, 37, 63])
@pytest.mark.parametrize("count", [0, 1, 500])
def test_words_are_coded_byte_after_byte(longest, held, count):
    random = np.random.default_rng([longest, held, count])
    codes, lengths = some_codes(random, longest)
    pairs = np.empty(1 << 16, dtype=np.uint32)
    code_pairs(codes, lengths, pairs)
    data = random.integers(0, 256, 4 * count).astype(np.uint8)
    start = int(random.integers(0, 1 << held)) if held else 0
    out = np.zeros(2 * count + 2, dtype=np.uint64)
    size = code_words(data.view(np.uint32), pairs, held, np.uint64(start), out)
    expected = bits_of(start, held) + "".join(bits_of(int(codes[b]), int(lengths[b])) for b in data)
    assert size == len(expected)
    found = "".join(bits_of(int(word), 64) for word in out)
    assert found[:size] == expected
    assert "1" not in found[size : -(-max(size, 1) // 64) * 64]
