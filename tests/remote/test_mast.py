"""SPOC's models by their public names, held to the hashes recorded at first use."""

import json

import pytest

NAMES = ("tess2018323-2-3-2dblack.fits", "tess2018323-2-3-flat.fits")


@pytest.fixture
def archive(tmp_path, kit, serve):
    root = tmp_path / "archive"
    root.mkdir()
    for number, name in enumerate(NAMES):
        (root / name).write_bytes(kit.fits_bytes(number, 300))
    return serve(root)


@pytest.fixture
def fetch(models, archive, tmp_path):
    def run(*more):
        return models(
            "fetch", "--source", "mast", "--camera", 2, "--ccd", 3, "--tries", 1,
            "--remote", archive.url, "--output", tmp_path / "m", *more,
        )  # fmt: skip

    return run


def test_fetched_and_recorded(kit, fetch, archive, tmp_path, models):
    code, out, err = fetch()
    assert code == 0, err
    folder = tmp_path / "m" / "calibration_spoc"
    assert out == f"{folder}\n"
    content = {name: (archive.root / name).read_bytes() for name in NAMES}
    assert kit.installed(folder) == content
    assert models("verify", "mast", "--output", tmp_path / "m")[0] == 0
    recorded = json.loads((tmp_path / "cache" / "mast" / "sha256.json").read_text())
    assert set(recorded) == set(NAMES)
    archive.log.clear()
    assert fetch()[0] == 0
    assert archive.log == []


def test_another_content_later_is_refused(fetch, archive, tmp_path, kit):
    assert fetch()[0] == 0
    (tmp_path / "cache" / "mast" / NAMES[0]).unlink()
    (archive.root / NAMES[0]).write_bytes(kit.fits_bytes(9, 300))
    before = (tmp_path / "m" / "calibration_spoc" / NAMES[0]).read_bytes()
    code, _, err = fetch()
    assert code == 1
    assert "when first fetched" in err
    assert "sha256.json" in err
    assert (tmp_path / "m" / "calibration_spoc" / NAMES[0]).read_bytes() == before


def test_a_login_page_is_not_taken_for_a_model(fetch, archive, tmp_path):
    (archive.root / NAMES[0]).write_bytes(b"<html>please log in</html>")
    code, _, err = fetch()
    assert code == 1
    assert "not a whole FITS file" in err
    assert not (tmp_path / "m").exists()
    recorded = tmp_path / "cache" / "mast" / "sha256.json"
    assert not recorded.exists() or NAMES[0] not in recorded.read_text()


@pytest.mark.parametrize("same", [True, False], ids=["same version", "changed meanwhile"])
def test_half_a_file_goes_on_only_if_the_server_still_has_that_version(
    fetch, archive, tmp_path, kit, same
):
    address = f"/{NAMES[0]}"
    archive.etags[address] = '"one"'
    archive.break_after, archive.ranges = 2**18, False
    assert fetch("--jobs", 1)[0] == 1
    archive.break_after, archive.ranges = None, True
    if not same:
        (archive.root / NAMES[0]).write_bytes(kit.fits_bytes(9, 300))
        archive.etags[address] = '"two"'
    archive.log.clear()
    assert fetch()[0] == 0
    assert (address, f"bytes={2**18}-") in archive.log
    content = (tmp_path / "m" / "calibration_spoc" / NAMES[0]).read_bytes()
    assert content == (archive.root / NAMES[0]).read_bytes()


def test_without_a_mark_of_the_version_half_a_file_is_taken_anew(fetch, archive, tmp_path):
    archive.break_after = 2**18
    code, _, err = fetch("--jobs", 1)
    assert code == 1
    assert "broke off" in err
    archive.break_after = None
    assert fetch()[0] == 0
    assert {asked for _, asked in archive.log} == {None}
    content = (tmp_path / "m" / "calibration_spoc" / NAMES[0]).read_bytes()
    assert content == (archive.root / NAMES[0]).read_bytes()


def test_pins_are_no_thing_of_masts(fetch):
    code, _, err = fetch("--pin", "0" * 32)
    assert code == 1
    assert "no pins" in err
