"""The old remotes' hash is DVC's own, for any bytes, and accepts nothing else."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tica_fn.remote.hashes import PIECE, digest_file, dvc_hash_kind, looks_like_text

TEXT = b"SIMPLE  =                    T".ljust(600)
chunks = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b"x", b"\0", b"\xff\xfe"]), max_size=12)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("hashes") / "file"


def content(start: bytes, middle: list[bytes], shift: int, end: list[bytes]) -> bytes:
    """Bytes with line ends around the boundary of two pieces."""
    gap = max(PIECE - shift - len(start) - sum(map(len, middle)), 0) if shift >= 0 else 0
    return start + b"".join(middle) + b"y" * gap + b"".join(end)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([b"", TEXT, b"\0" * 5, b"\xff" * 600]), chunks, st.integers(-1, 4), chunks)
def test_it_is_the_hash_dvc_makes(place: Path, start, middle, shift, end):
    pytest.importorskip("dvc_data")
    from dvc_data.hashfile.hash import file_md5

    data = content(start, middle, shift, end)
    place.write_bytes(data)
    digest = digest_file(place)
    old = file_md5(str(place), name="md5-dos2unix")
    new = file_md5(str(place), name="md5")
    assert digest.md5 == new
    assert dvc_hash_kind(place, new, digest, legacy=False) == "md5"
    assert dvc_hash_kind(place, old, digest, legacy=True) == (
        "md5" if old == new else "md5-dos2unix"
    )
    if old != new:
        assert dvc_hash_kind(place, old, digest, legacy=False) is None


@settings(deadline=None, max_examples=60)
@given(st.binary(min_size=1, max_size=3000), st.data())
def test_a_changed_byte_is_found(place: Path, data, draw):
    place.write_bytes(data)
    md5 = digest_file(place).md5
    where = draw.draw(st.integers(0, len(data) - 1))
    changed = bytearray(data)
    changed[where] ^= draw.draw(st.integers(1, 255))
    place.write_bytes(changed)
    assert dvc_hash_kind(place, md5, digest_file(place), legacy=False) is None


@given(st.binary(max_size=2000))
def test_text_is_what_dvc_takes_for_text(block):
    pytest.importorskip("dvc_data")
    from dvc_data.hashfile.istextfile import istextblock

    assert looks_like_text(block) == istextblock(block[:512])
