"""Random numbers: the right distributions, the same whatever the tiles; wells that conserve."""

import numpy as np
import pytest
from scipy import stats

from tica_fn.kernels.bleed import bleed
from tica_fn.kernels.cosmic import deposit, deposit_trimmed
from tica_fn.kernels.random_numbers import add_read_noise, add_shot_noise, digitize
from tica_fn.simulate import CosmicRays, Instrument


@pytest.mark.parametrize("mean", [0.1, 1.0, 5.0, 9.99, 10.0, 30.0, 300.0])
def test_counts_follow_poisson(mean):
    image = np.full((300, 400), mean)
    add_shot_noise(1.0, 1, 1, 0, image)
    assert np.array_equal(image, np.floor(image))
    low, high = stats.poisson.ppf([0.001, 0.999], mean).astype(int)
    edges = np.arange(low, high + 1)
    seen = np.array([(image == k).sum() for k in edges])
    expected = stats.poisson.pmf(edges, mean) * image.size
    good = expected > 20
    chi2 = ((seen - expected)[good] ** 2 / expected[good]).sum()
    assert stats.chi2.sf(chi2, good.sum()) > 1e-4


@pytest.mark.parametrize("mean", [1e4, 1e6, 1e9])
def test_large_counts_have_the_right_moments(mean):
    image = np.full((300, 400), mean)
    add_shot_noise(1.0, 2, 1, 0, image)
    z = (image - mean) / np.sqrt(mean)
    assert abs(z.mean()) < 4 / np.sqrt(z.size)
    assert z.var() == pytest.approx(1.0, abs=4 * np.sqrt(2 / z.size))
    smoothed = z + np.random.default_rng(1).uniform(-0.5, 0.5, z.shape) / np.sqrt(mean)
    assert stats.kstest(smoothed.ravel(), "norm").pvalue > 1e-4


def test_the_spread_scales_the_noise_about_the_mean():
    image = np.full((200, 300), 1e4)
    add_shot_noise(0.5, 3, 1, 0, image)
    assert image.var() == pytest.approx(0.25e4, rel=0.03)


def test_pixels_without_light_stay_as_they_are():
    image = np.array([[0.0, -5.0, np.nan, np.inf]])
    add_shot_noise(1.0, 1, 1, 0, image)
    np.testing.assert_array_equal(image, [[0.0, -5.0, np.nan, np.inf]])


def test_read_noise_is_normal_and_as_wide_as_asked():
    image = np.zeros((400, 300))
    add_read_noise(np.repeat([1.0, 7.0, 0.0], 100), 4, 2, 0, image)
    assert stats.kstest(image[:, :100].ravel(), "norm").pvalue > 1e-4
    assert image[:, 100:200].std() == pytest.approx(7.0, rel=0.02)
    assert not image[:, 200:].any()


def test_noise_depends_on_the_row_not_on_the_tile():
    deviation = np.ones(50)
    whole, tile = np.full((40, 50), 20.0), np.full((5, 50), 20.0)
    for image, first in ((whole, 0), (tile, 17)):
        add_shot_noise(1.0, 9, 1, first, image)
        add_read_noise(deviation, 9, 2, first, image)
    assert np.array_equal(tile, whole[17:22])


def test_rows_seeds_and_purposes_are_independent():
    def noise(seed, purpose):
        image = np.zeros((2, 20_000))
        add_read_noise(np.ones(20_000), seed, purpose, 0, image)
        return image

    rows = np.concatenate([noise(1, 1), noise(2, 1), noise(1, 2)])
    correlation = np.corrcoef(rows) - np.eye(6)
    assert np.abs(correlation).max() < 5 / np.sqrt(20_000)


def test_digitizing_rounds_and_clips():
    image = np.array([[0.49, 0.5, 2.51, -3.0, 99.6, 1e12]])
    out = np.empty(image.shape, dtype=np.int32)
    assert digitize(0.0, 100.0, image, out) == 2
    assert out.tolist() == [[0, 1, 3, 0, 100, 100]]


def test_a_full_pixel_bleeds_evenly_both_ways():
    column = np.zeros((9, 1))
    column[4] = 500.0
    assert bleed(100.0, 9, column) == 0.0
    assert column.ravel().tolist() == [0, 0, 100, 100, 100, 100, 100, 0, 0]


def test_charge_is_conserved_and_no_well_overflows():
    random = np.random.default_rng(8)
    image = random.exponential(30.0, (200, 40))
    image[random.integers(0, 190, 30), random.integers(0, 40, 30)] += 5000.0
    before = image.sum()
    virtual = image[190:].copy()
    lost = bleed(100.0, 190, image)
    assert image[:190].max() <= 100.0
    assert np.array_equal(image[190:], virtual)
    assert image.sum() + lost == pytest.approx(before, rel=1e-12)


def test_charge_beyond_both_edges_is_lost():
    column = np.full((3, 1), 50.0)
    column[1] = 1000.0
    assert bleed(100.0, 3, column) == pytest.approx(800.0)
    assert column.ravel().tolist() == [100.0, 100.0, 100.0]


def test_cosmic_rays_add_their_charge_where_they_strike():
    out = np.zeros(12)
    deposit(np.array([3, 3, 7]), np.array([10.0, 5.0, 2.0]), out)
    assert out[3] == 15.0
    assert out[7] == 2.0
    assert out.sum() == 17.0


def test_trimming_drops_the_largest_hit_of_a_block():
    # Pixel 3: two hits in block 0, one in block 1; pixel 7: one faint hit.
    pixel = np.array([3, 3, 3, 7])
    block = np.array([0, 0, 1, 0])
    charge = np.array([1000.0, 400.0, 900.0, 2.0])
    out = np.zeros(12)
    order = np.lexsort((block, pixel))
    deposit_trimmed(order, pixel, block, charge, np.full(12, 7200.0), 72.0, np.zeros(4), out)
    leak = 1.4850131622 * 10.0
    assert out[3] == pytest.approx(400.0 + 2 * leak)
    assert out[7] == 2.0


def test_the_constants_of_trimming_are_those_of_ordered_normal_numbers():
    random = np.random.default_rng(1)
    ten = np.sort(random.normal(size=(400_000, 10)))
    kept = ten[:, 1:9].sum(axis=1)
    assert kept.var() / 8 == pytest.approx(0.8413, rel=0.01)
    nine = random.normal(size=(400_000, 9))
    assert -nine.min(axis=1).mean() == pytest.approx(1.4850, rel=0.01)


def test_cosmic_rays_come_as_often_as_asked_and_mitigation_removes_most():
    signal = np.full((256, 256), 7200.0)
    rays = CosmicRays(per_s=2000.0)
    plain = Instrument(cosmic_rays=rays, mitigation=False).strike(signal, 100.0, seed=1)
    trimmed = Instrument(cosmic_rays=rays).strike(signal, 80.0, seed=1)
    hits = 2000.0 * 200.0 * (256 / 2048) ** 2
    # Mean path through the silicon is depth times the mean of 1/cos(theta), which is 2.
    assert plain.sum() / hits == pytest.approx(2 * 6.7 * 1200.0, rel=0.15)
    assert 0 < trimmed.sum() < 0.1 * plain.sum()
