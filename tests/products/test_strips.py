"""Products made strip by strip are those of whole frames, byte for byte."""

import numpy as np
import pytest

import tica_fn
from tests.inputs import name_of, raw_ffi, tica_models
from tica_fn.fits.batch import ModelShelf
from tica_fn.fits.layouts import LAYOUTS
from tica_fn.fits.strip_words import UnusualFrameError, fill_words
from tica_fn.pipeline.trim import trim_science
from tica_fn.products.flagging import say_flags
from tica_fn.products.job import Job
from tica_fn.products.options import Product, steps_for
from tica_fn.products.raw_files import calibrate_file
from tica_fn.products.readouts import part_of, readout_of

SHAPE = (2078, 2136)


def sky(seed=1, step=1, level=3000.0):
    """Raw counts: sky, stars, single bright pixels, a star that bleeds, smear, overclocks."""
    random = np.random.default_rng(seed)
    counts = random.normal(6000.0, 9.0, SHAPE)
    counts[:2048, 44:2092] += random.normal(level, np.sqrt(level), (2048, 2048))
    counts[:, 44:2092] += 60.0
    for row, column in random.integers((3, 60), (2040, 2080), (200, 2)):
        counts[row - 1 : row + 2, column - 1 : column + 2] += 9000.0
        counts[row, column] += 30_000.0
    for row, column in random.integers((0, 44), (2048, 2092), (300, 2)):
        counts[row, column] += 5000.0
    counts[64, 500], counts[63, 501], counts[2047, 900] = 30_000.0, 9e4, 9e4
    counts[500:2064, 1000:1003] = 2_000_000.0
    return (step * np.round(counts / step)).astype(np.int32)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    random = np.random.default_rng(5)
    folder = tmp_path_factory.mktemp("models") / "calibration_30min"
    bias = random.normal(10.0, 2.0, SHAPE)
    return tica_models(folder, bias, random.normal(1.0, 0.01, SHAPE))


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw")
    path = folder / name_of()
    return raw_ffi(path, sky(), exposure_s=1800)


OPTIONS = [
    ({}, "none"),
    ({}, "gzip"),
    ({"uncertainty": True, "quality": True}, "none"),
    ({"quality": True, "smear": "robust"}, "none"),
    ({"layout": "spoc"}, "gzip"),
    ({"layout": "spoc", "quality": True, "smear": "robust"}, "none"),
    ({"pedestal": "row", "linearity": "poc", "undershoot": True, "uncertainty": True}, "none"),
    ({"layout": "spoc", "quality": True, "trim": True}, "none"),
    ({"linearity": "mission", "uncertainty": True}, "none"),
    ({"uncertainty": True, "quality": True}, "gzip2"),
]


def both(raw, models, folder, options, compress="none"):
    """Bytes of the product of a file, and of its frame."""
    product = Product(**options)
    shelf = ModelShelf(models, errors=product.needs_variance)
    job = Job(models=shelf, outdir=folder, compress=compress, product=product)
    outcome = calibrate_file(raw, job)
    frame, own = tica_fn.read(raw), shelf(2, 3)
    out = steps_for(own, product)(frame, dtype=np.float32)
    if product.quality or product.needs_variance:
        out = say_flags(frame, out, own)
    if product.quality:
        out = tica_fn.flag_pixels(out, own)
    (path,) = outcome.outputs
    other = folder / "whole" / path.name
    other.parent.mkdir()
    out = trim_science(out) if product.trim else out
    LAYOUTS[product.layout].write(out, other, compress)
    return outcome, path.read_bytes(), other.read_bytes()


@pytest.fixture(autouse=True)
def _one_date(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")


@pytest.mark.parametrize(("options", "compress"), OPTIONS, ids=str)
def test_strips_give_the_bytes_of_whole_frames(raw, models, tmp_path, options, compress):
    _, made, expected = both(raw, models, tmp_path, options, compress)
    assert made == expected


def test_coarse_counts_have_the_step_that_the_whole_frame_shows(models, tmp_path):
    path = raw_ffi(tmp_path / name_of(), sky(step=8), exposure_s=1800)
    options = {"layout": "spoc", "quality": True}
    _, made, expected = both(path, models, tmp_path, options)
    assert made == expected


@pytest.mark.parametrize("what", ["bright sky", "full amplifier"])
def test_what_is_wrong_with_a_frame_is_said(models, tmp_path, what):
    counts = sky(level=3e6 if what == "bright sky" else 3000.0)
    if what == "full amplifier":
        counts[:2048, 556:1068] = 40_000_000
    path = raw_ffi(tmp_path / name_of(), counts, exposure_s=1800)
    outcome, made, expected = both(path, models, tmp_path, {"uncertainty": True})
    assert made == expected
    assert b"FRAMEFLG" in made
    assert any("SCATTERED_LIGHT" in note or "SATURATED" in note for note in outcome.notes)
    frame, own = tica_fn.read(path), tica_fn.load_models(models, 2, 3)
    product = Product(uncertainty=True)
    steps = steps_for(own, product)
    ready = readout_of(part_of(steps, frame), frame.pixels, own, steps, product)
    words = [np.empty(SHAPE, dtype=np.uint32) for _ in range(2)]
    with pytest.raises(UnusualFrameError):
        fill_words(ready, words, None)
