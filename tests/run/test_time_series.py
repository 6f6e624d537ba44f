"""TICA's time series: the same text of the same frames, and read again."""

from pathlib import Path

import numpy as np
import pytest

import tica_fn
from tests.data.made_frames import made_frame
from tests.run.camera_frames import counts, name_of
from tica_fn import kernels
from tica_fn.errors import BadFileError
from tica_fn.run.time_series import gather_time_series, read_time_series, time_series_text

GOLDEN = Path(__file__).parents[1] / "data" / "run" / "cal_timeseries.txt"


def test_same_text_as_tica():
    rows = []
    for ccd in (1, 2, 3, 4):
        bias, flat = made_frame(2, ccd, 600, 41)[1:]
        models = tica_fn.Models(
            camera=2, ccd=ccd, bias=bias, flat=flat, amplifiers=tica_fn.amplifiers(2, ccd)
        )
        for which in (3, 0, 2, 1):
            frame = tica_fn.Frame(
                pixels=counts(ccd, which), unit="adu", camera=2, ccd=ccd, exposure_s=600, coadds=240
            )
            out = tica_fn.calibrate(frame, models, dtype=np.float32)
            mode = kernels.background_mode(out.pixels[:, 44:2092])
            rows.append((name_of(which), 116470 + which, ccd, "", mode, out.pedestals))
    assert time_series_text(gather_time_series(rows)) == GOLDEN.read_text()


def test_read_and_written_again_it_is_the_same():
    series = read_time_series(GOLDEN)
    assert time_series_text(series) == GOLDEN.read_text()
    assert series.cadences.tolist() == [116470, 116471, 116472, 116473]
    assert series.pedestals[2, 1, 2] == 35673.61
    assert series.modes[3].tolist() == [37354.55, 37140.09, 37140.09, 0.0]


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lambda text: "", "first line"),
        (lambda text: text.replace("mode_ccd1", "mode", 1), "first line"),
        (lambda text: text.replace("37354.55", "many", 1), "line 2: could not convert"),
        (lambda text: text.replace("37354.55", "", 1), "line 2 has 19 numbers"),
        (lambda text: text + text.splitlines()[-1], "twice"),
        (lambda text: text.splitlines()[0], "no frame"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, spoil, word):
    path = tmp_path / "cal_timeseries.txt"
    path.write_text(spoil(GOLDEN.read_text()))
    with pytest.raises(BadFileError, match=word) as raised:
        read_time_series(path)
    assert str(path) in str(raised.value)
