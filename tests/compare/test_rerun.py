"""Raw files calibrated anew are held to gold products, and wrong models must be refused."""

import pytest
from astropy.io import fits

from tica_fn.cli import main
from tica_fn.simulate import full_frame, make_models, random_stars, write_models, write_spoc_raw


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rerun")
    models = make_models(2, 3, 120)
    frame = full_frame(models, exposure_s=120, stars=random_stars(20, seed=1)).frame
    raw = write_spoc_raw(frame, folder / "tess1-s0006-2-3-0126-s_ffir.fits")
    right = write_models(models, folder)
    wrong = write_models(make_models(2, 3, 200), folder)
    gold = folder / "gold"
    words = ["calibrate", str(raw), "--caldir", str(right), "--outdir", str(gold)]
    assert main(words) == 0
    return raw, right, wrong, gold


def compare(made, capsys, *more):
    raw, right, wrong, gold = (str(path) for path in made)
    words = ["compare", gold, "--calibrate", raw, "--caldir", right, "--wrong-caldir", wrong]
    code = main([*words, "--jobs", "1", *more])
    return code, capsys.readouterr().out


def test_what_is_calibrated_anew_is_the_gold_and_wrong_models_are_refused(made, capsys):
    code, out = compare(made, capsys)
    assert code == 0
    assert "2 compared: 2 same" in out


def test_raw_files_are_named_by_a_folder_or_a_list(made, capsys, tmp_path):
    raw, right, _, gold = made
    (tmp_path / "list").write_text(f"{raw}\n")
    odd = tmp_path / "raw\nfiles"
    odd.mkdir()
    (odd / raw.name).symlink_to(raw)
    for named in (["--list", tmp_path / "list"], ["--calibrate", odd]):
        words = ["compare", gold, *named, "--caldir", right, "--jobs", 1]
        assert main([str(word) for word in words]) == 0
        assert "1 compared: 1 same" in capsys.readouterr().out
    assert main(["compare", str(gold), "--calibrate", "--caldir", str(right)]) == 2


def test_models_that_are_not_wrong_are_told(made, capsys):
    code, out = compare(made, capsys, "--wrong-caldir", str(made[1]))
    assert code == 1
    assert "was calibrated with the models of calibration_02min" in out
    code, out = compare(made, capsys, "--wrong-caldir", str(made[3]))
    assert code == 1
    assert "not because of its exposure time" in out


def test_a_changed_pixel_of_the_gold_is_found(made, capsys, tmp_path):
    gold = next(made[3].glob("*.cal.fits"))
    with fits.open(gold) as hdus:
        hdus[0].data[5, 6] += 0.5
        hdus.writeto(tmp_path / gold.name)
    raw, right, wrong, _ = made
    code, out = compare((raw, right, wrong, tmp_path), capsys)
    assert code == 1
    assert "first at [5, 6]" in out


def test_what_cannot_be_calibrated_is_one_line(made, capsys, tmp_path):
    raw, _, wrong, gold = made
    words = ["compare", str(gold), "--calibrate", str(raw), "--caldir", str(wrong)]
    assert main(words) == 1
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    assert "exposure time" in error
