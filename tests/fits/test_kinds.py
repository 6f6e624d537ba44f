"""Kinds of files and layouts of products are tables: an entry is all that a new one needs."""

import shutil

import attrs
import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tests import inputs
from tica_fn.cli import main
from tica_fn.fits import kinds
from tica_fn.fits.blocks import read_blocks
from tica_fn.fits.kinds import KINDS, Counts, Kind, kind_of
from tica_fn.fits.layouts import LAYOUTS, Layout
from tica_fn.fits.spoc import frame_from_spoc, spoc_facts
from tica_fn.fits.tica import write_tica

SHAPE = (2078, 2136)


@pytest.fixture(autouse=True)
def same_date(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")


@pytest.fixture(scope="module")
def caldir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "calibration_02min"
    return inputs.tica_models(folder, np.full(SHAPE, 2.0), np.full(SHAPE, 0.5))


@pytest.fixture(scope="module")
def counts():
    return np.random.default_rng(5).integers(6000, 9000, SHAPE).astype(np.int32)


def run(*words):
    return main([str(word) for word in words])


def test_every_kind_has_a_name_of_its_own_and_says_what_it_becomes():
    names = [kind.name for kind in KINDS]
    assert len(set(names)) == len(names)
    for kind in KINDS:
        assert kind.becomes <= {"products", "camera", "ccds", "target", "converted"}
        assert bool(kind.becomes & {"products", "target"}) == kind.raw
        assert (kind.frames is None) == (kind.name == "target")
        if kind.counts is not None:
            assert kind.raw
            assert kind.ccds is None


def test_the_first_kind_that_fits_is_taken(tmp_path, counts):
    path = inputs.raw_ffi(tmp_path / inputs.name_of(), counts)
    hdus = read_blocks(path)
    assert kind_of(path, hdus).name == "spoc"
    assert [kind.name for kind in KINDS if kind.is_one(hdus)] == ["spoc"]


def in_hdu_2(path, counts):
    """A raw frame of a format that nobody has: image in HDU 2, its keywords in the primary HDU."""
    source = inputs.raw_ffi(path.parent / "plain_ffir.fits", counts)
    with fits.open(source) as hdus:
        note = fits.ImageHDU(np.zeros(3, np.int16), name="NOTE")
        fits.HDUList([hdus[0], note, hdus[1]]).writeto(path, checksum=True)
    return source, path


@pytest.mark.parametrize("streamed", [True, False])
def test_a_new_raw_format_is_one_entry(tmp_path, caldir, counts, monkeypatch, streamed):
    def spoc(hdus):
        return [hdus[0], hdus[2]]

    new = Kind(
        name="second",
        what="a raw frame",
        is_one=lambda hdus: len(hdus) == 3 and hdus[1].header.get("EXTNAME") == "NOTE",
        frames=lambda path, hdus, source, _: (frame_from_spoc(path, spoc(hdus), source),),
        raw=True,
        becomes=frozenset({"products"}),
        counts=Counts(hdu=2, facts=lambda path, hdus: spoc_facts(path, spoc(hdus)))
        if streamed
        else None,
    )
    monkeypatch.setattr(kinds, "KINDS", (new, *KINDS))
    plain, path = in_hdu_2(tmp_path / "new_ffir.fits", counts)
    options = ["--caldir", caldir, "--outdir", tmp_path / "out"]
    assert run("calibrate", plain, path, *options) == 0
    assert np.array_equal(tica_fn.read(path).pixels, counts)
    one, other = (tmp_path / "out" / f"{name}_ffir.cal.fits" for name in ("plain", "new"))
    assert np.array_equal(fits.getdata(one), fits.getdata(other))
    assert fits.getheader(other)["RAWFILE"] == path.name
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(path, folder)
    assert run("calibrate", folder, "--caldir", caldir, "--outdir", tmp_path / "again") == 0
    damaged = bytearray(path.read_bytes())
    damaged[9_000_000] ^= 1
    path.write_bytes(damaged)
    assert run("calibrate", path, *options, "--overwrite") == 1


def test_a_new_layout_is_one_entry(tmp_path, caldir, counts, monkeypatch):
    def write(frame, path, packing):
        assert packing == "none"
        write_tica(attrs.evolve(frame, variance=None), path)

    new = Layout(what="a trial", stem=lambda stem: f"{stem}.trial", write=write)
    monkeypatch.setitem(LAYOUTS, "trial", new)
    raw = inputs.raw_ffi(tmp_path / inputs.name_of(), counts)
    options = ["--caldir", caldir, "--outdir", tmp_path / "out", "--layout", "trial"]
    assert run("calibrate", raw, *options) == 0
    product = tmp_path / "out" / raw.name.replace(".fits", ".trial.fits")
    ours = tica_fn.calibrate(tica_fn.read(raw), tica_fn.load_models(caldir, 2, 3))
    assert np.array_equal(fits.getdata(product), ours.pixels.astype(np.float32))
    before = product.stat().st_ino
    assert run("calibrate", raw, *options, "--verify") == 0
    assert product.stat().st_ino == before
    tica_fn.write(ours, tmp_path / "written.fits", layout="trial")
    assert np.array_equal(fits.getdata(tmp_path / "written.fits"), fits.getdata(product))
    with pytest.raises(ValueError, match="'tica' or 'spoc' or 'trial', not 'none'"):
        tica_fn.write(ours, tmp_path / "none.fits", layout="none")
    assert run("calibrate", raw, *options, "--assemble") == 2
    assert run("calibrate", raw, *options, "--name", "hlsp") == 2
