"""Bad input through the command: one line with file and cause, exit code 1, nothing written."""

import contextlib
import gzip
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

from tests import inputs
from tica_fn.cli import main

SHAPE = (2078, 2136)
NAME = inputs.name_of()


@pytest.fixture(scope="module")
def caldir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "calibration_02min"
    return inputs.tica_models(folder, np.full(SHAPE, 2.0), np.full(SHAPE, 0.5))


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """A raw frame that calibrates: its bytes."""
    pixels = np.full(SHAPE, 7000, np.int32)
    pixels[::3, ::5] += 1000
    return inputs.raw_ffi(tmp_path_factory.mktemp("good") / NAME, pixels).read_bytes()


@pytest.fixture
def calibrate(caldir, tmp_path, capsys):
    """Run the command on files; gives exit code, standard output and the lines of the error."""

    def run(*files, caldir=caldir, outdir=tmp_path / "out", options=()):
        words = ["calibrate", *files, "--caldir", caldir, "--outdir", outdir, *options]
        code = main([str(word) for word in words])
        printed = capsys.readouterr()
        return code, printed.out, printed.err.splitlines()

    return run


def left_in(folder):
    """Every file below a folder, hidden ones too."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def assert_refused(result, outdir, *needles, code=1):
    """One line with all the needles, the exit code, nothing written."""
    found, _, lines = result
    assert found == code
    assert len(lines) == 1, lines
    assert lines[0].startswith("tica-fn: ")
    for needle in ("Traceback", "unexpected", "Errno"):
        assert needle not in lines[0]
    for needle in needles:
        assert str(needle) in lines[0], (needle, lines[0])
    if outdir is not None:
        assert not outdir.is_dir() or not left_in(outdir)


# Files that are damaged: from the bytes of a good one.


def cut(size):
    return lambda good: good[:size]


def gzipped(change, level=1):
    return lambda good: change(gzip.compress(good, level, mtime=0))


def flipped(data, place):
    changed = bytearray(data)
    changed[place] ^= 0x10
    return bytes(changed)


def replaced(old, new):
    def change(good):
        assert len(old) == len(new)
        assert good.count(old) == 1
        return good.replace(old, new)

    return change


DAMAGED = {
    "empty": (lambda good: b"", "empty"),
    "one byte": (lambda good: b"S", "not a FITS file"),
    "text": (lambda good: b"These are not the pixels.\n" * 500, "not a FITS file"),
    "random bytes": (lambda good: np.random.default_rng(0).bytes(9000), "not a FITS file"),
    "cut within the first header": (cut(1000), "truncated within the header"),
    "cut at one block": (cut(2000), "truncated within the header"),
    "cut within the second header": (cut(2880 + 1500), "truncated within the header"),
    "cut after the first HDU": (cut(2880), "neither a full-frame image"),
    "cut after the headers": (cut(2880 * 3), "truncated"),
    "cut within the pixels": (cut(9_000_000), "truncated"),
    "one byte of pixels short": (lambda good: good[: -(768 + 1)], "truncated"),
    "cut gzip": (gzipped(lambda packed: packed[: len(packed) // 2]), "broken gzip"),
    "gzip header alone": (gzipped(lambda packed: packed[:8]), "broken gzip"),
    "gzip less its last bytes": (gzipped(lambda packed: packed[:-5]), "broken gzip"),
    "gzip with a wrong sum": (gzipped(lambda packed: flipped(packed, -6)), "broken gzip"),
    # Level 0 stores: where pixels repeat, a flipped bit can turn a match into one of the same text.
    "gzip with a flipped bit": (
        gzipped(lambda packed: flipped(packed, len(packed) // 2), level=0),
        "broken gzip",
    ),
    "gzip of nothing": (lambda good: gzip.compress(b""), "empty"),
    "gzip of text": (lambda good: gzip.compress(b"text" * 99), "not a FITS file"),
    "a pixel changed": (lambda good: flipped(good, 8_000_000), "DATASUM"),
    "a card changed": (replaced(b"'22128 FfiExporter'", b"'22129 FfiExporter'"), "CHECKSUM"),
    "letters beyond ASCII": (replaced(b"FfiExporter", "FfiExportér".encode()[:11]), "CHECKSUM"),
    "BITPIX of nothing": (replaced(b"                   32 ", b"                   33 "), ""),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_damaged_file(kind, good, calibrate, tmp_path):
    change, cause = DAMAGED[kind]
    path = tmp_path / NAME
    path.write_bytes(change(good))
    assert_refused(calibrate(path), tmp_path / "out", path, cause)


def test_missing_file(calibrate, tmp_path):
    path = tmp_path / NAME
    assert_refused(calibrate(path), tmp_path / "out", path, "No such file")


def test_folder_in_place_of_a_file(calibrate, tmp_path):
    path = tmp_path / NAME
    path.mkdir()
    assert_refused(calibrate(path), tmp_path / "out", path, "directory")


def test_pipe(calibrate, tmp_path):
    """Nobody writes into it: it is not waited for."""
    os.mkfifo(tmp_path / NAME)
    assert_refused(calibrate(tmp_path / NAME), tmp_path / "out", tmp_path / NAME, "a pipe")


def test_special_file(calibrate, tmp_path):
    assert_refused(calibrate("/dev/null"), tmp_path / "out", "/dev/null", "empty")


# Files that are whole FITS but not what a frame needs.

CAMERA = "CAMERA", "camera"
ODD = {
    "square": ({"shape": (2048, 2048)}, "2048 x 2048", "2078 x 2136"),
    "turned": ({"shape": SHAPE[::-1]}, "2136 x 2078", "2078 x 2136"),
    "cube": ({"shape": (1, *SHAPE)}, "1 x 2078 x 2136", "2078 x 2136"),
    "row": ({"shape": (2136,)}, "2136", "2078 x 2136"),
    "no exposure": ({"drop": ["EXPOSURE"]}, "no exposure time", "EXPOSURE"),
    "exposure of zero": ({"image": {"EXPOSURE": 0.0}}, "EXPOSURE is 0"),
    "negative exposure": ({"image": {"EXPOSURE": -0.02}}, "EXPOSURE is -0.02"),
    "exposure in words": ({"image": {"EXPOSURE": "long"}}, "EXPOSURE is 'long'"),
    "no camera": ({"drop": ["CAMERA"]}, "no camera number", "CAMERA"),
    "no CCD": ({"drop": ["CCD"]}, "no CCD number", "CCD"),
    "camera 0": ({"image": {"CAMERA": 0}}, "camera 0", "1 to 4"),
    "camera 5": ({"image": {"CAMERA": 5}}, "camera 5", "1 to 4"),
    "CCD 9": ({"image": {"CCD": 9}}, "CCD 9", "1 to 4"),
    "CCD -1": ({"image": {"CCD": -1}}, "CCD -1", "1 to 4"),
    "camera and a half": ({"image": {"CAMERA": 2.5}}, "2.5", "whole"),
    "camera in words": ({"image": {"CAMERA": "two"}}, "'two'"),
    "camera that is a truth": ({"image": {"CAMERA": True}}, "CAMERA is True"),
    "no reads": ({"image": {"NREADOUT": 0}}, "NREADOUT is 0"),
    "other exposure": ({"exposure_s": 1800}, "1800 s", "120 s"),
    "no models of that CCD": (
        {"camera": 4, "ccd": 1}, "no model of camera 4 CCD 1", "cam4_ccd1", "calibration_02min",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", ODD)
def test_file_that_is_not_what_a_frame_needs(kind, calibrate, tmp_path):
    knobs, *causes = ODD[kind]
    knobs = {"shape": SHAPE, "dtype": np.int32} | knobs
    pixels = np.zeros(knobs.pop("shape"), knobs.pop("dtype"))
    path = inputs.raw_ffi(tmp_path / NAME, pixels, checksum=False, **knobs)
    assert_refused(calibrate(path), tmp_path / "out", path, *causes)


def test_exposure_that_is_no_number_at_all(calibrate, tmp_path, good):
    path = tmp_path / NAME
    start = good.index(b"EXPOSURE=")
    card = b"EXPOSURE= 1.2.3.4 / [d]".ljust(80)
    path.write_bytes(
        (good[:start] + card + good[start + 80 :])
        .replace(b"CHECKSUM", b"CHECKS  ")
        .replace(b"DATASUM ", b"DATAS   ")
    )
    assert_refused(calibrate(path), tmp_path / "out", path, "EXPOSURE")


def test_primary_image_that_is_no_product(calibrate, tmp_path):
    path = tmp_path / NAME
    fits.PrimaryHDU(np.zeros((4, 6), np.float32)).writeto(path)
    assert_refused(calibrate(path), tmp_path / "out", path, "4 x 6")


def test_table_without_raw_counts(calibrate, tmp_path):
    path = tmp_path / "table.fits"
    column = fits.Column("FLUX", "E", array=np.zeros(3))
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns([column])]).writeto(path)
    assert_refused(calibrate(path), tmp_path / "out", path, "RAW_CNTS")


def test_calibrated_frame_is_not_calibrated_again(good, calibrate, tmp_path):
    (tmp_path / NAME).write_bytes(good)
    assert calibrate(tmp_path / NAME)[0] == 0
    (product,) = (tmp_path / "out").iterdir()
    refused = calibrate(product, outdir=tmp_path / "again")
    assert_refused(refused, tmp_path / "again", product, "calibrated")


# Models that can't be right.


def spoiled(bias=None, flat=None, value=0.0):
    def change(folder):
        kind = "twodbias" if bias else "flatfields"
        (path,) = (folder / kind).iterdir()
        image = fits.getdata(path).copy()
        image[bias or flat] = value
        fits.PrimaryHDU(image).writeto(path, overwrite=True)

    return change


def rewritten(image):
    def change(folder):
        (path,) = (folder / "flatfields").iterdir()
        fits.PrimaryHDU(image).writeto(path, overwrite=True)

    return change


def with_file(kind, change):
    def apply(folder):
        (path,) = (folder / kind).iterdir()
        change(path)

    return apply


MODELS = {
    "NaN in the bias": (spoiled(bias=(5, 7), value=np.nan), "twoDcorrect", "row 5, column 7"),
    "infinite bias": (spoiled(bias=(5, 7), value=np.inf), "twoDcorrect", "row 5, column 7"),
    "NaN in the flat": (spoiled(flat=(9, 3), value=np.nan), "image.fits", "row 9, column 3"),
    "zero in the flat": (spoiled(flat=(9, 3), value=0.0), "image.fits", "zero", "row 9, column 3"),
    "flat 16 times too bright": (
        spoiled(flat=(9, 50), value=0.0625), "image.fits", "0.1 to 10", "row 9, column 50: 0.0625"
    ),
    "flat far too dark": (spoiled(flat=(2047, 2091), value=11), "image.fits", "column 2091: 11"),
    "negative flat": (spoiled(flat=(0, 44), value=-1.0), "image.fits", "row 0, column 44: -1"),
    "bias no ADC can give": (spoiled(bias=(5, 7), value=1e9), "twoDcorrect", "row 5, column 7"),
    "bias as far below": (spoiled(bias=(5, 7), value=-1e9), "twoDcorrect", "row 5, column 7"),
    "flat of another shape": (rewritten(np.ones((10, 10), "f4")), "image.fits", "10 x 10"),
    "flat without image": (rewritten(None), "image.fits"),
    "empty flat": (with_file("flatfields", lambda p: p.write_bytes(b"")), "image.fits", "empty"),
    "cut bias": (
        with_file("twodbias", lambda p: p.write_bytes(p.read_bytes()[:5_000_000])),
        "twoDcorrect", "truncated",
    ),
    "no bias": (with_file("twodbias", lambda p: p.unlink()), "no model of camera 2 CCD 3"),
    "flat of another CCD": (
        with_file("flatfields", lambda p: fits.setval(p, "CCD", value=4)), "image.fits", "CCD 4",
    ),
    "two flats": (
        with_file("flatfields", lambda p: shutil.copy(p, f"{p}.gz")), "several models",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", MODELS)
def test_models_that_can_not_be_right(kind, good, calibrate, caldir, tmp_path):
    change, *causes = MODELS[kind]
    copy = tmp_path / "models" / "calibration_02min"
    shutil.copytree(caldir, copy)
    change(copy)
    (tmp_path / NAME).write_bytes(good)
    refused = calibrate(tmp_path / NAME, caldir=copy)
    assert_refused(refused, tmp_path / "out", tmp_path / NAME, copy, *causes)


def test_no_models_at_all(good, calibrate, tmp_path):
    (tmp_path / NAME).write_bytes(good)
    nowhere, empty, unnamed = (tmp_path / name for name in ("nowhere", "empty", "unnamed"))
    empty.mkdir()
    (unnamed / "twodbias").mkdir(parents=True)
    for folder, cause in (
        (nowhere, "no such folder"),
        (empty, "neither"),
        (unnamed, "exposure time"),
    ):
        refused = calibrate(tmp_path / NAME, caldir=folder)
        assert_refused(refused, tmp_path / "out", folder, cause)


@pytest.mark.parametrize(
    ("kind", "change", "cause"),
    [
        ("gain", lambda text: "<channel", "not XML"),
        ("gain", lambda text: "<?xml version='1.0' encoding='F'?><a/>", "not XML"),
        ("gain", lambda text: text.replace('ccdOutput="C"', 'ccdOutput="E"'), "no amplifier C"),
        ("linearity", lambda text: text.replace("linearityPoly", "poly"), "polynomial"),
        ("undershoot", lambda text: text.replace('undershoot="', 'undershoot="x'), "undershoot"),
    ],
)
def test_constants_that_can_not_be_right(kind, change, cause, calibrate, tmp_path):
    folder = tmp_path / "models"
    folder.mkdir()
    for path in inputs.EXAMPLE.iterdir():
        if path.suffix == ".fz" or path.suffix == ".xml":
            shutil.copy(path, folder)
    (path,) = folder.glob(f"*{kind}.xml")
    text = path.read_text()
    path.write_text(change(text))
    assert path.read_text() != text
    refused = calibrate(inputs.TARGET, caldir=folder)
    assert_refused(refused, tmp_path / "out", path.name, cause)


# Places that can't be written.


def test_outdir_is_a_file(good, calibrate, tmp_path):
    (tmp_path / NAME).write_bytes(good)
    out = tmp_path / "out"
    out.write_text("mine")
    assert_refused(calibrate(tmp_path / NAME), None, out, "is a file")
    assert out.read_text() == "mine"


def test_list_that_is_not_text(calibrate, tmp_path):
    (tmp_path / "list").write_bytes(b"\xff\xfe\x00")
    refused = calibrate(options=["--list", tmp_path / "list"])
    assert_refused(refused, tmp_path / "out", tmp_path / "list", "not a text file")


def test_outdir_below_a_file(good, calibrate, tmp_path):
    (tmp_path / NAME).write_bytes(good)
    (tmp_path / "file").write_text("mine")
    refused = calibrate(tmp_path / NAME, outdir=tmp_path / "file" / "out")
    assert_refused(refused, None, tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


def test_output_is_a_folder(good, calibrate, tmp_path):
    (tmp_path / NAME).write_bytes(good)
    product = tmp_path / "out" / NAME.replace(".fits", ".cal.fits")
    (product / "mine").mkdir(parents=True)
    assert_refused(calibrate(tmp_path / NAME), tmp_path / "out", product)


@contextlib.contextmanager
def mounted(folder, options):
    """A small file system in memory, where the tests may mount one."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        refused = done.returncode != 0
    except OSError:
        refused = True
    if refused:
        pytest.skip("mounting a file system is not permitted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_outdir_is_read_only(good, calibrate, tmp_path):
    (tmp_path / NAME).write_bytes(good)
    with mounted(tmp_path / "out", "ro,size=1m") as out:
        assert_refused(calibrate(tmp_path / NAME), out, out)


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_outdir_without_permission(good, calibrate, tmp_path):
    (tmp_path / NAME).write_bytes(good)
    (tmp_path / "out").mkdir(mode=0o500)
    assert_refused(calibrate(tmp_path / NAME), tmp_path / "out", tmp_path / "out")


@pytest.mark.parametrize("jobs", [1, 2])
def test_disk_full(good, calibrate, tmp_path, jobs):
    """Room for one product: it is written, the others fail, and nothing of them is left."""
    paths = [tmp_path / inputs.name_of(number) for number in range(3)]
    for path in paths:
        path.write_bytes(good)
    with mounted(tmp_path / "out", "size=20m") as out:
        code, printed, lines = calibrate(*paths, options=["--jobs", jobs])
        assert code == 1
        written = left_in(out)
        assert len(written) <= 1
        assert len(lines) == 3 - len(written)
        assert all("No space left on device" in line for line in lines)
        assert all(str(out) in line for line in lines)
        for name in written:
            with fits.open(out / name, checksum=True) as opened:
                assert opened[0].data.shape == SHAPE
        assert f"{len(written)} done, 0 skipped, {len(lines)} failed" in printed


@pytest.mark.parametrize("seconds", ["yesterday", "1e9", "99999999999999999"])
def test_date_that_is_none(good, calibrate, tmp_path, monkeypatch, seconds):
    (tmp_path / NAME).write_bytes(good)
    monkeypatch.setenv("SOURCE_DATE_EPOCH", seconds)
    assert_refused(calibrate(tmp_path / NAME), tmp_path / "out", "SOURCE_DATE_EPOCH", seconds)


# Lists, and many files.


@pytest.mark.parametrize("jobs", [1, 2])
def test_bad_files_do_not_stop_the_good(good, calibrate, tmp_path, jobs):
    paths = [tmp_path / inputs.name_of(number) for number in range(5)]
    for path in paths:
        path.write_bytes(good)
    paths[1].write_bytes(good[:10_000])
    paths[2].write_bytes(b"")
    paths[4].unlink()
    code, printed, lines = calibrate(*paths, options=["--jobs", jobs])
    assert code == 1
    assert sorted(line.split(":")[1].strip() for line in lines) == [
        str(paths[k]) for k in (1, 2, 4)
    ]
    expected = [paths[k].name.replace(".fits", ".cal.fits") for k in (0, 3)]
    assert left_in(tmp_path / "out") == expected
    assert "2 done, 0 skipped, 3 failed" in printed
    summary = printed[printed.index("2 done") :].splitlines()[1:]
    assert sorted(summary) == sorted(line.replace("tica-fn: ", "failed: ", 1) for line in lines)


def test_missing_list(calibrate, tmp_path):
    refused = calibrate(options=["--list", tmp_path / "list.txt"])
    assert_refused(refused, tmp_path / "out", tmp_path / "list.txt", "No such file")


def test_nothing_to_do(calibrate, tmp_path):
    assert_refused(calibrate(), tmp_path / "out", "no input files", code=2)


def test_two_inputs_of_one_name(good, calibrate, tmp_path):
    paths = [tmp_path / folder / NAME for folder in "ab"]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(good)
    product = tmp_path / "out" / NAME.replace(".fits", ".cal.fits")
    assert_refused(calibrate(*paths), tmp_path / "out", *paths, product)


@pytest.mark.parametrize("words", [[], ["x.fits"], ["x.fits", "--caldir", "m", "--jobs", "0"]])
def test_wrong_arguments(words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["calibrate", *words])
    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_a_process_of_its_own_says_the_same(caldir, tmp_path):
    """As a user runs it: no warnings, no traceback, the exit code of the process."""
    path = tmp_path / NAME
    path.write_bytes(b"These are not the pixels.")
    done = subprocess.run(
        [sys.executable, "-m", "tica_fn", "calibrate", str(path), "--caldir", str(caldir),
         "--outdir", str(tmp_path / "out")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    refused = done.returncode, done.stdout, done.stderr.splitlines()
    assert_refused(refused, tmp_path / "out", path, "not a FITS file")


@pytest.mark.parametrize("place", [None, 0, 1])
def test_a_traceback_is_shown_only_where_it_is_asked_for(tmp_path, capsys, place):
    words = ["calibrate", str(tmp_path / "none.fits"), "--caldir", str(tmp_path)]
    if place is not None:
        words.insert(place, "--debug")
    assert main([*words, "--outdir", str(tmp_path)]) == 1
    said = capsys.readouterr().err
    assert f"{tmp_path / 'none.fits'}: No such file" in said
    assert ("Traceback" in said) == (place is not None)
