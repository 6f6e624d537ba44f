"""Reference stars of many CCDs in one call, and each image's own in a folder of them."""

import re

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from tests.wcs import sky
from tests.wcs.test_clip import error
from tica_fn.cli import main
from tica_fn.wcs import read_reference_stars
from tica_fn.wcs.diagnostics import diagnose_files

NAMES = [f"hlsp_tica_tess_ffi_s0035-cam1-ccd{ccd}_tess_v01_cat.h5" for ccd in (1, 2)]


def write(path, ccd, pixels, **more):
    header = fits.Header({"TJD_ZERO": 2457000.0, "INT_TIME": 600, "UNITS": "electrons"})
    header.update({"CAMNUM": 1, "CCDNUM": ccd, "CADENCE": 116470 + ccd, "SECTOR": 35})
    header.update({"STARTTJD": 2260.1, "MIDTJD": 2260.1, "ENDTJD": 2260.1} | more)
    fits.PrimaryHDU(pixels, header).writeto(path)
    return path


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    folder = tmp_path_factory.mktemp("images")
    made = {}
    for ccd in (1, 2):
        pixels, truth = sky.frame(35, 1, ccd, moved=False)
        made[write(folder / f"ccd{ccd}.fits", ccd, pixels)] = truth
    return made


def test_a_file_a_ccd_and_each_image_has_its_own(images, tmp_path, capsys):
    stars, out, plots = tmp_path / "stars", tmp_path / "out", tmp_path / "plots"
    given = [str(path) for path in images]
    assert main(["wcs", "refstars", *given, "-o", str(stars), "--plot", str(plots)]) == 0
    assert sorted(path.name for path in stars.iterdir()) == NAMES
    assert sorted(path.name for path in plots.iterdir()) == [
        "wcs_refstars_cam1-ccd1.png",
        "wcs_refstars_cam1-ccd2.png",
    ]
    for ccd, name in enumerate(NAMES, start=1):
        with h5py.File(stars / name) as file:
            assert int(file.attrs["ref_FIN"]) == 116470 + ccd
            assert len(file) == 13
    (stars / NAMES[1]).rename(stars / "reftica_s35_1-2.h5")
    fit = ["wcs", "fit", *given, "--refstars", str(stars), "--outdir", str(out)]
    assert main(fit) == 0
    for path, truth in images.items():
        read = WCS(fits.getheader(out / path.name))
        rms, most = error(_Map(read), lambda x, y, truth=truth: truth.all_pix2world(x, y, 1))
        assert rms < 0.01
        assert most < 0.1
    (stars / "reftica_s35_1-2.h5").unlink()
    capsys.readouterr()
    assert main([*fit, "--debug"][:-1]) == 1
    assert "no reference stars of sector 35, camera 1, CCD 2" in capsys.readouterr().err
    (stars / "reftica_s35_1-1.h5").write_bytes((stars / NAMES[0]).read_bytes())
    assert main(fit) == 1
    assert "several files of reference stars" in capsys.readouterr().err
    empty = tmp_path / "empty"
    empty.mkdir()
    assert main(["wcs", "fit", *given, "--refstars", str(empty)]) == 1
    assert "no reference stars in this folder" in capsys.readouterr().err


class _Map:
    def __init__(self, wcs):
        self.pixel_to_sky = lambda x, y: wcs.all_pix2world(x, y, 1)


def test_two_images_of_one_ccd_are_refused(images, tmp_path, capsys):
    first = next(iter(images))
    copy = tmp_path / "copy.fits"
    copy.write_bytes(first.read_bytes())
    assert main(["wcs", "refstars", str(first), str(copy), "-o", str(tmp_path / "s")]) == 1
    assert "give one image per CCD" in capsys.readouterr().err
    assert [path.name for path in (tmp_path / "s").iterdir()] == NAMES[:1]


def test_wing_and_contrast(images, tmp_path, capsys):
    first, target = str(next(iter(images))), tmp_path / "ref.h5"
    counts = {}
    for wing, contrast in ((0.9, 3.5), (0.9, 60.0), (0.5, 3.5), (9, 3.5)):
        given = ["--wing", str(wing), "--contrast", str(contrast)]
        assert main(["wcs", "refstars", first, "-o", str(target), *given]) == 0
        stars = read_reference_stars(target)
        assert (stars.wing_factor, stars.contrast_factor) == (wing, contrast)
        assert min(stars.contrast_columns.min(), stars.contrast_rows.min()) >= contrast
        counts[wing, contrast] = len(stars)
    assert counts[0.9, 60.0] < counts[0.9, 3.5]
    assert counts[9, 3.5] < counts[0.9, 3.5]
    assert main(["wcs", "refstars", first, "-o", str(target), "--wing", "40"]) == 1
    assert "isolation is 40" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["clipped", "flat", "noisy"])
def test_a_frame_saturated_as_a_whole_keeps_the_reference_pointing(images, tmp_path, capsys, kind):
    first, truth = next(iter(images.items()))
    target, frame = tmp_path / "ref.h5", tmp_path / "full.fits"
    assert main(["wcs", "refstars", str(first), "-o", str(target)]) == 0
    well = 200000.0 * 240
    pixels = fits.getdata(first).astype(np.float32)
    full = {
        "clipped": np.minimum(pixels * 1e6, well),
        "flat": np.full_like(pixels, well),
        "noisy": well + np.random.default_rng(1).normal(0, 7000, pixels.shape),
    }[kind].astype(np.float32)
    write(frame, 1, full)
    assert main(["wcs", "fit", str(frame), "--refstars", str(target)]) == 0
    assert "kept the pointing of the reference image" in capsys.readouterr().out
    header = fits.getheader(frame)
    assert (header["WCSGDF"], header["WCSDEG"], header["WCSBADB"]) == (0.0, 4, 25)
    assert set(fits.getdata(frame, "WCS_STARS")["FLXVALID"]) == {-2}
    rms, _ = error(_Map(WCS(header)), lambda x, y: truth.all_pix2world(x, y, 1))
    assert rms < 0.5


def test_trimmed_products_hold_the_same_solution(images, tmp_path, capsys):
    first, truth = next(iter(images.items()))
    target, frame, full = (tmp_path / name for name in ("ref.h5", "trimmed.fits", "full.fits"))
    pixels = fits.getdata(first)
    write(frame, 1, pixels[:2048, 44:2092])
    write(full, 1, pixels)
    assert main(["wcs", "refstars", str(frame), "-o", str(target)]) == 0
    fit = ["wcs", "fit", str(frame), str(full), "--refstars", str(target)]
    assert main([*fit, "--jobs", "1"]) == 0
    header, whole = fits.getheader(frame), fits.getheader(full)
    assert (header["CRPIX1"], header["CRPIX2"]) == (1025.0, 1024.0)
    assert [header[key] for key in ("CRVAL1", "CD1_1", "A_2_0")] == [
        whole[key] for key in ("CRVAL1", "CD1_1", "A_2_0")
    ]
    np.testing.assert_array_equal(fits.getdata(frame), pixels[:2048, 44:2092])
    column = fits.getdata(frame, "WCS_STARS")["FLXCOL"]
    np.testing.assert_allclose(column, fits.getdata(full, "WCS_STARS")["FLXCOL"] - 44.0, atol=1e-3)
    read = WCS(header)
    shown = _Map(read)
    shown.pixel_to_sky = lambda x, y: read.all_pix2world(x - 44.0, y, 1)
    assert error(shown, lambda x, y: truth.all_pix2world(x, y, 1))[0] < 0.01
    for command in (["compare", str(full), str(frame)], ["compare", str(frame), str(full)]):
        assert main(["wcs", *command]) == 0
        assert re.search(r"max +0\.00\d\d +0\.000", capsys.readouterr().out)
    table, _ = diagnose_files([frame, full, frame])
    for key in ("drift_columns", "drift_rows", "roll"):
        np.testing.assert_allclose(table[key], 0.0, atol=1e-6)
