"""POC/TSO camera frames: in by CCD, out by CCD or whole, split and assembled."""

import gzip
import shutil

import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tests.fits.conftest import CAMERA_NAME, camera_header
from tests.fits.verify import verify
from tica_fn.cli import main
from tica_fn.errors import BadFileError, FrameError

STEM = CAMERA_NAME.removesuffix(".fits")


def quadrant(pixels, ccd):
    """Where the CCDs lie, said once more in other words."""
    bottom, top = pixels[:2078], pixels[2078:]
    return {
        1: np.rot90(top[:, 2136:], 2),
        2: np.rot90(top[:, :2136], 2),
        3: bottom[:, :2136],
        4: bottom[:, 2136:],
    }[ccd]


@pytest.fixture(scope="module")
def calibrated(camera_file, poc_models, tmp_path_factory):
    out = tmp_path_factory.mktemp("cal")
    assert (
        main(["calibrate", str(camera_file), "--caldir", str(poc_models), "--outdir", str(out)])
        == 0
    )
    return out


def test_each_ccd_is_read_from_its_quadrant(camera_file, camera_pixels):
    frames = tica_fn.read_camera(camera_file)
    assert [frame.ccd for frame in frames] == [1, 2, 3, 4]
    for frame in frames:
        assert np.array_equal(frame.pixels, quadrant(camera_pixels, frame.ccd))
        assert (frame.camera, frame.unit, frame.exposure_s, frame.coadds) == (1, "adu", 600, 240)
        assert (frame.sector, frame.cadence) == (35, 116470)
        assert frame.times.mid == 2254.1034722222
        assert frame.times.place == "spacecraft"
    assert tica_fn.read(camera_file, ccd=3) == frames[2]


def test_a_camera_frame_is_not_read_without_saying_the_ccd(camera_file):
    with pytest.raises(FrameError, match="read_camera"):
        tica_fn.read(camera_file)


def test_unsigned_counts_and_gzip(camera_file, camera_pixels, tmp_path):
    path = tmp_path / (CAMERA_NAME + ".gz")
    plain = tmp_path / CAMERA_NAME
    fits.PrimaryHDU(camera_pixels.astype(np.uint32), camera_header()).writeto(plain)
    with fits.open(plain) as hdus:
        assert hdus[0].header["BZERO"] == 2147483648
    path.write_bytes(gzip.compress(plain.read_bytes(), 1))
    for ccd in (1, 4):
        frame = tica_fn.read(path, ccd=ccd)
        assert frame.pixels.dtype == np.int32
        assert np.array_equal(frame.pixels, quadrant(camera_pixels, ccd))


def test_a_camera_frame_gives_the_bits_that_its_ccds_give(
    camera_file, calibrated, poc_models, tmp_path
):
    assert (
        main(["split", str(camera_file), "--outdir", str(tmp_path), "--ccd", "2", "--ccd", "3"])
        == 0
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"{STEM}_ccd2.fits", f"{STEM}_ccd3.fits"]
    for ccd in (2, 3):
        raw = tmp_path / f"{STEM}_ccd{ccd}.fits"
        models = tica_fn.load_models(poc_models, 1, ccd)
        expected = tica_fn.calibrate(tica_fn.read(raw), models, dtype=np.float32)
        found = tica_fn.read(calibrated / f"{STEM}_ccd{ccd}.cal.fits")
        assert found.pixels.tobytes() == expected.pixels.tobytes()
        assert np.array_equal(found.pedestals, expected.pedestals)
        assert found.steps == expected.steps
        out = tmp_path / "again"
        args = ["calibrate", str(raw), "--caldir", str(poc_models), "--outdir", str(out)]
        assert main(args) == 0
        again = tica_fn.read(out / f"{STEM}_ccd{ccd}.cal.fits")
        assert again.pixels.tobytes() == expected.pixels.tobytes()


def test_products_are_valid_and_say_what_they_are(calibrated):
    for ccd in (1, 2, 3, 4):
        path = calibrated / f"{STEM}_ccd{ccd}.cal.fits"
        verify(path)
        header = fits.getheader(path)
        assert "CAM" not in header
        expected = {
            "CAMNUM": 1, "CCDNUM": ccd, "CAMERA": 1, "CCD": ccd, "SECTOR": 35, "UNITS": "electrons",
            "SCIPIXS": "[45:2092,1:2048]", "INT_TIME": 600, "EXPTIME": 475.2, "CADENCE": 116470,
            "STARTTJD": 2254.1, "TSTART": 2254.1, "TIMECORR": 0.0, "TIMEREF": "LOCAL",
            "BJDREFI": 2457000, "QUALITY": 32, "QUAL_BIT": 32, "CRVAL1P": 1, "CRVAL2P": 1,
            "ORB_SEG": "o1", "BUNIT": "electron", "TELESCOP": "TESS", "ORBIT_ID": 77,
        }  # fmt: skip
        assert {key: header[key] for key in expected} == expected
        assert header["MJD-BEG"] == pytest.approx(59253.6, abs=1e-9)
        # Old astrocut stops at HISTORY; it reads over COMMENT.
        assert "Original header EXPTIME = 479.25576" in list(header["COMMENT"])
        assert "HISTORY" not in header


def test_what_is_there_is_not_made_again(camera_file, calibrated, poc_models, capsys):
    args = ["calibrate", str(camera_file), "--caldir", str(poc_models), "--outdir", str(calibrated)]
    before = {path.name: path.stat().st_mtime_ns for path in calibrated.iterdir()}
    assert main(args) == 0
    assert "0 done, 1 skipped" in capsys.readouterr().out
    assert {path.name: path.stat().st_mtime_ns for path in calibrated.iterdir()} == before


def test_a_missing_model_leaves_nothing_behind(camera_file, poc_models, tmp_path, capsys):
    models = tmp_path / "calibration_10min"
    shutil.copytree(poc_models, models)
    (models / "twodbias" / "cam1_ccd4_twoDcorrect.fits").unlink()
    out = tmp_path / "out"
    args = ["calibrate", str(camera_file), "--caldir", str(models), "--outdir", str(out)]
    assert main(args) == 1
    assert "camera 1 CCD 4" in capsys.readouterr().err
    assert list(out.iterdir()) == []


def test_assembled_by_either_way(camera_file, calibrated, poc_models, tmp_path):
    args = ["calibrate", str(camera_file), "--caldir", str(poc_models), "--outdir", str(tmp_path)]
    assert main([*args, "--assemble"]) == 0
    whole = tmp_path / f"{STEM}.cal.fits"
    verify(whole)
    image = fits.getdata(whole)
    assert image.shape == (4156, 4272)
    other = tmp_path / "other"
    ccds = sorted(str(path) for path in calibrated.iterdir())
    assert main(["assemble", *ccds, "--outdir", str(other)]) == 0
    assert np.array_equal(fits.getdata(other / f"{STEM}.cal.fits"), image)
    verify(other / f"{STEM}.cal.fits")
    for frame in tica_fn.read_camera(whole):
        single = tica_fn.read(calibrated / f"{STEM}_ccd{frame.ccd}.cal.fits")
        assert frame.pixels.tobytes() == single.pixels.tobytes()
        assert np.array_equal(frame.pedestals, single.pedestals)
        assert (frame.unit, frame.steps) == (single.unit, single.steps)


def test_split_and_assemble_give_the_raw_file_back(camera_file, camera_pixels, tmp_path):
    assert main(["split", str(camera_file), "--outdir", str(tmp_path), "--compress", "gzip"]) == 0
    parts = sorted(tmp_path.glob("*.fits.gz"))
    assert len(parts) == 4
    for part in parts:
        verify(part)
    out = tmp_path / "whole"
    assert main(["assemble", *map(str, reversed(parts)), "--outdir", str(out)]) == 0
    verify(out / CAMERA_NAME)
    with fits.open(out / CAMERA_NAME) as hdus:
        assert np.array_equal(hdus[0].data, camera_pixels)
        for keyword, value in camera_header().items():
            assert hdus[0].header[keyword] == value
        assert "CAMNUM" not in hdus[0].header


def test_ccds_that_do_not_belong_together_are_refused(calibrated, tmp_path, capsys):
    three = [str(calibrated / f"{STEM}_ccd{ccd}.cal.fits") for ccd in (1, 2, 3)]
    assert main(["assemble", *three, "--outdir", str(tmp_path)]) == 1
    assert "CCDs 1, 2, 3 and 4" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_trimmed_with_hlsp_name_segment_and_times(camera_file, calibrated, poc_models, tmp_path):
    args = ["calibrate", str(camera_file), "--caldir", str(poc_models), "--outdir", str(tmp_path)]
    args += ["--trim", "--name", "hlsp", "--orbit-segment", "o1b"]
    assert main([*args, "--time-correction", "ccd", "--time-correction", "poc"]) == 0
    names = {f"hlsp_tica_tess_ffi_s0035-o1b-00116470-cam1-ccd{d}_tess_v01_img.fits" for d in "1234"}
    assert {path.name for path in tmp_path.iterdir()} == names
    path = tmp_path / "hlsp_tica_tess_ffi_s0035-o1b-00116470-cam1-ccd4_tess_v01_img.fits"
    verify(path)
    frame = tica_fn.read(path)
    single = tica_fn.read(calibrated / f"{STEM}_ccd4.cal.fits")
    assert np.array_equal(frame.pixels, single.pixels[:2048, 44:2092])
    assert (frame.row, frame.column) == (0, 44)
    header = fits.getheader(path)
    assert (header["SCIPIXS"], header["CRVAL1P"], header["ORB_SEG"]) == (
        "[1:2048,1:2048]",
        45,
        "o1b",
    )
    # 1.95 s early at the start, 1.97 s at the end, and CCD 4 is read 0.06 s after CCD 1.
    assert (header["TSTART"] - 2254.1) * 86400 == pytest.approx(-1.89, abs=1e-4)
    assert (header["TSTOP"] - 2254.1069444444) * 86400 == pytest.approx(-1.91, abs=1e-4)
    assert (header["STARTTJD"], header["ENDTJD"]) == (2254.1, 2254.1069444444)
    assert (header["TCPOCBEG"], header["TCPOCEND"], header["TCCCD"]) == (-1.95, -1.97, 0.06)
    assert frame.times.start == header["TSTART"]


@pytest.mark.parametrize("change", ["cut", "no camera", "no time", "camera 5"])
def test_damaged_camera_frames_are_refused(camera_pixels, tmp_path, change):
    header = camera_header()
    if change == "no camera":
        del header["CAM"]
    if change == "no time":
        del header["INT_TIME"]
    if change == "camera 5":
        header["CAM"] = 5
    path = tmp_path / CAMERA_NAME
    fits.PrimaryHDU(camera_pixels, header).writeto(path)
    if change == "cut":
        path.write_bytes(path.read_bytes()[:-2880])
    with pytest.raises(BadFileError, match=CAMERA_NAME):
        tica_fn.read(path, ccd=1)


def test_tile_compressed_camera_frames_are_the_same(camera_file, calibrated, poc_models, tmp_path):
    """As fpack makes them: the primary image in the first extension."""
    path = tmp_path / f"{CAMERA_NAME}.fz"
    with fits.open(camera_file) as hdus:
        counts = hdus[0].data.astype(np.uint32)  # with a zero point of 2**31, as raw files are
        packed = fits.CompImageHDU(counts, hdus[0].header, compression_type="RICE_1")
        fits.HDUList([fits.PrimaryHDU(), packed]).writeto(path, checksum=True)
    out = tmp_path / "out"
    args = ["calibrate", str(path), "--caldir", str(poc_models), "--outdir", str(out)]
    assert main(args) == 0
    for ccd in (1, 4):
        name = f"{STEM}_ccd{ccd}.cal.fits"
        assert np.array_equal(fits.getdata(out / name), fits.getdata(calibrated / name))
        header = fits.getheader(out / name)
        assert {key: header[key] for key in ("CAMNUM", "CADENCE", "STARTTJD")} == {
            "CAMNUM": 1, "CADENCE": 116470, "STARTTJD": 2254.1
        }  # fmt: skip
        verify(out / name)


def test_no_input_replaces_what_was_made_of_another(camera_file, poc_models, tmp_path, capsys):
    other = tmp_path / f"copy-{CAMERA_NAME}"  # another name, and the same HLSP names
    shutil.copy(camera_file, other)
    args = ["calibrate", str(camera_file), str(other), "--caldir", str(poc_models), "--jobs", "1"]
    assert main([*args, "--outdir", str(tmp_path / "out"), "--name", "hlsp"]) == 1
    printed = capsys.readouterr()
    assert "1 done, 0 skipped, 1 failed" in printed.out
    assert f"is made from {camera_file} already" in printed.err
    assert len(list((tmp_path / "out").iterdir())) == 4


@pytest.mark.parametrize(
    ("cards", "coadds"),
    [
        ({"CRM": True}, 240.0),
        ({"CRM": False}, 300.0),
        ({"CRM": None}, 240.0),
        ({"CRM": True, "CRM_N": 20}, 270.0),
        ({"CRM": False, "CRM_N": 20}, 300.0),
        ({"CRM": None, "CRM_N": 0}, 300.0),
        ({"CRM": False, "NREADOUT": 290}, 290.0),
    ],
)
def test_exposures_summed_with_and_without_mitigation(camera_pixels, tmp_path, cards, coadds):
    header = camera_header()
    for keyword, value in cards.items():
        header.remove(keyword, ignore_missing=True)
        if value is not None:
            header[keyword] = value
    path = tmp_path / CAMERA_NAME
    fits.PrimaryHDU(camera_pixels, header).writeto(path)
    assert tica_fn.read(path, ccd=3).coadds == coadds


@pytest.mark.parametrize("layout", ["tica", "spoc"])
def test_a_frame_without_mitigation_is_no_brighter(poc_models, camera_pixels, tmp_path, layout):
    """All 300 reads of ten minutes were summed, and every product of the frame says so."""
    header = camera_header()
    header["CRM"] = False
    path, out = tmp_path / CAMERA_NAME, tmp_path / "out"
    fits.PrimaryHDU(camera_pixels, header).writeto(path)
    args = ["calibrate", path, "--caldir", poc_models, "--outdir", out, "--layout", layout]
    assert main([*map(str, args), "--uncertainty"]) == 0
    models = tica_fn.load_models(poc_models, 1, 3)
    raw = tica_fn.read(path, ccd=3)
    expected = tica_fn.estimate_variance(models)(tica_fn.calibrate(raw, models))
    back = tica_fn.read(next(p for p in out.iterdir() if "ccd3" in p.name or "-3-" in p.name))
    assert (back.coadds, back.exposure_s, back.live_s) == (300.0, 600.0, 594.0)
    scale = 594.0 if layout == "spoc" else 1.0
    assert np.allclose(back.pixels * scale, expected.pixels, rtol=1e-6, atol=1e-2)
    assert np.allclose(back.variance * scale**2, expected.variance, rtol=1e-5)
    # Nothing was trimmed: shot and read noise are those of all reads.
    assert tica_fn.measure_noise(raw, models).trimming == 1.0
