"""The text hash of old remotes leaves open where a CR stands; other checks hold the bytes."""

import json

import pytest

from tica_fn.remote.hashes import digest_file, dvc_hash_kind


def bent(data):
    """Move a CR from one line end to another: same size, same text hash, other bytes.

    Only pieces that look like text are hashed as such, so both lie in the first.
    """
    lone = next(i for i in range(6000, 2**19) if data[i] == 10 and data[i - 1] != 13)
    pair = next(i for i in range(6000, 2**19) if data[i : i + 2] == b"\r\n")
    if pair < lone:
        moved = data[:pair] + data[pair + 1 : lone] + b"\r" + data[lone:]
    else:
        moved = data[:lone] + b"\r" + data[lone:pair] + data[pair + 1 :]
    assert len(moved) == len(data)
    assert moved != data
    return moved


@pytest.fixture
def place(kit, tmp_path):
    return kit.make_legacy(tmp_path / "store", seed=60)


@pytest.fixture
def unsummed(kit, tmp_path):
    return kit.make_legacy(tmp_path / "store", seed=60, summed=False)


def object_of(store, name):
    version = store.version()
    listing = json.loads((store.remote / version[:2] / f"{version[2:]}.dir").read_text())
    md5 = next(entry["md5"] for entry in listing if entry["relpath"] == name)
    return store.remote / md5[:2] / md5[2:], md5


def bend(path, md5):
    data = bent(path.read_bytes())
    path.chmod(0o644)
    path.write_bytes(data)
    assert dvc_hash_kind(path, md5, digest_file(path), legacy=True) == "md5-dos2unix"  # unseen


@pytest.fixture
def fetch(models, serve, tmp_path):
    def run(store):
        return models(
            "fetch", "10min", "--camera", 1, "--ccd", 1, "--tries", 1, "--output", tmp_path / "m",
            "--remote", serve(store.remote).url, "--pointers", store.pointers,
        )  # fmt: skip

    return run


NAME = "cam1_ccd1_twoDcorrect.fits"


def test_a_moved_byte_is_found_by_the_sums_of_the_file(place, fetch, tmp_path):
    path, md5 = object_of(place, NAME)
    good = path.read_bytes()
    bend(path, md5)
    code, _, err = fetch(place)
    assert code == 1
    assert "wrong content" in err
    assert "DATASUM" in err
    assert not list((tmp_path / "m").rglob("*.fits"))
    assert not list((tmp_path / "cache").rglob(md5[2:]))
    path.write_bytes(good)
    assert fetch(place)[0] == 0


def test_a_byte_less_is_found_by_the_size_that_the_header_tells(unsummed, fetch):
    """A CR left out: the same text hash, one byte short."""
    path, md5 = object_of(unsummed, NAME)
    data = path.read_bytes()
    pair = next(i for i in range(6000, 2**19) if data[i : i + 2] == b"\r\n")
    path.chmod(0o644)
    for changed in (data[:pair] + data[pair + 1 :], data[:pair] + b"\r" + data[pair:]):
        path.write_bytes(changed)
        if dvc_hash_kind(path, md5, digest_file(path), legacy=True):
            code, _, err = fetch(unsummed)
            assert code == 1
            assert "truncated" in err or "its headers announce" in err


def test_without_sums_the_bytes_of_the_first_sight_are_held_to(unsummed, fetch, tmp_path):
    path, md5 = object_of(unsummed, NAME)
    good = path.read_bytes()
    assert fetch(unsummed)[0] == 0
    installed = tmp_path / "m" / "calibration_10min" / "twodbias" / NAME
    cached = tmp_path / "cache" / md5[:2] / md5[2:]
    assert installed.read_bytes() == cached.read_bytes() == good
    # Bent where it was installed and in the cache (they are one file): made right from the server.
    bend(cached, md5)
    assert installed.read_bytes() != good
    assert fetch(unsummed)[0] == 0
    assert installed.read_bytes() == cached.read_bytes() == good
    # Bent on the server too: nothing is right, and it is told.
    bend(cached, md5)
    bend(path, md5)
    code, _, err = fetch(unsummed)
    assert code == 1
    assert "when first fetched" in err
    assert "first-sight" in err
