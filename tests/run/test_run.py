"""One command for a sector: what it makes, chooses, records, and does not make again."""

import json
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tests import inputs
from tests.run.camera_frames import make_camera_frames
from tests.run.conftest import contents
from tica_fn.cli import main
from tica_fn.detector import AMPLIFIERS
from tica_fn.errors import BadFileError, FrameError
from tica_fn.quality.pixels import Pixel
from tica_fn.run.rebuild import rebuild_record
from tica_fn.run.record_writer import RecordWriter, on_network
from tica_fn.run.schema import LETTERS


def command(*words, code=0):
    assert main([str(word) for word in words]) == code


def rows_of(out):
    return {row["cadence"] - 9000: row for row in tica_fn.run.open_record(out).rows("frames")}


def test_products_are_those_of_calibrate_and_fit(sky, sky_run, tmp_path):
    command(
        "calibrate", *sorted((sky / "raw").iterdir()), "--caldir", sky / "calibration_10min",
        "--outdir", tmp_path / "cam2-ccd3",
    )  # fmt: skip
    (stars,) = (sky_run / "ref-stars").iterdir()
    assert stars.name == "hlsp_tica_tess_ffi_s0035-cam2-ccd3_tess_v01_cat.h5"
    command("wcs", "fit", *(tmp_path / "cam2-ccd3").iterdir(), "--refstars", stars)
    assert contents(sky_run) == contents(tmp_path)
    assert len(contents(sky_run)) == 8


def test_every_event_is_found_and_named(sky_run):
    flags = {k: set(row["flags"].split()) for k, row in rows_of(sky_run).items()}
    assert "HOT_PIXELS" in flags[2]
    assert "POINTING" in flags[5]
    assert "SCATTERED_LIGHT" in flags[6]
    assert "SATURATED" in flags[7]
    assert all(not flags[k] for k in (0, 1, 3, 4)), flags


def test_record_says_what_the_products_say(sky_run):
    record = tica_fn.run.open_record(sky_run)
    assert set(record) == {"frames", "inputs", "models", "stars", "runs", "stages"}
    table = record["frames"]
    assert len(table) == len(record.frames) == 8
    assert table["mode"].unit == "electron"
    for row in table:
        path = sky_run / row["product"]
        header = fits.getheader(path)
        frame = tica_fn.read(path)
        assert row["mode"] == tica_fn.kernels.background_mode(frame.pixels[:, 44:2092])
        assert row["pedestal_c"] == header["PEDEST_C"]
        assert row["rms_arcsec"] == header["RMSA"]
        assert row["good_fraction"] == header["WCSGDF"]
        assert row["datasum"] == header["DATASUM"]
        assert row["size"] == path.stat().st_size
        assert row["input_crc32"] == header["RAWCRC"]
        assert row["wcs"] == "done"
        assert 9.0 < row["noise_a"] < 11.0 or row["cadence"] == 9007
    assert set(record["inputs"]["state"]) == {"done"}
    assert len(record["models"]) == 2
    (run,) = record["runs"]
    assert run["state"] == "done"
    said = json.loads(run["configuration"])
    assert said["jobs"] == 2
    assert {row["stage"] for row in record["stages"]} == {"calibrate", "stars", "fit"}


def test_the_darkest_frame_is_the_reference(sky_run):
    (star,) = tica_fn.run.open_record(sky_run)["stars"]
    assert star["cadence"] == 9004
    assert star["count"] > 500
    shift = {k: (row["shift_columns"], row["shift_rows"]) for k, row in rows_of(sky_run).items()}
    assert np.allclose(shift[4], 0.0, atol=1e-3)
    assert np.allclose(shift[5], (1.4, -0.6), atol=0.05)


def untouched(path):
    """What changes when a file is written, and not when it is read."""
    now = path.stat()
    return now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns


def test_a_finished_run_is_not_done_again(sky, sky_run, tmp_path, go, monkeypatch):
    out = tmp_path / "out"
    shutil.copytree(sky_run, out)
    before = {path: untouched(path) for path in sorted(out.glob("cam*/*"))}
    monkeypatch.setattr("tica_fn.run.work.make_products", None)
    monkeypatch.setattr("tica_fn.run.work.fit_product", None)
    printed = go(sky, out).out
    assert "0 done, 8 skipped, 0 failed" in printed
    assert {path: untouched(path) for path in sorted(out.glob("cam*/*"))} == before


def test_what_comes_later_is_solved_in_the_same_pass(sky, sky_run, tmp_path, go, monkeypatch):
    out = tmp_path / "out"
    shutil.copytree(sky_run, out)
    (product,) = out.glob("cam2-ccd3/*054024352*")
    product.unlink()
    monkeypatch.setattr("tica_fn.run.work.fit_product", None)
    printed = go(sky, out).out
    assert "1 done, 7 skipped, 0 failed" in printed
    assert contents(out) == contents(sky_run)
    assert not list(Path("/dev/shm").glob("tica-fn-run-*"))


def test_another_degree_is_fitted_again_and_nothing_else_is_done(sky, sky_run, tmp_path, go):
    files = sorted((sky / "raw").iterdir())[:2]
    stars = ["--refstars", sky_run / "ref-stars"]
    go(sky, tmp_path, *stars, files=files)
    first = {row["product"]: row["rms_arcsec"] for row in rows_of(tmp_path).values()}
    printed = go(sky, tmp_path, *stars, "--degree", 4, files=files).out
    assert "0 done, 2 skipped, 0 failed; solutions: 2 done" in printed
    assert {row["degree"] for row in rows_of(tmp_path).values()} == {4}
    go(sky, tmp_path, *stars, files=files)
    assert {row["product"]: row["rms_arcsec"] for row in rows_of(tmp_path).values()} == first
    assert "solutions" not in go(sky, tmp_path, *stars, "--verify", files=files).out


def test_other_stars_are_taken_and_fitted_with(sky, sky_run, tmp_path, go):
    files = sorted((sky / "raw").iterdir())[:2]
    (found,) = (sky_run / "ref-stars").iterdir()
    (tmp_path / "few").mkdir()
    few = tmp_path / "few" / found.name
    with h5py.File(found) as old, h5py.File(few, "w") as new:
        for name in old:
            new[name] = old[name][()][::2]
        new.attrs.update(old.attrs)
    out = tmp_path / "out"
    stars = ["--refstars"]
    go(sky, out, *stars, sky_run / "ref-stars", files=files)
    first = contents(out)
    assert "solutions: 2 done" in go(sky, out, *stars, few.parent, files=files).out
    assert contents(out) != first
    assert "solutions" not in go(sky, out, *stars, few.parent, files=files).out
    printed = go(sky, out, files=files).out
    assert "reference stars of CCDs: 1 done, 0 failed; solutions: 2 done" in printed
    assert "solutions" not in go(sky, out, files=files).out


def test_a_solution_that_failed_is_told_each_time(sky, sky_run, tmp_path, go, monkeypatch):
    files = sorted((sky / "raw").iterdir())[:1]

    def fail(*_):
        raise FrameError("too few stars are seen")

    words = ["--refstars", sky_run / "ref-stars"]
    monkeypatch.setattr("tica_fn.wcs.fit_many.fit_frame", fail)
    for _ in range(2):
        printed = go(sky, tmp_path, *words, files=files, code=1)
        assert printed.out.count("no solution, --retry-failed tries again") == 1
        assert "too few stars are seen" in printed.out
    assert (
        "solutions: 0 done, 1 failed"
        in go(sky, tmp_path, *words, "--retry-failed", files=files, code=1).out
    )
    monkeypatch.undo()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    assert "1 done, 0 failed" in go(sky, tmp_path, *words, "--retry-failed", files=files).out
    whole = contents(sky_run)
    assert contents(tmp_path) == {name: whole[name] for name in contents(tmp_path)}


def test_products_of_other_names_leave_the_record(plain, tmp_path, go):
    files = sorted((plain / "raw").iterdir())[:2]
    go(plain, tmp_path, "--no-wcs", files=files)
    printed = go(plain, tmp_path, "--no-wcs", "--compress", "gzip", files=files).out
    assert printed.count("made with other options, not part of the run") == 2
    names = {row["product"] for row in tica_fn.run.open_record(tmp_path).rows("frames")}
    assert len(names) == 2
    assert all(name.endswith(".gz") for name in names)


def test_given_stars_make_one_pass(sky, sky_run, tmp_path, go, monkeypatch):
    monkeypatch.setattr("tica_fn.run.work.fit_product", None)
    monkeypatch.setattr("tica_fn.run.stars_work.find_stars", None)
    files = sorted((sky / "raw").iterdir())[:2]
    go(sky, tmp_path, "--refstars", sky_run / "ref-stars", files=files)
    whole = contents(sky_run)
    assert contents(tmp_path) == {name: whole[name] for name in contents(tmp_path)}
    assert len(contents(tmp_path)) == 2


@pytest.mark.parametrize("layout", ["tica", "spoc"])
def test_trimmed_products_are_solved_like_whole_ones(sky, sky_run, tmp_path, go, layout):
    files = sorted((sky / "raw").iterdir())[:2]
    words = ["--refstars", sky_run / "ref-stars", "--layout", layout]
    keys = ["crval1", "cd1_2", "shift_columns", "shift_rows", "rms_arcsec", "good_fraction"]
    found = []
    for option in ([], ["--trim"]):
        out = tmp_path / f"out{len(found)}"
        shutil.copytree(sky_run / "ref-stars", out / "ref-stars")
        go(sky, out, *words, *option, files=files)
        before = rows_of(out)
        found.append({name: [row[key] for key in keys] for name, row in before.items()})
        assert {row["wcs"] for row in before.values()} == {"done"}
        command("status", out, "--rebuild")
        for name, row in rows_of(out).items():
            assert [row[key] for key in keys[2:4]] == pytest.approx(found[-1][name][2:4], abs=1e-5)
    assert found[0] == found[1]


def test_camera_frames_that_are_assembled_have_no_solutions(sky, sky_run, tmp_path, go):
    words = ["--assemble", "--refstars", sky_run / "ref-stars"]
    assert "camera frames (--assemble) have no" in go(sky, tmp_path, *words, code=2).err


def test_stars_that_are_not_there_are_told_before_the_work(plain, tmp_path, go, sky_run):
    (stars,) = (sky_run / "ref-stars").iterdir()
    out, empty, both = tmp_path / "out", tmp_path / "empty", tmp_path / "both"
    for folder in (empty, both):
        folder.mkdir()
    shutil.copy(stars, both)
    shutil.copy(stars, both / stars.name.replace("s0035", "s0036"))
    shutil.copy(stars, empty / "stars.h5")
    for option, word in (
        (["--refstars", tmp_path / "none"], "none: No such file"),
        (["--refstars", empty], "no reference stars, with names as at MAST"),
        (["--refstars", empty / "stars.h5"], "no reference stars, with names as at MAST"),
        (["--refstars", both], "camera 2 CCD 3 are in hlsp_tica_tess_ffi_s0035-cam2"),
        (["--catalog", tmp_path / "none.csv"], "none.csv: No such file"),
    ):
        (line,) = go(plain, out, *option, code=1).err.splitlines()
        assert word in line
        assert not out.exists()


def test_stars_of_another_sector_solve_nothing(sky, sky_run, tmp_path, go):
    (stars,) = (sky_run / "ref-stars").iterdir()
    other = tmp_path / stars.name.replace("s0035", "s0034")
    shutil.copy(stars, other)
    files = sorted((sky / "raw").iterdir())[:1]
    words = ["--refstars", other]
    printed = go(sky, tmp_path / "out", *words, files=files, code=1).out
    assert f"of sector 35, but the reference stars {other.name} are of sector 34" in printed
    assert printed.splitlines()[-1].endswith("1 that failed are left for --retry-failed")
    (row,) = rows_of(tmp_path / "out").values()
    assert row["wcs"] == "failed"
    assert f"{row['product']}: of sector 35" in row["wcs_error"]
    shutil.copy(stars, tmp_path / stars.name)
    words[1] = tmp_path / stars.name
    go(sky, tmp_path / "out", *words, "--retry-failed", files=files)


def test_record_is_rebuilt_from_the_products(sky_run, tmp_path, capsys):
    out = tmp_path / "out"
    shutil.copytree(sky_run, out)
    before = {row["product"]: dict(row) for row in tica_fn.run.open_record(out).rows("frames")}
    (out / "run.sqlite").write_bytes(b"SQLite format 3\0" + b"damaged" * 999)
    command("status", out, code=1)
    assert "--rebuild" in capsys.readouterr().err
    command("status", out, "--rebuild")
    printed = capsys.readouterr()
    assert "8 products" in printed.out
    assert "rebuilt: 8 of 8 files calibrated" in printed.out
    assert printed.out.count("lost with the old record: folders of the inputs") == 1
    after = {row["product"]: dict(row) for row in tica_fn.run.open_record(out).rows("frames")}
    lost = {"seconds": None, "wcs_seconds": None}
    for product, row in before.items():
        known = lost | {"input": Path(row["input"]).name}
        assert after[product] == row | known
    record = tica_fn.run.open_record(out)
    assert record.rows("stars")[0]["count"] > 500
    inputs_now = {row["path"]: row["crc32"] for row in record.rows("inputs")}
    assert inputs_now == {Path(r["input"]).name: r["input_crc32"] for r in before.values()}
    (go,) = record.rows("runs")
    assert (go["started"], go["version"]) == ("2023-11-14T22:13:20+00:00", row["software"])
    command("report", out)
    assert "lost with the old record" in (out / "report.html").read_text()
    command("status", out, "--production-table")


def test_a_damaged_record_does_not_stop_a_run(sky, sky_run, tmp_path, go):
    out = tmp_path / "out"
    shutil.copytree(sky_run, out)
    before = contents(out)
    (out / "run.sqlite").write_bytes(b"nothing of SQLite's")
    printed = go(sky, out).out
    assert "rebuilding it" in printed
    assert "0 done, 8 skipped, 0 failed" in printed
    assert contents(out) == before
    assert all(row["smear"] > 0 for row in tica_fn.run.open_record(out).rows("frames"))


def test_a_product_that_is_damaged_is_told_by_rebuild(sky_run, tmp_path):
    out = tmp_path / "out"
    shutil.copytree(sky_run, out)
    spoiled = sorted(out.glob("cam2-ccd3/*"))[3]
    data = bytearray(spoiled.read_bytes())
    data[-9000] ^= 1
    spoiled.write_bytes(data)
    said = []
    count, failed = rebuild_record(out, said.append)
    assert count == 7
    assert [path for path, _ in failed] == [spoiled]
    assert any("not complete" in line and spoiled.name in line for line in said)
    (wrong,) = tica_fn.run.open_record(out).rows("inputs", "WHERE state = 'failed'")
    assert wrong["path"] == fits.getheader(spoiled)["RAWFILE"]
    assert str(spoiled) in wrong["error"]


def test_without_solutions(plain, tmp_path, go):
    printed = go(plain, tmp_path, "--no-wcs", "--jobs", 2).out
    assert "8 done, 0 skipped, 0 failed" in printed
    assert not (tmp_path / "ref-stars").exists()
    assert len(contents(tmp_path)) == 8
    assert {row["wcs"] for row in tica_fn.run.open_record(tmp_path).rows("frames")} == {""}


def test_a_ccd_without_stars_is_told_and_not_tried_for_ever(plain, tmp_path, go):
    """Frames of noise are no sky: calibrated all the same, and said so."""
    files = sorted((plain / "raw").iterdir())[:2]
    printed = go(plain, tmp_path, files=files, code=1)
    assert "2 done, 0 skipped, 0 failed; reference stars of CCDs: 0 done, 1 failed" in printed.out
    assert "failed before" in go(plain, tmp_path, files=files, code=1).out
    assert "0 done, 1 failed" in go(plain, tmp_path, "--retry-failed", files=files, code=1).out


def test_other_options_make_products_again(plain, tmp_path, go):
    files = sorted((plain / "raw").iterdir())[:2]
    go(plain, tmp_path, "--no-wcs", files=files)
    first = contents(tmp_path)
    assert "2 done" in go(plain, tmp_path, "--no-wcs", "--smear", "robust", files=files).out
    assert contents(tmp_path) != first
    go(plain, tmp_path, "--no-wcs", files=files)
    assert contents(tmp_path) == first
    assert "0 done, 2 skipped" in go(plain, tmp_path, "--no-wcs", "--jobs", 2, files=files).out


def test_a_changed_input_and_a_changed_product_are_made_again(plain, tmp_path, go):
    files = [tmp_path / "raw" / path.name for path in sorted((plain / "raw").iterdir())[:3]]
    (tmp_path / "raw").mkdir()
    for path in files:
        shutil.copy(plain / "raw" / path.name, path)
    out = tmp_path / "out"
    go(plain, out, "--no-wcs", files=files)
    first = contents(out)
    shutil.copy(sorted((plain / "raw").iterdir())[5], files[0])
    (out / list(first)[1]).write_bytes(b"")
    assert "2 done, 1 skipped, 0 failed" in go(plain, out, "--no-wcs", files=files).out
    second = contents(out)
    assert [first[name] == second[name] for name in first] == [False, True, True]


def test_targets_have_their_place(tmp_path):

    words = ["run", inputs.TARGET, "--caldir", inputs.EXAMPLE, "--outdir", tmp_path]
    command(*words)
    (row,) = tica_fn.run.open_record(tmp_path).rows("frames")
    assert row["kind"] == "target"
    assert row["product"].startswith("cam2-ccd3/")
    assert row["wcs"] == "none"
    assert (tmp_path / row["product"]).exists()
    command(*words)


def test_camera_frames_give_the_time_series_of_tica(tmp_path, capsys):
    """The very text that TICA 1.4 wrote for them, from the record of a run."""
    paths = make_camera_frames(tmp_path)
    out = tmp_path / "out"
    words = ["run", *paths, "--caldir", tmp_path / "calibration_10min", "--outdir", out]
    command(*words, "--no-wcs", "--jobs", 2)
    assert {path.name for path in out.glob("cam*")} == {f"cam2-ccd{k}" for k in (1, 2, 3, 4)}
    command("select-dark", out, "--tica", tmp_path / "tica")
    golden = Path(__file__).parents[1] / "data" / "run" / "cal_timeseries.txt"
    assert (tmp_path / "tica/cam2/cal_timeseries.txt").read_text() == golden.read_text()
    listed = (tmp_path / "tica/cam2_ccd1/rms_list").read_text().split()
    assert all((out / "cam2-ccd1" / name).exists() for name in listed)
    assert len(listed) == 3
    command(*words, "--no-wcs", "--trim")
    rows = tica_fn.run.open_record(out).rows("frames")
    assert {row["wcs"] for row in rows} == {""}
    assert len(rows) == 16


def test_a_file_that_fails_is_named_and_tried_again_only_when_asked(plain, tmp_path, go):
    (tmp_path / "raw").mkdir()
    good, bad = sorted((plain / "raw").iterdir())[:2]
    files = [shutil.copy(good, tmp_path / "raw"), shutil.copy(bad, tmp_path / "raw")]
    spoiled = Path(files[1])
    spoiled.write_bytes(bad.read_bytes()[:-40000])
    out = tmp_path / "out"
    printed = go(plain, out, "--no-wcs", files=files, code=1, report=True)
    assert f"{spoiled}: " in printed.err
    assert "truncated" in printed.err
    assert f"{spoiled}: " in (out / "report.html").read_text()
    again = go(plain, out, "--no-wcs", files=files, code=1)
    assert "0 done, 2 skipped, 0 failed; 1 that failed are left" in again.out
    assert "failed before, --retry-failed tries again" in again.out
    assert "1 failed" in go(plain, out, "--no-wcs", "--retry-failed", files=files, code=1).out
    shutil.copy(bad, spoiled)
    assert "1 done, 1 skipped, 0 failed" in go(plain, out, "--no-wcs", files=files).out
    gone = go(plain, out, "--no-wcs", files=[*files, tmp_path / "none.fits"], code=1)
    assert f"{tmp_path / 'none.fits'}: No such file" in gone.err


def test_a_configuration_file_says_all_and_the_command_line_wins(plain, tmp_path, capsys):
    (caldir,) = plain.glob("calibration_*")
    (tmp_path / "run.toml").write_text(
        f'files = ["{plain}/raw"]\noutdir = "out"\nno-wcs = true\njobs = 2\nquality = true\n'
        f'[models]\ncaldir = "{caldir}"\n[products]\ncompress = "gzip"\nwithout = ["flat"]\n'
    )
    words = ["run", "--config", tmp_path / "run.toml", "--compress", "none", "--without", "smear"]
    command(*words, "--no-quality")
    names = list(contents(tmp_path / "out"))
    assert len(names) == 8
    assert all(name.endswith(".cal.fits") for name in names)
    header = fits.getheader(tmp_path / "out" / names[0])
    steps = [header[f"CALSTEP{k}"] for k in range(1, header["NSTEPS"] + 1)]
    assert "subtract_smear" not in steps
    assert "divide_flat" in steps
    said = json.loads(tica_fn.run.open_record(tmp_path / "out").rows("runs")[0]["configuration"])
    assert said["without"] == ["smear"]
    assert (said["quality"], said["no_wcs"]) == (False, True)
    assert said["jobs"] == 2
    assert said["pedestal"] == "mean"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("no = [toml", "not TOML"),
        ("compres = 'none'", "did you mean compress?"),
        ("compress = 'zip'", "not one of none, gzip, rice, gzip2"),
        ("jobs = 0", "positive whole number"),
        ("no-wcs = 'yes'", "true or false"),
        ("jobs = [1]", "give one value"),
        ("[a]\njobs = 1\n[b]\njobs = 2", "given twice"),
    ],
)
def test_a_wrong_configuration_is_one_line(plain, tmp_path, capsys, text, word):
    (tmp_path / "run.toml").write_text(text)
    command("run", plain / "raw", "--outdir", tmp_path, "--config", tmp_path / "run.toml", code=1)
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"tica-fn: {tmp_path / 'run.toml'}: ")
    assert word in line


def test_a_configuration_names_a_list_and_a_folder_means_its_raw_files(plain, tmp_path):
    """Paths are taken from the file's folder on; products, models and notes are no inputs."""
    (caldir,) = plain.glob("calibration_*")
    raw = tmp_path / "night"
    raw.mkdir()
    first, second, third = sorted((plain / "raw").iterdir())[:3]
    shutil.copy(first, raw / "any_name.fits")
    shutil.copytree(caldir, raw / "models")
    command("calibrate", second, "--caldir", caldir, "--outdir", raw)
    (raw / "notes.txt").write_text("cloudy")
    fits.PrimaryHDU(np.zeros((4, 4))).writeto(raw / "small.fits")
    (tmp_path / "list.txt").write_text(f"{third}\n")
    (tmp_path / "run.toml").write_text(
        'files = ["night"]\nlist = "list.txt"\noutdir = "out"\nno-wcs = true\nno-report = true\n'
    )
    command("run", "--config", tmp_path / "run.toml", "--caldir", caldir)
    names = {Path(row["path"]).name for row in tica_fn.run.open_record(tmp_path / "out")["inputs"]}
    assert names == {"any_name.fits", third.name}


def test_a_dry_run_does_nothing(plain, tmp_path, go):
    out = tmp_path / "out"
    printed = go(plain, out, "--dry-run", "--jobs", 2).out
    assert "8 files: 8 to be done, 0 are done" in printed
    assert "0.14 GB, measured here with 3 rounds of 6 frames" in printed
    span = r"\d+ (s|min|h)"  # Minutes where kernels are compiled first.
    assert re.search(
        rf"about {span} \({span} to {span} by the fastest and slowest round\)", printed
    )
    assert "without solutions, which could not be timed" in printed  # There are no stars.
    assert not out.exists()
    go(plain, out, "--no-wcs", files=sorted((plain / "raw").iterdir())[:3])
    printed = go(plain, out, "--dry-run", "--no-wcs").out
    assert "8 files: 5 to be done, 3 are done" in printed
    assert "measured in this run" in printed


def test_wrong_words_are_one_line(plain, tmp_path, go, capsys):
    (caldir,) = plain.glob("calibration_*")
    (tmp_path / "empty").mkdir()
    for words, said in (
        (["--outdir", tmp_path, "--caldir", caldir], "no input files"),
        ([tmp_path / "empty", "--outdir", tmp_path, "--caldir", caldir], "no raw files in"),
        ([plain / "raw"], "--caldir and --outdir"),
    ):
        command("run", *words, code=2)
        (line,) = capsys.readouterr().err.splitlines()
        assert said in line
    (tmp_path / "file").write_text("")
    assert "the output folder is a file" in go(plain, tmp_path / "file", code=1).err


def test_one_writer_at_a_time(plain, tmp_path, go):
    with RecordWriter(tmp_path):
        printed = go(plain, tmp_path, "--no-wcs", code=1)
    assert "another tica-fn is at work on this run" in printed.err


def test_network_folders_are_told():
    mounts = "/dev/a / ext4 rw\nserver:/b /tmp nfs4 rw\nc /tmp/local tmpfs rw\n"
    assert on_network(Path("/tmp/x"), mounts)
    assert not on_network(Path("/tmp/local/x"), mounts)
    assert not on_network(Path("/"), mounts)


def test_status_tells_counts_and_failures(plain, tmp_path, go, capsys):
    bad = tmp_path / "bad_ffir.fits"
    bad.write_bytes(b"text")
    files = [*sorted((plain / "raw").iterdir())[:2], bad]
    go(plain, tmp_path / "out", "--no-wcs", files=files, code=1)
    command("status", tmp_path / "out", code=1)
    printed = capsys.readouterr().out
    assert "failed: 2 of 3 files calibrated, 1 failed; 2 products" in printed
    assert f"failed: {bad}: not a FITS file" in printed
    command("status", tmp_path / "out", "--watch", code=1)
    command("status", tmp_path, code=1)
    assert "no record of a run" in capsys.readouterr().err


def test_the_record_is_one_file_when_nobody_has_it_open(sky_run, tmp_path):
    record = tmp_path / "run.sqlite"
    shutil.copy(sky_run / "run.sqlite", record)
    assert [p.name for p in sky_run.glob("run.sqlite*")] == ["run.sqlite"]
    left = sqlite3.connect(f"file:{record}?mode=ro", uri=True)  # as other programs may
    left.execute("SELECT count(*) FROM frames").fetchone()
    left.close()
    assert (tmp_path / "run.sqlite-wal").exists()
    before = record.read_bytes()
    command("status", tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["run.sqlite"]
    table = tica_fn.run.open_record(tmp_path)
    assert len(table["frames"]) == 8
    with pytest.raises(BadFileError, match="readonly"):
        table.query("DELETE FROM frames")
    assert [p.name for p in tmp_path.iterdir()] == ["run.sqlite"]
    assert record.read_bytes() == before


def test_a_record_that_only_may_be_read_tells_all_or_nothing(sky_run, tmp_path, monkeypatch):
    record = tmp_path / "run.sqlite"
    shutil.copy(sky_run / "run.sqlite", record)

    def only_as_it_is(place, **options):
        if "immutable" not in place:
            raise sqlite3.OperationalError("unable to open database file")
        return sqlite3.Connection(place, **options)

    monkeypatch.setattr("tica_fn.run.database.sqlite3.connect", only_as_it_is)
    assert len(tica_fn.run.open_record(tmp_path)["frames"]) == 8
    (tmp_path / "run.sqlite-wal").touch()
    assert len(tica_fn.run.open_record(tmp_path)["frames"]) == 8
    (tmp_path / "run.sqlite-wal").write_bytes(b"changes")
    with pytest.raises(PermissionError, match=r"in run\.sqlite-wal, .*copy the folder"):
        tica_fn.run.open_record(tmp_path)


def test_the_row_of_the_production_table(sky_run, capsys):
    command("status", sky_run, "--production-table")
    names, _, values = capsys.readouterr().out.splitlines()
    row = dict(zip(names.split(" | "), values.split(" | "), strict=True))
    assert row["| sector"] == "| 35"
    assert row["reference frame"] == "00009004"
    assert float(row["mean good fraction"]) > 0.5


def test_select_dark_of_a_run(sky_run, tmp_path, capsys):
    command("select-dark", sky_run, "--tica", tmp_path)
    assert (tmp_path / "reffin.txt").read_text() == "cam2_ccd3 00009004\n"
    assert (tmp_path / "cam2_ccd3" / "bad_calibration.txt").read_text() == ""
    lines = (tmp_path / "cam2" / "cal_timeseries.txt").read_text().splitlines()
    assert len(lines) == 9
    assert lines[1].split()[0].endswith("-00009000-2-s_ffir.fits")
    listed = (tmp_path / "cam2_ccd3" / "rms_list").read_text().split()
    assert all((sky_run / "cam2-ccd3" / name).exists() for name in listed)
    again = tmp_path / "again"
    command(
        "select-dark", "--timeseries", tmp_path / "cam2" / "cal_timeseries.txt", "--tica", again
    )
    assert (again / "reffin.txt").read_text() == "cam2_ccd3 00009004\n"


def test_a_log_is_lines_of_json(plain, tmp_path, go):
    log = tmp_path / "log.jsonl"
    bad = tmp_path / "bad_ffir.fits"
    bad.write_bytes(b"text")
    files = [*sorted((plain / "raw").iterdir())[:2], bad]
    go(plain, tmp_path / "out", "--no-wcs", "--log", log, files=files, code=1)
    events = [json.loads(line) for line in log.read_text().splitlines()]
    assert [one["event"] for one in events] == ["start", *["outcome"] * 3, "end"]
    assert events[0]["versions"]["tica-fn"] == tica_fn.__version__
    assert {one["state"] for one in events[1:-1]} == {"done", "failed"}
    assert events[-1]["code"] == 1


def test_transients_are_told_by_time_and_only_once(plain, tmp_path, capsys):
    """The pixels of a row that grow by one count a frame are none; a ray in one raw file is."""
    raws = tmp_path / "raw"
    raws.mkdir()
    for path in sorted((plain / "raw").iterdir())[:4]:
        with fits.open(path) as hdus:
            if path.name == sorted((plain / "raw").iterdir())[2].name:
                hdus[1].data[700, 1500:1503] += 200_000
            hdus.writeto(raws / path.name, checksum=True)
    out = tmp_path / "out"
    words = ["run", raws, "--caldir", plain / "calibration_30min", "--outdir", out, "--no-wcs"]
    words = [str(word) for word in [*words, "--no-report", "--transients"]]
    assert main(words) == 0
    assert "frames with cosmic rays flagged by time: 4 done, 0 failed" in capsys.readouterr().out
    products = sorted((out / "cam4-ccd3").iterdir())
    assert len(products) == 4
    for n, product in enumerate(products):
        assert fits.getheader(product)["TRANSMRK"] is True
        quality = tica_fn.read(product).quality
        rays = (quality[700, 1500:1503] & Pixel.COSMIC_RAY > 0).tolist()
        assert rays == ([True] * 3 if n == 2 else [False] * 3)
    before = [product.read_bytes() for product in products]
    assert main(words) == 0
    assert "transients: 0 done, 4 skipped" in capsys.readouterr().out
    assert [product.read_bytes() for product in products] == before


def test_too_few_frames_for_transients_are_told(plain, tmp_path, go):
    files = sorted((plain / "raw").iterdir())[:2]
    printed = go(plain, tmp_path, "--no-wcs", "--transients", files=files).out
    assert "2 of camera 4 CCD 3, 1800.0 s, can't be searched: that takes three frames" in printed
    assert "transients: 0 done" not in printed


ALL_DONE = """
import sys
from tica_fn.cli import main
assert main(sys.argv[1:]) == 0
print(*sys.modules)
"""


def test_a_go_that_finds_all_done_loads_nothing_that_works_at_files(plain, tmp_path):
    (caldir,) = plain.glob("calibration_*")
    words = ["run", plain / "raw", "--caldir", caldir, "--outdir", tmp_path, "--no-wcs"]
    command(*words)
    again = [sys.executable, "-c", ALL_DONE, *map(str, words)]
    said = subprocess.run(again, check=True, capture_output=True, text=True).stdout
    assert "0 done, 8 skipped, 0 failed" in said
    loaded = set(said.splitlines()[-1].split())
    assert "tica_fn.run.runner" in loaded
    assert not loaded & {"numpy", "numba", "astropy", "tica_fn.run.work", "tica_fn.run.page"}


def test_the_record_has_columns_of_every_amplifier():
    assert tuple(letter.upper() for letter in LETTERS) == AMPLIFIERS
