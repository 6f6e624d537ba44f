"""Raw files of runs: without stars and quick to make, or of a sky with events."""

import pytest

from tests import inputs
from tests.data.made_frames import made_frame
from tica_fn.cli import main
from tica_fn.simulate import (
    Background,
    Blemishes,
    catalogue_stars,
    full_frame,
    make_models,
    write_models,
    write_spoc_raw,
)


@pytest.fixture(autouse=True)
def same_date(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    """Models and eight raw frames of camera 4 CCD 3 that differ in some pixels; no stars."""
    folder = tmp_path_factory.mktemp("plain")
    raw, bias, flat = made_frame(4, 3, 1800, 2)
    inputs.tica_models(folder / "calibration_30min", bias, flat, 4, 3)
    (folder / "raw").mkdir()
    for number in range(8):
        pixels = raw.copy()
        pixels[1000, 1000 : 1010 + number] += number
        inputs.raw_ffi(
            folder / "raw" / inputs.name_of(number, 4, 3),
            pixels,
            camera=4,
            ccd=3,
            exposure_s=1800,
            primary={"FFIINDEX": 11612 + number},
        )
    return folder


@pytest.fixture(scope="session")
def sky(tmp_path_factory):
    """Models and eight raw frames of camera 2 CCD 3 in sector 35.

    2 has hot pixels, 4 is the darkest, 5 points elsewhere, 6 is lit by Earth, 7 is saturated.
    """
    folder = tmp_path_factory.mktemp("sky")
    models = make_models(2, 3, 600, seed=5)
    write_models(models, folder)
    (folder / "raw").mkdir()
    stars = catalogue_stars(35, 2, 3)
    levels = [104.0, 103.0, 102.0, 101.0, 98.0, 103.0, 120.0, 95000.0]
    for number, level in enumerate(levels):
        made = full_frame(
            models,
            sector=35,
            exposure_s=600,
            seed=9,
            number=number,
            stars=stars.shifted(1.4, -0.6) if number == 5 else stars,
            background=Background(level=level, glow=600.0 if number == 6 else 0.0),
            blemishes=Blemishes(hot=0.02) if number == 2 else None,
        )
        write_spoc_raw(made.frame, folder / "raw")
    return folder


@pytest.fixture(scope="session")
def sky_run(sky, tmp_path_factory):
    """The run of the sky, done once; tests copy it or only look at it."""
    out = tmp_path_factory.mktemp("sky_run") / "out"
    patch = pytest.MonkeyPatch()
    patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    words = ["run", sky / "raw", "--caldir", sky / "calibration_10min", "--outdir", out]
    assert main([str(word) for word in [*words, "--jobs", 2]]) == 0
    patch.undo()
    return out


@pytest.fixture
def go(capsys):
    """Do a run of a folder of raw files, and give what was printed; its page only if asked."""

    def run(folder, out, *options, code=0, files=None, report=False):
        (caldir,) = folder.glob("calibration_*")
        named = [folder / "raw"] if files is None else files
        words = ["run", *named, "--caldir", caldir, "--outdir", out, *options]
        words += [] if report else ["--no-report"]
        found = main([str(word) for word in words])
        printed = capsys.readouterr()
        assert found == code, printed.err + printed.out
        return printed

    return run


def contents(folder):
    """Bytes of the products of a run."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.glob("cam*/*"))
        if not path.name.startswith(".")
    }
