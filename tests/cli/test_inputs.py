"""Inputs of every command: folders, lists, addresses; wrong arguments; one bad file of many."""

import io
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

from tests import inputs
from tica_fn.cli import main, make_parser
from tica_fn.errors import BadFileError, of_the_package

SHAPE = (2078, 2136)
NAMES = [inputs.name_of(number) for number in range(2)]


@pytest.fixture(scope="module")
def caldir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "calibration_02min"
    return inputs.tica_models(folder, np.full(SHAPE, 2.0), np.full(SHAPE, 0.5))


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """A folder as people have it: raw frames, one of them deeper, and all kinds of other files."""
    folder = tmp_path_factory.mktemp("raw")
    (folder / "cam2").mkdir()
    pixels = np.full(SHAPE, 7000, np.int32)
    pixels[::3, ::5] += 1000
    inputs.raw_ffi(folder / NAMES[0], pixels)
    inputs.raw_ffi(folder / "cam2" / NAMES[1], pixels + 1)
    (folder / "notes.txt").write_text("mine")
    (folder / f".{NAMES[0]}").write_bytes(b"hidden")
    fits.PrimaryHDU(np.zeros((4, 6), np.float32)).writeto(folder / "other.fits")
    column = fits.Column("FLUX", "E", array=np.zeros(3))
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns([column])]).writeto(
        folder / "table.fits"
    )
    return folder


@pytest.fixture
def run(capsys):
    def go(*words):
        try:
            code = main([str(word) for word in words])
        except SystemExit as stopped:
            code = stopped.code
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return go


@pytest.fixture
def calibrate(run, caldir, tmp_path):
    out = tmp_path / "out"

    def go(*words):
        code, printed, said = run("calibrate", *words, "--caldir", caldir, "--outdir", out)
        made = sorted(path.name for path in out.iterdir()) if out.exists() else []
        return code, made, printed, said

    return go


PRODUCTS = [name.replace(".fits", ".cal.fits") for name in NAMES]


def test_a_folder_means_its_raw_files(raw, calibrate, run, tmp_path):
    code, made, printed, said = calibrate(raw)
    assert (code, made, said) == (0, PRODUCTS, "")
    assert "2 done, 0 skipped, 0 failed" in printed
    products = tmp_path / "out"
    shutil.copy(raw / NAMES[0], products)
    code, printed, said = run("report", products, "--outdir", tmp_path / "pictures")
    assert code == 0
    assert printed.count("_profiles.png") == 3  # one of each frame, beside others
    code, printed, said = run("convert", products, "--outdir", tmp_path / "spoc")
    assert code == 1
    assert sorted(line.split(":")[1].strip() for line in said.splitlines()) == [
        str(products / name) for name in PRODUCTS
    ]


def test_a_folder_with_its_own_outputs_in_it_means_its_raw_files(raw, caldir, run, tmp_path):
    folder = tmp_path / "all"
    shutil.copytree(raw, folder)
    for count in ("2 done, 0 skipped", "0 done, 2 skipped"):
        code, printed, _ = run("calibrate", folder, "--caldir", caldir, "--outdir", folder)
        assert code == 0
        assert count in printed


def test_a_broken_file_of_a_folder_is_told(raw, calibrate, tmp_path):
    folder = tmp_path / "some"
    shutil.copytree(raw, folder)
    (folder / "empty_ffir.fits").write_bytes(b"")
    (folder / "cut_ffir.fits").write_bytes((raw / NAMES[0]).read_bytes()[:9_000_000])
    code, made, printed, said = calibrate(folder)
    assert (code, made) == (1, PRODUCTS)
    assert "2 done, 0 skipped, 2 failed" in printed
    assert "empty_ffir.fits: the file is empty" in said
    assert "cut_ffir.fits: HDU 1: the file is truncated" in said


def test_a_folder_of_nothing_fails_and_the_others_go_on(raw, calibrate, tmp_path):
    (tmp_path / "empty").mkdir()
    code, made, _, said = calibrate(tmp_path / "empty", raw)
    assert (code, made) == (1, PRODUCTS)
    assert said == f"tica-fn: {tmp_path / 'empty'}: a directory without raw files\n"


LISTS = {
    "plain": lambda a, b: b"%s\n# a remark\n\n%s # another\n" % (a, b),
    "byte order mark": lambda a, b: b"\xef\xbb\xbf%s\n%s\n" % (a, b),
    "Windows": lambda a, b: b"\xef\xbb\xbf%s\r\n%s\r\n" % (a, b),
    "UTF-16": lambda a, b: b"%s\r\n%s\r\n".decode() and (a + b"\r\n" + b).decode().encode("utf-16"),
    "NUL": lambda a, b: b"%s\0%s\0" % (a, b),
    "NUL between": lambda a, b: b"%s\0%s" % (a, b),
}


@pytest.mark.parametrize("kind", LISTS)
def test_lists_of_all_kinds(kind, raw, calibrate, tmp_path):
    names = [os.fsencode(raw / NAMES[0]), os.fsencode(raw / "cam2" / NAMES[1])]
    (tmp_path / "list").write_bytes(LISTS[kind](*names))
    code, made, _, said = calibrate("--list", tmp_path / "list")
    assert (code, made, said) == (0, PRODUCTS, "")


@pytest.mark.parametrize("end", [b"\n", b"\0"])
def test_names_in_a_list_are_bytes(raw, calibrate, tmp_path, end):
    place = os.fsencode(tmp_path) + b"/caf\xe9 #1_ffir.fits"
    shutil.copy(raw / NAMES[0], place)
    (tmp_path / "list").write_bytes(place + end)
    code, made, _, _ = calibrate("--list", tmp_path / "list")
    if end == b"\0":
        assert (code, made) == (0, [os.fsdecode(b"caf\xe9 #1_ffir.cal.fits")])
    else:  # A # behind a space begins a remark.
        assert code == 1


def test_a_list_from_standard_input(raw, calibrate, monkeypatch):
    class Input:
        buffer = io.BytesIO(os.fsencode(raw / NAMES[0]) + b"\n")

    monkeypatch.setattr(sys, "stdin", Input)
    code, made, _, _ = calibrate("--list", "-")
    assert (code, made) == (0, PRODUCTS[:1])


def test_a_list_with_a_stray_nul_is_refused(raw, calibrate, tmp_path):
    (tmp_path / "list").write_bytes(os.fsencode(raw / NAMES[0]) + b"\nno\0name\n")
    code, made, _, said = calibrate("--list", tmp_path / "list")
    assert (code, made) == (1, [])
    assert "list: line 2 contains a NUL" in said


COMMANDS = {
    "calibrate": ["--caldir", "m"],
    "convert": [],
    "split": [],
    "assemble": [],
    "report": [],
    "wcs fit": ["--refstars", "r.h5"],
    "wcs diagnose": ["-o", "t.ecsv"],
    "cutout": ["--ra", "1", "--dec", "2", "-o", "c.fits"],
    "models build bias": ["-o", "b.fits"],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_many_files_takes_a_list_and_no_address(command, run, tmp_path):
    words = [*command.split(), *COMMANDS[command]]
    code, _, said = run(*words)
    assert code == 2
    assert "no input files" in said
    for address in ("s3://stpubdata/tess/a_ffir.fits", "https://mast.stsci.edu/a.fits"):
        code, _, said = run(*words, address)
        assert code == 2
        assert f"{address} is an address, but only files on disk are read" in said
        (tmp_path / "list").write_text(f"{address}\n")
        code, _, said = run(*words, "--list", tmp_path / "list")
        assert code == 2
        assert f"list: {address} is an address" in said


def test_files_may_stand_on_both_sides_of_options():
    parse = make_parser().parse_args
    found = parse(["calibrate", "a.fits", "--caldir", "m", "b.fits", "c.fits"])
    assert [path.name for path in found.files] == ["a.fits", "b.fits", "c.fits"]
    found = parse(["models", "build", "bias", "-o", "x.fits", "a.fits"])
    assert (found.kind, [path.name for path in found.files]) == ("bias", ["a.fits"])
    with pytest.raises(SystemExit):
        parse(["calibrate", "a.fits", "--caldir", "m", "b.fits", "--jbs"])


@pytest.mark.parametrize(
    "words",
    [
        ["calibrate", "x", "--caldir", "m", "--jobs", "0"],
        ["calibrate", "x", "--caldir", "m", "--layout", "spoc", "--assemble"],
        ["calibrate", "x", "--caldir", "m", "--name", "spoc"],
        ["convert", "x", "--jobs", "-1"],
        ["compare", "a"],
        ["compare", "a", "b", "--jobs", "0"],
        ["compare", "a", "b", "--caldir", "m"],
        ["compare", "a", "--mission"],
        ["compare", "a", "b", "--ulp", "-1"],
        ["wcs", "fit", "x", "--refstars", "r", "--jobs", "0"],
        ["simulate", "--frames", "0"],
        ["simulate", "--seed", "-1"],
        ["simulate", "--exposure", "0"],
        ["simulate", "--exposure", "long"],
        ["simulate", "--jitter", "some"],
        ["simulate", "--stars", "random:few"],
        ["simulate", "--read-noise", "1,two,3,4"],
        ["models", "fetch"],
        ["models", "fetch", "7min"],
        ["models", "fetch", "30min", "--jobs", "0"],
        ["models", "verify", "7min"],
    ],
    ids=" ".join,
)
def test_wrong_arguments_exit_with_2(words, run):
    code, printed, said = run(*words)
    assert code == 2, said
    assert printed == ""
    assert "Traceback" not in said
    assert " _" not in said  # no private name


def test_a_wrong_folder_of_models_is_refused_once(raw, run, tmp_path):
    for caldir, cause in (
        (tmp_path / "none", "no such folder"),
        (raw, "neither a TICA folder"),
        (raw / NAMES[0], "a file, not a folder"),
    ):
        code, printed, said = run("calibrate", raw, "--caldir", caldir, "--outdir", tmp_path / "o")
        assert code == 1
        assert printed == ""
        assert len(said.splitlines()) == 1
        assert cause in said
        assert "tica-fn models fetch" in said
    assert not (tmp_path / "o").exists()


def test_models_one_folder_further_down_are_named(raw, run, caldir):
    code, _, said = run("calibrate", raw, "--caldir", caldir.parent)
    assert code == 1
    assert "it contains calibration_02min: give one of these" in said


# One bad file of many.


@pytest.mark.parametrize("error", [AssertionError, OverflowError, MemoryError, fits.VerifyError])
def test_what_libraries_raise_is_turned_into_the_packages(error):
    found = of_the_package("a.fits", error("such and such"))
    assert isinstance(found, BadFileError)
    assert str(found).startswith("a.fits: ")
    assert isinstance(found.__cause__, error)
    own = BadFileError("a.fits: cut")
    assert of_the_package("a.fits", own) is own
    fault = KeyError("name")
    assert of_the_package("a.fits", fault) is fault


@pytest.mark.parametrize("command", ["report", "split", "convert", "wcs diagnose", "assemble"])
@pytest.mark.parametrize("error", [AssertionError, OverflowError, KeyError, fits.VerifyError])
def test_whatever_is_raised_at_one_file_the_others_go_on(
    command, error, raw, run, tmp_path, monkeypatch
):
    """A fault planted in what reads the files: each is told by its name in one line."""
    import tica_fn.fits.image_file
    import tica_fn.products.convert
    import tica_fn.products.report
    import tica_fn.products.split

    def fail(path, *_, **__):
        raise error(f"broken {len(str(path))}")

    monkeypatch.setattr(tica_fn.products.report, "read_ccds", fail)
    monkeypatch.setattr(tica_fn.products.split, "read_camera", fail)
    monkeypatch.setattr(tica_fn.products.split, "read", fail)
    monkeypatch.setattr(tica_fn.products.convert, "content", fail)
    monkeypatch.setattr(tica_fn.fits.image_file, "open_hdus", fail)
    names = [tmp_path / f"{stem}_ccd1.fits" for stem in "ab"]
    for path in names:
        shutil.copy(raw / NAMES[0], path)
    words = ["-o", tmp_path / "t.ecsv"] if command == "wcs diagnose" else ["--outdir", tmp_path]
    code, _, said = run(*command.split(), *names, *words)
    assert code == 1
    lines = said.splitlines()
    assert len(lines) == 2
    for path, line in zip(names, sorted(lines), strict=True):
        name = path.name.replace("_ccd1", "") if command == "assemble" else str(path)
        assert name in line
        assert "broken" in line


def test_a_name_with_a_line_end_stays_in_its_line(calibrate, tmp_path):
    path = tmp_path / "a\nb_ffir.fits"
    path.write_bytes(b"text")
    code, _, _, said = calibrate(path)
    assert code == 1
    assert len(said.splitlines()) == 1


def test_two_files_of_one_name_do_not_share_a_picture(raw, run, tmp_path):
    twins = [tmp_path / side / NAMES[0] for side in "ab"]
    for twin in twins:
        twin.parent.mkdir()
        shutil.copy(raw / NAMES[0], twin)
    code, printed, said = run("report", *twins, "--outdir", tmp_path / "out")
    assert code == 1
    assert printed.count("_profiles.png") == 1
    assert "is made from" in said


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&-", ">&- 2>&- <&-"])
def test_closed_streams_do_not_matter(closed, raw, caldir, tmp_path):
    words = f"calibrate {raw / NAMES[0]} --caldir {caldir} --outdir {tmp_path / 'out'}"
    done = subprocess.run(
        f"{sys.executable} -m tica_fn {words} {closed}",
        shell=True, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr
    with fits.open(tmp_path / "out" / PRODUCTS[0], checksum=True) as opened:
        assert opened[0].data.shape == SHAPE


@pytest.mark.parametrize("words", ["check {0}", "compare {0} {0}", "info {0}", "report {0}"])
def test_names_with_line_ends_and_escapes_stay_in_their_lines(words, tmp_path, capfd):
    folder = tmp_path / "x"
    folder.mkdir()
    for name in ("a\nb\x1b[31m.fits", "a\nb\x1b[31m_ffir.fits"):
        (folder / name).write_text("none")
    assert main(words.format(folder).split()) == 1
    printed = "".join(capfd.readouterr())
    assert "a\\nb\\x1b[31m" in printed
    assert "\x1b" not in printed
    assert not any(line.startswith("b") for line in printed.splitlines())
