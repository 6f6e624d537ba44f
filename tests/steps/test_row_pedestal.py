"""Pedestals smooth in row: the fit, and the real virtual columns."""

import attrs
import numpy as np
import pytest

from tests import sirius
from tica_fn import Frame, kernels, neutral_models, subtract_bias, subtract_row_pedestal
from tica_fn.errors import FrameError, MissingCollateralError
from tica_fn.steps.row_pedestal import measure_row_pedestals

ROWS = np.arange(2078)
X = np.linspace(-1, 1, 2078)


def frame_of(pedestals, noise=5.0, seed=1):
    """A readout whose amplifiers have the given pedestals, (4, 2078)."""
    random = np.random.default_rng(seed)
    read_by = np.concatenate([np.repeat(range(4), n) for n in (11, 512, 11)])
    raw = np.asarray(pedestals)[read_by].T + random.normal(0.0, noise, (2078, 2136))
    return Frame(pixels=raw, unit="adu", camera=2, ccd=3, exposure_s=120, coadds=48)


@pytest.mark.parametrize("order", [0, 1, 2, 5, 9])
def test_the_order_is_found_and_the_polynomial_with_it(order):
    random = np.random.default_rng(order)
    true = np.polynomial.Chebyshev(random.choice([-1, 1], order + 1) * 10.0)(X)
    values = true + random.normal(0.0, 1.0, len(X))
    out = np.empty(len(X))
    found = kernels.fit_rows(values, np.ones(len(X)), 10, out)
    assert order <= found <= order + 3
    expected = np.polynomial.Legendre.fit(X, values, found)(X)
    np.testing.assert_allclose(out, expected, atol=1e-9)


def test_rows_that_do_not_count_do_not_count():
    values = 3.0 + X
    kept = np.ones(len(X))
    kept[100:400] = 0.0
    values[100:400] = 1e6
    out = np.empty(len(X))
    kernels.fit_rows(values, kept, 4, out)
    np.testing.assert_allclose(out, 3.0 + X, atol=1e-9)


def test_every_amplifier_has_its_own_pedestal():
    true = np.array([1000 + 20 * X, 900 - 15 * X**2, np.full(2078, 800.0), 700 + 9 * X**3])
    by_row, orders, _ = measure_row_pedestals(frame_of(true))
    assert (orders >= [1, 2, 0, 3]).all()
    np.testing.assert_allclose(by_row, true, atol=0.5)
    out = subtract_row_pedestal()(frame_of(true))
    assert abs(out.pixels[:, 100].mean()) < 1
    np.testing.assert_allclose(out.pedestals, true[:, 750:].mean(axis=1), atol=0.2)
    np.testing.assert_array_equal(out.row_pedestals, by_row)


def test_cosmic_rays_in_the_overclocks_do_not_bend_it():
    frame = frame_of(np.full((4, 2078), 1000.0))
    pixels = np.array(frame.pixels)
    pixels[np.random.default_rng(2).choice(2078, 25), 2130] += 30_000.0
    struck = attrs.evolve(frame, pixels=pixels)
    by_row, orders, _ = measure_row_pedestals(struck)
    np.testing.assert_allclose(by_row, 1000.0, atol=1.0)
    assert orders[3] <= 3


def test_a_piece_takes_the_rows_that_it_has():
    true = np.array([1000 + 20 * X] * 4)
    whole = frame_of(true)
    overclock = attrs.evolve(whole, pixels=whole.pixels[:, 2103:2114], column=2103)
    stamp = attrs.evolve(whole, pixels=whole.pixels[300:310, 600:620], row=300, column=600,
                         collateral=(overclock,))  # fmt: skip
    expected, got = subtract_row_pedestal()(whole), subtract_row_pedestal()(stamp)
    assert np.array_equal(got.pixels, expected.pixels[300:310, 600:620])
    assert np.array_equal(got.collateral[0].pixels, expected.pixels[:, 2103:2114])
    assert np.isnan(got.pedestals[[0, 2, 3]]).all()


def test_part_of_the_rows_is_not_enough():
    whole = frame_of(np.full((4, 2078), 1000.0))
    short = attrs.evolve(whole, pixels=whole.pixels[750:], row=750)
    with pytest.raises(MissingCollateralError, match="all rows of the overclock columns"):
        subtract_row_pedestal()(short)


def test_it_stands_in_for_the_pedestal():
    from tica_fn import inverse, subtract_pedestal

    frame = frame_of(np.full((4, 2078), 1000.0))
    with pytest.raises(FrameError, match="replaces subtract_pedestal"):
        subtract_row_pedestal()(subtract_pedestal()(frame))
    with pytest.raises(FrameError, match="comes before subtract_row_pedestal"):
        subtract_bias(neutral_models(2, 3))(subtract_row_pedestal()(frame))
    step = subtract_row_pedestal()
    back = inverse(step)(step(frame))
    assert back.row_pedestals is None
    assert back.pedestals is None


def test_real_virtual_columns_are_flat_afterwards_and_not_before():
    from tica_fn import subtract_pedestal

    worst = []
    for step in (subtract_row_pedestal(), subtract_pedestal()):
        means = []
        for frame in sirius.frames():
            done = step(subtract_bias(sirius.models())(frame))
            overclock = done.collateral[1].pixels[:, 3:] / 48
            parts = [(0, 250), (250, 500), (500, 750), (750, 1000), (1000, 1500), (1500, 2078)]
            means.append([overclock[a:b].mean() for a, b in parts])
        worst.append(np.abs(np.mean(means, axis=0)).max())
    assert worst[0] < 0.02
    assert worst[1] > 0.1


def test_kernels_take_each_row_and_amplifier_its_own():
    random = np.random.default_rng(3)
    pixels, table = random.normal(size=(6, 5)), random.normal(size=(4, 6))
    amplifier = np.array([0, 3, 3, 1, 2])
    less, more = np.empty((6, 5)), np.empty((6, 5))
    kernels.subtract_row_pedestal(pixels, table, amplifier, less)
    kernels.add_row_pedestal(pixels, table, amplifier, more)
    for r in range(6):
        for c in range(5):
            assert less[r, c] == pixels[r, c] - table[amplifier[c], r]
            assert more[r, c] == pixels[r, c] + table[amplifier[c], r]
    means = np.empty(6)
    kernels.overclock_rows(pixels, 1, 4, means)
    np.testing.assert_allclose(means, pixels[:, 1:4].mean(axis=1))
