"""Solutions between frames, and the motion of stars with them."""

import attrs
import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

from tica_fn.errors import AstrometryError, BadFileError
from tica_fn.wcs import (
    diagnose_headers,
    draw_diagnostics,
    interpolate_solution,
    position_corrections,
    predict_pointing,
    read_ephemeris,
    solution_of_pointing,
    wcs_cards,
)

ONE = solution_of_pointing(predict_pointing(35, 1, 1))
TIMES = np.array([2254.3, 2254.1, 2254.2])


def shifted(columns):
    """The same sky that many columns further."""
    return attrs.evolve(ONE, crpix=(ONE.crpix[0] + columns, ONE.crpix[1]))


def test_a_steady_drift_is_followed():
    frames = [shifted(0.3), shifted(0.1), shifted(0.2)]
    found = interpolate_solution(frames, TIMES, 2254.125)
    columns, rows = np.meshgrid(np.linspace(45, 2092, 9), np.linspace(1, 2048, 9))
    at = shifted(0.125).sky_to_pixel(*found.pixel_to_sky(columns.ravel(), rows.ravel()))
    np.testing.assert_allclose(at, [columns.ravel(), rows.ravel()], atol=2e-5)
    assert interpolate_solution(frames, TIMES, 2254.2) is frames[2]


def test_no_solution_outside_of_the_frames():
    frames = [shifted(0.3), shifted(0.1), shifted(0.2)]
    for time in (2254.0, 2254.4, np.nan):
        with pytest.raises(AstrometryError, match="does not lie between"):
            interpolate_solution(frames, TIMES, time)
    with pytest.raises(AstrometryError, match="gap"):
        interpolate_solution(frames, TIMES, 2254.15, longest=0.05)
    with pytest.raises(ValueError, match="as many times"):
        interpolate_solution(frames, TIMES[:2], 2254.15)
    with pytest.raises(AstrometryError, match="does not lie between"):
        interpolate_solution(frames, [np.nan] * 3, 2254.15)


def test_position_corrections_are_those_of_the_stars():
    ra, dec = ONE.pixel_to_sky([300.0, 1900.0], [200.0, 1800.0])
    frames = [shifted(0.3), shifted(-0.1)]
    table = position_corrections(frames, ra, dec, ONE, [1.0, 2.0])
    np.testing.assert_allclose(table["POS_CORR1"], [[0.3, 0.3], [-0.1, -0.1]], atol=1e-6)
    np.testing.assert_allclose(table["POS_CORR2"], 0.0, atol=1e-6)
    assert table["TIME"].tolist() == [1.0, 2.0]
    assert table["POS_CORR1"].unit == "pix"
    single = position_corrections(frames, ra[0], dec[0], ONE)
    np.testing.assert_allclose(single["POS_CORR1"], [0.3, -0.1], atol=1e-6)


def test_roll_and_scale_are_drawn(tmp_path):
    headers = [
        {key: value for key, value, _ in wcs_cards(shifted(0.1 * k))} | {"MIDTJD": 2254.0 + k}
        for k in range(3)
    ]
    pictures = draw_diagnostics(diagnose_headers(headers, ["a", "b", "c"]), tmp_path)
    assert {"wcs_roll.png", "wcs_scale.png"} <= {path.name for path in pictures}
    assert all(path.stat().st_size > 5000 for path in pictures)


def test_each_ccd_drifts_against_its_own_frames():
    """Frames of two CCDs in one table: another CCD's pointing is no drift."""
    headers = []
    for ccd, ra in ((1, 0.0), (2, 12.0)):
        for k in range(6):
            cards = {key: value for key, value, _ in wcs_cards(shifted(0.1 * k))}
            cards["CRVAL1"] += ra
            headers.append(cards | {"MIDTJD": 2254.0 + k, "CAMNUM": 1, "CCDNUM": ccd})
    table = diagnose_headers(headers, [str(k) for k in range(12)])
    assert np.abs(table["drift_columns"]).max() < 0.5
    assert not table["flagged"].any()


HORIZONS = {
    "targetname": ["TESS"] * 3, "datetime_jd": 2459254.5 + np.arange(3) / 24,
    "datetime_str": ["A.D. 2021"] * 3, "x": [-0.79, -0.7901, -0.7902], "y": [0.55, 0.5499, 0.5498],
    "z": [0.24, 0.2399, 0.2398], "vx": [-0.01] * 3, "vy": [-0.012] * 3, "vz": [-0.005] * 3,
}  # fmt: skip


@pytest.mark.parametrize("name", ["horizons.ecsv", "horizons.fits", "horizons.vot", "horizons.csv"])
def test_what_astroquery_makes_of_horizons_is_read(tmp_path, name):
    table = Table(HORIZONS)
    if not name.endswith("csv") or name.endswith("ecsv"):
        table["datetime_jd"].unit = "d"
        for key in "xyz":
            table[key].unit, table[f"v{key}"].unit = u.AU, u.AU / u.d
    kind = {"ecsv": "ascii.ecsv", "vot": "votable", "csv": "csv", "fits": "fits"}
    table.write(tmp_path / name, format=kind[name.split(".")[1]])
    found = read_ephemeris(tmp_path / name).state(2459254.5)
    au = 149597870.7
    np.testing.assert_allclose(found[:3], [-0.79 * au, 0.55 * au, 0.24 * au], rtol=1e-12)
    np.testing.assert_allclose(found[3:], np.array([-0.01, -0.012, -0.005]) * au / 86400, rtol=1e-9)


def test_units_are_those_of_the_table(tmp_path):
    table = Table(HORIZONS)
    for key in "xyz":
        table[key] = table[key] * 149597870.7e3 * u.m
        table[f"v{key}"] = table[f"v{key}"] * 1000.0 * u.m / u.s
    path = tmp_path / "metres.ecsv"
    table.write(path)
    state = read_ephemeris(path).state(2459254.5)
    np.testing.assert_allclose(state[0], -0.79 * 149597870.7)
    np.testing.assert_allclose(state[3:], [-0.01, -0.012, -0.005], rtol=1e-9)
    table["x"].unit = "kg"
    table.write(path, overwrite=True)
    with pytest.raises(BadFileError, match="column x is in kg, not km"):
        read_ephemeris(path)
