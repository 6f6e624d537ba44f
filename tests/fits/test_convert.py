"""``tica-fn convert``: TICA's layout, TICA's own products too, to what astrocut reads."""

import logging
import re
import shutil

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

import tica_fn
from tests.fits.conftest import STAR, calibrated_with
from tests.fits.verify import verify
from tica_fn.cli import main


def convert(*words, code=0):
    assert main(["convert", *map(str, words)]) == code


@pytest.fixture(scope="module")
def converted(tica_products, tmp_path_factory):
    """The gzipped products with uncertainties, in SPOC's layout."""
    folder = tmp_path_factory.mktemp("converted")
    convert(*tica_products, "--outdir", folder, "--jobs", 2)
    return sorted(folder.iterdir())


OURS = re.compile(
    "MOD(KIND|FIL|SHA|VER).*|NSTEPS|CALST.*|PEDEST_.|RAW(FILE|CRC)|CREATOR|PROCVER|FILEVER|ORIGIN|"
    "IMAGTYPE|BUNIT|QUALITY|CADENCEN|TIMECORR|HISTORY|COMMENT|LONGSTRN"
)


def as_tica_writes_it(product, path):
    """Take from a product what TICA's have not: provenance, readers' keywords, uncertainties."""
    with fits.open(product) as hdus:
        header = hdus[0].header
        for keyword in {key for key in header if OURS.fullmatch(key)}:
            header.remove(keyword, remove_all=True)
        header["TICAVER"] = "1.3.0"
        stars = Table({"TIC": [1, 2], "FLXCOL": [5.0, 6.0]})
        table = fits.BinTableHDU(stars, name="WCS_Stars")
        fits.HDUList([hdus[0], table]).writeto(path, checksum=True)
    return path


@pytest.fixture
def ticas_own(raw_frames, spoc_models, tmp_path):
    (product,) = calibrated_with(raw_frames[:1], spoc_models, tmp_path / "cal")
    name = "hlsp_tica_tess_ffi_s0006-o1-00009000-cam2-ccd3_tess_v01_img.fits"
    return as_tica_writes_it(product, tmp_path / name)


def test_names_are_those_of_the_raw_files(converted, spoc_products):
    assert [path.name for path in converted] == [path.name for path in spoc_products]


def test_the_pixels_are_those_of_the_other_layout(converted, spoc_products):
    for path, direct in zip(converted, spoc_products, strict=True):
        verify(path)
        with fits.open(path) as ours, fits.open(direct) as expected:
            # Each is rounded to float32 once more.
            for number in (1, 2):
                assert np.allclose(ours[number].data, expected[number].data, rtol=2.5e-7, atol=0)
            known = ("DATASUM", "CHECKSUM", "DATE")
            assert list(ours[1].header) == list(expected[1].header)
            for keyword in set(expected[1].header) - {*known}:
                assert ours[1].header[keyword] == expected[1].header[keyword], keyword
            assert ours[0].header["RAWFILE"].endswith(".cal.fits.gz")
            history = str(ours[0].header["HISTORY"])
            assert f"RAWFILE = {expected[0].header['RAWFILE']}" in history
            assert "not by the SPOC pipeline" in history
            assert "smear" not in history


@pytest.mark.filterwarnings("ignore")
def test_astrocut_makes_cubes_of_them(converted, star_position, tmp_path, capsys):
    pytest.importorskip("astrocut")
    from astrocut import CubeFactory, TessCubeCutout

    logging.disable(logging.WARNING)
    try:
        cube = CubeFactory().make_cube([str(path) for path in converted], str(tmp_path / "c.fits"))
        out = TessCubeCutout(cube, coordinates=star_position, cutout_size=11, threads=1)
        (target,) = out.write_as_tpf(output_dir=str(tmp_path))
    finally:
        logging.disable(logging.NOTSET)
    with fits.open(target) as hdus:
        pixels = hdus[1].data
        middle = np.unravel_index(np.argmax(pixels["FLUX"][0]), (11, 11))
        assert max(abs(middle[0] - 5), abs(middle[1] - 5)) <= 1
        row, column = STAR[1] - middle[0], STAR[0] - middle[1]
        box = np.s_[row : row + 11, column : column + 11]
        for number, path in enumerate(converted):
            assert np.array_equal(pixels["FLUX"][number], fits.getdata(path, 1)[box])
            assert np.array_equal(pixels["FLUX_ERR"][number], fits.getdata(path, 2)[box])
        assert list(pixels["QUALITY"]) == [0, 32, 0]
    assert main(["info", str(target)]) == 0
    said = capsys.readouterr().out
    assert "cut out of calibrated frames" in said
    assert "camera 2 CCD 3\n  pixels      11 x 11, 3 cadences" in said


def test_without_uncertainties_models_are_asked_for(ticas_own, spoc_models, tmp_path, capsys):
    convert(ticas_own, "--outdir", tmp_path / "out", code=1)
    assert "has no uncertainties" in capsys.readouterr().err
    assert not list((tmp_path / "out").iterdir())
    convert(ticas_own, "--outdir", tmp_path / "out", "--caldir", spoc_models)


def test_ticas_own_products_say_whose_they_are(ticas_own, spoc_models, tmp_path, spoc_products):
    folder = tmp_path / "out"
    convert(ticas_own, "--outdir", folder, "--caldir", spoc_models)
    (path,) = folder.iterdir()
    assert path.name == f"{ticas_own.stem}_ffic.fits"
    verify(path)
    with fits.open(path) as ours, fits.open(spoc_products[0]) as expected:
        first = ours[0].header
        history = str(first["HISTORY"])
        assert "Calibrated by TICA 1.3.0; put in SPOC's layout by tica-fn." in history
        assert "without the noise of the smear" in history
        assert "Calibrated from the raw file" not in history
        assert first["CALSTEP6"] == "divide_flat"
        assert first["MODFIL1"] == expected[0].header["MODFIL1"]
        assert np.allclose(ours[1].data, expected[1].data, rtol=2.5e-7, atol=0)
        ratio = (ours[2].data / expected[2].data)[:2048, 44:2092]
        assert 0.93 < np.median(ratio) < 1.0
        stars = ours["WCS_STARS"]
        assert list(stars.data["FLXCOL"]) == [5.0, 6.0]
        assert first["NEXTEND"] == len(ours) - 1 == 4
        for keyword in ("CRVAL1", "A_2_0", "CTYPE1", "EXPOSURE", "NREADOUT", "TSTART", "FFIINDEX"):
            assert ours[1].header[keyword] == expected[1].header[keyword]


def test_the_missions_name_is_made_of_the_time(ticas_own, spoc_models, tmp_path, spoc_products):
    folder = tmp_path / "out"
    convert(ticas_own, "--outdir", folder, "--caldir", spoc_models, "--name", "spoc")
    (path,) = folder.iterdir()
    # As the simulated raw file's, which has a configuration behind it too.
    assert path.name.replace("-0000-", "-0126-") == spoc_products[0].name


def test_ticas_own_products_of_camera_frames(camera_file, poc_models, tmp_path):
    frame = tica_fn.calibrate(
        tica_fn.read(camera_file, ccd=2), tica_fn.load_models(poc_models, 1, 2)
    )
    product = tmp_path / "product.fits"
    tica_fn.write(frame, product)
    with fits.open(product, mode="update") as hdus:
        for keyword in ("TSTART", "TSTOP", "CAMERA", "CCD", "SECTOR", "DQUALITY", "FFIINDEX"):
            del hdus[0].header[keyword]
    name = "hlsp_tica_tess_ffi_s0035-o1-00116470-cam1-ccd2_tess_v01_img.fits"
    own = as_tica_writes_it(product, tmp_path / name)
    convert(own, "--outdir", tmp_path / "out", "--caldir", poc_models, "--name", "spoc")
    (path,) = (tmp_path / "out").iterdir()
    # STARTTJD in UTC: 69.184 s before TDB.
    assert path.name == "tess2021039142250-s0035-1-2-0000-s_ffic.fits"
    with fits.open(path) as hdus:
        header = hdus[1].header
        assert header["TSTART"] == 2254.1
        assert (header["CAMERA"], header["CCD"], header["FFIINDEX"]) == (1, 2, 116470)
        assert (header["SECTOR"], header["DQUALITY"], header["NREADOUT"]) == (35, 32, 240)
        live = frame.live_s
        assert np.allclose(hdus[1].data, frame.pixels.astype("f4") / live, rtol=2.5e-7, atol=0)


def test_what_is_there_is_left(converted, tica_products, capsys):
    before = [path.stat().st_mtime_ns for path in converted]
    convert(*tica_products, "--outdir", converted[0].parent)
    assert "0 done, 3 skipped, 0 failed" in capsys.readouterr().out
    assert [path.stat().st_mtime_ns for path in converted] == before


@pytest.mark.parametrize("what", ["raw", "spoc"])
def test_other_files_are_refused(raw_frames, spoc_products, tmp_path, capsys, what):
    path, cause = {
        "raw": (raw_frames[0], "a raw frame"),
        "spoc": (spoc_products[0], "in SPOC's layout already"),
    }[what]
    convert(path, "--outdir", tmp_path, code=1)
    assert f"{path}: {cause}" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_other_models_than_its_own_are_refused(raw_frames, spoc_models, tmp_path, capsys):
    (product,) = calibrated_with(raw_frames[:1], spoc_models, tmp_path / "cal")
    other = tmp_path / "models" / spoc_models.name
    shutil.copytree(spoc_models, other)
    (bias,) = (other / "twodbias").glob("cam2_ccd3*")
    with fits.open(bias, mode="update") as hdus:
        hdus[0].data[7, 7] += 1
    convert(product, "--outdir", tmp_path / "out", "--caldir", other, code=1)
    assert "was calibrated with other models" in capsys.readouterr().err


def test_two_inputs_do_not_write_one_output(tica_products, tmp_path, capsys):
    twin = tmp_path / "twin" / tica_products[0].name
    twin.parent.mkdir()
    shutil.copy(tica_products[0], twin)
    convert(tica_products[0], twin, "--outdir", tmp_path / "out", code=1)
    assert "is made from" in capsys.readouterr().err
