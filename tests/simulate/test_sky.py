"""Stars and sky on pixels: no light is lost, centroids are the truth, tiles do not matter."""

import numpy as np
import pytest
from scipy.special import ndtr

from tica_fn.kernels.sky_light import add_background, add_stars
from tica_fn.simulate import Background, Blemishes, Psf, Stars, live_seconds, sky_electrons
from tica_fn.simulate.electrons import strap_columns
from tica_fn.simulate.stars import random_stars

DARK = Background(level=0.0)


def one_star(column=600.3, row=1000.7, tmag=9.0, **knobs):
    star = Stars(columns=[column], rows=[row], tmag=[tmag])
    return sky_electrons(star, ccd=3, coadds=720, background=DARK, **knobs)


def components(count, seed):
    random = np.random.default_rng(seed)
    return (
        random.uniform(-3, 43, count),
        random.uniform(-3, 33, count),
        random.uniform(1, 1000, count),
        np.array([0.7, 0.3]),
        random.uniform(-1, 1, (count, 2, 2)),
        random.uniform(0.4, 2.5, (count, 2)),
        random.integers(3, 9, count),
    )


def naive_stars(columns, rows, flux, weights, offsets, widths, reach, shape):
    """One star, one component, one pixel at a time."""
    out = np.zeros(shape)
    for s in range(len(columns)):
        middle = np.floor(columns[s] + 0.5), np.floor(rows[s] + 0.5)
        for r in range(shape[0]):
            for c in range(shape[1]):
                if abs(c - middle[0]) > reach[s] or abs(r - middle[1]) > reach[s]:
                    continue
                for k in range(len(weights)):
                    x = (c - columns[s] - offsets[s, k, 0]) / widths[s, k]
                    y = (r - rows[s] - offsets[s, k, 1]) / widths[s, k]
                    half = 0.5 / widths[s, k]
                    across = ndtr(x + half) - ndtr(x - half)
                    along = ndtr(y + half) - ndtr(y - half)
                    out[r, c] += flux[s] * weights[k] * across * along
    return out


def test_stars_agree_with_the_naive_sum():
    stars = components(12, seed=1)
    fast = np.zeros((30, 40))
    add_stars(np.stack(stars[:3]), *stars[3:], (0, 0), fast)
    np.testing.assert_allclose(fast, naive_stars(*stars, fast.shape), rtol=1e-11, atol=1e-11)


def test_a_tile_gets_the_bits_of_the_whole():
    stars = components(40, seed=2)
    whole = np.zeros((30, 40))
    add_stars(np.stack(stars[:3]), *stars[3:], (0, 0), whole)
    tile = np.zeros((11, 13))
    add_stars(np.stack(stars[:3]), *stars[3:], (9, 21), tile)
    assert np.array_equal(tile, whole[9:20, 21:34])


def test_all_light_of_a_star_is_there():
    assert one_star().sum() == pytest.approx(15_000 * 10**0.4 * live_seconds(720), rel=1e-7)


@pytest.mark.parametrize(("column", "row"), [(60.2, 30.4), (1000.5, 1500.0), (2050.9, 2000.1)])
def test_the_centroid_is_the_position(column, row):
    image = one_star(column, row)
    total = image.sum()
    rows, columns = np.indices(image.shape)
    assert (image * columns).sum() / total == pytest.approx(column, abs=1e-4)
    assert (image * rows).sum() / total == pytest.approx(row, abs=1e-4)


def width_and_skew(image):
    across = image.sum(axis=0) / image.sum()
    columns = np.arange(image.shape[1])
    middle = (across * columns).sum()
    return tuple(((across * (columns - middle) ** n).sum()) for n in (2, 3))


def test_stars_widen_and_skew_away_from_the_axis():
    near = width_and_skew(one_star(2050.0, 2000.0))
    far = width_and_skew(one_star(100.0, 100.0))
    assert far[0] > 1.3 * near[0]
    # The axis of CCD 3 lies beyond high columns: the tail points to low ones.
    assert far[1] < -0.02
    assert abs(near[1]) < 0.002


def test_jitter_widens_by_its_variance():
    still = width_and_skew(one_star())[0]
    assert width_and_skew(one_star(jitter=0.5))[0] == pytest.approx(still + 0.25, abs=1e-5)


def test_no_light_outside_the_science_pixels():
    image = one_star(44.0, 2047.0)
    assert image[:2048, 44:2092].sum() == image.sum() > 0


def test_the_glow_falls_off_along_its_direction():
    background = Background(level=10.0, glow=200.0, direction_deg=90.0, scale=300.0)
    image = sky_electrons(
        Stars(columns=[], rows=[], tmag=[]), ccd=3, coadds=1, background=background
    )
    per_s = image[:2048, 44:2092] / live_seconds(1)
    assert per_s[2047].min() == pytest.approx(210.0)
    assert per_s[2047 - 300, 5] == pytest.approx(10.0 + 200.0 / np.e)
    assert np.ptp(per_s[1000]) < 1e-9


def test_a_tile_of_the_sky_is_the_sky_of_the_tile():
    terms = Background(glow=50.0, direction_deg=30.0).terms()
    whole, tile = np.zeros((50, 60)), np.zeros((7, 9))
    add_background(*terms, 0, 0, whole)
    add_background(*terms, 40, 31, tile)
    np.testing.assert_allclose(tile, whole[40:47, 31:40], rtol=1e-13)


def test_bad_pixels_are_as_many_as_asked_and_the_same_every_time():
    blemishes = Blemishes(hot=1e-3, dead=2e-3, straps=0.1, seed=5)
    stars = random_stars(10, seed=1)
    plain = sky_electrons(stars, ccd=1, coadds=100)
    bad = sky_electrons(stars, ccd=1, coadds=100, blemishes=blemishes)
    again = sky_electrons(stars, ccd=1, coadds=100, blemishes=blemishes)
    assert np.array_equal(bad, again)
    ratio = bad[:2048, 44:2092] / plain[:2048, 44:2092]
    straps = strap_columns() - 44
    plain_columns = np.delete(ratio, straps, axis=1)
    assert (plain_columns < 0.11).mean() == pytest.approx(2e-3, rel=0.05)
    assert (plain_columns > 1).mean() == pytest.approx(1e-3, rel=0.05)
    assert np.median(ratio[:, straps]) == pytest.approx(1.1)


def test_straps_are_where_they_are():
    columns = strap_columns() - 43
    assert columns.size == np.unique(columns).size == 116
    assert {77, 78, 974, 982, 1067, 1972, 516, 1533, 673, 676, 1376} <= set(columns)
    assert 874 not in columns


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Psf(sigma=0),
        lambda: Psf(coma_share=0.7, halo_share=0.4),
        lambda: Background(level=-1),
        lambda: Blemishes(hot=1.5),
        lambda: Stars(columns=[1, 2], rows=[1], tmag=[3]),
    ],
)
def test_impossible_skies_are_refused(wrong):
    with pytest.raises(ValueError, match=r"\w{6}"):
        wrong()
