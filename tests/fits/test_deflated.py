"""Streams of ISA-L depend on nothing but the data."""

import gzip
import zlib

import numpy as np
import pytest
from isal import isal_zlib

from tica_fn.fits.deflated import GZIP, RAW, deflated
from tica_fn.fits.gzipped import gzipped_whole


def test_where_a_stream_is_in_memory_changes_no_byte():
    # ISA-L alone changes about one of these in 1,500 from place to place.
    random = np.random.default_rng(1)
    rows = random.integers(0, 32, (3000, 600), dtype=np.uint8)
    rows[:, 8:12], rows[:, 300:304] = rows[:, 2:6], rows[:, 0:4]
    found: list[list[bytes]] = []
    held = []
    for _ in range(3):
        found.append([b"".join(deflated(row.data, GZIP)) for row in rows])
        held.append(isal_zlib.compressobj())  # The next streams can't be where these were.
    assert found[0] == found[1] == found[2]
    assert all(
        gzip.decompress(one) == row.tobytes() for one, row in zip(found[0], rows, strict=True)
    )


@pytest.mark.parametrize("size", [0, 1, 3, 4, 5, 300, 70_000])
@pytest.mark.parametrize("level", [1, 2])
def test_other_readers_unpack_streams_of_any_size(size, level):
    data = np.random.default_rng(size).integers(0, 9, size, dtype=np.uint8).tobytes()
    bare = b"".join(deflated(data, RAW, level=level))
    assert zlib.decompress(bare, -15) == gzip.decompress(gzipped_whole("a", [data], level)) == data
    words = np.frombuffer(data + bytes(-size % 4), dtype=np.uint32)
    assert gzip.decompress(b"".join(deflated(words.data, GZIP))) == words.tobytes()
