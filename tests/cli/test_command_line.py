"""One command line: names of options, help, what was meant, signals."""

import argparse
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from tests import inputs
from tica_fn.cli import main, make_parser
from tica_fn.cli.parser import subparsers_of

SHAPE = (2078, 2136)


def parsers(parser=None):
    parser = parser or make_parser()
    yield parser
    for _, one in subparsers_of(parser):
        yield from parsers(one)


PARSERS = {parser.prog: parser for parser in parsers()}


def shown(parser):
    return [action for action in parser._actions if action.help != argparse.SUPPRESS]


@pytest.mark.parametrize("prog", PARSERS)
def test_every_help_has_an_example_of_its_own(prog):
    text = PARSERS[prog].format_help()
    assert re.search(rf"^example.*\n?.*{prog} ", text, re.MULTILINE)


@pytest.mark.parametrize("prog", PARSERS)
def test_one_name_for_one_thing(prog):
    """Folders of outputs are --outdir, files -o/--output, pictures --picture."""
    names = {option for action in shown(PARSERS[prog]) for option in action.option_strings}
    assert not names & {"--output-dir", "--out", "--plot", "--plots", "--gzip", "--processes"}
    for action in shown(PARSERS[prog]):
        if "--output" in action.option_strings:
            assert "-o" in action.option_strings
            assert action.metavar != "DIR"
        if "--jobs" in action.option_strings and "fetch" not in prog:
            assert action.default in (len(os.sched_getaffinity(0)), argparse.SUPPRESS)
    assert not PARSERS[prog].allow_abbrev


OLD = [
    ["wcs", "fit", "x", "--refstars", "r", "--output-dir", "d"],
    ["wcs", "compare", "a", "b", "--plot", "d"],
    ["wcs", "diagnose", "a", "-o", "t", "--plot", "d"],
    ["demo", "--output-dir", "d"],
    ["models", "list", "--output", "d"],
    ["simulate", "--gzip"],
]


@pytest.mark.parametrize("words", OLD, ids=" ".join)
def test_old_names_are_still_taken(words):
    found = vars(make_parser().parse_args(words))
    names = ("outdir", "picture", "compress")
    assert {str(found.get(name)) for name in names} & {"d", "gzip"}


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["calibrat", "x"], "calibrate"),
        (["models", "fetsch"], "fetch"),
        (["calibrate", "x", "--caldir", "m", "--outdirr", "o"], "--outdir"),
        (["calibrate", "x", "--caldir", "m", "--over"], "--overwrite"),
        (["calibrate", "x", "--caldir", "m", "--layout", "sopc"], "spoc"),
        (["wcs", "fit", "x", "--refstar", "r", "--refstars", "r"], "--refstars"),
    ],
)
def test_what_was_meant_is_said(words, meant, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 2
    assert f"did you mean {meant}" in capsys.readouterr().err


def test_version_and_completion(capsys):
    said = set()
    for words in (["-V"], ["--version"]):
        with pytest.raises(SystemExit) as stopped:
            main(words)
        assert stopped.value.code == 0
        said.add(capsys.readouterr().out)
    assert len(said) == 1
    for shell in ("bash", "zsh"):
        with pytest.raises(SystemExit) as stopped:
            main(["--print-completion", shell])
        assert stopped.value.code == 0
        script = capsys.readouterr().out
        assert "calibrate" in script
        assert "--caldir" in script
        if shell == "bash":
            subprocess.run(["bash", "-n"], input=script, text=True, check=True)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    pixels = np.random.default_rng(3).integers(6000, 9000, SHAPE).astype(np.int32)
    for number in range(30):
        path = folder / inputs.name_of(number)
        if number:
            path.write_bytes((folder / inputs.name_of()).read_bytes())
        else:
            inputs.raw_ffi(path, pixels)
    return folder


@pytest.fixture(scope="module")
def caldir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "calibration_02min"
    return inputs.tica_models(folder, np.full(SHAPE, 2.0), np.full(SHAPE, 0.5))


def test_info_tells_what_a_file_is_and_what_was_done_to_it(raw, caldir, tmp_path, capsys):
    first = raw / inputs.name_of()
    words = ["calibrate", first, "--caldir", caldir, "--outdir", tmp_path]
    assert main([str(word) for word in words]) == 0
    product = tmp_path / first.name.replace(".fits", ".cal.fits")
    (tmp_path / "bad.fits").write_text("text")
    capsys.readouterr()
    words = ["info", first, product, inputs.TARGET, tmp_path / "bad.fits"]
    assert main([str(word) for word in words]) == 1
    printed = capsys.readouterr()
    said = "not a FITS file (it does not start with SIMPLE)"
    assert printed.err == f"tica-fn: {tmp_path / 'bad.fits'}: {said}\n"
    for needle in (
        "a raw full-frame image (SPOC)", "none: raw counts", "camera 2 CCD 3, sector 6",
        "a calibrated frame in TICA's layout", "subtract_bias", "cam2_ccd3_twoDcorrect.fits",
        f"made from   {first.name}", "a target pixel file", "10 cadences", "120 s, 48 coadds",
    ):  # fmt: skip
        assert needle in printed.out, needle
    assert main(["info"]) == 0
    assert "processors" in capsys.readouterr().out


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
def test_signals_end_it_cleanly_with_one_line(name, jobs, raw, caldir, tmp_path):
    out = tmp_path / "out"
    words = ["calibrate", raw, "--caldir", caldir, "--outdir", out, "--jobs", jobs]
    running = subprocess.Popen(
        [sys.executable, "-m", "tica_fn", *map(str, words), "--overwrite"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    while not (out.is_dir() and list(out.glob("*.cal.fits"))):
        time.sleep(0.01)
        assert running.poll() is None, running.stderr.read()
    number = getattr(signal, name)
    running.send_signal(number)
    _, said = running.communicate(timeout=60)
    assert running.returncode == 128 + number
    what = {"SIGTERM": "terminated", "SIGHUP": "hung up", "SIGINT": "interrupted"}[name]
    assert said == f"tica-fn: {what}\n"
    assert all(path.name.endswith(".cal.fits") for path in out.iterdir())
    assert 1 <= len(list(out.iterdir())) < 30


def test_no_command_shows_what_there_is(capsys):
    assert main([]) == 2
    said = capsys.readouterr()
    assert not said.out
    assert all(name in said.err for name in ("calibrate", "wcs", "demo"))
