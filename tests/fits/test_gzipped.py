"""Files gzipped as a whole: every reader unpacks them; the same content gives the same bytes."""

import gzip
import itertools
import zlib

import numpy as np
import pytest
from isal import igzip

from tica_fn.fits import gzipped as packing
from tica_fn.fits.gzipped import gzipped

SIZE = 1 << 20


def words(random, kind):
    if kind == "reals":
        return random.normal(1000.0, 30.0, SIZE // 4).astype(">f4").tobytes()
    if kind == "random":
        return random.bytes(SIZE)
    if kind == "one value":
        return bytes([7]) * SIZE
    if kind == "rare":
        return (random.random(SIZE) < 0.01).tobytes()
    # Counts that fall off so steeply that the codes of rare bytes have to be shortened.
    return np.minimum(random.geometric(0.55, SIZE), 255).astype(np.uint8).tobytes()


KINDS = ("reals", "random", "one value", "rare", "steep")


@pytest.fixture
def small(monkeypatch):
    """Blocks so small that few of them make a file."""
    monkeypatch.setattr(packing, "_LARGE", 1 << 12)
    monkeypatch.setattr(packing, "_BLOCK", 1 << 18)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("first", [0, 2880, 2881])
@pytest.mark.usefixtures("small")
def test_every_reader_unpacks_it(kind, first):
    random = np.random.default_rng([first, KINDS.index(kind)])
    parts = [b" " * first, words(random, kind), random.bytes(int(random.integers(0, 3000)))]
    made, content = bytes(gzipped(parts)), b"".join(parts)
    assert gzip.decompress(made) == igzip.decompress(made) == content
    reader = zlib.decompressobj(31)
    assert reader.decompress(made) == content
    assert reader.eof
    assert reader.unused_data == b""


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_about_as_small_as_other_packing_makes_it(kind):
    content = words(np.random.default_rng(1), kind)
    usual = len(zlib.compress(content, 6))
    assert len(gzipped([content])) < 1.02 * usual + 40_000


@pytest.mark.usefixtures("small")
def test_how_it_comes_in_parts_changes_no_byte():
    random = np.random.default_rng(3)
    content = words(random, "reals") + bytes(300_000) + words(random, "steep")
    cuts = [0, *sorted(random.integers(0, len(content), 7).tolist()), len(content)]
    parts = [content[a:b] for a, b in itertools.pairwise(cuts)]
    assert bytes(gzipped(parts)) == bytes(gzipped([content]))


def test_of_nothing_it_makes_an_empty_file():
    assert gzip.decompress(gzipped([])) == gzip.decompress(gzipped([b""])) == b""


@pytest.mark.parametrize("longest", [7, 9, 13])
def test_codes_are_no_longer_than_they_may_be_and_complete(longest):
    counts = np.array([int(1.6**k) for k in range(60)])
    lengths = packing._lengths(counts, longest)
    assert lengths.max() <= longest
    assert sum(2.0**-n for n in lengths.tolist()) == 1.0
    assert (np.diff(lengths) <= 0).all()  # the rarer, the longer
    codes = packing._codes(lengths)
    starts = [f"{int(c):0{n}b}"[::-1] for c, n in zip(codes, lengths.tolist(), strict=True)]
    ordered = sorted(starts)
    assert not any(b.startswith(a) for a, b in itertools.pairwise(ordered))
