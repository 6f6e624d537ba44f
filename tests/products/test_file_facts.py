"""What a file is that is no frame: models, collateral, stars, constants."""

import numpy as np
import pytest

from tests import inputs
from tica_fn.cli import main


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("*-flat.fits.fz", ["a flat field (SPOC)", "camera 2 CCD 3", "pixels 0.99998"]),
        ("*-2dblack.fits.fz", ["a 2-D black", "checksums   right", "HDU 2       2078 x 2136"]),
        ("row-profile-2-3.fits", ["1-D blacks of amplifiers", "camera 2 CCD 3"]),
        ("*-smrow-*", ["smear rows", "10 x 512 from row 2058, column 556", "10 cadences"]),
        ("*-tvcol-*", ["trailing virtual columns", "2078 x 11 from row 0, column 2103"]),
        ("tess-undershoot.xml", ["undershootData", "amplifiers  64"]),
        ("*_tp.fits.gz", ["a target pixel file", "10 cadences of 120 s"]),
    ],
)
def test_info_says_what_files_of_the_example_are(pattern, said, capsys):
    (path,) = inputs.EXAMPLE.glob(pattern)
    assert main(["info", str(path)]) == 0
    out = capsys.readouterr().out
    assert [words for words in said if words not in out] == []


def test_info_of_models_of_tica_and_of_what_is_nothing(tmp_path, capsys):
    folder = tmp_path / "calibration_02min"
    inputs.tica_models(folder, np.full((2078, 2136), 2.0), np.full((2078, 2136), 0.5))
    assert main(["info", *map(str, folder.rglob("*.fits"))]) == 0
    out = capsys.readouterr().out
    assert "median of the science pixels 2" in out
    assert "median of the science pixels 0.5" in out
    (tmp_path / "no.xml").write_text("<no")
    assert main(["info", str(tmp_path / "no.xml")]) == 1
    assert "not an XML file" in capsys.readouterr().err
