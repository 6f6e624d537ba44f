"""Products that nobody touched since they were made are skipped unread; all others are verified."""

import os
import subprocess
import sys

import numpy as np
import pytest
from astropy.io import fits

from tests import inputs
from tica_fn.cli import main
from tica_fn.products import known
from tica_fn.products.known import KnownProducts, settled_identity

SHAPE = (2078, 2136)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("TICA_FN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    return tmp_path / "cache" / "products"


@pytest.fixture
def caldir(tmp_path):
    folder = tmp_path / "models" / "calibration_02min"
    return inputs.tica_models(folder, np.full(SHAPE, 2.0), np.full(SHAPE, 0.5))


@pytest.fixture
def raw(tmp_path):
    pixels = np.full(SHAPE, 7000, np.int32)
    pixels[::3, ::5] += 1000
    return inputs.raw_ffi(tmp_path / "raw" / inputs.name_of(), pixels)


@pytest.fixture(autouse=True)
def raw_folder(tmp_path):
    (tmp_path / "raw").mkdir()


@pytest.fixture
def calibrate(caldir, tmp_path, capsys):
    def run(*words, code=0):
        fixed = ["--caldir", caldir, "--outdir", tmp_path / "out"]
        assert main([str(word) for word in ("calibrate", *words, *fixed)]) == code
        printed = capsys.readouterr()
        return printed.out + printed.err

    return run


@pytest.fixture
def product(raw, calibrate, tmp_path):
    assert "1 done" in calibrate(raw)
    (path,) = (tmp_path / "out").iterdir()
    return path


@pytest.fixture
def verified(monkeypatch):
    """Names of products that were read."""
    from tica_fn.products import raw_files

    read = []
    whole = raw_files.why_again
    monkeypatch.setattr(
        raw_files, "why_again", lambda target, wanted: read.append(target) or whole(target, wanted)
    )
    return read


def test_a_product_that_nobody_touched_is_not_read(raw, product, calibrate, verified, own_cache):
    for source in (raw, raw.parent):  # Folders are not looked into either.
        printed = calibrate(source)
        assert "0 done, 1 skipped" in printed
        assert f"skipped {product} (there already)" in printed
    assert verified == []
    assert "1 skipped" in calibrate(raw, "--verify")
    assert verified == [product]
    assert "1 done" in calibrate(raw, "--overwrite")
    assert "1 skipped" in calibrate(raw)
    assert oct(own_cache.stat().st_mode)[-3:] == "700"


def test_neither_files_nor_heavy_packages_are_opened_for_it(raw, product, caldir):
    code = (
        "import sys\nopened = []\n"
        "def see(event, args):\n    if event == 'open':\n        opened.append(str(args[0]))\n"
        "sys.addaudithook(see)\n"
        "from tica_fn.cli import main\n"
        f"main(['calibrate', {str(raw)!r}, '--caldir', {str(caldir)!r}, '--outdir', "
        f"{str(product.parent)!r}])\n"
        "print([name for name in opened if name.endswith('.fits')])\n"
        "print({'numba', 'astropy', 'numpy'} & set(sys.modules))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[1:] == [
        done.stdout.splitlines()[1], "[]", "set()"
    ]  # fmt: skip
    assert "1 skipped" in done.stdout


def keep_times(path, change):
    before = path.stat()
    change(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert path.stat().st_mtime_ns == before.st_mtime_ns


def flip(path):
    with path.open("r+b") as file:
        file.seek(9_000_000)
        byte = file.read(1)
        file.seek(9_000_000)
        file.write(bytes([byte[0] ^ 1]))


DAMAGE = {
    "a byte flipped": flip,
    "cut": lambda path: os.truncate(path, 9_000_000),
    "longer": lambda path: path.write_bytes(path.read_bytes() + bytes(2880)),
    "another file": lambda path: (path.unlink(), path.write_bytes(b"text")),
    "a copy, flipped": lambda path: (
        path.with_suffix(".x").write_bytes(path.read_bytes()),
        flip(path.with_suffix(".x")),
        path.with_suffix(".x").replace(path),
    ),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_found_though_size_and_time_are_the_same(kind, raw, product, calibrate):
    good = product.read_bytes()
    keep_times(product, DAMAGE[kind])
    printed = calibrate(raw)
    if kind == "longer":  # What follows the last HDU is nobody's.
        assert "1 skipped" in printed
        return
    assert "1 done, 0 skipped" in printed
    assert "made again" in printed
    assert product.read_bytes() == good
    assert "1 skipped" in calibrate(raw)


def test_a_product_of_another_maker_in_its_place_is_refused(raw, product, calibrate):
    def replace(path):
        fits.PrimaryHDU(header=fits.Header({"CREATOR": "12345 Ffi"})).writeto(path, overwrite=True)

    keep_times(product, replace)
    assert "not by tica-fn" in calibrate(raw, code=1)


def test_an_input_that_was_changed_is_calibrated_again(raw, product, calibrate):
    def brighter(path):
        with fits.open(path) as opened:
            header = opened[1].header
        inputs.raw_ffi(path, np.full(SHAPE, 7001, np.int32))
        assert header["NAXIS1"] == SHAPE[1]

    before = product.read_bytes()
    keep_times(raw, brighter)
    assert "another input" in calibrate(raw)
    assert product.read_bytes() != before


def test_other_models_and_options_are_seen(raw, product, calibrate, caldir):
    assert "made again" in calibrate(raw, "--quality")
    assert "made again" in calibrate(raw)
    (flat,) = (caldir / "flatfields").iterdir()
    keep_times(flat, lambda path: fits.PrimaryHDU(np.full(SHAPE, 0.25, "f4")).writeto(
        path, overwrite=True
    ))  # fmt: skip
    assert "other models" in calibrate(raw)


def test_a_product_that_another_made_is_verified_once_and_then_known(
    raw, product, calibrate, verified, own_cache
):
    for note in own_cache.iterdir():
        note.unlink()
    assert "1 skipped" in calibrate(raw)
    assert "1 skipped" in calibrate(raw)
    assert verified == [product]


@pytest.mark.parametrize("how", ["damaged", "writable", "folder"])
def test_notes_that_cannot_be_trusted_are_not(how, raw, product, calibrate, verified, own_cache):
    (note,) = own_cache.iterdir()
    if how == "damaged":
        flip_at = note.read_bytes()
        note.write_bytes(flip_at[:20] + bytes([flip_at[20] ^ 1]) + flip_at[21:])
    elif how == "writable":
        note.chmod(0o666)
    else:
        own_cache.chmod(0o777)
    assert "1 skipped" in calibrate(raw)
    assert verified == [product]


def test_without_a_place_for_notes_all_is_verified(raw, calibrate, verified, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("mine")
    monkeypatch.setenv("TICA_FN_CACHE", str(tmp_path / "file"))
    assert "1 done" in calibrate(raw)
    assert "1 skipped" in calibrate(raw)
    assert len(verified) == 2


def test_a_known_product_is_not_given_to_another_input(raw, calibrate, tmp_path):
    twin = tmp_path / "twin" / raw.name
    twin.parent.mkdir()
    inputs.raw_ffi(twin, np.full(SHAPE, 7002, np.int32))
    options = ["--name", "hlsp", "--orbit-segment", "o1"]
    assert "1 done" in calibrate(raw, *options)
    (product,) = (tmp_path / "out").iterdir()
    before = product.read_bytes()
    printed = calibrate(raw, twin, *options, code=1)
    assert "0 done, 1 skipped, 1 failed" in printed
    assert "is made from" in printed
    assert product.read_bytes() == before


def test_a_change_in_the_same_tick_as_the_making_is_not_noted(tmp_path, monkeypatch):
    """What has no later time yet could be changed without a trace: it is noted only later."""
    from tica_fn.fits.outcome import DONE, Outcome

    source, made = tmp_path / "a", tmp_path / "b"
    for path in (source, made):
        path.write_bytes(b"some")
    notes = KnownProducts(tmp_path, tmp_path / "raw", {})
    assert notes._file is None  # no models
    (tmp_path / "raw" / "model").write_bytes(b"flat")
    notes = KnownProducts(tmp_path, tmp_path / "raw", {})
    notes.outcome(source)
    outcomes = notes.noting([Outcome(source=source, state=DONE, outputs=(made,))])
    next(outcomes)
    made.write_bytes(b"same")  # before it was noted
    assert list(outcomes) == []
    assert KnownProducts(tmp_path, tmp_path / "raw", {}).outcome(source) is None


def test_times_that_are_too_coarse_tell_nothing(tmp_path, monkeypatch):
    path = tmp_path / "a"
    path.write_bytes(b"some")
    found = path.stat()

    class Coarse:
        st_mode = found.st_mode
        st_ctime_ns = found.st_ctime_ns // 10**9 * 10**9

    assert settled_identity(path) is not None
    monkeypatch.setattr(known.Path, "stat", lambda self: Coarse)
    assert settled_identity(path) is None
