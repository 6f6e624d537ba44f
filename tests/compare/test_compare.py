"""Comparison finds what must be found and passes what may differ."""

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import numpy as np
import pytest
from astropy.io import fits
from astropy.io.fits import VerifyError

from tica_fn.cli import main
from tica_fn.compare import (
    Level,
    Rules,
    compare_files,
    compare_folders,
    compare_headers,
    draw_differences,
    steps_apart,
    unequal,
)


def make(path, *, change=None, checksum=False, columns=None):
    """A product in small: an image in the primary HDU and a table."""
    random = np.random.default_rng(3)
    image = fits.PrimaryHDU(random.normal(1000, 30, (40, 50)).astype(np.float32))
    image.header["EXPTIME"] = 1425.6
    image.header["CAMNUM"] = 2
    image.header["CRM"] = True
    image.header["UNITS"] = "electrons"
    image.header["TICAVER"] = "1.0"
    image.header["DATE"] = "2020-01-01"
    image.header["DATE-OBS"] = "2018-12-15T18:27:39.308"
    image.header["COMMENT"] = "calibration applied at noon"
    names = {"TIC": np.arange(5), "FLX": np.array([1.0, np.nan, 3.0, 4.0, 5.0], dtype=np.float32)}
    table = fits.BinTableHDU.from_columns(
        columns
        or [
            fits.Column("TIC", "K", array=names["TIC"]),
            fits.Column("FLX", "E", array=names["FLX"]),
        ]
    )
    table.header["EXTNAME"] = "WCS_STARS"
    hdus = fits.HDUList([image, table])
    if change:
        change(hdus)
    hdus.writeto(path, checksum=checksum, overwrite=True)
    return path


@pytest.fixture
def gold(tmp_path):
    return make(tmp_path / "gold.fits")


def compared(gold, change=None, rules=None, **more):
    test = make(gold.with_name("test.fits"), change=change, **more)
    return compare_files(gold, test, rules)


def only(comparison):
    assert len(comparison.differences) == 1, comparison.differences
    return comparison.differences[0]


def flip(row, column, bit):
    def change(hdus):
        bits = hdus[0].data.view(np.uint32)
        bits[row, column] ^= np.uint32(1 << bit)

    return change


def setting(keyword, value):
    def change(hdus):
        hdus[0].header[keyword] = value

    return change


def test_a_file_is_the_same_as_itself(gold):
    found = compared(gold)
    assert found.level is None
    assert not found.failed


def test_dates_checksums_versions_and_remarks_may_differ(gold):
    def change(hdus):
        header = hdus[0].header
        header["DATE"], header["TICAVER"], header["COMMENT"] = "2030-01-01", "9.9", "another"

    assert not compared(gold, change, checksum=True).differences


def test_times_of_observation_may_not(gold):
    assert compared(gold, setting("DATE-OBS", "2018-12-15T18:27:39.309")).failed


@pytest.mark.parametrize("bit", [0, 11, 22, 30, 31])
def test_a_single_changed_bit_is_found(gold, bit):
    found = only(compared(gold, flip(17, 23, bit)))
    assert found.level is Level.FAILURE
    assert found.what == "pixels"
    assert found.count == 1
    assert "first at [17, 23]" in found.text


def test_the_last_bit_passes_within_one_step(gold):
    assert not compared(gold, flip(17, 23, 0), Rules(ulp=1)).failed
    assert compared(gold, flip(17, 23, 1), Rules(ulp=1)).failed
    assert not compared(gold, flip(17, 23, 1), Rules(ulp=2)).failed


def test_the_sign_of_zero_is_a_bit_too(tmp_path):
    def zero(sign):
        def change(hdus):
            hdus[0].data[3, 4] = sign * np.float32(0.0)

        return change

    gold = make(tmp_path / "gold.fits", change=zero(1))
    assert compared(gold, zero(-1)).failed
    assert not compared(gold, zero(1)).failed


@pytest.mark.parametrize(
    ("factor", "level"),
    [(1 + 2e-8, Level.FAILURE), (1 - 2e-8, Level.FAILURE), (1 + 5e-9, Level.WARNING), (1.0, None)],
)
def test_numbers_in_headers_warn_below_and_fail_above(gold, factor, level):
    found = compared(gold, setting("EXPTIME", 1425.6 * factor))
    assert found.level is level
    if level:
        assert only(found).what == "EXPTIME"


@pytest.mark.parametrize(
    ("keyword", "value"),
    [("CAMNUM", 3), ("CRM", False), ("CRM", 1), ("UNITS", "electron"), ("UNITS", 1.0)],
)
def test_any_other_value_must_be_equal(gold, keyword, value):
    assert only(compared(gold, setting(keyword, value))).level is Level.FAILURE


def test_large_whole_numbers_must_be_equal_too(tmp_path):
    gold = make(tmp_path / "gold.fits", change=setting("TICID", 2**31))
    assert compared(gold, setting("TICID", 2**31 + 1)).failed


def test_missing_keywords_fail_and_new_ones_are_told(gold):
    def remove(hdus):
        del hdus[0].header["CRM"]

    missing = only(compared(gold, remove))
    assert (missing.what, missing.level) == ("CRM", Level.FAILURE)
    assert missing.text == "missing, was True"
    new = only(compared(gold, setting("EXTRA", 5)))
    assert (new.what, new.level, new.text) == ("EXTRA", Level.WARNING, "new: 5")
    assert compared(gold, setting("EXTRA", 5), Rules(strict=True)).failed


def test_nan_in_a_column_equals_nan_and_a_changed_value_is_found(gold):
    def change(hdus):
        hdus[1].data["FLX"][3] = 4.5

    found = only(compared(gold, change))
    assert (found.where, found.what, found.count) == ("HDU 1 WCS_STARS", "FLX", 1)

    def to_nan(hdus):
        hdus[1].data["FLX"][3] = np.nan

    assert compared(gold, to_nan).failed


def test_columns_that_are_missing_new_or_of_another_type_are_told(gold):
    columns = [
        fits.Column("TIC", "J", array=np.arange(5)),
        fits.Column("BKG", "E", array=np.zeros(5)),
    ]
    found = {d.what: d for d in compared(gold, columns=columns).differences}
    assert found["FLX"].text == "column is missing"
    assert found["BKG"].level is Level.WARNING
    assert found["TIC"].text == "5 int64 is now 5 int32"


def test_rows_are_counted(gold):
    columns = [
        fits.Column("TIC", "K", array=np.arange(4)),
        fits.Column("FLX", "E", array=np.zeros(4)),
    ]
    found = {d.what: d.text for d in compared(gold, columns=columns).differences}
    assert found["rows"] == "5 rows are now 4"


def test_columns_of_variable_length_are_compared_by_value(tmp_path):
    def column(*rows):
        array = np.array([np.array(row, dtype=np.int32) for row in rows], dtype=object)
        return [fits.Column("PIX", "PJ()", array=array)]

    gold = make(tmp_path / "gold.fits", columns=column([1, 2], [3]))
    assert not compared(gold, columns=column([1, 2], [3])).differences
    assert compared(gold, columns=column([1, 2], [4])).failed
    assert compared(gold, columns=column([1, 2], [3, 0])).failed


def test_shape_type_and_number_of_hdus_count(gold):
    def shape(hdus):
        hdus[0].data = hdus[0].data[:, 1:]

    def kind(hdus):
        hdus[0].data = hdus[0].data.astype(np.float64)

    def more(hdus):
        hdus.append(fits.ImageHDU())

    assert any(
        "40 x 50 float32 is now 40 x 49" in d.text for d in compared(gold, shape).differences
    )
    assert compared(gold, kind).failed
    assert any(d.text == "2 HDUs are now 3" for d in compared(gold, more).differences)


def test_a_broken_file_fails_and_says_so(gold, tmp_path):
    whole = gold.read_bytes()
    short = tmp_path / "short.fits"
    short.write_bytes(whole[: len(whole) - 3000])
    text = tmp_path / "text.fits"
    text.write_text("no FITS")
    for bad in (short, text, tmp_path / "none.fits"):
        found = compare_files(gold, bad)
        assert found.failed
        assert bad.name in only(found).text


def test_steps_count_from_number_to_number():
    one = np.array([1.0], dtype=np.float32)
    up = np.nextafter(one, np.float32(2))
    assert steps_apart(one, up) == 1
    tiny = np.array([np.nextafter(0.0, 1.0)])
    assert steps_apart(tiny, -tiny) == 3
    assert steps_apart(one, one * np.nan) == np.inf
    assert steps_apart(np.array([-1.0]), np.array([1.0])) > 1e18


def test_whole_numbers_must_be_equal_whatever_the_steps():
    gold = np.array([1, 2, 3], dtype=np.int32)
    bad = unequal(gold, gold + np.int32([0, 1, 0]), ulp=5)
    assert (bad.count, bad.first, bad.largest) == (1, (1,), 1.0)


@pytest.fixture
def folders(tmp_path):
    gold, test = tmp_path / "gold", tmp_path / "test"
    for folder in (gold, test):
        (folder / "deep").mkdir(parents=True)
        for number in range(4):
            make(folder / "deep" / f"{number}.fits")
    make(gold / "only_gold.fits")
    make(test / "only_test.fits")
    make(test / "deep" / "2.fits", change=flip(1, 2, 3))
    make(gold / "packed.fits")
    make(test / "packed.fits.gz")
    return gold, test


@pytest.mark.parametrize(
    "error", [VerifyError("odd card"), OverflowError(), AssertionError(), KeyError("X"), OSError(5)]
)
def test_whatever_is_raised_at_one_pair_the_others_are_compared(
    folders, monkeypatch, capsys, error
):
    def raising(gold, *rest):
        if gold.get("BAD"):
            raise error
        return compare_headers(gold, *rest)

    gold, test = folders
    make(gold / "deep" / "1.fits", change=setting("BAD", True))
    monkeypatch.setattr("tica_fn.compare.pair.compare_headers", raising)
    assert main(["compare", str(gold), str(test), "--jobs", "1"]) == 1
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert line.startswith("tica-fn: ")
    assert str(test / "deep" / "1.fits") in line
    assert "7 compared: 3 same, 1 with warnings, 3 failed" in said.out


def test_a_file_that_kills_its_process_does_not_take_the_others(folders, monkeypatch):
    # Threads that say of one pair what a dead process says.
    monkeypatch.setattr("tica_fn.fits.processes._pool", ThreadPoolExecutor)

    def dying(gold, *rest):
        if gold.name == "1.fits":
            raise BrokenProcessPool
        return compare_files(gold, *rest)

    monkeypatch.setattr("tica_fn.compare.folders.compare_files", dying)
    found = {c.gold.name: c for c in compare_folders(*folders, jobs=2)}
    assert len(found) == 7
    assert [n for n, c in found.items() if c.failed] == ["1.fits", "2.fits", "only_gold.fits"]
    assert "process that worked on it died" in only(found["1.fits"]).text


def test_a_picture_that_cannot_be_drawn_fails_alone(folders, monkeypatch, capsys, tmp_path):
    make(folders[1] / "deep" / "1.fits", change=flip(1, 2, 3))

    def drawing(gold, *rest):
        if gold.name == "1.fits":
            raise AssertionError("no ticks")
        return draw_differences(gold, *rest)

    monkeypatch.setattr("tica_fn.compare.draw_differences", drawing)
    words = ["compare", *map(str, folders), "--picture", str(tmp_path / "drawn"), "--jobs", "1"]
    assert main(words) == 1
    assert [p.name for p in (tmp_path / "drawn").iterdir()] == ["deep_2.fits.png"]
    assert "no ticks" in capsys.readouterr().err


@pytest.mark.parametrize("jobs", [1, 2])
def test_folders_are_compared_file_by_file(folders, jobs):
    found = {c.gold.name: c for c in compare_folders(*folders, jobs=jobs)}
    assert len(found) == 7
    assert [n for n, c in found.items() if c.failed] == ["2.fits", "only_gold.fits"]
    assert found["only_test.fits"].level is Level.WARNING
    assert found["packed.fits"].level is None


def test_of_a_name_that_is_there_plain_and_packed_both_are_compared(folders):
    gold, test = folders
    (test / "packed.fits.gz").unlink()
    make(test / "packed.fits")
    make(gold / "packed.fits.gz")
    make(test / "packed.fits.gz", change=flip(1, 2, 3))
    found = {c.gold.name: c for c in compare_folders(gold, test, jobs=1)}
    assert found["packed.fits"].level is None
    assert found["packed.fits.gz"].failed


def test_an_empty_folder_is_no_success(tmp_path):
    with pytest.raises(FileNotFoundError, match="no FITS files"):
        compare_folders(tmp_path, tmp_path)


def test_the_picture_is_drawn_only_where_pixels_differ(gold):
    test = make(gold.with_name("test.fits"), change=flip(17, 23, 20))
    picture = gold.with_name("picture.png")
    assert not draw_differences(gold, gold, picture)
    assert not picture.exists()
    assert draw_differences(gold, test, picture)
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_command_tells_and_its_exit_code_too(gold, tmp_path, capsys):
    test = make(tmp_path / "test.fits", change=flip(17, 23, 5))
    assert main(["compare", str(gold), str(gold)]) == 0
    assert "1 compared: 1 same" in capsys.readouterr().out
    picture, table = tmp_path / "d.png", tmp_path / "d.ecsv"
    arguments = ["compare", str(gold), str(test), "--picture", str(picture), "--table", str(table)]
    assert main(arguments) == 1
    out = capsys.readouterr().out
    assert "FAILURE" in out
    assert "first at [17, 23]" in out
    assert picture.exists()
    from astropy.table import Table

    assert list(Table.read(table)["count"]) == [1]
    assert main(["compare", str(gold), str(test), "--ulp", "32", "--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_the_command_compares_folders_and_draws_them(folders, tmp_path, capsys):
    drawn = tmp_path / "pictures"
    assert main(["compare", *map(str, folders), "--picture", str(drawn), "--jobs", "1"]) == 1
    assert [p.name for p in drawn.iterdir()] == ["deep_2.fits.png"]
    assert "7 compared: 4 same, 1 with warnings, 2 failed" in capsys.readouterr().out


WRONG = (  # what is wrong with the arguments alone ends with 2, what is wrong with a file with 1
    (1, "none"),
    (2, "."),
    (1, "gold", "--table", "x.txt"),
    (2,),
    (2, "gold", "--caldir", "."),
    (2, "gold", "--refstars", "."),
    (2, "--calibrate", "x.fits"),
    (2, "--calibrate", "x.fits", "--caldir", "."),
)


def test_wrong_arguments_are_refused_in_one_line(gold, tmp_path, capsys):
    places = {"none": tmp_path / "none", ".": tmp_path, "gold": gold}
    for code, *words in WRONG:
        assert (
            main(["compare", str(gold), *(str(places.get(word, word)) for word in words)]) == code
        )
        assert len(capsys.readouterr().err.splitlines()) == 1


def test_more_keywords_can_be_excepted(gold, tmp_path):
    test = make(tmp_path / "test.fits", change=setting("EXPTIME", 1.0))
    assert main(["compare", str(gold), str(test), "--quiet", "--except", "exp*"]) == 0
