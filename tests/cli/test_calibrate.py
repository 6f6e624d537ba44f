"""``tica-fn calibrate``: names, lists, many files, what is made again and what is skipped."""

import gzip
import os
import shutil
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tests import inputs
from tests.data.made_frames import made_frame
from tica_fn.cli import main
from tica_fn.fits import atomic
from tica_fn.fits.batch import ModelShelf
from tica_fn.products.job import Job
from tica_fn.products.raw_files import calibrate_file

CAMERA, CCD, EXPOSURE_S, SEED = 4, 3, 1800, 2
MB = 1e6


def product_of(path):
    return path.name.removesuffix(".gz").replace(".fits", ".cal.fits")


@pytest.fixture(scope="module")
def made():
    return made_frame(CAMERA, CCD, EXPOSURE_S, SEED)


@pytest.fixture(scope="module")
def caldir(tmp_path_factory, made):
    folder = tmp_path_factory.mktemp("models") / "calibration_30min"
    return inputs.tica_models(folder, *made[1:], CAMERA, CCD)


@pytest.fixture(scope="module")
def raws(tmp_path_factory, made):
    """Three raw frames that differ in a pixel, the last one gzipped."""
    folder = tmp_path_factory.mktemp("raw")
    paths = []
    for number in range(3):
        pixels = made[0].copy()
        pixels[1000, 1000] += number
        path = folder / inputs.name_of(number, CAMERA, CCD)
        inputs.raw_ffi(path, pixels, camera=CAMERA, ccd=CCD, exposure_s=EXPOSURE_S)
        if number == 2:
            packed = Path(f"{path}.gz")
            packed.write_bytes(gzip.compress(path.read_bytes(), 1, mtime=0))
            path.unlink()
            path = packed
        paths.append(path)
    return paths


@pytest.fixture(autouse=True)
def same_date(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")


@pytest.fixture
def calibrate(caldir, tmp_path, capsys):
    def run(*files, caldir=caldir, outdir=tmp_path / "out", options=(), code=0):
        words = ["calibrate", *files, "--caldir", caldir, "--outdir", outdir, *options]
        assert main([str(word) for word in words]) == code, capsys.readouterr().err
        return capsys.readouterr().out

    return run


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def assert_whole(path):
    with fits.open(path, checksum=True) as opened:  # a wrong checksum is a warning: an error here
        assert opened[0].data.shape == (2078, 2136)


def test_each_file_gives_one_product_of_the_calibrated_frame(raws, caldir, calibrate, tmp_path):
    before = inputs.hashes(caldir, raws[0].parent)
    printed = calibrate(*raws)
    assert list(contents(tmp_path / "out")) == sorted(map(product_of, raws))
    assert "3 done, 0 skipped, 0 failed" in printed
    assert "frames/s" in printed
    models = tica_fn.load_models(caldir, CAMERA, CCD)
    for path in raws:
        expected = tica_fn.calibrate(tica_fn.read(path), models, dtype=np.float32)
        found = tmp_path / "out" / product_of(path)
        assert np.array_equal(fits.getdata(found), expected.pixels)
        tica_fn.write(expected, tmp_path / "written.fits", overwrite=True)
        assert found.read_bytes() == (tmp_path / "written.fits").read_bytes()
    assert inputs.hashes(caldir, raws[0].parent) == before


def test_gzipped_input_gives_the_pixels_of_the_plain_one(raws, calibrate, tmp_path):
    plain = tmp_path / raws[2].name.removesuffix(".gz")
    plain.write_bytes(gzip.decompress(raws[2].read_bytes()))
    calibrate(raws[2], outdir=tmp_path / "a")
    calibrate(plain, outdir=tmp_path / "b")
    ((name, a),) = contents(tmp_path / "a").items()
    ((same, b),) = contents(tmp_path / "b").items()
    assert name == same
    # They differ in the name of the file they were made from, and the header's sum.
    differing = {a[i : i + 8] for i in range(0, len(a), 80) if a[i : i + 80] != b[i : i + 80]}
    assert differing == {b"RAWFILE ", b"CHECKSUM"}


@pytest.mark.parametrize("compress", ["none", "gzip"])
def test_two_runs_give_the_same_bytes_whatever_the_jobs(raws, calibrate, tmp_path, compress):
    options = ["--compress", compress]
    calibrate(*raws, outdir=tmp_path / "a", options=options)
    calibrate(*raws[::-1], outdir=tmp_path / "b", options=[*options, "--jobs", 2])
    first, second = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert first == second
    assert len(first) == 3
    ending = ".cal.fits.gz" if compress == "gzip" else ".cal.fits"
    assert all(name.endswith(ending) for name in first)


@pytest.mark.parametrize("compress", ["none", "gzip"])
def test_target_files_are_reproducible_too(calibrate, tmp_path, compress):
    for out, jobs in (("a", 1), ("b", 2)):
        calibrate(
            inputs.TARGET, caldir=inputs.EXAMPLE, outdir=tmp_path / out,
            options=["--jobs", jobs, "--compress", compress],
        )  # fmt: skip
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    (path,) = (tmp_path / "a").iterdir()
    assert path.name == inputs.TARGET.name.removesuffix(".fits.gz") + (
        ".cal.fits.gz" if compress == "gzip" else ".cal.fits"
    )


def test_gzipped_products_hold_the_plain_ones(raws, calibrate, tmp_path):
    calibrate(raws[0], outdir=tmp_path / "plain")
    calibrate(raws[0], outdir=tmp_path / "packed", options=["--compress", "gzip"])
    (plain,), (packed,) = ((tmp_path / name).iterdir() for name in ("plain", "packed"))
    assert gzip.decompress(packed.read_bytes()) == plain.read_bytes()


def test_date_is_now_unless_it_is_given(raws, calibrate, tmp_path, monkeypatch):
    calibrate(raws[0])
    (product,) = (tmp_path / "out").iterdir()
    assert fits.getheader(product)["DATE"] == "2023-11-14T22:13:20"
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    calibrate(raws[0], options=["--overwrite"])
    date = time.strptime(fits.getheader(product)["DATE"], "%Y-%m-%dT%H:%M:%S")
    assert abs(time.mktime(date) - time.mktime(time.gmtime())) < 60


def test_files_from_a_list(raws, calibrate, tmp_path):
    names = tmp_path / "list.txt"
    names.write_text(f"# frames\n\n{raws[0]}\n  {raws[1]}  # the second\n")
    calibrate(raws[2], options=["--list", names])
    expected = [product_of(raws[k]) for k in (0, 1, 2)]
    assert list(contents(tmp_path / "out")) == sorted(expected)


def test_inputs_of_one_stem_may_have_products_of_their_own(made, calibrate, tmp_path):
    """Under names that the headers give, files of one name in two folders are no two of a kind."""
    paths = []
    for cadence in (11612, 11613):
        folder = tmp_path / str(cadence)
        folder.mkdir()
        how = {"camera": CAMERA, "ccd": CCD, "exposure_s": EXPOSURE_S}
        primary = {"FFIINDEX": cadence}
        name = inputs.name_of(0, CAMERA, CCD)
        paths.append(inputs.raw_ffi(folder / name, made[0], primary=primary, **how))
    options = ["--name", "hlsp", "--orbit-segment", "o1"]
    assert "2 done, 0 skipped, 0 failed" in calibrate(*paths, options=options)
    names = [
        f"hlsp_tica_tess_ffi_s0006-o1-{c:08d}-cam4-ccd3_tess_v01_img.fits" for c in (11612, 11613)
    ]
    assert sorted(contents(tmp_path / "out")) == names
    twin = tmp_path / "twin" / paths[0].name
    twin.parent.mkdir()
    twin.write_bytes(paths[0].read_bytes())
    printed = calibrate(paths[0], twin, options=[*options, "--overwrite"], code=1)
    assert "1 done, 0 skipped, 1 failed" in printed
    assert "give one of them" in printed
    in_place = tmp_path / "out" / names[0]
    in_place.write_bytes(paths[0].read_bytes())
    printed = calibrate(in_place, options=[*options, "--overwrite"], code=1)
    assert in_place.read_bytes() == paths[0].read_bytes()


def test_a_file_named_twice_is_calibrated_once(raws, calibrate, tmp_path):
    (tmp_path / "list").write_text(f"{raws[0]}\n")
    printed = calibrate(raws[0], raws[0], options=["--list", tmp_path / "list", "--overwrite"])
    assert "1 done, 0 skipped, 0 failed" in printed


@pytest.mark.parametrize("name", ["übung [1]#2.fits", "tab\there.fits", "l" * 200 + ".fits"])
def test_names_that_a_header_does_not_hold_as_they_are(raws, calibrate, tmp_path, name):
    shutil.copy(raws[0], tmp_path / name)
    (tmp_path / "list").write_text(f"{tmp_path / name}  # a name with a # in it\n")
    calibrate(options=["--list", tmp_path / "list"])
    (product,) = (tmp_path / "out").iterdir()
    assert product.name == product_of(tmp_path / name)
    assert_whole(product)
    expected = name.encode("ascii", "backslashreplace").decode().replace("\t", "\\t")
    assert fits.getheader(product)["RAWFILE"] == expected
    assert "0 done, 1 skipped" in calibrate(tmp_path / name)


def test_a_name_that_is_not_text(raws, calibrate, tmp_path):
    path = tmp_path / os.fsdecode(b"\xff.fits")
    shutil.copy(raws[0], path)
    assert "1 done" in calibrate(path)
    (product,) = (tmp_path / "out").iterdir()
    assert os.fsencode(product.name) == b"\xff.cal.fits"


def test_outputs_go_to_the_current_folder_by_default(raws, caldir, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["calibrate", str(raws[0]), "--caldir", str(caldir)]) == 0
    assert list(contents(tmp_path)) == [product_of(raws[0])]


def test_a_step_can_be_left_out(raws, caldir, calibrate, tmp_path):
    calibrate(raws[0], options=["--without", "smear", "--without", "flat"])
    (product,) = (tmp_path / "out").iterdir()
    models = tica_fn.load_models(caldir, CAMERA, CCD)
    steps = tica_fn.standard_steps(models, without=("subtract_smear", "divide_flat"))
    expected = steps(tica_fn.read(raws[0]), dtype=np.float32)
    with fits.open(product) as opened:
        assert np.array_equal(opened[0].data, expected.pixels)
        assert opened[0].header["NSTEPS"] == 4


@pytest.mark.parametrize("compress", ["none", "gzip", "rice", "gzip2"])
def test_counts_are_not_written_as_electrons(raws, calibrate, tmp_path, compress):
    left_out = ("gain", "linearity", "smear", "flat")
    options = [word for step in left_out for word in ("--without", step)]
    calibrate(raws[0], options=[*options, "--compress", compress], code=1)
    assert not list((tmp_path / "out").iterdir())


# What is there already.


def test_a_product_that_is_there_is_skipped_with_a_word(raws, calibrate, tmp_path):
    calibrate(raws[0])
    (product,) = (tmp_path / "out").iterdir()
    before = product.stat()
    printed = calibrate(raws[0], raws[1])
    assert product.stat().st_mtime_ns == before.st_mtime_ns
    assert product.stat().st_ino == before.st_ino
    assert f"skipped {product}" in printed
    assert "1 done, 1 skipped, 0 failed" in printed
    assert "1 done, 0 skipped" in calibrate(raws[0], options=["--overwrite"])
    assert product.stat().st_ino != before.st_ino


SPOILED = {
    "empty": lambda data: b"",
    "text": lambda data: b"text",
    "cut": lambda data: data[: len(data) // 2],
    "cut in the header": lambda data: data[:3000],
    "a pixel changed": lambda data: data[:-9000] + bytes([data[-9000] ^ 1]) + data[-8999:],
    "header changed": lambda data: data.replace(b"electrons", b"elektrons", 1),
}


@pytest.mark.parametrize("compress", ["none", "gzip"])
@pytest.mark.parametrize("kind", SPOILED)
def test_a_product_that_is_not_whole_is_made_again(raws, calibrate, tmp_path, kind, compress):
    options = ["--compress", compress]
    calibrate(raws[0], options=options)
    (product,) = (tmp_path / "out").iterdir()
    good = product.read_bytes()
    product.write_bytes(SPOILED[kind](good))
    assert product.read_bytes() != good or (kind, compress) == ("header changed", "gzip")
    calibrate(raws[0], options=options)
    assert product.read_bytes() == good


@pytest.mark.parametrize("option", ["--trim", "--quality", "--uncertainty"])
def test_a_product_of_another_kind_is_made_again(raws, calibrate, tmp_path, option):
    """They have the same name, and are made from the same input with the same models."""
    calibrate(raws[0])
    (product,) = (tmp_path / "out").iterdir()
    plain = product.read_bytes()
    assert "made again" in calibrate(raws[0], options=[option])
    assert product.read_bytes() != plain
    assert "0 done, 1 skipped" in calibrate(raws[0], options=[option])
    assert "made again" in calibrate(raws[0])
    assert product.read_bytes() == plain


def test_a_product_of_another_input_is_made_again(raws, calibrate, tmp_path, made):
    other = inputs.raw_ffi(
        tmp_path / raws[0].name, made[0] + 1, camera=CAMERA, ccd=CCD, exposure_s=EXPOSURE_S
    )
    calibrate(other)
    printed = calibrate(raws[0])
    assert "1 done, 0 skipped" in printed
    assert "another input" in printed
    calibrate(raws[0], outdir=tmp_path / "fresh")
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")


def test_a_product_of_another_maker_is_left_alone(raws, calibrate, caldir, tmp_path, capsys):
    """The mission's products have the names that ours have in its layout."""
    calibrate(raws[0])
    (product,) = (tmp_path / "out").iterdir()
    ours = product.read_bytes()
    fits.PrimaryHDU(header=fits.Header({"CREATOR": "12345 FfiExporterPipelineModule"})).writeto(
        product, overwrite=True
    )
    theirs = product.read_bytes()
    words = ["calibrate", raws[0], "--caldir", caldir, "--outdir", product.parent]
    assert main([str(word) for word in words]) == 1
    assert "not by tica-fn (CREATOR = '12345 Ffi" in capsys.readouterr().err
    assert product.read_bytes() == theirs
    calibrate(raws[0], options=["--overwrite"])
    assert product.read_bytes() == ours


def test_a_product_of_other_models_is_made_again(raws, calibrate, tmp_path, made):
    models = inputs.tica_models(
        tmp_path / "m" / "calibration_30min", made[1] + 1, made[2], CAMERA, CCD
    )
    calibrate(raws[0], caldir=models)
    printed = calibrate(raws[0])
    assert "1 done, 0 skipped" in printed
    assert "other models" in printed
    calibrate(raws[0], outdir=tmp_path / "fresh")
    assert contents(tmp_path / "out") == contents(tmp_path / "fresh")


def test_a_product_of_other_steps_is_made_again(raws, calibrate, tmp_path):
    calibrate(raws[0], options=["--without", "smear"])
    printed = calibrate(raws[0])
    assert "1 done, 0 skipped" in printed
    assert "1 done, 0 skipped" in calibrate(raws[0], options=["--without", "smear"])


def test_models_that_were_moved_are_the_same_models(raws, calibrate, caldir, tmp_path):
    calibrate(raws[0])
    (tmp_path / "calibration_30min").symlink_to(caldir)
    assert "0 done, 1 skipped" in calibrate(raws[0], caldir=tmp_path / "calibration_30min")


def test_target_file_that_is_there_is_skipped(calibrate, tmp_path):
    calibrate(inputs.TARGET, caldir=inputs.EXAMPLE)
    (product,) = (tmp_path / "out").iterdir()
    good = product.read_bytes()
    assert "0 done, 1 skipped" in calibrate(inputs.TARGET, caldir=inputs.EXAMPLE)
    product.write_bytes(good[:-2880])
    assert "1 done, 0 skipped" in calibrate(inputs.TARGET, caldir=inputs.EXAMPLE)
    assert product.read_bytes() == good


# Killed.


def test_killed_at_any_moment_a_product_is_whole_or_not_there(raws, caldir, tmp_path):
    """A child is killed at its first, second, ... touch of the output folder.

    Every third time the folder holds an older product: that one stays, or the new one is whole.
    """
    script = r"""
import os, shutil, signal, sys
from pathlib import Path
from tica_fn.cli import main

raw, caldir, out = map(Path, sys.argv[1:])
command = ["calibrate", str(raw), "--caldir", str(caldir), "--outdir", str(out)]
sys.stdout = open(os.devnull, "w")
main(command)
(product,) = out.iterdir()
good = product.read_bytes()
old = b"an older product"

def child(fatal):
    count = 0
    def touch():
        nonlocal count
        count += 1
        if count == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
    def watch(event, arguments):
        if event in ("open", "os.rename", "os.link") and str(out) in str(arguments):
            touch()
    write = os.write
    def halting(handle, data):
        touch()
        return write(handle, data[: len(data) // 2] if len(data) > 10_000_000 else data)
    os.write = halting
    sys.addaudithook(watch)
    return main(command)

fatal = 0
while True:
    fatal += 1
    shutil.rmtree(out)
    out.mkdir()
    if fatal % 3 == 0:
        product.write_bytes(old)
    process = os.fork()
    if process == 0:
        os._exit(child(fatal))
    status = os.waitpid(process, 0)[1]
    if product.exists():
        found = product.read_bytes()
        assert found == good or (fatal % 3 == 0 and found == old), fatal
    left = [p for p in out.iterdir() if p != product]
    # At most, for a moment, the whole product under another name.
    assert all(p.suffix == ".part" and p.read_bytes() == good for p in left), (fatal, left)
    if status == 0:
        break
assert product.read_bytes() == good
print(fatal, file=sys.__stdout__)
"""
    if not atomic._NAMELESS:
        pytest.skip("files without a name are not known here")
    done = subprocess.run(
        [sys.executable, "-c", script, str(raws[0]), str(caldir), str(tmp_path / "out")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 8


def test_a_killed_batch_goes_on_where_it_was(raws, caldir, calibrate, tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    paths = [folder / inputs.name_of(number, CAMERA, CCD) for number in range(12)]
    for path in paths:
        path.hardlink_to(raws[0])
    out = tmp_path / "out"
    process = subprocess.Popen(
        [sys.executable, "-m", "tica_fn", "calibrate", *map(str, paths), "--caldir", str(caldir),
         "--outdir", str(out), "--jobs", "2"],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    stop = time.monotonic() + 60
    while len(list(out.glob("*.cal.fits"))) < 3 and process.poll() is None:
        assert time.monotonic() < stop
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    whole = sorted(out.glob("*.cal.fits"))
    assert len(whole) >= 3
    for path in whole:
        assert_whole(path)
    printed = calibrate(*paths)
    assert f"{12 - len(whole)} done, {len(whole)} skipped, 0 failed" in printed
    assert sorted(path.name for path in out.glob("*.cal.fits")) == list(map(product_of, paths))


# Memory.


@pytest.fixture
def peak():
    """Measure what a call allocates at most beyond what there was before, in MB."""

    def measure(call):
        call()  # kernels are loaded
        tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            result = call()
            return (tracemalloc.get_traced_memory()[1] - before) / MB, result
        finally:
            tracemalloc.stop()

    return measure


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_calibrating_a_frame_allocates_one_result(raws, caldir, peak, dtype):
    frame = tica_fn.read(raws[0])
    models = tica_fn.load_models(caldir, CAMERA, CCD)
    allocated, out = peak(lambda: tica_fn.calibrate(frame, models, dtype=dtype))
    assert allocated < out.pixels.nbytes / MB + 1


def test_memory_does_not_grow_with_the_number_of_files(raws, caldir, peak, tmp_path):
    """From file to file: the raw frame, its models, the result, and one copy of it on its way."""
    job = Job(models=ModelShelf(caldir), outdir=tmp_path, overwrite=True)
    image = 2078 * 2136 * 4 / MB
    job.models(CAMERA, CCD)
    one, _ = peak(lambda: calibrate_file(raws[0], job))
    assert one < 3 * image + 2
    many, _ = peak(lambda: [calibrate_file(raw, job) for raw in (raws[0], raws[1]) * 2])
    assert many < one + 1
