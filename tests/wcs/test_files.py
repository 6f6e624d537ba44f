"""Solutions in files: layouts, in-place updates, refusals, the command line."""

import gzip
import io
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS

from tests.wcs import sky
from tica_fn.cli import main
from tica_fn.errors import BadFileError, FrameError
from tica_fn.wcs import read_image, read_reference_stars, read_solution

PLACE = (35, 1, 1)
MID = 2288.3


@pytest.fixture(scope="module")
def pixels():
    image, _ = sky.frame(*PLACE, shift=(1.3, -0.8))
    return image


def tica(pixels, path, **more):
    header = fits.Header()
    header["TJD_ZERO"] = 2457000.0
    header["STARTTJD"], header["MIDTJD"], header["ENDTJD"] = MID - 0.003, MID, MID + 0.003
    header["EXPTIME"], header["INT_TIME"] = 479.25576, 600
    header["CAMNUM"], header["CCDNUM"], header["UNITS"] = 1, 1, "electrons"
    header["COMMENT"] = "calibration applied by somebody"
    header["HISTORY"] = "something earlier"
    header.update(more)
    fits.PrimaryHDU(pixels, header).writeto(path, checksum=True)
    return path


def spoc(pixels, path, unit="e-/s", extra=True):
    primary = fits.PrimaryHDU()
    primary.header["TELESCOP"], primary.header["CAMERA"], primary.header["CCD"] = "TESS", 1, 1
    header = fits.Header()
    header["CAMERA"], header["CCD"], header["BUNIT"] = 1, 1, unit
    header["EXPOSURE"] = 600 * 0.8 * 0.99 / 86400
    header["TSTART"], header["TSTOP"] = MID - 0.003, MID + 0.003
    header["BJDREFI"], header["BJDREFF"], header["BARYCORR"] = 2457000, 0.0, 0.0
    header["WCSNAMEP"], header["CRVAL1P"], header["CTYPE1P"] = "PHYSICAL", 1, "RAWX"
    header["CTYPE1"], header["CTYPE2"], header["CRVAL1"] = "RA---TAN-SIP", "DEC--TAN-SIP", 7.0
    header["A_ORDER"], header["A_2_0"], header["A_DMAX"] = 2, 1e-5, 3.0
    hdus = [primary, fits.ImageHDU(pixels, header)]
    if extra:
        hdus.append(fits.ImageHDU(np.ones_like(pixels, dtype=np.float32), name="UNCERT"))
    fits.HDUList(hdus).writeto(path)
    return path


@pytest.fixture(scope="module")
def reference(pixels, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    image = tica(pixels, folder / "dark.fits")
    path, table = folder / "ref.h5", folder / "ref.ecsv"
    code = main(
        ["wcs", "refstars", str(image), "--sector", "35", "-o", str(path), "--ecsv", str(table)]
    )
    assert code == 0
    return path


def run(*args):
    return main(["wcs", *map(str, args)])


def test_reference_stars_are_a_file_that_tica_reads(reference):
    stars = read_reference_stars(reference)
    with h5py.File(reference) as file:
        assert set(file) == {
            "tics", "ras", "decs", "tmags", "blkidxs", "predcols", "predrows", "obscols",
            "obsrows", "contrastcols", "contrastrows", "aperturecols", "aperturerows",
        }  # fmt: skip
        assert all(file[key].compression == "gzip" for key in file)
        assert {
            key: file[key].dtype.kind for key in ("tics", "blkidxs", "aperturecols")
        } == dict.fromkeys(("tics", "blkidxs", "aperturecols"), "i")
        assert dict(file.attrs) == {"ref_FIN": "dark.fits", "wingFAC": 0.9, "contrastFAC": 3.5}
        np.testing.assert_array_equal(file["obscols"][:], stars.columns)
    assert (np.diff(stars.tmag) >= 0).all()
    assert np.bincount(stars.blocks).max() <= 40
    table = Table.read(reference.with_suffix(".ecsv"))
    np.testing.assert_array_equal(table["columns"], stars.columns)
    assert table["ra"].unit == "deg"


def test_a_file_of_tica_is_read_also_one_before_version_1_1(tmp_path):
    old = Path(__file__).parents[1] / "data" / "wcs" / "refstars_tica.h5"
    stars = read_reference_stars(old)
    assert stars.name == "s0035"
    assert (stars.aperture_columns == np.rint(stars.columns)).mean() > 0.99
    older = tmp_path / "older.h5"
    with h5py.File(old) as source, h5py.File(older, "w") as target:
        for key in source:
            if not key.startswith("aperture"):
                target[key] = source[key][()]
    ancient = read_reference_stars(older)
    np.testing.assert_array_equal(ancient.columns, stars.columns)
    assert ancient.wing_factor == 0.9
    assert ancient.aperture_rows.dtype == np.int64


def test_fit_writes_every_keyword_and_a_second_run_the_same_bytes(pixels, reference, tmp_path):
    path = tica(pixels, tmp_path / "frame.fits", EXTNAME="PRIMARY")
    path.chmod(0o640)
    assert run("fit", path, "--refstars", reference) == 0
    first = path.read_bytes()
    assert path.stat().st_mode & 0o777 == 0o640
    assert run("fit", path, "--refstars", reference) == 0
    assert path.read_bytes() == first
    assert [entry.name for entry in tmp_path.iterdir()] == ["frame.fits"]
    link = tmp_path / "link.fits"
    link.symlink_to(path)
    assert run("fit", link, "--refstars", reference) == 0
    assert link.is_symlink()
    assert path.read_bytes() == first
    link.unlink()
    with warnings.catch_warnings(), fits.open(path, checksum=True) as hdus:
        warnings.simplefilter("error")
        hdus.verify("exception")
        header, stars = hdus[0].header, hdus["WCS_STARS"].data
        np.testing.assert_array_equal(hdus[0].data, pixels)
        wcs = WCS(header)
        columns = hdus["WCS_STARS"].columns
        assert dict(zip(columns.names, columns.formats, strict=True)) == {
            "TIC": "K", "FLXCOL": "E", "FLXROW": "E", "FLX": "E", "BKG": "E", "FLXVALID": "I",
        }  # fmt: skip
    assert (header["CTYPE1"], header["CRPIX1"], header["CRPIX2"]) == (
        "RA---TAN-SIP",
        1069.0,
        1024.0,
    )
    assert [header[f"{name}_ORDER"] for name in ("A", "B", "AP", "BP")] == [7] * 4
    assert sum(key.startswith("A_") for key in header) == 1 + 33
    assert sum(key.startswith("AP_") for key in header) == 1 + 35
    assert header["RMSA"] < 0.02
    assert header["RMSF"] == -1.0
    assert header["WCSGDF"] > 0.95
    assert header["EXPTIME"] == pytest.approx(475.2)
    assert header["MJD-BEG"] == pytest.approx(MID - 0.003 + 56999.5, abs=1e-9)
    assert (header["RA_TARG"], header["DEC_TARG"]) == (header["CRVAL1"], header["CRVAL2"])
    for key in ("RMSB", "RMSAP", "RMSBP", "RMSBF", "RMSX0", "RMSX1", "RMSX2", "RMSX3"):
        assert np.isfinite(header[key])
    assert (header["CTRPCOL"], header["CTRPROW"], header["FLXWIN"]) == (5, 5, 5)
    assert "calibration applied by somebody" in str(header["COMMENT"])
    assert header["HISTORY"][0] == "something earlier"
    assert len(header["HISTORY"]) == 3
    assert (stars["FLXVALID"] == 1).mean() == pytest.approx(header["WCSGDF"], abs=1e-6)

    # The convention: a known star lands on the pixel where its light is.
    bright = np.flatnonzero(stars["FLXVALID"] == 1)[:20]
    known = read_reference_stars(reference)
    x, y = wcs.all_world2pix(known.ra[bright], known.dec[bright], 1)
    for k in range(bright.size):
        column, row = round(float(x[k])), round(float(y[k]))
        box = pixels[row - 4 : row + 3, column - 4 : column + 3]
        peak = np.unravel_index(np.argmax(box), box.shape)
        assert max(abs(peak[0] - 3), abs(peak[1] - 3)) <= 1


def test_sip_and_its_inverse_agree_over_the_science_area(pixels, reference, tmp_path):
    path = tica(pixels, tmp_path / "frame.fits")
    run("fit", path, "--refstars", reference)
    wcs = WCS(fits.getheader(path))
    side = np.linspace(0.0, 2048.0, 33)
    place = np.stack(np.meshgrid(44.5 + side, 0.5 + side), axis=-1).reshape(-1, 2)
    sky_place = wcs.all_pix2world(place, 1)
    np.testing.assert_allclose(wcs.all_world2pix(sky_place, 1), place, atol=1e-4)
    linear = wcs.wcs_world2pix(sky_place, 1) - wcs.wcs.crpix
    u, v = linear.T
    for name, wanted in (("ap", place[:, 0]), ("bp", place[:, 1])):
        matrix = getattr(wcs.sip, name)
        n = len(matrix)
        shift = sum(matrix[i, j] * u**i * v**j for i in range(n) for j in range(n - i))
        got = (u if name == "ap" else v) + shift + wcs.wcs.crpix[0 if name == "ap" else 1]
        assert np.abs(got - wanted).max() < 0.01
    solution = read_solution(path)
    np.testing.assert_allclose(
        np.stack(solution.sky_to_pixel(*sky_place.T), axis=1), place, atol=1e-6
    )


@pytest.mark.parametrize("zipped", [False, True])
def test_spoc_layout_keeps_history_out_of_the_image_header(pixels, reference, tmp_path, zipped):
    live = 600 * 0.8 * 0.99
    path = spoc((pixels / live).astype(np.float32), tmp_path / "tess-s0035-1-1-0212-s_ffic.fits")
    if zipped:
        raw = path.read_bytes()
        path.unlink()
        path = path.with_suffix(".fits.gz")
        path.write_bytes(gzip.compress(raw))
    assert run("fit", path, "--refstars", reference) == 0
    first = path.read_bytes()
    assert run("fit", path, "--refstars", reference) == 0
    assert path.read_bytes() == first
    with fits.open(path) as hdus:
        assert [hdu.name for hdu in hdus] == ["PRIMARY", "", "UNCERT", "WCS_STARS"]
        image = hdus[1].header
        assert "HISTORY" not in image
        assert "COMMENT" not in image
        assert "A_DMAX" not in image
        assert image["CTYPE1P"] == "RAWX"
        assert list(image).index("WCSAXES") < list(image).index("CTYPE1")
        assert "tica-fn wcs fit" in str(hdus[0].header["HISTORY"])
        assert image["RMSA"] < 0.02


def test_an_image_of_another_field_is_refused_by_name(pixels, tmp_path, capsys):
    image = tica(pixels, tmp_path / "dark.fits")
    target = tmp_path / "ref.h5"
    assert run("refstars", image, "--sector", 36, "--output", target) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"tica-fn: {image}: the image does not show the field of sector 36")
    assert len(error.strip().splitlines()) == 1
    assert not target.exists()


def test_an_ephemeris_adds_place_and_barycentric_time(pixels, reference, tmp_path, capsys):
    image = tica(pixels, tmp_path / "frame.fits")
    days = MID + np.arange(-5, 6) / 96.0
    place = np.stack([1e8 + 25.0 * 86400 * (days - MID), 9e7 + 0 * days, -4e7 + 0 * days], axis=1)
    speed = np.tile([25.0, 0.0, 0.0], (11, 1))
    table = tmp_path / "tess_ephem.txt"
    np.savetxt(table, np.column_stack([days, place, speed]))
    assert run("fit", image, "--refstars", reference, "--ephemeris", table) == 0
    header = fits.getheader(image)
    at = tuple(header[f"TESS_{axis}"] for axis in ("X", "Y", "Z", "VX", "VY", "VZ"))
    assert at == pytest.approx((1e8, 9e7, -4e7, 25.0, 0.0, 0.0), abs=0.01)
    ra, dec = np.deg2rad([header["CRVAL1"], header["CRVAL2"]])
    star = np.array([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
    late = star @ [1e8, 9e7, -4e7] / 299792.458
    assert (header["MIDBTJD"] - MID) * 86400 == pytest.approx(late, abs=1e-3)
    before = image.read_bytes()
    np.savetxt(table, np.column_stack([days + 7, place, speed]))
    assert run("fit", image, "--refstars", reference, "--ephemeris", table) == 1
    assert f"{image}: the ephemeris covers JD" in capsys.readouterr().err
    assert image.read_bytes() == before


def test_raw_frames_are_solved_too(pixels, reference, tmp_path, monkeypatch):
    raw = np.rint(pixels / 5.2).astype(np.int32)
    raw += RAW_LEVEL
    path = spoc(raw, tmp_path / "tess-s0035-1-1-0212-s_ffir.fits", unit="count", extra=False)
    assert run("fit", path, "--refstars", reference, "--output-dir", tmp_path / "out") == 0
    assert "RMSA" not in fits.getheader(path, 1)
    solved = tmp_path / "out" / path.name
    with fits.open(solved) as hdus:
        np.testing.assert_array_equal(hdus[1].data, raw)
        assert hdus[1].header["RMSA"] < 0.05
    mixed = tmp_path / "mixed"
    mixed.mkdir()
    tica(pixels, mixed / "calibrated.fits")
    path.rename(mixed / path.name)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"{mixed}\n".encode())))
    fit = "fit", tmp_path / "out", "--list", "-", "--refstars", reference
    assert run(*fit, "--jobs", 1) == 0
    assert "RMSA" in fits.getheader(mixed / "calibrated.fits")
    assert "RMSA" not in fits.getheader(mixed / path.name, 1)
    table = tmp_path / "table.ecsv"
    assert run("diagnose", tmp_path / "out", mixed / "calibrated.fits", "-o", table) == 0
    assert len(Table.read(table)) == 2


RAW_LEVEL = 1_555_200


def test_a_bad_file_does_not_stop_the_others_nor_lose_its_bytes(
    pixels, reference, tmp_path, capsys
):
    good = tica(pixels, tmp_path / "good.fits")
    cut = tmp_path / "cut.fits"
    cut.write_bytes(good.read_bytes()[:5_000_000])
    noise = np.random.default_rng(1).normal(0, 300, sky.SHAPE).astype(np.float32)
    other = tica(noise, tmp_path / "other.fits")
    before = other.read_bytes()
    assert run("fit", cut, other, tmp_path / "none.fits", good, "--refstars", reference) == 1
    out, err = capsys.readouterr()
    assert "good.fits: " in out
    assert "truncated" in err
    assert "another field" in err
    assert "none.fits" in err
    assert other.read_bytes() == before
    assert len(err.strip().splitlines()) == 3


def test_copies_replace_neither_images_nor_each_other(pixels, reference, tmp_path, capsys):
    image = tica(pixels, tmp_path / "a.fits")
    (tmp_path / "other").mkdir()
    other = tica(pixels, tmp_path / "other" / "a.fits")
    before = image.read_bytes()
    out = tmp_path / "out"
    assert run("fit", image, other, "--refstars", reference, "--output-dir", out) == 1
    assert "several images would be written to" in capsys.readouterr().err
    assert run("fit", image, "--refstars", reference, "--output-dir", tmp_path) == 1
    assert f"{image}: the copy would replace the image" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        run("fit", image, "--refstars", reference, "--jobs", 0)
    assert stopped.value.code == 2
    assert "0 is not a positive whole number" in capsys.readouterr().err
    assert image.read_bytes() == before
    assert not out.exists()


def test_a_read_only_image_is_left_alone(pixels, reference, tmp_path, capsys, monkeypatch):
    image = tica(pixels, tmp_path / "a.fits")
    before = image.read_bytes()
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write anything
    assert run("fit", image, "--refstars", reference) == 1
    assert capsys.readouterr().err == f"tica-fn: {image}: is read-only; use --outdir\n"
    assert image.read_bytes() == before


def test_header_and_options_must_agree(pixels, tmp_path):
    bare = tmp_path / "bare.fits"
    fits.PrimaryHDU(pixels).writeto(bare)
    with pytest.raises(FrameError, match="give --camera"):
        read_image(bare)
    frame = read_image(bare, camera=1, ccd=1).frame
    assert (frame.camera, frame.unit, frame.exposure_s) == (1, "electron", 1800.0)
    wrong = tica(pixels, tmp_path / "wrong.fits", MIDTJD="noon")
    with pytest.raises(FrameError, match=r"wrong\.fits: MIDTJD is 'noon', not a number"):
        read_image(wrong)
    named = tica(pixels, tmp_path / "named.fits")
    with pytest.raises(FrameError, match="camera 2 was requested, but the header says 1"):
        read_image(named, camera=2)
    small = tmp_path / "small.fits"
    fits.PrimaryHDU(np.zeros((3, 4))).writeto(small)
    with pytest.raises(BadFileError, match="no 2078 x 2136 image"):
        read_image(small)
    camera = tmp_path / "camera.fits"
    fits.PrimaryHDU(np.zeros((4156, 4272), np.int16)).writeto(camera)
    with pytest.raises(BadFileError, match="split camera frames into their CCDs first"):
        read_image(camera)


def test_wrong_reference_files_are_refused(tmp_path):
    text = tmp_path / "ref.h5"
    text.write_text("no HDF5")
    with pytest.raises(BadFileError, match="not an HDF5 file"):
        read_reference_stars(text)
    empty = tmp_path / "empty.h5"
    with h5py.File(empty, "w") as file:
        file["tics"] = [1]
    with pytest.raises(BadFileError, match="not a file of reference stars: no ras"):
        read_reference_stars(empty)


def test_a_star_without_wings_is_a_good_one_a_place_without_number_is_not(reference, tmp_path):
    path = tmp_path / "ref.h5"
    path.write_bytes(reference.read_bytes())
    with h5py.File(path, "r+") as file:
        file["contrastrows"][3] = np.inf
    assert np.isinf(read_reference_stars(path).contrast_rows[3])
    with h5py.File(path, "r+") as file:
        file["obscols"][3] = np.inf
    with pytest.raises(BadFileError, match="not finite in obscols"):
        read_reference_stars(path)


def test_compare_and_diagnose_tell_a_shift(pixels, reference, tmp_path, capsys):
    moved, _ = sky.frame(*PLACE, shift=(1.35, -0.83), seed=3)
    a, b = tica(pixels, tmp_path / "a.fits"), tica(moved, tmp_path / "b.fits", MIDTJD=MID + 1)
    assert run("fit", a, b, "--refstars", reference, "--jobs", 2) == 0
    capsys.readouterr()
    assert run("compare", a, b, "--plot", tmp_path / "plots", "--table", tmp_path / "d.ecsv") == 0
    out = capsys.readouterr().out
    mean = next(line for line in out.splitlines() if line.startswith("mean")).split()
    assert float(mean[1]) == pytest.approx(0.05, abs=0.002)
    assert float(mean[3]) == pytest.approx(-0.03, abs=0.002)
    assert {p.name for p in (tmp_path / "plots").iterdir()} == {"wcs_quiver.png", "wcs_map.png"}
    table = Table.read(tmp_path / "d.ecsv")
    assert np.median(table["d_columns"]) == pytest.approx(0.05, abs=0.002)
    assert np.median(table["d_rows"]) == pytest.approx(-0.03, abs=0.002)
    assert run("compare", a, b, "--stars", reference) == 0
    assert "stars" in capsys.readouterr().out
    code = run("diagnose", b, a, "-o", tmp_path / "t.ecsv", "--plot", tmp_path / "history")
    assert code == 0
    table = Table.read(tmp_path / "t.ecsv")
    assert list(table["tjd"]) == [MID, MID + 1]
    drift = table["drift_columns"][1] - table["drift_columns"][0]
    assert drift == pytest.approx(0.05, abs=0.002)
    assert len(list((tmp_path / "history").iterdir())) == 5
    assert run("diagnose", reference, "-o", tmp_path / "u.ecsv") == 1
    assert not (tmp_path / "u.ecsv").exists()


def test_files_written_by_two_threads_at_once_are_each_their_own(reference, tmp_path, monkeypatch):
    """HDF5 in memory is known by name: both are open before either is finished."""
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    import attrs

    from tica_fn.wcs import refstars_file

    stars = read_reference_stars(reference)
    few = attrs.evolve(
        stars,
        **{
            field.name: getattr(stars, field.name)[::2]
            for field in attrs.fields(type(stars))
            if isinstance(getattr(stars, field.name), np.ndarray)
        },
    )
    together, plain = Barrier(2, timeout=20.0), refstars_file._plain

    def wait(array):
        together.wait()
        return plain(array)

    monkeypatch.setattr(refstars_file, "_plain", wait)
    with ThreadPoolExecutor(2) as pool:
        paths = [tmp_path / "all.h5", tmp_path / "few.h5"]
        list(pool.map(refstars_file.write_reference_stars, (stars, few), paths))
    found = [read_reference_stars(path) for path in paths]
    assert [len(one) for one in found] == [len(stars), len(few)]
    assert np.array_equal(found[1].ra, stars.ra[::2])
