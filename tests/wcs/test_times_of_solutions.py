"""One reader of headers: what `calibrate` says of times and exposure is what `wcs fit` goes by."""

import numpy as np
import pytest
from astropy import units as u
from astropy.constants import c
from astropy.coordinates import SkyCoord, get_body_barycentric
from astropy.io import fits
from astropy.time import Time

import tica_fn
from tests.inputs import name_of, raw_ffi
from tests.wcs import sky
from tica_fn.cli import main
from tica_fn.errors import FrameError
from tica_fn.simulate import make_models, write_models
from tica_fn.wcs import barycentric_time, read_image

START, MID, END = 2288.2965, 2288.3, 2288.3035
PLACE = np.array([1e8, 9e7, -4e7])
"""Where the spacecraft is, km; 0.17 of a second of light travel time is lost if a day is."""


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    return write_models(make_models(1, 3, 600), tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """The raw counts of CCD 3, split from a camera frame, with real stars in them."""
    pixels, _ = sky.frame(35, 1, 3)
    counts = np.rint(pixels / 5.2).astype(np.int32) + 1_555_200
    header = fits.Header()
    header.update({"TJD_ZERO": 2457000.0, "STARTTJD": START, "MIDTJD": MID, "ENDTJD": END})
    header.update({"INT_TIME": 600, "CADENCE": 120000, "CAMNUM": 1, "CCDNUM": 3, "ORBIT_ID": 77})
    path = tmp_path_factory.mktemp("raw") / "tess2021063000000-00120000-1-crm-ffi_ccd3.fits"
    fits.PrimaryHDU(counts, header).writeto(path, checksum=True)
    return path


@pytest.fixture(scope="module")
def ephemeris(tmp_path_factory):
    days = MID + np.arange(-8, 9) / 96.0
    still = np.zeros((days.size, 3))
    path = tmp_path_factory.mktemp("ephemeris") / "tess_ephem.txt"
    np.savetxt(path, np.column_stack([days, np.tile(PLACE, (days.size, 1)), still]))
    return path


@pytest.fixture(scope="module")
def reference(raw, models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    image = calibrated(raw, models, folder)
    path = folder / "ref.h5"
    assert main(["wcs", "refstars", str(image), "--sector", "35", "-o", str(path)]) == 0
    return path


def calibrated(raw, models, folder, *options):
    code = main(["calibrate", str(raw), "--caldir", str(models), "--outdir", str(folder),
                 "--without", "smear", *options])  # fmt: skip
    assert code == 0
    return next(path for path in folder.iterdir() if path.suffix == ".fits")


@pytest.mark.parametrize(
    ("corrections", "seconds"),
    [
        ((), 0.0),
        # CCD 3 is read 0.04 s after CCD 1.
        (("ccd",), 0.04),
        # POC's clock is late by 1.95 s at the start and 1.97 s at the end.
        (("poc",), -1.96),
        (("poc", "ccd", "barycenter"), -1.92),
    ],
)
@pytest.mark.parametrize("layout", ["tica", "spoc"])
def test_the_barycentric_time_of_a_solution_has_the_corrections(
    raw, models, reference, ephemeris, tmp_path, corrections, seconds, layout
):
    options = [word for name in corrections for word in ("--time-correction", name)]
    if "barycenter" in corrections:
        options += ["--ephemeris", str(ephemeris)]
    image = calibrated(raw, models, tmp_path, *options, "--layout", layout)
    fit = ["wcs", "fit", str(image), "--refstars", str(reference), "--ephemeris", str(ephemeris)]
    assert main(fit) == 0
    with fits.open(image) as hdus:
        header = hdus[0].header + hdus[1].header if layout == "spoc" else hdus[0].header
    sight = SkyCoord(header["CRVAL1"] * u.deg, header["CRVAL2"] * u.deg).cartesian.xyz
    light = (sight @ (PLACE * u.km) / c).to_value("s")
    assert abs(light) > 10
    late = (header["MIDBTJD"] - MID) * 86400
    assert late == pytest.approx(seconds + light, abs=2e-3)
    if layout == "tica":  # The raw clock's own.
        assert (header["MJD-BEG"] - 56999.5 - START) * 86400 == pytest.approx(0.0, abs=2e-3)


@pytest.mark.parametrize("exposure_s", [20, 60, 120, 158, 200, 475, 600, 1800])
def test_exposures_of_both_readers_agree(exposure_s, tmp_path):
    pixels = np.full((2078, 2136), 1_000_000, np.int32)
    path = raw_ffi(tmp_path / name_of(), pixels, exposure_s=exposure_s, image={"BARYCORR": 0.002})
    strict, lenient = tica_fn.read(path), read_image(path).frame
    assert lenient.exposure_s == strict.exposure_s == pytest.approx(exposure_s, rel=1e-3)
    assert lenient.times == strict.times
    for name in ("camera", "ccd", "coadds", "sector", "cadence", "unit"):
        assert getattr(lenient, name) == getattr(strict, name)


def test_what_a_header_lacks_or_writes_as_text_does_not_stop_a_solution(tmp_path):
    pixels = np.ones((2078, 2136), np.float32)
    header = fits.Header()
    header.update({"CAMERA": "2", "CCD": 3.0, "EXPTIME": 158 * 0.8 * 0.99, "MIDTJD": "2288.3"})
    header.update({"NREADOUT": "", "UNITS": "electrons"})
    path = tmp_path / "x.fits"
    fits.PrimaryHDU(pixels, header).writeto(path)
    frame = read_image(path).frame
    assert (frame.camera, frame.ccd, frame.exposure_s) == (2, 3, 158.0)
    assert frame.coadds == pytest.approx(158 * 0.4)
    assert frame.times.mid == 2288.3
    assert (frame.times.end - frame.times.start) * 86400 == pytest.approx(158)


STARS = SkyCoord([10.0, 200.0, 83.6], [-30.0, 70.0, 22.0], unit="deg")


def by_hand(mid, place):
    light = (STARS.cartesian.xyz.T @ (np.asarray(place) * u.km) / c).to_value("d")
    return 2457000.0 + mid + light


@pytest.mark.parametrize("light", [0.004, -0.0031, 0.0])
def test_times_at_the_barycentre_lead_back_to_the_spacecraft(light, tmp_path):
    pixels = np.full((2078, 2136), 1_000_000, np.int32)
    image = {"BARYCORR": light, "TSTART": 1468.27 + light, "TSTOP": 1468.29 + light}
    frame = tica_fn.read(raw_ffi(tmp_path / name_of(), pixels, exposure_s=1800, image=image))
    assert frame.times.place == "barycenter"
    found = barycentric_time(frame, STARS.ra.deg, STARS.dec.deg, PLACE)
    assert found.shape == (3,)
    np.testing.assert_allclose((found - by_hand(1468.28, PLACE)) * 86400, 0, atol=1e-4)
    one = barycentric_time(frame, STARS.ra.deg[1], STARS.dec.deg[1], PLACE)
    assert one[0] == found[1]


def test_without_a_position_the_light_travel_time_at_hand_leads_there(tmp_path):
    """The spacecraft is up to 380,000 km from the Earth: here, 300,000 in any direction."""
    moment = Time(2457000.0, 1468.28, format="jd", scale="tdb")
    earth = get_body_barycentric("earth", moment, ephemeris="builtin").xyz.to_value("km")
    rng = np.random.default_rng(3)
    pixels = np.full((2078, 2136), 1_000_000, np.int32)
    for _ in range(4):
        away = rng.normal(size=3)
        place = earth + 3e5 * away / np.linalg.norm(away)
        sight = SkyCoord(83.0 * u.deg, 20.0 * u.deg).cartesian.xyz.value
        late = float(sight @ place) / 299792.458 / 86400
        image = {"BARYCORR": late, "TSTART": 1468.27 + late, "TSTOP": 1468.29 + late}
        image |= {"CRVAL1": 83.0, "CRVAL2": 20.0}
        path = raw_ffi(tmp_path / name_of(), pixels, exposure_s=1800, image=image)
        found = barycentric_time(tica_fn.read(path), [83.0, 89.0, 78.0], [20.0, 27.0, 13.0])
        stars = SkyCoord([83.0, 89.0, 78.0], [20.0, 27.0, 13.0], unit="deg").cartesian.xyz.value
        wanted = 2457000.0 + 1468.28 + place @ stars / 299792.458 / 86400
        off = (found - wanted) * 86400
        assert abs(off[0]) < 1e-3
        assert np.abs(off).max() < 0.25


def test_a_frame_without_times_or_position_is_refused(tmp_path):
    pixels = np.full((2078, 2136), 1_000_000, np.int32)
    bare = tica_fn.read(
        raw_ffi(tmp_path / name_of(), pixels, exposure_s=1800, drop=("TSTART", "TSTOP"))
    )
    with pytest.raises(FrameError, match="no times"):
        barycentric_time(bare, [1.0], [2.0])
    without = tica_fn.read(raw_ffi(tmp_path / name_of(1), pixels, exposure_s=1800))
    with pytest.raises(FrameError, match="ephemeris"):
        barycentric_time(without, [1.0], [2.0])
