"""Bad, dark and reference frames by TICA's rules, and the files that say them."""

import shutil

import numpy as np
import pytest
from astropy.table import Table

from tests.run.test_time_series import GOLDEN
from tica_fn.cli import main
from tica_fn.run.choices import Rules, bad_calibrations, choose_frames, fill_gaps
from tica_fn.run.time_series import TimeSeries, write_time_series


def family(count, seed=0):
    return 6500.0 + np.random.default_rng(seed).normal(0, 0.5, (count, 4))


def test_pedestals_more_than_20_sigma_off_are_bad():
    pedestals = family(101)
    off = np.abs(pedestals[:, 2] - np.median(pedestals[:, 2]))
    sigma = np.median(off) / 0.67449
    middle = np.median(pedestals[:, 2])
    pedestals[7, 2] = middle + 20.5 * sigma
    pedestals[8, 2] = middle + 19.0 * sigma
    modes = np.full(101, 5e4)
    assert np.flatnonzero(bad_calibrations(modes, pedestals)).tolist() == [7]
    modes[[3, 4]] = 0.0, np.nan
    pedestals[4] = np.nan  # No frame at all is no bad frame.
    pedestals[5, 0] = np.nan
    assert np.flatnonzero(bad_calibrations(modes, pedestals)).tolist() == [3, 5, 7]


def test_dark_is_under_lowest_and_8_times_its_root():
    modes = np.linspace(1e4, 12e3, 401)  # steps of 5 electrons; 8 sqrt(1e4) = 800
    found = choose_frames(modes, family(401))
    assert found.threshold == 10800.0
    assert np.flatnonzero(found.dark).tolist() == list(range(160))
    assert found.reference == 0
    half = choose_frames(modes, family(401), Rules(dark_factor=4.0))
    assert half.dark.sum() == 80


def test_short_gaps_are_dark_and_long_ones_are_not():
    modes = np.full(1000, 1e5)
    modes[:100] = modes[219:300] = modes[420:500] = 1e4
    modes[450] = 0.0
    found = choose_frames(modes, family(1000))
    assert found.dark[:300].all()  # 119 frames between
    assert not found.dark[300:420].any()  # 120 frames
    assert not found.dark[450]
    assert found.dark_intervals() == [(0, 299), (420, 499)]


def test_few_dark_frames_become_those_within_a_tenth():
    modes = np.array([1e4] * 10 + [10999.0] * 30 + [11001.0] * 500)
    found = choose_frames(modes, family(540), Rules(dark_factor=1.0))
    assert found.threshold == 1.10 * 1e4
    assert np.flatnonzero(found.dark).tolist() == list(range(40))


def test_reference_is_the_middle_one_of_the_lowest_mode():
    modes = np.array([9e3, 5e3, 5e3, 9e3, 5e3, 6e3, 0.0])
    assert choose_frames(modes, family(7)).reference == 2
    modes[2] = 0.0
    assert choose_frames(modes, family(7)).reference == 4


def test_a_barred_frame_is_dark_but_no_reference():
    modes = np.array([9e3, 5e3, 5.1e3, 9e3])
    found = choose_frames(modes, family(4), barred=[False, True, False, False])
    assert found.reference == 2
    assert found.dark[1]


def test_no_good_frame():
    found = choose_frames(np.zeros(5), family(5))
    assert found.reference == -1
    assert found.bad.all()
    assert not found.dark.any()
    assert found.references.size == 0
    assert found.dark_intervals() == []


def test_reference_list_is_20_frames_of_the_middle_day():
    modes = np.linspace(1e5, 2e5, 4000)
    modes[1000:3000] = 1e4 + np.arange(2000) % 3
    found = choose_frames(modes, family(4000))
    assert found.references.size == 20
    # 2,000 less a quarter at both ends is more than a day: the 432 in the middle.
    assert found.references[[0, -1]].tolist() == [1784, 2215]
    assert np.ptp(np.diff(found.references)) <= 1
    modes[1400:3000] += 1e5
    found = choose_frames(modes, family(4000))
    assert found.references[[0, -1]].tolist() == [1100, 1299]


def test_reference_list_takes_more_modes_until_25_frames():
    modes = np.repeat(np.arange(1e4, 2e4, 100.0), 4)  # 100 levels of 4 frames
    found = choose_frames(modes, family(400))
    # 3 levels are 12 frames; 25 need 7 levels, 28 frames, of which the inner half remains.
    assert found.references.tolist() == list(range(7, 21))


def test_gaps_at_the_ends_stay():
    chosen = np.zeros(10, bool)
    chosen[[3, 6]] = True
    assert np.flatnonzero(fill_gaps(chosen, 3)).tolist() == [3, 4, 5, 6]
    assert np.flatnonzero(fill_gaps(chosen, 2)).tolist() == [3, 6]
    assert not fill_gaps(np.zeros(4, bool), 9).any()


@pytest.fixture
def select(capsys):
    def run(*words, code=0):
        assert main(["select-dark", *map(str, words)]) == code
        return capsys.readouterr()

    return run


def test_the_files_of_tica(select, tmp_path):
    printed = select("--timeseries", GOLDEN, "--tica", tmp_path).out
    assert (tmp_path / "cam2" / "cal_timeseries.txt").read_bytes() == GOLDEN.read_bytes()
    names = [line.split()[0] for line in GOLDEN.read_text().splitlines()[1:]]
    assert (tmp_path / "reffin.txt").read_text().splitlines() == [
        "cam2_ccd1 00116472", "cam2_ccd2 00116473", "cam2_ccd3 00116472", "cam2_ccd4 00116472",
    ]  # fmt: skip
    bad = {
        ccd: (tmp_path / f"cam2_ccd{ccd}" / "bad_calibration.txt").read_text().split()
        for ccd in (1, 2, 3, 4)
    }
    assert bad == {1: [], 2: ["116472"], 3: [], 4: ["116473"]}
    dark = (tmp_path / "cam2_ccd2" / "rms_list").read_text().split()
    assert dark == [names[0], names[3]]
    assert (tmp_path / "cam2_dark_time.png").stat().st_size > 10_000
    assert "camera 2 CCD 4: 4 frames, 1 bad, 2 dark in 2 intervals" in printed


def test_a_table(select, tmp_path):
    select("--timeseries", GOLDEN, "--output", tmp_path / "chosen.ecsv", "--gap", 0)
    table = Table.read(tmp_path / "chosen.ecsv")
    assert len(table) == 16
    assert table["mode"].unit == "electron"
    assert set(table["cadence"][table["bad"]]) == {116472, 116473}
    assert table["reference"].sum() == 4


def test_one_list_for_all(select, tmp_path):
    first = tmp_path / "cam1.txt"
    first.write_text(GOLDEN.read_text().replace("-2-crm", "-1-crm"))
    select("--timeseries", GOLDEN, first, "--tica", tmp_path, "--one-list")
    cadences = {
        tuple(word.split("-")[1] for word in path.read_text().split())
        for path in tmp_path.glob("cam?_ccd?/ref_list")
    }
    assert len(cadences) == 1
    refused = select("--timeseries", GOLDEN, "--tica", tmp_path / "b", "--one-list", code=1).err
    assert "camera 1, CCD 1" in refused
    assert not (tmp_path / "b").exists()


def test_names_without_a_camera_are_refused(select, tmp_path):
    path = tmp_path / "series.txt"
    path.write_text(GOLDEN.read_text().replace("-2-crm-ffi", ""))
    assert (
        f"{path}: the names in it are not of one camera" in select("--timeseries", path, code=1).err
    )


def test_wrong_words_are_one_line(select, tmp_path):
    shutil.copy(GOLDEN, tmp_path / "copy")
    twice = select("--timeseries", GOLDEN, tmp_path / "copy", code=1).err
    assert "camera 2 was given already" in twice


def test_a_list_names_the_files(select, tmp_path):
    first = tmp_path / "cam1.txt"
    first.write_text(GOLDEN.read_text().replace("-2-crm", "-1-crm"))
    (tmp_path / "list.txt").write_text(f"{GOLDEN}\n{first}\n")
    select("--list", tmp_path / "list.txt", "--tica", tmp_path / "tica")
    assert {path.name for path in (tmp_path / "tica").glob("cam?")} == {"cam1", "cam2"}
    assert "or --list FILE" in select(tmp_path, "--list", tmp_path / "list.txt", code=2).err


def test_how_much_is_cut_off_at_the_ends():
    modes = np.full(100, 1e4)
    found = choose_frames(modes, family(100), Rules(ends=0.4))
    assert found.references[[0, -1]].tolist() == [40, 59]
    with pytest.raises(ValueError, match=r"0\.5"):
        Rules(ends=0.5)


def test_an_orbit_is_drawn(tmp_path):
    modes = np.full((900, 4), 5e4)
    modes[200:700] = 2e4
    modes[300, 1] = np.nan
    series = TimeSeries(
        names=tuple(f"tess2021-{k:08d}-3-crm-ffi.fits" for k in range(900)),
        cadences=np.arange(900),
        modes=modes,
        pedestals=np.stack([family(900, k) for k in range(4)], axis=1),
    )
    write_time_series(series, tmp_path / "t.txt")
    words = ["select-dark", "--timeseries", tmp_path / "t.txt", "--tica", tmp_path]
    assert main([str(word) for word in words]) == 0
    assert len((tmp_path / "cam3_ccd2" / "rms_list").read_text().split()) == 499
    assert len((tmp_path / "cam3_ccd1" / "ref_list").read_text().split()) == 20
