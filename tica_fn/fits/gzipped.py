"""Files gzipped as a whole.

A kernel Huffman-codes pixels that are mostly noise, in a third of the time of ISA-L's level 1 and
to the same size; ISA-L compresses everything else.  A sample of each block decides which is used.

Source: RFC 1951 and 1952.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from isal import igzip, isal_zlib

from tica_fn.errors import BadFileError
from tica_fn.fits.deflated import GZIP, RAW, deflated
from tica_fn.fits.hdu_bytes import Bytes, Joined, is_gzip_name
from tica_fn.immutable import Array
from tica_fn.kernels.deflate import code_pairs, code_words

__all__ = ["gzipped", "gzipped_whole", "packed"]

_HEAD = bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 4, 255])
"""Header of a gzip member: no time, no name, fast compression, unknown system."""
_END = bytes([3, 0])
"""An empty last block."""
_ALIGNED = bytes([0, 0, 0xFF, 0xFF])
"""Rest of an empty stored block, after the byte with its three bits."""
_LARGE = 1 << 20
_BLOCK = 1 << 23
"""Size of a block in bytes, which is compressed with one method and one table of codes."""
_SAMPLES, _SAMPLE = 64, 1024
_SAMPLE_STEP = 61
_NOISY = 1.03
"""Largest size relative to ISA-L's for which Huffman coding alone is used."""
_LONGEST, _LONGEST_OF_LENGTHS = 13, 7
_END_OF_BLOCK = 256
_ORDER = (16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15)


def _plain(size: int) -> Array:
    return np.empty(size, dtype=np.uint8)


def packed(path: str | os.PathLike[str], *parts: Bytes) -> Sequence[Bytes]:
    """Parts of a file as they are written, gzipped if its name ends in ``.gz``."""
    return [gzipped(parts)] if is_gzip_name(path) else parts


def gzipped(parts: Iterable[Bytes], memory: Callable[[int], Array] = _plain) -> memoryview:
    """Gzip parts of a file as one member; the same content gives the same bytes.

    `memory(n)` provides the (n,) uint8 array for the result, aligned to 8 bytes.
    """
    content = Joined(parts)
    size = len(content)
    out = memory(2 * size + 1024)
    place, crc = 0, 0

    def put(part: Bytes) -> None:
        nonlocal place
        out[place : place + len(part)] = np.frombuffer(part, dtype=np.uint8)
        place += len(part)

    put(_HEAD)
    for start in range(0, size, _BLOCK):
        block = _aligned(content[start : start + _BLOCK])
        crc = isal_zlib.crc32(block, crc)
        if _is_noise(block):
            place = _put_coded(block, out, place)
        else:
            for piece in deflated(block.data, RAW, isal_zlib.Z_SYNC_FLUSH):
                put(piece)
    put(_END)
    put(crc.to_bytes(4, "little") + (size & 0xFFFFFFFF).to_bytes(4, "little"))
    return out[:place].data


def gzipped_whole(path: str | os.PathLike[str], parts: Iterable[Bytes], level: int) -> bytes:
    """Gzip parts of a file at once, decompress and compare."""
    plain = b"".join(parts)
    out = b"".join(deflated(plain, GZIP, level=level))
    if igzip.decompress(out) != plain:  # type: ignore[no-untyped-call]
        raise BadFileError(f"{path}: the compressed data do not unpack to the original")
    return out


def _aligned(view: memoryview) -> Array:
    """Bytes as an array aligned to 32-bit words."""
    data = np.frombuffer(view, dtype=np.uint8)
    return data.copy() if data.ctypes.data % 4 else data


def _is_noise(data: Array) -> bool:
    """Tell from samples whether Huffman coding alone compresses a block as well as ISA-L."""
    if data.size < _LARGE or data.size % 4:
        return False
    starts = np.linspace(0, data.size - _SAMPLE, _SAMPLES).astype(np.int64)
    sample = np.concatenate([data[start : start + _SAMPLE] for start in starts])
    counts = np.bincount(sample, minlength=256)
    coded = float(counts @ _lengths(counts, _LONGEST)) / 8.0
    return coded <= _NOISY * sum(len(piece) for piece in deflated(sample.data, RAW))


def _put_coded(data: Array, out: Array, place: int) -> int:
    """Write a Huffman-coded block and an empty stored one at `place`; return where they end."""
    words = data.view(np.uint32)
    counts = np.bincount(words[::_SAMPLE_STEP].copy().view(np.uint8), minlength=_END_OF_BLOCK + 1)
    lengths = _lengths(counts + 1, _LONGEST)
    codes = _codes(lengths)
    # Start at a multiple of 8 bytes, including the bytes before the block.
    start = place - place % 8
    value = int.from_bytes(out[start:place].tobytes(), "little")
    value, bits = _with_head(value, 8 * (place - start), lengths)
    whole = bits // 64
    ahead = (value & ((1 << 64 * whole) - 1)).to_bytes(8 * whole, "little")
    out[start : start + len(ahead)] = np.frombuffer(ahead, dtype=np.uint8)
    start += len(ahead)
    pairs = np.empty(1 << 16, dtype=np.uint32)
    code_pairs(codes[:256], lengths[:256].astype(np.uint32), pairs)
    room = out[start : start + (out.size - start) // 8 * 8].view(np.uint64)
    bits = code_words(words, pairs, bits % 64, np.uint64(value >> 64 * whole), room)
    start, bits = start + bits // 64 * 8, bits % 64
    value = int.from_bytes(out[start : start + 8].tobytes(), "little")
    value |= int(codes[_END_OF_BLOCK]) << bits
    bits += int(lengths[_END_OF_BLOCK]) + 3  # and the head of an empty stored block
    end = value.to_bytes(16, "little")[: -(-bits // 8)] + _ALIGNED
    out[start : start + len(end)] = np.frombuffer(end, dtype=np.uint8)
    return start + len(end)


def _with_head(value: int, bits: int, lengths: Array) -> tuple[int, int]:
    """Append the head of a block with these code lengths to the bits; new bits and their count."""
    # Two unused distance codes make a table that every reader accepts.
    told = [*lengths.tolist(), 1, 1]
    of_lengths = _lengths(np.bincount(told, minlength=len(_ORDER)), _LONGEST_OF_LENGTHS)
    code = _codes(of_lengths)
    fields = [(0, 1), (2, 2), (len(lengths) - 257, 5), (1, 5), (len(_ORDER) - 4, 4)]
    fields += [(int(of_lengths[symbol]), 3) for symbol in _ORDER]
    fields += [(int(code[length]), int(of_lengths[length])) for length in told]
    for field, size in fields:
        value |= field << bits
        bits += size
    return value, bits


def _lengths(counts: Array, longest: int) -> Array:
    """Lengths of the Huffman codes of symbols with these counts; 0 for unused symbols."""
    used = np.flatnonzero(counts)
    out = np.zeros(len(counts), dtype=np.int64)
    least = 1
    if len(used) == 1:
        out[used] = 1
        return out
    while True:
        depth = _depths(np.maximum(counts[used], least).tolist())
        if max(depth) <= longest:
            out[used] = depth
            return out
        least = 2 * max(least, int(counts[used].min()))


def _depths(counts: list[int]) -> list[int]:
    """Depth of each leaf of a Huffman tree with at least two leaves."""
    above = [0] * (2 * len(counts) - 1)
    size = len(above)  # A count and its node are one whole number, which is quicker than a pair.
    heap = [count * size + node for node, count in enumerate(counts)]
    heapq.heapify(heap)
    for node in range(len(counts), size):
        first, second = heapq.heappop(heap), heap[0]
        above[first % size] = above[second % size] = node
        heapq.heapreplace(heap, (first // size + second // size) * size + node)
    depth = [0] * len(above)
    for node in range(len(above) - 2, -1, -1):
        depth[node] = depth[above[node]] + 1
    return depth[: len(counts)]


def _codes(lengths: Array) -> Array:
    """Canonical codes of these lengths, first bit lowest."""
    codes = np.zeros(len(lengths), dtype=np.uint32)
    code = 0
    for length in range(1, int(lengths.max()) + 1):
        code <<= 1
        for symbol in np.flatnonzero(lengths == length).tolist():
            codes[symbol] = int(f"{code:0{length}b}"[::-1], 2)
            code += 1
    return codes
