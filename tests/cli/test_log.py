"""``--log`` of long commands: lines that a program can read."""

import json

import pytest

from tests import inputs
from tica_fn.cli import main


def test_calibrate_logs_start_outcomes_and_end(tmp_path):
    log = tmp_path / "log.jsonl"
    (tmp_path / "bad_tp.fits").write_text("no FITS")
    words = ["calibrate", inputs.TARGET, tmp_path / "bad_tp.fits", "--caldir", inputs.EXAMPLE]
    words += ["--outdir", tmp_path / "out", "--log", log]
    assert main([str(word) for word in words]) == 1
    start, *outcomes, end = map(json.loads, log.read_text().splitlines())
    assert (start["event"], end["event"], end["code"]) == ("start", "end", 1)
    assert start["versions"]["tica-fn"]
    assert sorted(one["state"] for one in outcomes) == ["done", "failed"]
    failed = next(one for one in outcomes if one["state"] == "failed")
    assert "not a FITS file" in failed["error"]
    assert main([str(word) for word in words]) == 1
    assert len(log.read_text().splitlines()) == 8  # Appended to.


def test_a_log_that_can_not_be_written_is_told(tmp_path, capsys):
    words = ["calibrate", inputs.TARGET, "--caldir", inputs.EXAMPLE, "--outdir", tmp_path / "out"]
    assert main([str(word) for word in [*words, "--log", tmp_path / "no" / "log"]]) == 1
    assert f"{tmp_path}/no/log: No such file or directory" in capsys.readouterr().err


@pytest.mark.parametrize("command", [["run"], ["calibrate"], ["wcs", "fit"]])
def test_long_commands_have_it(command, capsys):
    with pytest.raises(SystemExit):
        main([*command, "--help"])
    assert "--log FILE" in capsys.readouterr().out
