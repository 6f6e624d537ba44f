"""SPOC's models by their public names, held to the hashes recorded at first use."""

import json

import pytest

NAMES = ("tess2018323-2-3-2dblack.fits", "tess2018323-2-3-flat.fits")


def model(kit, name, change=0.0, **which):
    """What MAST has under a name, or another version of it, or of another kind or CCD."""
    kind, value = ("FLAT", 1.0) if "flat" in name else ("2DBLACK", 6500.0)
    which = {"kind": kind, "camera": 2, "ccd": 3, "value": value + change} | which
    return kit.model_bytes(**which)


@pytest.fixture
def archive(tmp_path, kit, serve):
    root = tmp_path / "archive"
    root.mkdir()
    for name in NAMES:
        (root / name).write_bytes(model(kit, name))
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
    (archive.root / NAMES[0]).write_bytes(model(kit, NAMES[0], 0.5))
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
    assert "not a FITS file" in err
    assert "discarded" in err
    assert not (tmp_path / "m").exists()
    recorded = tmp_path / "cache" / "mast" / "sha256.json"
    assert not recorded.exists() or NAMES[0] not in recorded.read_text()


def turned(content):
    """One bit of a pixel turned: its sums tell."""
    return content[:-100_000] + bytes([content[-100_000] ^ 1]) + content[-99_999:]


NOT_THE_MODEL = {
    "another camera": (lambda kit: model(kit, NAMES[1], camera=3), "CAMERA 3"),
    "another CCD": (lambda kit: model(kit, NAMES[1], ccd=1), "CCD 1"),
    "another kind": (lambda kit: model(kit, NAMES[1], kind="2DBLACK"), "2DBLACK_DATA"),
    "values of another kind": (lambda kit: model(kit, NAMES[1], value=6500.0), "0.1 to 10"),
    "no model": (lambda kit: kit.fits_bytes(3, 300), "no image"),
    "a changed bit": (lambda kit: turned(model(kit, NAMES[1])), "DATASUM"),
    "half of it": (lambda kit: model(kit, NAMES[1])[: 2880 * 2000], "truncated"),
    "more than it": (lambda kit: model(kit, NAMES[1]) + bytes(2880), "its headers announce"),
}


@pytest.mark.parametrize("sent", NOT_THE_MODEL.values(), ids=NOT_THE_MODEL)
def test_what_is_not_the_model_of_that_ccd_is_not_trusted_at_first_use(
    fetch, archive, tmp_path, kit, sent
):
    (archive.root / NAMES[1]).write_bytes(sent[0](kit))
    code, _, err = fetch("--jobs", 1)
    assert code == 1
    assert sent[1] in err
    assert f"{archive.url}{NAMES[1]}" in err
    assert not (tmp_path / "m").exists()
    recorded = tmp_path / "cache" / "mast" / "sha256.json"
    assert NAMES[1] not in recorded.read_text()
    assert not list((tmp_path / "cache" / "parts").glob(f"{NAMES[1]}*"))
    (archive.root / NAMES[1]).write_bytes(model(kit, NAMES[1]))
    assert fetch()[0] == 0


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
        (archive.root / NAMES[0]).write_bytes(model(kit, NAMES[0], 0.5))
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
    assert code == 2
    assert "takes no exposure, --pin" in err
