"""A product names the version of the models that made it."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tica_fn.detector import SHAPE
from tica_fn.errors import BadFileError, ModelError
from tica_fn.remote.pointers import Output, pointer_text


def put(root, data, ending=""):
    """Lay an object into a remote of the DVC 3 layout; its MD5."""
    md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
    path = root / "files" / "md5" / md5[:2] / (md5[2:] + ending)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return md5


def model_bytes(tmp_path, value):
    path = tmp_path / "model.fits"
    fits.PrimaryHDU(np.full(SHAPE, value, np.float32)).writeto(path, overwrite=True)
    return path.read_bytes()


@pytest.fixture(scope="module")
def remote(tmp_path_factory):
    """A remote and pointers with the models of one CCD; versions of bias and flat."""
    place = tmp_path_factory.mktemp("full")
    versions = {}
    for name, file, value in (
        ("twodbias_10min", "cam2_ccd3_twoDcorrect.fits", 5.0),
        ("flat_combine/780nm", "cam2_ccd3_image.fits", 0.5),
    ):
        data = model_bytes(place, value)
        entries = [{"md5": put(place / "remote", data), "relpath": file}]
        md5 = put(place / "remote", json.dumps(entries).encode(), ".dir")
        output = Output(name=name, md5=md5, size_bytes=len(data), files=1, legacy=False)
        path = place / "pointers" / f"{name}.dvc"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pointer_text(output))
        versions[file] = f"{md5}.dir"
    return place, versions


@pytest.fixture
def folder(remote, serve, models, tmp_path):
    place, _ = remote
    code, _, err = models(
        "fetch", "10min", "--camera", 2, "--ccd", 3, "--output", tmp_path,
        "--remote", serve(place / "remote").url, "--pointers", place / "pointers",
    )  # fmt: skip
    assert code == 0, err
    return tmp_path / "calibration_10min"


def raw_frame():
    pixels = np.full(SHAPE, 1000, np.int32)
    return tica_fn.Frame(pixels=pixels, unit="adu", camera=2, ccd=3, exposure_s=600, coadds=240)


def test_models_and_products_carry_the_version(folder, remote, tmp_path):
    versions = remote[1]
    loaded = tica_fn.load_models(folder, 2, 3)
    assert {file.name: file.version for file in loaded.files} == versions
    path = tmp_path / "out.fits"
    tica_fn.write(tica_fn.calibrate(raw_frame(), loaded, dtype=np.float32), path)
    header = fits.getheader(path)
    written = {header[f"MODFIL{n}"]: header[f"MODVER{n}"] for n in (1, 2)}
    assert written == versions


@pytest.mark.parametrize("where", [100, 2880 + 1000, 9_000_003, -1], ids=str)
@pytest.mark.parametrize("name", ["flatfields/cam2_ccd3_image", "twodbias/cam2_ccd3_twoDcorrect"])
def test_one_changed_bit_of_a_fetched_model_is_an_error(folder, name, where):
    path = folder / f"{name}.fits"
    data = bytearray(path.read_bytes())
    data[where] ^= 1
    path.unlink()
    path.write_bytes(data)
    with pytest.raises(ModelError, match="changed since it was fetched") as refused:
        tica_fn.load_models(folder, 2, 3)
    assert str(path) in str(refused.value)
    again = f"tica-fn models fetch 10min --camera 2 --ccd 3 --outdir {folder.parent}"
    assert again in str(refused.value)


def test_the_command_that_the_error_names_mends_it(folder, remote, serve, models, tmp_path):
    path = folder / "flatfields" / "cam2_ccd3_image.fits"
    path.unlink()
    path.write_bytes(model_bytes(tmp_path, 0.75))
    with pytest.raises(ModelError) as refused:
        tica_fn.load_models(folder, 2, 3)
    words = re.search(r"\(tica-fn models (.*)\)", str(refused.value))[1].split()
    place, versions = remote
    server = serve(place / "remote").url
    code, _, err = models(*words, "--remote", server, "--pointers", place / "pointers")
    assert code == 0, err
    loaded = tica_fn.load_models(folder, 2, 3)
    assert {file.name: file.version for file in loaded.files} == versions
    assert loaded.flat[0, 0] == 0.5


def test_a_file_taken_out_of_the_record_is_used_and_has_no_version(folder, remote, tmp_path):
    name = "cam2_ccd3_image.fits"
    flat = folder / "flatfields" / name
    flat.unlink()
    flat.write_bytes(model_bytes(tmp_path, 0.75))
    record = folder / "provenance.json"
    content = json.loads(record.read_text())
    content["files"] = [file for file in content["files"] if not file["path"].endswith(name)]
    record.write_text(json.dumps(content))
    loaded = tica_fn.load_models(folder, 2, 3)
    versions = {file.name: file.version for file in loaded.files}
    assert versions == remote[1] | {name: ""}


def test_the_pointers_of_the_current_folder_are_taken(remote, models, tmp_path, monkeypatch):
    place, versions = remote
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    builtin = models("list")[1]
    assert "7262ca907cb039cdb1047f0f16b616e1.dir" in builtin
    Path("calibration_models").symlink_to(place / "pointers")
    here = models("list")[1]
    assert "7262ca907cb039cdb1047f0f16b616e1.dir" not in here
    assert versions["cam2_ccd3_twoDcorrect.fits"] in here


def test_one_pin_may_hold_bias_and_flat(remote, serve, models, tmp_path):
    place, _ = remote
    data = {"twodbias/cam2_ccd3_twoDcorrect.fits": 7.0, "flatfields/cam2_ccd3_image.fits": 0.7}
    entries = [
        {"md5": put(place / "remote", model_bytes(tmp_path, value)), "relpath": path}
        for path, value in data.items()
    ]
    pin = put(place / "remote", json.dumps(entries).encode(), ".dir")
    code, _, err = models(
        "fetch", "10min", "--camera", 2, "--ccd", 3, "--output", tmp_path, "--pin", pin,
        "--remote", serve(place / "remote").url, "--pointers", place / "pointers",
    )  # fmt: skip
    assert code == 0, err
    loaded = tica_fn.load_models(tmp_path / "calibration_10min", 2, 3)
    assert (loaded.bias[0, 0], loaded.flat[0, 0]) == (7.0, np.float32(0.7))
    assert {file.version for file in loaded.files} == {f"{pin}.dir"}


def test_a_pin_of_something_else_is_refused(remote, serve, models, tmp_path):
    place, _ = remote
    pin = put(place / "remote", b'[{"md5": "%s", "relpath": "a.txt"}]' % (b"0" * 32), ".dir")
    code, _, err = models(
        "fetch", "10min", "--output", tmp_path, "--pin", pin,
        "--remote", serve(place / "remote").url, "--pointers", place / "pointers",
    )  # fmt: skip
    assert code == 1
    assert f"pin {pin}: none of its 1 files is a bias or flat" in err


def test_a_damaged_record_is_named(folder):
    (folder / "provenance.json").write_text("{")
    with pytest.raises(BadFileError, match=r"provenance\.json: damaged"):
        tica_fn.load_models(folder, 2, 3)
