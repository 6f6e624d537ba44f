"""Our product beside the mission's: known factors and offsets are found again."""

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from tica_fn.cli import main
from tica_fn.compare import compare_with_mission
from tica_fn.errors import FrameError

RATIO = {"A": 0.98, "B": 1.0, "C": 1.01, "D": 1.05}
OFFSET = {"A": 3.0, "B": -2.0, "C": 0.0, "D": 10.0}


@pytest.fixture(scope="module")
def mission(spoc_products, tmp_path_factory):
    """A frame as if SPOC had made it: every amplifier off by a factor and a constant."""
    path = tmp_path_factory.mktemp("mission") / spoc_products[0].name
    with fits.open(spoc_products[0]) as hdus:
        image = hdus[1].data.copy()
        for k, letter in enumerate("ABCD"):
            part = np.s_[:, 44 + 512 * k : 44 + 512 * (k + 1)]
            image[part] = (image[part] - OFFSET[letter]) / RATIO[letter]
        hdus[1].data = image
        hdus[0].header["PROCVER"] = "spoc-5.0.1-20220101"
        hdus[0].header["ORIGIN"] = "NASA/Ames"
        hdus.writeto(path, checksum=True)
    return path


def test_ratio_and_offset_are_found_by_amplifier(mission, spoc_products):
    found = compare_with_mission(mission, spoc_products[0])
    assert [one.amplifier for one in found.amplifiers] == list("ABCD")
    for one in found.amplifiers:
        assert one.ratio == pytest.approx(RATIO[one.amplifier], abs=1e-5)
        assert one.offset == pytest.approx(OFFSET[one.amplifier], abs=1e-3)
        assert one.scatter < 1e-3
        assert one.pixels == 2048 * 512
        assert one.noise > 0.1
    assert found.difference.shape == (2048, 2048)
    assert len(found.bins) == 28


def test_the_command_sees_whose_file_it_is(mission, tica_products, tmp_path, capsys):
    table, picture = tmp_path / "r.ecsv", tmp_path / "r.png"
    args = [str(mission), str(tica_products[0]), "--table", str(table), "--picture", str(picture)]
    assert main(["compare", *args]) == 0
    out = capsys.readouterr().out
    assert "electron / s" in out
    assert "0.980000" in out
    rows = Table.read(table)
    assert len(rows) == 32
    assert picture.stat().st_size > 10_000


def test_two_of_ours_are_compared_by_bits(spoc_products, capsys):
    assert main(["compare", str(spoc_products[0]), str(spoc_products[0])]) == 0
    assert "1 same" in capsys.readouterr().out


def test_other_frames_are_refused(mission, spoc_products):
    with pytest.raises(FrameError, match="cadence"):
        compare_with_mission(mission, spoc_products[1])
