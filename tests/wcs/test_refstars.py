"""Reference stars: the field found, catalogues of unknown epoch, TICA's centroids, refusals."""

import io

import attrs
import numpy as np
import pytest
from astropy.table import Table
from scipy.spatial import cKDTree

from tests.wcs import sky
from tests.wcs.test_solution_of_frames import YEAR, make_frame, sky_error
from tica_fn import Frame
from tica_fn.errors import AstrometryError
from tica_fn.wcs import (
    catalog_of_table,
    find_reference_stars,
    fit_frame,
    measure_stars,
    solution_from_gwcs,
    solution_to_gwcs,
)
from tica_fn.wcs.refstars import _pairs, frame_year
from tica_fn.wcs.star_blocks import block_of

PLACE = (64, 2, 3)


@pytest.fixture(scope="module")
def seen():
    pixels, wcs = sky.frame(*PLACE, shift=(-7.3, 9.6))
    return make_frame(pixels, *PLACE[1:]), wcs


@pytest.fixture(scope="module")
def stars(seen):
    return find_reference_stars(seen[0], PLACE[0], name="dark.fits")


def test_the_pointing_is_found_when_it_is_off_by_ten_pixels(seen, stars):
    truth = sky.stars_on(seen[1], YEAR)
    order = np.argsort(truth[0])
    at = order[np.searchsorted(truth[0], stars.ids, sorter=order)]
    np.testing.assert_array_equal(truth[0][at], stars.ids)
    np.testing.assert_allclose(stars.columns, truth[4][at], atol=0.02)
    np.testing.assert_allclose(stars.rows, truth[5][at], atol=0.02)
    assert np.median(np.abs(stars.predicted_columns - stars.columns)) < 0.05
    blocks = block_of(stars.predicted_columns, stars.predicted_rows)
    np.testing.assert_array_equal(stars.blocks, blocks)
    assert (np.minimum(stars.contrast_columns, stars.contrast_rows) >= 3.5).all()
    assert stars.tmag.min() > 7.5
    assert stars.tmag.max() < 12.0


@pytest.mark.parametrize("names", ["id ra dec tmag pmra pmdec", "ID ra dec Tmag pmRA pmDEC"])
@pytest.mark.parametrize("epoch", [2000.0, 2016.0])
def test_the_epoch_of_a_silent_catalogue_is_measured(seen, names, epoch):
    """The stars of the frame moved by what the package calls proper motion, for five years."""
    table = sky.gaia()
    years = epoch - 2016.0
    dec = table["dec"] + table["pmdec"] * years / 3.6e6
    ra = table["ra"] + table["pmra"] * years / 3.6e6 / np.cos(np.deg2rad(table["dec"]))
    values = [table["id"], ra, dec, table["g"] - 0.43, table["pmra"], table["pmdec"]]
    catalog = catalog_of_table(Table(values, names=names.split()))
    assert catalog.motion == "undated"
    frame, wcs = seen
    found = fit_frame(frame, find_reference_stars(frame, PLACE[0], catalog))
    assert found.rms["RMSA"] < 0.02
    assert sky_error(found.solution, wcs)[0] < 0.02


@pytest.mark.parametrize("moved", [True, False])
def test_doubtful_motions_are_believed_when_the_stars_confirm_them(moved):
    pixels, wcs = sky.frame(*PLACE, moved=moved, shift=(0.5, 0.5))
    frame = make_frame(pixels, *PLACE[1:])
    found = fit_frame(frame, find_reference_stars(frame, PLACE[0]))
    assert sky_error(found.solution, wcs)[0] < 0.02


def test_ticas_centroid_is_there_for_comparison(seen, stars):
    frame, wcs = seen
    found = fit_frame(frame, stars, method="tica")
    precise = fit_frame(frame, stars)
    assert 0.1 < found.rms["RMSA"] < 0.5
    assert found.rms["RMSA"] > 10 * precise.rms["RMSA"]
    assert sky_error(found.solution, wcs)[0] < 0.2
    with pytest.raises(ValueError, match="method is 'best'"):
        measure_stars(frame.pixels, [100.0], [100.0], method="best")


def test_frames_that_cannot_be_solved(seen):
    frame = seen[0]
    with pytest.raises(
        AstrometryError, match="camera 2 CCD 3: the sector of the frame is not known"
    ):
        find_reference_stars(frame)
    piece = attrs.evolve(frame, pixels=frame.pixels[:100, :100])
    with pytest.raises(
        AstrometryError,
        match="full 2078 x 2136 readout or its science pixels, not a piece of 100 x 100",
    ):
        find_reference_stars(piece, 64)
    few = catalog_of_table(Table({"id": [1], "ra": [1.0], "dec": [1.0], "tmag": [9.0]}))
    with pytest.raises(AstrometryError, match="catalogue table has only 0 stars of Tmag"):
        find_reference_stars(frame, 64, few)
    timeless = attrs.evolve(frame, times=None)
    assert frame_year(timeless, 64) == pytest.approx(2023.3, abs=0.1)
    with pytest.raises(AstrometryError, match="has neither time nor sector"):
        frame_year(timeless)


def test_scattered_light_and_saturation_leave_a_sane_flagged_solution(seen, stars):
    frame, wcs = seen
    row, column = np.mgrid[:2078, :2136]
    glow = 1e6 * np.exp(-((column - 300) ** 2 + (row - 1800) ** 2) / (2 * 900.0**2))
    glow[2048:] = glow[:, :44] = glow[:, 2092:] = 0.0
    noise = np.random.default_rng(3).standard_normal(glow.shape) * np.sqrt(glow)
    bright = attrs.evolve(frame, pixels=(frame.pixels + glow + noise).astype(np.float32))
    found = fit_frame(bright, stars)
    assert sky_error(found.solution, wcs)[1] < 0.2

    full = np.array(frame.pixels)
    full[:683, 44:2092] = 200000.0 * 240
    found = fit_frame(attrs.evolve(frame, pixels=full), stars)
    assert found.bad_blocks >= 5
    assert 0.3 < found.good_fraction < 0.7
    assert set(np.unique(found.valid)) >= {1, -2}
    assert sky_error(found.solution, wcs)[1] < 0.2

    swamped = np.random.default_rng(4).normal(1e8, 1e7, frame.pixels.shape).astype(np.float32)
    found = fit_frame(attrs.evolve(frame, pixels=swamped), stars)
    assert found.good_fraction == 0.0
    assert (found.degree, found.bad_blocks) == (4, 25)
    assert found.rms["RMSA"] == -1.0
    assert sky_error(found.solution, wcs)[1] < 0.2

    lost = attrs.evolve(frame, pixels=np.full_like(frame.pixels, np.nan))
    assert fit_frame(lost, stars).good_fraction == 0.0
    infinite = np.array(frame.pixels)
    infinite[::7] = np.inf  # some in every star's square, with its light to be seen beside
    found = fit_frame(attrs.evolve(frame, pixels=infinite), stars)
    assert (found.good_fraction, found.degree, found.bad_blocks) == (0.0, 4, 25)
    assert sky_error(found.solution, wcs)[1] < 0.2
    with pytest.raises(AstrometryError, match="another field, or nothing"):
        fit_frame(attrs.evolve(frame, pixels=np.zeros_like(frame.pixels)), stars)


def test_flags_instead_of_wild_numbers():
    y, x = np.mgrid[:2078, :2136]
    image = np.full(x.shape, 100.0)
    places = [(300.2, 300.4), (600.0, 300.0), (900.0, 300.0), (1200.0, 300.0), (1500.0, 300.0)]
    for column, row in places[:4]:
        image += 1e5 * np.exp(-0.5 * ((x - column + 1) ** 2 + (y - row + 1) ** 2))
    image[299, 599] = np.nan
    image = np.where((x > 890) & (x < 910), np.minimum(image, 3e4), image)
    image += 5e4 * np.exp(-0.5 * ((x - 1203) ** 2 + (y - 299) ** 2))
    columns, rows = np.array([*places, (47.0, 5.0), (1e9, np.nan)]).T
    found = measure_stars(image, columns, rows)
    names = {"missing": 2, "saturated": 4, "neighbour": 8, "faint": 16, "edge": 1}
    assert found.flags[0] == 0
    for k, name in enumerate(names, start=1):
        assert found.flags[k] & names[name], name
    assert found.flags[6] & 1
    np.testing.assert_allclose((found.columns[0], found.rows[0]), places[0], atol=0.01)
    assert np.isnan(found.columns[[1, 4, 5, 6]]).all()
    assert (np.abs(found.columns[[2, 3]] - columns[[2, 3]]) < 3).all()


def test_gwcs_forth_and_back_and_through_asdf(seen, stars):
    import asdf

    solution = fit_frame(seen[0], stars).solution
    model = solution_to_gwcs(solution)
    rng = np.random.default_rng(1)
    columns, rows = 44.5 + 2048 * rng.random(50), 0.5 + 2048 * rng.random(50)
    ra, dec = model(columns - 1, rows - 1)
    np.testing.assert_allclose((ra, dec), solution.pixel_to_sky(columns, rows), atol=1e-10)
    x, y = model.invert(ra, dec)
    np.testing.assert_allclose((x + 1, y + 1), (columns, rows), atol=0.01)
    again = solution_from_gwcs(model)
    np.testing.assert_allclose(
        again.pixel_to_sky(columns, rows), solution.pixel_to_sky(columns, rows), atol=1e-8
    )
    buffer = io.BytesIO()
    asdf.AsdfFile({"wcs": model}).write_to(buffer)
    buffer.seek(0)
    with asdf.open(buffer) as file:
        np.testing.assert_allclose(file["wcs"](columns - 1, rows - 1), (ra, dec), atol=1e-12)
        np.testing.assert_allclose(file["wcs"].invert(ra, dec), (x, y), atol=1e-9)


def test_lightkurve_places_a_known_star_on_its_pixel(seen, stars, tmp_path):
    lightkurve = pytest.importorskip("lightkurve")
    from astropy.coordinates import SkyCoord
    from astropy.io import fits

    from tica_fn.wcs import solution_cards

    frame = seen[0]
    cards = solution_cards(fit_frame(frame, stars), frame)
    header = fits.Header([fits.Card(*card) for card in cards])
    header.update({"CRVAL1P": 1, "CRVAL2P": 1, "TELESCOP": "TESS", "BJDREFI": 2457000})
    header.update({"CAMERA": 2, "CCD": 3})
    files = []
    for k in range(2):
        path = tmp_path / f"tess-{k}-s_ffic.fits"
        header.update({"TSTART": 1.0 + k, "TSTOP": 2.0 + k})
        fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(frame.pixels, header)]).writeto(path)
        files.append(str(path))
    k = int(np.argmax(stars.contrast_columns))
    made = lightkurve.targetpixelfile.TessTargetPixelFile.from_fits_images(
        files, position=SkyCoord(stars.ra[k], stars.dec[k], unit="deg"), size=(11, 11), extension=1
    )
    flux = np.asarray(made.flux[0])
    peak = np.unravel_index(np.nanargmax(flux), flux.shape)
    assert max(abs(peak[0] - 5), abs(peak[1] - 5)) <= 1


def test_a_frame_stays_as_it_is(seen, stars):
    frame = seen[0]
    before = frame.pixels.tobytes()
    fit_frame(frame, stars)
    assert frame.pixels.tobytes() == before
    assert isinstance(frame, Frame)


@pytest.mark.parametrize("count", [0, 1, 2, 300])
def test_pairs_of_near_places_are_those_of_a_tree(count):
    places = np.random.default_rng(count).uniform(0, 100, (count, 2))
    places[: count // 3, 0] = 50.0
    expected = cKDTree(places).query_pairs(6.0) if count else set()
    first, second = _pairs(*places.T, 6.0)
    assert (first < second).all()
    assert len(first) == len(expected)
    assert set(zip(first.tolist(), second.tolist(), strict=True)) == expected
