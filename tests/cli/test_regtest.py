"""TICA's regression test on a set of its layout that the simulator made, behind a DVC remote."""

import functools
import hashlib
import http.server
import json
import shutil
import threading

import h5py
import numpy as np
import pytest
from astropy.io import fits

from tica_fn.cli import main
from tica_fn.compare import Level, Rules, compare_files
from tica_fn.remote.pointers import Output, pointer_text
from tica_fn.wcs.comparison import solution_of_header
from tica_fn.wcs.stated import corner_cards

PIXEL_ARCSEC = 21.0


class Remote:
    """A DVC remote in the making, and the pointers into it."""

    def __init__(self, folder):
        self.store, self.pointers = folder / "remote", folder / "pointers"

    def put(self, data, ending=""):
        md5 = hashlib.md5(data, usedforsecurity=False).hexdigest()
        path = self.store / "files" / "md5" / md5[:2] / (md5[2:] + ending)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return md5

    def output(self, name, files):
        data = {path.name: path.read_bytes() for path in files}
        entries = [{"md5": self.put(content), "relpath": file} for file, content in data.items()]
        md5 = self.put(json.dumps(entries).encode(), ".dir")
        size = sum(map(len, data.values()))
        path = self.pointers / f"{name}.dvc"
        path.parent.mkdir(parents=True, exist_ok=True)
        output = Output(name=name, md5=md5, size_bytes=size, files=len(files), legacy=False)
        path.write_text(pointer_text(output))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Raw file, models, gold product with its solution, reference stars; all in one folder."""
    place = tmp_path_factory.mktemp("regtest")
    common = ["--camera", "1", "--ccd", "1", "--sector", "35", "--exposure", "600"]
    simulated = ["simulate", "--outdir", str(place / "sim"), *common, "--gzip", "--no-truth"]
    assert main(simulated) == 0
    (raw,) = (place / "sim").glob("*_ffir.fits.gz")
    models = place / "sim" / "calibration_10min"
    words = ["calibrate", str(raw), "--caldir", str(models), "--outdir", str(place / "gold")]
    assert main(words) == 0
    (gold,) = (place / "gold").iterdir()
    (place / "stars").mkdir()
    stars = place / "stars" / "hlsp_tica_tess_ffi_s0035-cam1-ccd1_tess_v01_cat.h5"
    assert main(["wcs", "refstars", str(gold), "--sector", "35", "-o", str(stars)]) == 0
    assert main(["wcs", "fit", str(gold), "--refstars", str(stars), "--degree", "6"]) == 0
    return place, raw, models, gold, stars


@pytest.fixture
def regtest(made, tmp_path, monkeypatch, capsys):
    """Run the test against a remote with a gold product of one's own."""
    _place, raw, models, _, stars = made
    monkeypatch.setenv("TICA_FN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    running = []

    def run(gold, *more):
        remote = Remote(tmp_path / "dvc")
        for name, files in (("input", [raw]), ("output_checks", [gold]), ("ref_stars", [stars])):
            remote.output(f"reg_test/{name}", files)
        for name in ("twodbias_10min", "twodbias_30min"):
            remote.output(f"models/{name}", list((models / "twodbias").iterdir()))
        remote.output("models/flat_combine/780nm", list((models / "flatfields").iterdir()))
        handler = functools.partial(Quiet, directory=remote.store)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running.append(server)
        words = ["--remote", f"http://127.0.0.1:{server.server_port}/", "--jobs", "1"]
        words += ["--pointers", str(remote.pointers / "reg_test")]
        words += ["--model-pointers", str(remote.pointers / "models"), "--tries", "1"]
        code = main(["regtest", *words, *map(str, more)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    yield run
    for server in running:
        server.shutdown()
        server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        pass


def changed(gold, folder, change):
    """A copy of a product in which something is changed, its sums made right."""
    folder.mkdir(exist_ok=True)
    with fits.open(gold) as hdus:
        change(hdus)
        hdus.writeto(folder / gold.name, checksum=True, overwrite=True)
    return folder / gold.name


def test_the_set_is_fetched_and_passes(made, regtest, tmp_path):
    _place, raw, _, gold, _ = made
    code, out, err = regtest(gold, "--outdir", tmp_path / "kept")
    assert code == 0, out + err
    assert out.splitlines()[-1] == "regression test: passed in all 2 comparisons"
    kept = tmp_path / "kept"
    assert (kept / "input" / raw.name).read_bytes() == raw.read_bytes()
    assert list((kept / "results").iterdir())
    code, _, err = regtest(gold, "--outdir", kept)
    assert code == 1
    assert "results of an earlier test" in err


def test_a_wrong_pixel_and_models_that_are_not_refused_fail(made, regtest, tmp_path):
    def change(hdus):
        hdus[0].data[1000, 1000] += 1

    gold = changed(made[3], tmp_path / "bad", change)
    code, out, _ = regtest(gold, "--wrong", "10min")
    assert code == 1
    assert "first at [1000, 1000]" in out
    assert "was calibrated with the models of calibration_10min" in out
    assert out.splitlines()[-1] == "regression test: FAILED in 2 of 2 comparisons"


def test_what_can_t_be_fetched_is_one_line(made, regtest, tmp_path, monkeypatch):
    def spoilt(self, data, ending=""):
        md5 = put(self, data, ending)
        if not ending:
            path = self.store / "files" / "md5" / md5[:2] / md5[2:]
            path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        return md5

    put = Remote.put
    monkeypatch.setattr(Remote, "put", spoilt)
    code, out, err = regtest(made[3])
    assert (code, out) == (1, "")
    (line,) = [line for line in err.splitlines() if line.startswith("tica-fn: ")]
    assert "wrong content" in line


def test_compare_calibrates_and_fits_anew(made, capsys):
    place, raw, models, _, stars = made
    words = ["compare", str(place / "gold"), "--calibrate", str(raw), "--caldir", str(models)]
    assert main([*words, "--refstars", str(stars.parent), "--jobs", "1"]) == 0
    assert "1 compared: 1 same" in capsys.readouterr().out


def moved(arcsec):
    """Another solution, stated as a fit would."""

    def change(hdus):
        header = hdus[0].header
        header["CRVAL2"] += arcsec / 3600.0
        header["DEC_TARG"] = header["CRVAL2"]
        header.update({key: value for key, value, _ in corner_cards(solution_of_header(header))})

    return change


def by(found, what):
    (one,) = [difference for difference in found.differences if difference.what == what]
    return one


def test_a_solution_that_differs_is_told_in_arcseconds(made, tmp_path):
    gold = made[3]
    test = changed(gold, tmp_path / "a", moved(0.5))
    found = compare_files(gold, test)
    assert found.failed
    sky = by(found, "sky")
    # A shift of the reference declination moves the whole field by as much.
    assert sky.largest == pytest.approx(0.5, abs=0.01)
    assert "at " in sky.text
    assert "stars up to 0.5" in sky.text
    assert by(found, "CRVAL2").level is Level.FAILURE


@pytest.mark.parametrize(("arcsec", "allowed", "fails"), [(0.5, 1.0, False), (0.5, 0.3, True)])
def test_with_a_tolerance_the_sky_decides(made, tmp_path, arcsec, allowed, fails):
    gold = made[3]

    def change(hdus):
        moved(arcsec)(hdus)
        hdus["WCS_STARS"].data["FLXCOL"][3] += 0.01

    test = changed(gold, tmp_path / "b", change)
    found = compare_files(gold, test, Rules(sky_arcsec=allowed))
    assert found.failed == fails
    assert by(found, "sky").level is (Level.FAILURE if fails else Level.NOTE)
    words = ["compare", str(gold), str(test), "--sky", str(allowed), "--quiet"]
    assert main(words) == int(fails)


def test_the_sky_forgives_no_pixel_and_no_other_keyword(made, tmp_path):
    def change(hdus):
        moved(0.1)(hdus)
        hdus[0].header["CAMNUM"] = 2

    found = compare_files(made[3], changed(made[3], tmp_path / "c", change), Rules(sky_arcsec=1.0))
    assert by(found, "CAMNUM").level is Level.FAILURE


def star_file(stars, folder, change):
    folder.mkdir()
    path = folder / stars.name
    shutil.copy(stars, path)
    path.chmod(0o644)
    with h5py.File(path, "r+") as file:
        change(file)
    return path


STARS = {
    "nothing": (lambda file: None, None, ""),
    "one place": (lambda file: file["obscols"].__setitem__(5, file["obscols"][5] + 0.25), "obscols",
                  "1 of"),
    "a declination": (lambda file: file["decs"].__setitem__(7, file["decs"][7] + 2 / 3600), "decs",
                      "1 of"),
    "an attribute": (lambda file: file.attrs.__setitem__("ref_FIN", "99"), "ref_FIN", "'99'"),
    "a dataset more": (lambda file: file.__setitem__("more", np.arange(3)), "more", "is new"),
    "a dataset less": (lambda file: file.__delitem__("aperturecols"), "aperturecols", "missing"),
}  # fmt: skip


@pytest.mark.parametrize("case", STARS.values(), ids=STARS)
def test_files_of_reference_stars_are_compared(made, tmp_path, capsys, case):
    change, what, text = case
    test = star_file(made[4], tmp_path / "s", change)
    code = main(["compare", str(made[4]), str(test)])
    out = capsys.readouterr().out
    if what is None:
        assert code == 0
        assert "1 same" in out
        return
    assert code == (0 if what == "more" else 1)
    assert what in out
    assert text in out
    if what == "obscols":
        assert "places up to 0.25 pixels" in out
    if what == "decs":
        assert "up to 2 arcsec apart on the sky" in out
    # Folders, too.
    assert main(["compare", str(made[4].parent), str(test.parent), "--quiet"]) == code


def test_a_file_that_holds_no_stars_is_told(made, tmp_path, capsys):
    bad = tmp_path / "bad.h5"
    bad.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    assert main(["compare", str(made[4]), str(bad)]) == 1
    assert str(bad) in capsys.readouterr().out
