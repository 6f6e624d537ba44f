"""Predictions, ephemerides and barycentric times against independent calculations."""

import sys
import types

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import EarthLocation, SkyCoord, get_body_barycentric_posvel
from astropy.table import Table
from astropy.time import Time
from astropy.utils import iers

from tica_fn import Frame, Times
from tica_fn.errors import BadFileError, FrameError
from tica_fn.wcs import (
    LkSpacecraft,
    barycentric_correction,
    barycentric_time,
    kept_prediction,
    pointing,
    predict_pointing,
    read_ephemeris,
)
from tica_fn.wcs.pointing import earth_velocity, sector_mid_time
from tica_fn.wcs.sphere import aberrate, plane_to_sky, sky_to_plane


@pytest.mark.parametrize("place", [(1, 4, 2), (35, 1, 1), (70, 2, 3), (1751, 1, 4)])
def test_predictions_are_those_of_tess_point(place):
    from tess_stars2px import tess_stars2px_function_entry

    sector, camera, ccd = place
    pointing = predict_pointing(*place)
    rng = np.random.default_rng(2)
    columns, rows = rng.uniform(50, 2087, 12), rng.uniform(6, 2043, 12)
    ra, dec = pointing.sky(columns, rows)
    np.testing.assert_allclose(pointing.pixels(ra, dec), (columns, rows), atol=2e-3)
    found = tess_stars2px_function_entry(np.arange(12), ra, dec, trySector=sector, aberrate=True)
    here = (found[4] == camera) & (found[5] == ccd)
    assert here.sum() == 12
    np.testing.assert_allclose(found[6][here], columns, atol=3e-3)
    np.testing.assert_allclose(found[7][here], rows, atol=3e-3)


def test_predictions_are_kept_and_fitted_again_when_they_are_damaged(tmp_path, monkeypatch):
    def again():
        pointing._transform.cache_clear()
        return predict_pointing(35, 1, 1)

    first = predict_pointing(35, 1, 1)
    monkeypatch.setattr(kept_prediction, "cache_folder", lambda: tmp_path)
    fits, fit = [], pointing._fit_transform
    monkeypatch.setattr(pointing, "_fit_transform", lambda *ccd: fits.append(ccd) or fit(*ccd))
    try:
        kept = [again(), again()]
        (path,) = tmp_path.iterdir()
        whole = path.read_bytes()
        for damaged in (whole[:-8], b"", whole[:400] + bytes([whole[400] ^ 1]) + whole[401:]):
            path.write_bytes(damaged)
            kept.append(again())
            assert path.read_bytes() == whole
        monkeypatch.setattr(kept_prediction, "_key", lambda: "another")
        kept.append(again())
        monkeypatch.setattr(kept_prediction, "_key", lambda: None)
        kept.append(again())
        monkeypatch.setattr(kept_prediction, "cache_folder", lambda: None)
        kept.append(again())
    finally:
        pointing._transform.cache_clear()
    assert len(fits) == 7  # Only the second was read.
    assert len(list(tmp_path.iterdir())) == 2
    for one in kept:
        assert (one.ra, one.dec) == (first.ra, first.dec)
        np.testing.assert_array_equal(one.to_pixel, first.to_pixel)
        np.testing.assert_array_equal(one.to_plane, first.to_plane)


def test_the_velocity_of_the_earth_is_that_of_astropy():
    for date in np.random.default_rng(3).uniform(2458300, 2461800, 20).tolist():
        time = Time(date, format="jd", scale="tdb")
        _, velocity = get_body_barycentric_posvel("earth", time, ephemeris="builtin")
        np.testing.assert_array_equal(earth_velocity(date), velocity.xyz.to_value("km/s"))


def test_the_footprint_of_a_ccd():
    pointing = predict_pointing(35, 1, 1)
    columns = np.array([45.0, 2092.0, 1000.0, 30.0, 2110.0, 1000.0])
    rows = np.array([1.0, 2048.0, 1000.0, 1000.0, 1000.0, 2060.0])
    ra, dec = pointing.sky(columns, rows)
    assert pointing.on_ccd(ra, dec, 0.1).tolist() == [True] * 3 + [False] * 3
    assert pointing.on_ccd(ra, dec, 30.0).all()
    assert not pointing.on_ccd([0.0, 180.0, 320.0], [90.0, -60.0, 10.0]).any()


def test_an_unknown_sector_is_an_error_not_the_end_of_the_process():
    with pytest.raises(FrameError, match="does not know sector 999"):
        predict_pointing(999, 1, 1)
    with pytest.raises(FrameError, match="camera 7"):
        predict_pointing(35, 7, 1)
    assert 2459250 < sector_mid_time(35) < 2459290


def test_aberration_is_astropys():
    time = Time(2459270.0, format="jd", scale="tdb")
    velocity = get_body_barycentric_posvel("earth", time)[1].xyz.to_value(u.km / u.s)
    ra, dec = np.array([10.0, 140.0, 300.0]), np.array([-5.0, 60.0, -80.0])
    seen = SkyCoord(aberrate(ra, dec, velocity)[0], aberrate(ra, dec, velocity)[1], unit="deg")
    gcrs = SkyCoord(ra, dec, unit="deg", obstime=time).transform_to("gcrs")
    # The rest is the bending of light by the Sun and the terms of general relativity.
    assert seen.separation(SkyCoord(gcrs.ra, gcrs.dec)).arcsec.max() < 0.02


def test_the_tangent_plane_is_its_own_inverse_and_ends_at_90_degrees():
    xi, eta = np.array([-8.0, 0.0, 5.0]), np.array([3.0, 0.0, -7.0])
    for dec0 in (-90.0, -40.0, 0.0, 89.9):
        np.testing.assert_allclose(
            sky_to_plane(*plane_to_sky(xi, eta, 359.9, dec0), 359.9, dec0), (xi, eta), atol=1e-10
        )
    assert np.isnan(sky_to_plane([180.0], [0.0], 0.0, 0.0)[0]).all()


def earth(days):
    time = Time(2459000.0 + np.asarray(days), format="jd", scale="tdb")
    place, speed = get_body_barycentric_posvel("earth", time)
    return place.xyz.to_value(u.km).T, speed.xyz.to_value(u.km / u.s).T


def test_tica_tables_are_followed_to_metres(tmp_path):
    days = np.arange(0.0, 3.0, 0.010412)
    place, speed = earth(days)
    path = tmp_path / "tess_ephem.txt"
    with path.open("w") as file:
        for t, p, v in zip(2000.0 + days, place, speed, strict=True):
            file.write("{:15.6f} {:15e} {:15e} {:15e} {:8.4f} {:8.4f} {:8.4f}\n".format(t, *p, *v))
    track = read_ephemeris(path)
    wanted, velocity = earth([1.23456])
    state = track.state(2459001.23456)
    np.testing.assert_allclose(state[:3], wanted[0], atol=300.0)  # what six digits leave
    np.testing.assert_allclose(state[3:], velocity[0], atol=2e-4)
    at_end = track.state(2459000.0 + days[-1])
    np.testing.assert_allclose(at_end[3:], speed[-1], atol=2e-4)
    for outside in (2458999.9, 2459003.1, np.nan):
        with pytest.raises(FrameError, match="covers JD 2459000"):
            track.state(outside)


def test_tables_with_names_and_units(tmp_path):
    days = np.arange(0.0, 4.0, 0.1)
    place, speed = earth(days)
    astronomical = Table({"JDTDB": 2459000.0 + days})
    for k, name in enumerate("xyz"):
        astronomical[name.upper()] = place[:, k] / 149597870.7
        astronomical["V" + name.upper()] = speed[:, k] * 86400 / 149597870.7
    astronomical.write(tmp_path / "horizons.csv")
    marked = Table({"time": 2000.0 + days})
    for k, name in enumerate("xyz"):
        marked[name] = (place[:, k] * u.km).to(u.Mm)
    marked.write(tmp_path / "marked.ecsv")
    wanted, velocity = earth([1.27])
    for name in ("horizons.csv", "marked.ecsv"):
        state = read_ephemeris(tmp_path / name).state(2459001.27)
        np.testing.assert_allclose(state[:3], wanted[0], atol=1.0)
        np.testing.assert_allclose(state[3:], velocity[0], atol=1e-3)


def test_gaps_and_other_files_are_refused(tmp_path):
    rows = [[1.0 + 0.01 * k, 1, 2, 3, 0, 0, 0] for k in range(3)] + [[3.0, 1, 2, 3, 0, 0, 0]]
    np.savetxt(tmp_path / "gap.txt", rows)
    with pytest.raises(FrameError, match="lies in a gap"):
        read_ephemeris(tmp_path / "gap.txt").state(2457002.0)
    (tmp_path / "word.txt").write_text("nothing here\n")
    with pytest.raises(BadFileError, match="not a table of positions"):
        read_ephemeris(tmp_path / "word.txt")
    (tmp_path / "few.txt").write_text("1 2 3 4\n2 3 4 5\n")
    with pytest.raises(BadFileError, match="4 columns instead of 7"):
        read_ephemeris(tmp_path / "few.txt")


def frame(header):
    return Frame(
        pixels=np.zeros((2, 2)),
        unit="electron",
        camera=1,
        ccd=1,
        exposure_s=600.0,
        coadds=240.0,
        times=Times(start=2000.0, mid=2000.1, end=2000.2),
        header=header,
    )


def test_barycentric_time_is_astropys():
    time = Time(
        2459000.1, format="jd", scale="tdb", location=EarthLocation.from_geocentric(0, 0, 0, "m")
    )
    stars = SkyCoord([10.0, 200.0], [-30.0, 70.0], unit="deg")
    place, _ = earth([0.1])
    header = dict(zip(("TESS_X", "TESS_Y", "TESS_Z"), place[0], strict=True))
    header |= {"TESS_VX": 0.0, "TESS_VY": 0.0, "TESS_VZ": 0.0}
    got = barycentric_correction(stars.ra.deg, stars.dec.deg, frame(header))
    with iers.conf.set_temp("auto_download", False):  # the Earth's rotation does not matter here
        wanted = time.light_travel_time(stars, ephemeris="builtin").to_value(u.s)
    np.testing.assert_allclose(got, wanted, atol=0.002)
    moment = barycentric_time(frame(header), stars.ra.deg, stars.dec.deg)
    np.testing.assert_allclose((moment - 2459000.1) * 86400, got, atol=1e-4)
    with pytest.raises(FrameError, match="no TESS_X"):
        barycentric_correction([1.0], [2.0], frame({}))


def test_lkspacecraft_is_optional(monkeypatch):
    monkeypatch.setitem(sys.modules, "lkspacecraft", None)
    with pytest.raises(ImportError, match="ephemeris"):
        LkSpacecraft()


def test_lkspacecraft_gives_position_and_velocity(monkeypatch):
    class TESSSpacecraft:
        """Answers as version 1.3.2 does: (n, 3) arrays, and errors of its own."""

        def get_spacecraft_position(self, time):
            if time.scale != "tdb" or time[0].jd > 2460000:
                raise Exception("no data")
            return np.array([[1.0, 2.0, 3.0]])

        def get_spacecraft_velocity(self, time):
            return np.array([[4.0, 5.0, 6.0]])

    module = types.ModuleType("lkspacecraft")
    module.TESSSpacecraft = TESSSpacecraft
    monkeypatch.setitem(sys.modules, "lkspacecraft", module)
    assert LkSpacecraft().state(2459000.0).tolist() == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    with pytest.raises(FrameError, match=r"no position for JD 2460001\.0000"):
        LkSpacecraft().state(2460001.0)
