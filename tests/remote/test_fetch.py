"""Fetching from remotes that DVC itself has written, in both layouts."""

import json
import shutil
import stat
import subprocess
import sys

from tica_fn.fits.model_origins import find_origin, read_origins


def fetch(models, store, server, target, *more):
    return models(
        "fetch", "10min", "--remote", server.url, "--pointers", store.pointers,
        "--output", target, *more,
    )  # fmt: skip


def test_one_ccd_is_fetched_and_nothing_else(kit, store, serve, models, tmp_path):
    server = serve(store.remote)
    code, out, err = fetch(models, store, server, tmp_path / "m", "--camera", 1, "--ccd", 1)
    assert code == 0, err
    folder = tmp_path / "m" / "calibration_10min"
    assert out == f"{folder}\n"
    assert kit.installed(folder) == store.expected(1, 1)
    # Two listings and two files; a second round trip only where the layout is guessed wrong.
    assert len(server.log) == 4
    for name in ("twodbias/cam1_ccd1_twoDcorrect.fits", "flatfields/cam1_ccd1_image.fits"):
        assert name in err
        assert not (folder / name).stat().st_mode & stat.S_IWUSR
    assert models("verify", "--output", tmp_path / "m")[0] == 0


def test_fetching_again_asks_the_server_nothing(kit, store, serve, models, tmp_path):
    server = serve(store.remote)
    fetch(models, store, server, tmp_path / "m", "--camera", 1, "--ccd", 1)
    server.log.clear()
    code, _, err = fetch(models, store, server, tmp_path / "n", "--camera", 1, "--ccd", 1)
    assert code == 0, err
    assert server.log == []
    assert kit.installed(tmp_path / "n" / "calibration_10min") == store.expected(1, 1)


def test_a_second_ccd_completes_the_folder(kit, store, serve, models, tmp_path):
    server = serve(store.remote)
    for camera, ccd in ((1, 2), (4, 3)):
        assert fetch(models, store, server, tmp_path, "--camera", camera, "--ccd", ccd)[0] == 0
    folder = tmp_path / "calibration_10min"
    assert kit.installed(folder) == store.expected(1, 2) | store.expected(4, 3)
    assert len(read_origins(folder)) == 4


def test_the_record_names_version_and_hashes(store, serve, models, tmp_path):
    server = serve(store.remote)
    fetch(models, store, server, tmp_path, "--camera", 4, "--ccd", 3)
    folder = tmp_path / "calibration_10min"
    name = "twodbias/cam4_ccd3_twoDcorrect.fits"
    origin = next(one for one in read_origins(folder) if one.path == name)
    assert origin.version == f"{store.version()}.dir"
    assert origin.output == "twodbias_10min"
    assert origin.hash_kind == ("md5-dos2unix" if store.legacy else "md5")
    # In an old remote the object is named by another hash than that of its bytes.
    assert (origin.object_md5 == origin.md5) is (not store.legacy)
    assert find_origin(folder, name, origin.sha256) == origin
    assert find_origin(folder, name, "0" * 64) is None


def test_a_ccd_that_the_version_lacks_is_an_error(store, serve, models, tmp_path):
    code, _, err = fetch(models, store, serve(store.remote), tmp_path / "m", "--camera", 2)
    assert code == 1
    assert "has no cam2_ccd1_twoDcorrect.fits among its 9 files" in err
    assert not (tmp_path / "m").exists()


def test_pin_selects_an_older_version_and_back(kit, store, serve, models, tmp_path):
    new = store
    make = kit.make_legacy if store.legacy else kit.make_new
    old = make(tmp_path / "old", seed=77)
    shutil.copytree(new.remote, old.remote, dirs_exist_ok=True)
    server = serve(old.remote)
    folder = tmp_path / "m" / "calibration_10min"
    ccd = ("--camera", 1, "--ccd", 1)
    assert fetch(models, new, server, tmp_path / "m", *ccd)[0] == 0
    pins = ("--pin", old.version() + ".dir", "--pin", old.version("flat_combine/780nm"))
    code, _, err = fetch(models, new, server, tmp_path / "m", *ccd, *pins)
    assert code == 0, err
    assert kit.installed(folder) == old.expected(1, 1)
    assert {o.version for o in read_origins(folder)} == {
        f"{old.version()}.dir",
        f"{old.version('flat_combine/780nm')}.dir",
    }
    assert models("verify", "--output", tmp_path / "m")[0] == 0
    # Only the bias pinned: the flat goes back to the pointer's version.
    assert fetch(models, new, server, tmp_path / "m", *ccd, *pins[:2])[0] == 0
    bias, flat = "twodbias/cam1_ccd1_twoDcorrect.fits", "flatfields/cam1_ccd1_image.fits"
    assert kit.installed(folder) == {
        bias: old.expected(1, 1)[bias],
        flat: new.expected(1, 1)[flat],
    }


def test_pins_that_cannot_be_right_are_refused(dvc3, serve, models, tmp_path):
    server = serve(dvc3.remote)
    # The hash of the 30-minute biases is known.
    other = "7262ca907cb039cdb1047f0f16b616e1"
    code, _, err = fetch(models, dvc3, server, tmp_path / "m", "--pin", other)
    assert code == 1
    assert "made for 30min exposures, not for 10min" in err
    code, _, err = fetch(models, dvc3, server, tmp_path / "m", "--pin", "abc")
    assert code == 1
    assert "not an MD5" in err
    code, _, err = fetch(models, dvc3, server, tmp_path / "m", *["--pin", dvc3.version()] * 2)
    assert code == 1
    assert "two pins for the bias models" in err
    assert server.log[-1][0].endswith(".dir")


def test_links_as_in_the_repository_are_followed(store, serve, models, tmp_path):
    folder = tmp_path / "calibration_models" / "calibration_10min"
    folder.mkdir(parents=True)
    (folder / "twodbias").symlink_to("../twodbias_10min")
    (folder / "flatfields").symlink_to("../flat_combine/780nm")
    code, _, err = fetch(
        models, store, serve(store.remote), folder.parent, "--camera", 1, "--ccd", 2
    )
    assert code == 0, err
    name = "cam1_ccd2_twoDcorrect.fits"
    assert (folder.parent / "twodbias_10min" / name).read_bytes() == store.content[
        f"twodbias_10min/{name}"
    ]
    assert (folder.parent / "flat_combine" / "780nm" / "cam1_ccd2_image.fits").is_file()


def test_real_dvc_pulls_with_our_pointers(kit, store, serve, tmp_path):
    from tica_fn.remote.pointers import pointer_text, read_pointers

    server = serve(store.remote)
    kit.dvc(tmp_path, "init", "--no-scm", "-q")
    kit.dvc(tmp_path, "remote", "add", "-q", "-d", "web", server.url.rstrip("/"))
    kit.dvc(tmp_path, "remote", "modify", "-q", "web", "verify", "true")
    for output in read_pointers(store.pointers).values():
        path = tmp_path / "calibration_models" / f"{output.name}.dvc"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(pointer_text(output))
        # Byte for byte what DVC itself wrote.
        assert path.read_text() == (store.pointers / f"{output.name}.dvc").read_text()
    kit.dvc(tmp_path, "pull", "-q")
    pulled = {name: (tmp_path / "calibration_models" / name).read_bytes() for name in store.content}
    assert pulled == store.content


def test_files_that_dvc_pulled_are_checked_and_recorded_not_fetched(
    kit, store, serve, models, tmp_path
):
    folder = tmp_path / "calibration_models" / "calibration_10min"
    for name, data in store.expected(1, 1).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    code, out, _ = models("verify", "--output", folder.parent)
    assert code == 1
    assert out.count("unrecorded") == 2
    server = serve(store.remote)
    code, _, err = fetch(models, store, server, folder.parent, "--camera", 1, "--ccd", 1)
    assert code == 0, err
    assert all(path.endswith(".dir") for path, _ in server.log)
    assert kit.installed(folder) == store.expected(1, 1)
    assert models("verify", "--output", folder.parent)[0] == 0


def test_the_cache_is_one_that_dvc_can_use(dvc3, serve, models, tmp_path):
    fetch(models, dvc3, serve(dvc3.remote), tmp_path / "m", "--camera", 1, "--ccd", 1)
    bias = dvc3.content["twodbias_10min/cam1_ccd1_twoDcorrect.fits"]
    objects = list((tmp_path / "cache" / "files" / "md5").rglob("*"))
    assert any(path.is_file() and path.read_bytes() == bias for path in objects)
    listing = f"{dvc3.version()[2:]}.dir"
    assert listing in {path.name for path in objects}


def test_pythons_own_server_without_ranges_serves_too(kit, dvc3, tmp_path):
    code = f"""
import functools, http.server, threading
from pathlib import Path
from tica_fn.remote.cache import Cache, Remote
from tica_fn.remote.exposures import exposure
from tica_fn.remote.fetch import fetch_models
from tica_fn.remote.pointers import read_pointers
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory={str(dvc3.remote)!r})
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
fetch_models(exposure("10min"), Path({str(tmp_path)!r}), camera=1, ccd=1,
             remote=Remote(url=f"http://127.0.0.1:{{server.server_port}}/"),
             cache=Cache(folder={str(tmp_path / "c")!r}),
             outputs=read_pointers(Path({str(dvc3.pointers)!r})))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert kit.installed(tmp_path / "calibration_10min") == dvc3.expected(1, 1)


def test_list_tells_what_is_there_and_what_is_missing(dvc3, serve, models, tmp_path):
    fetch(models, dvc3, serve(dvc3.remote), tmp_path, "--camera", 1, "--ccd", 1)
    code, out, _ = models("list", "--json", "--output", tmp_path, "--pointers", dvc3.pointers)
    assert code == 0
    found = {one["name"]: one for one in json.loads(out)["models"]}
    ten = found["10min"]
    assert len(ten["installed"]) == 2
    assert len(ten["missing"]) == 30
    assert ten["installed_bytes"] == sum(map(len, dvc3.expected(1, 1).values()))
    assert ten["versions"]["twodbias_10min"] == f"{dvc3.version()}.dir"
    assert found["30min"]["installed"] == []
    text = models("list", "--output", tmp_path)[1]
    assert "10min  calibration_10min   2 of 32 files" in text
    assert "0 of 32 files, 0 B of 568.4 MB" in text
    # Against the built-in versions, what is there is another one.
    assert f"installed: twodbias_10min {dvc3.version()}.dir (not the known version)" in text
    own = models("list", "--output", tmp_path, "--pointers", dvc3.pointers)[1]
    assert f"installed: twodbias_10min {dvc3.version()}.dir\n" in own


def test_models_are_kept_in_the_cache_folder_by_default(dvc3, serve, models, tmp_path):
    server = serve(dvc3.remote)
    code, out, err = models(
        "fetch", "10min", "--camera", 1, "--ccd", 1, "--remote", server.url,
        "--pointers", dvc3.pointers,
    )  # fmt: skip
    assert code == 0, err
    assert out == f"{tmp_path / 'cache' / 'models' / 'calibration_10min'}\n"
    assert models("verify")[0] == 0
    assert "2 of 32 files" in models("list")[1]


def test_verify_names_each_bad_file(dvc3, serve, models, tmp_path):
    server = serve(dvc3.remote)
    for ccd in (1, 2):
        fetch(models, dvc3, server, tmp_path, "--camera", 1, "--ccd", ccd)
    folder = tmp_path / "calibration_10min"
    changed = folder / "twodbias" / "cam1_ccd1_twoDcorrect.fits"
    data = bytearray(changed.read_bytes())
    data[-1] ^= 1
    changed.unlink()
    changed.write_bytes(data)
    (folder / "flatfields" / "cam1_ccd1_image.fits").unlink()
    (folder / "flatfields" / "cam3_ccd1_image.fits").write_bytes(b"mine")
    code, out, err = models("verify", "10min", "--output", tmp_path)
    verdicts = dict(reversed(line.split()[:2]) for line in out.splitlines())
    assert code == 1
    assert "3 of 5 files" in err
    assert verdicts == {
        "calibration_10min/flatfields/cam1_ccd1_image.fits": "missing",
        "calibration_10min/flatfields/cam1_ccd2_image.fits": "ok",
        "calibration_10min/flatfields/cam3_ccd1_image.fits": "unrecorded",
        "calibration_10min/twodbias/cam1_ccd1_twoDcorrect.fits": "changed",
        "calibration_10min/twodbias/cam1_ccd2_twoDcorrect.fits": "ok",
    }
    # Fetching again mends it.
    assert fetch(models, dvc3, server, tmp_path, "--camera", 1, "--ccd", 1)[0] == 0
    (folder / "flatfields" / "cam3_ccd1_image.fits").unlink()
    assert models("verify", "--output", tmp_path)[0] == 0


def test_verify_of_nothing_is_an_error(models, tmp_path):
    code, _, err = models("verify", "--output", tmp_path)
    assert code == 1
    assert err == f"tica-fn: {tmp_path}: no models in it\n"
