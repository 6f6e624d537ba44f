"""Times: the raw clock's numbers stay, corrections are named, recorded, and go to TSTART."""

import attrs
import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tests.fits.conftest import CAMERA_NAME, calibrated_with
from tests.fits.verify import verify
from tica_fn.cli import main
from tica_fn.errors import FrameError

# The Earth's distance, seen edge-on: light takes 499 s.
AU_KM = 149597870.7
DAY = 86400.0
LIGHT_S = 299792.458
STATE = {"TESS_X": AU_KM, "TESS_Y": 0.0, "TESS_Z": 0.0, "TESS_VX": 0.0, "TESS_VY": 30.0}
RAW = {
    "STARTTJD": 2254.1, "MIDTJD": 2254.10347, "ENDTJD": 2254.10694, "CRVAL1": 60.0, "CRVAL2": 0.0,
    "CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "INT_TIME": 600, "CAM": 1,
    "CRPIX1": 1069.0, "CRPIX2": 1024.0, "CD1_1": 0.0058, "CD2_2": 0.0058, "CD1_2": 0.0,
    "CD2_1": 0.0, **STATE, "TESS_VZ": 0.0,
}  # fmt: skip


@pytest.fixture
def frame():
    times = tica_fn.Times(start=RAW["STARTTJD"], mid=RAW["MIDTJD"], end=RAW["ENDTJD"])
    pixels = np.zeros((2078, 2136), dtype=np.float32)
    return tica_fn.Frame(
        pixels=pixels, unit="electron", camera=1, ccd=3, exposure_s=600, coadds=240, sector=35,
        cadence=116470, times=times, header=RAW,
    )  # fmt: skip


def test_light_travel_time_of_the_direction_the_ccd_looks_in(frame):
    out = tica_fn.correct_times(frame, ["barycenter"])
    late = np.cos(np.radians(60.0)) * AU_KM / LIGHT_S / DAY
    assert out.times.place == "barycenter"
    assert out.times.light_d == pytest.approx(late, rel=1e-12)
    for name in ("start", "mid", "end"):
        assert getattr(out.times, name) - getattr(frame.times, name) == pytest.approx(
            late, abs=1e-9
        )
    assert out.header is frame.header
    assert frame.times.place == "spacecraft"


def test_corrections_stand_in_the_file_and_raw_times_stay(frame, tmp_path):
    path = tmp_path / "x.cal.fits"
    tica_fn.write(tica_fn.correct_times(frame, ["poc", "ccd", "barycenter"]), path)
    verify(path)
    header = fits.getheader(path)
    for keyword in ("STARTTJD", "MIDTJD", "ENDTJD", "TESS_X"):
        assert header[keyword] == RAW[keyword]
    late = header["BARYCORR"]
    assert header["TIMECORR"] == late
    assert header["TIMEREF"] == "SOLARSYSTEM"
    # 1.95 s early at the start, 1.97 s at the end; CCD 3 is read 0.04 s after CCD 1.
    assert (header["TSTART"] - RAW["STARTTJD"] - late) * DAY == pytest.approx(-1.91, abs=1e-3)
    assert (header["TSTOP"] - RAW["ENDTJD"] - late) * DAY == pytest.approx(-1.93, abs=1e-3)
    # The calendar date is the same instant as TSTART, in UTC: TDB is 69.184 s ahead.
    from astropy.time import Time

    date = Time(header["DATE-OBS"].rstrip("Z"), scale="utc")
    utc = Time(2457000.0, header["TSTART"], format="jd", scale="tdb").utc
    assert abs((date - utc).sec) < 0.001
    again = tica_fn.read(path)
    assert again.times.start == header["TSTART"]
    assert again.times.light_d == late
    for name in ("poc", "ccd", "barycenter"):
        with pytest.raises(FrameError, match="before"):
            tica_fn.correct_times(again, [name])


def test_times_at_the_barycentre_stay(raw_frames):
    """The mission's images have the light travel time in them."""
    frame = tica_fn.read(raw_frames[0])
    assert frame.times.place == "barycenter"
    assert tica_fn.correct_times(frame, ["barycenter"]) is frame


def test_what_can_not_be_corrected_is_refused(frame):
    far = attrs.evolve(frame, header={"TSTART": 1.0})
    with pytest.raises(FrameError, match="not for SPOC's"):
        tica_fn.correct_times(far, ["poc"])
    with pytest.raises(FrameError, match="ephemeris"):
        tica_fn.correct_times(far, ["barycenter"])
    with pytest.raises(FrameError, match="no times"):
        tica_fn.correct_times(attrs.evolve(frame, times=None), ["ccd"])
    with pytest.raises(ValueError, match="no such time correction"):
        tica_fn.correct_times(frame, ["gps"])


SPOC = {"DATA_REL": 8, "PROCVER": "spoc-3.3.57-20190215"}


@pytest.mark.parametrize(
    ("camera", "ccd", "said", "start"),
    [
        (1, 1, SPOC, -1.969),
        (2, 3, SPOC, -1.969 + 1.54),
        (4, 4, {"DATA_REL": 26, "PROCVER": "spoc-4.0.5-20191015"}, -1.969 + 1.06),
        (3, 2, {"DATA_REL": 27, "PROCVER": "spoc-4.0.17-20200130"}, -1.969 + 0.52),
        (3, 2, {"DATA_REL": 29, "PROCVER": "spoc-4.0.21-20200227"}, -1.969),
    ],
)
def test_late_clocks_of_spoc_by_release_and_version(frame, camera, ccd, said, start, tmp_path):
    late = attrs.evolve(frame, camera=camera, ccd=ccd, header=said)
    out = tica_fn.correct_times(late, ["spoc"])
    assert (out.times.start - late.times.start) * DAY == pytest.approx(start, abs=1e-4)
    assert (out.times.end - late.times.end) * DAY == pytest.approx(start - 0.02, abs=1e-4)
    with pytest.raises(FrameError, match="were corrected for spoc before"):
        tica_fn.correct_times(out, ["spoc"])
    with pytest.raises(FrameError, match="not for SPOC's"):
        tica_fn.correct_times(late, ["poc"])
    tica_fn.write(out, tmp_path / "x.cal.fits")
    again = tica_fn.read(tmp_path / "x.cal.fits")
    assert again.times.start == pytest.approx(out.times.start, abs=1e-12)
    tica_fn.write(again, tmp_path / "y.cal.fits")
    header = fits.getheader(tmp_path / "y.cal.fits")
    assert header["TCSPBEG"] == pytest.approx(start, abs=1e-9)
    with pytest.raises(FrameError, match="were corrected for spoc before"):
        tica_fn.correct_times(again, ["spoc"])


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"DATA_REL": 30, "PROCVER": "spoc-4.0.28-20200407"}, "in the file's times already"),
        ({"DATA_REL": 42}, "in the file's times already"),
        ({"DATA_REL": 27, "PROCVER": "spoc-4.0.28-20200407"}, "already .data release 27, spoc"),
        ({"DATA_REL": 29}, "may be needed or made already"),
        ({"DATA_REL": 27, "PROCVER": "tica-fn-1.0"}, "may be needed or made already"),
        ({"STARTTJD": 2254.1}, "is for SPOC's files"),
        ({"DATA_REL": 0}, "is for SPOC's files"),
    ],
)
def test_clocks_that_are_right_or_not_known_are_refused(frame, said, why):
    with pytest.raises(FrameError, match=why):
        tica_fn.correct_times(attrs.evolve(frame, header=said), ["spoc"])


def test_the_documented_value_for_poc_stands_beside_the_measured_one(frame):
    one, two = (tica_fn.correct_times(frame, [name]) for name in ("poc", "poc-documented"))
    assert (two.times.start - frame.times.start) * DAY == pytest.approx(-1.969, abs=1e-4)
    assert (two.times.start - one.times.start) * DAY == pytest.approx(-0.019, abs=1e-4)
    with pytest.raises(FrameError, match="corrected for poc before"):
        tica_fn.correct_times(one, ["poc-documented"])


def test_camera_frames_in_spocs_layout_by_its_names_with_an_ephemeris(
    camera_file, poc_models, tmp_path
):
    table = tmp_path / "ephemeris.txt"
    rows = [f"{2250 + n} {AU_KM} {30.0 * DAY * n} 0 0 30 0\n" for n in range(10)]
    # A gap of more than half a day is refused, so there is a row every half day.
    rows += [f"{2250.5 + n} {AU_KM} {30.0 * DAY * (n + 0.5)} 0 0 30 0\n" for n in range(9)]
    table.write_text("".join(sorted(rows)))
    out = tmp_path / "out"
    products = calibrated_with(
        [camera_file], poc_models, out, "--layout", "spoc", "--name", "spoc", "--undershoot",
        "--time-correction", "barycenter", "--ephemeris", str(table),
        "--time-correction", "poc", "--time-correction", "ccd",
    )  # fmt: skip
    stamp = CAMERA_NAME.split("-", maxsplit=1)[0]
    assert [path.name for path in products] == [
        f"{stamp}-s0035-1-{ccd}-0000-s_ffic.fits" for ccd in (1, 2, 3, 4)
    ]
    verify(products[0])
    headers = [fits.getheader(path, 1) for path in products]
    late = {header["BARYCORR"] for header in headers}
    assert len(late) == 4  # Each CCD looks elsewhere.
    for ccd, (path, header) in enumerate(zip(products, headers, strict=True)):
        start = 2254.1 + (-1.95 + 0.02 * ccd) / DAY
        assert header["TSTART"] - header["BARYCORR"] == pytest.approx(start, abs=1e-9)
        assert fits.getheader(path)["TSTART"] == pytest.approx(start, abs=1e-9)
        assert header["TIMEREF"] == "SOLARSYSTEM"
    # More steps than CALSTEP1 to CALSTEP9 can name.
    assert len(tica_fn.read(products[0]).steps) == 12
    assert tica_fn.read(products[0]).steps[-1] == "estimate_variance"
    assert main(["calibrate", str(camera_file), "--caldir", str(poc_models), "--outdir", str(out),
                 "--name", "spoc"]) == 2  # fmt: skip
