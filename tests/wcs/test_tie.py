"""The tie of windowed centroids to the flux centroid: its degree, its square, its wave."""

import numpy as np
import pytest

from tests.wcs import optics
from tests.wcs.test_clip import error
from tests.wcs.test_solution_of_frames import make_frame
from tests.wcs.wild import WildPSF
from tica_fn.wcs import find_reference_stars, fit_frame, tie_to_flux

RNG = np.random.default_rng(5)
U, V = RNG.uniform(-1, 1, (2, 900))
NONE = np.zeros(900)
GOOD = np.ones(900, dtype=bool)


def squares(truth, windowed, noises, biases=(0.0, 0.0, 0.0)):
    """Means in three squares, each with noise and with a part of the truth cut off."""
    return np.stack(
        [
            windowed + truth * (1.0 - bias) + RNG.normal(0, noise, truth.shape)
            for noise, bias in zip(noises, biases, strict=True)
        ]
    )


def test_a_smooth_field_is_found_under_the_noise():
    truth = np.stack([0.05 * U + 0.04 * U * V, 0.03 - 0.06 * V**2])
    windowed = RNG.uniform(-0.5, 0.5, (2, 900))
    tie, degree = tie_to_flux(windowed, squares(truth, windowed, [0.02] * 3), U, V, NONE, GOOD)
    assert degree == 2
    assert np.sqrt(np.mean((tie - truth) ** 2)) < 0.003


def test_a_strongly_bent_field_takes_more_terms_where_the_stars_are_clear():
    truth = np.stack([0.05 * U - 0.08 * U**4 * V**2, 0.03 * V**3 + 0.06 * U**6])
    windowed = RNG.uniform(-0.5, 0.5, (2, 900))
    tie, degree = tie_to_flux(windowed, squares(truth, windowed, [0.002] * 3), U, V, NONE, GOOD)
    assert degree == 6
    assert np.sqrt(np.mean((tie - truth) ** 2)) < 0.0006
    _, degree = tie_to_flux(windowed, squares(truth, windowed, [0.02] * 3), U, V, NONE, GOOD)
    assert degree <= 4


def test_a_smaller_square_is_taken_only_while_it_agrees():
    truth = np.stack([0.05 * U, 0.05 * V])
    windowed = RNG.uniform(-0.5, 0.5, (2, 900))
    crowded = squares(truth, windowed, [0.3, 0.1, 0.03])
    tie, _ = tie_to_flux(windowed, crowded, U, V, NONE, GOOD)
    alone, _ = tie_to_flux(windowed, crowded[:1], U, V, NONE, GOOD)
    assert np.std(tie - truth) < 0.5 * np.std(alone - truth)
    cut = squares(truth, windowed, [0.02, 0.01, 0.005], [0.0, 0.5, 0.9])
    tie, _ = tie_to_flux(windowed, cut, U, V, NONE, GOOD)
    assert np.std(tie - truth) < 0.003


def test_a_ring_of_noise_alone_adds_nothing():
    truth = np.stack([0.05 * U, 0.05 * V])
    windowed = RNG.uniform(-0.5, 0.5, (2, 900))
    rings = squares(truth, windowed, [0.5, 0.002], [0.0, 0.0])
    tie, _ = tie_to_flux(windowed, rings, U, V, NONE, GOOD)
    alone, _ = tie_to_flux(windowed, rings[1:], U, V, NONE, GOOD)
    assert np.abs(tie - alone).max() < 1e-4


def test_the_wave_of_narrow_stars_is_taken_out():
    place = RNG.uniform(-0.5, 0.5, (2, 900))
    windowed = place - 0.03 * np.sin(2 * np.pi * place)
    means = squares(NONE, place, [0.01] * 3)
    tie, degree = tie_to_flux(windowed, means, U, V, NONE, GOOD)
    assert degree <= 2
    before, after = np.std(windowed - place), np.std(windowed + tie - place)
    assert after < 0.3 * before


def test_a_wave_that_changes_with_the_focus_is_taken_out_of_the_solution():
    """Both the windowed and the mean position have one, as where pixels do not sample the light."""
    from tica_fn.wcs import predict_pointing, solution_of_pointing
    from tica_fn.wcs.light_fit import fit_plate_to_light
    from tica_fn.wcs.polynomial_fit import fit_plate

    rng = np.random.default_rng(8)
    true = solution_of_pointing(predict_pointing(35, 1, 1))
    places = rng.uniform(50, 2040, (2, 800)) + np.array([[44.0], [0.0]])
    ra, dec = true.pixel_to_sky(*places)
    u, v = (places[0] - 1068.5) / 1024, (places[1] - 1024.5) / 1024
    wave = np.stack([u - v**2, u * v + 0.5]) * 0.02 * np.sin(2 * np.pi * places)
    seen = places + wave + rng.normal(0, 0.001, wave.shape)
    free = np.zeros(800, dtype=bool)
    free[::50] = True
    rest = rng.uniform(9, 12, 800), np.full(800, 0.001), free, 7
    fit, corrected = fit_plate_to_light(seen, seen, ra, dec, *rest)
    np.testing.assert_array_equal(corrected[:, free], seen[:, free])
    left = (corrected - places)[:, ~free]
    assert np.std(left) < 0.2 * np.std(wave)
    uncorrected = fit_plate(seen[0], seen[1], ra, dec, *rest)
    rms, _ = error(fit.solution, true.pixel_to_sky, *places)
    assert rms < 0.5 * error(uncorrected.solution, true.pixel_to_sky, *places)[0]
    _, same = fit_plate_to_light(places, places, ra, dec, *rest)
    assert np.abs(same - places).max() < 1e-4


def narrow_stars():
    """Places of stars, a smooth field and waves in their means, and what a fit needs besides."""
    from tica_fn.wcs import predict_pointing, solution_of_pointing

    rng = np.random.default_rng(9)
    true = solution_of_pointing(predict_pointing(35, 1, 1))
    places = rng.uniform(50, 2040, (2, 800)) + np.array([[44.0], [0.0]])
    u, v = (places - [[1068.5], [1024.5]]) / 1024
    wave = np.stack([u - v**2, u * v + 0.5]) * 0.02 * np.sin(2 * np.pi * places)
    smooth = np.stack([0.03 * u**2 * v, -0.02 * v**3])
    rest = rng.uniform(9, 12, 800), np.full(800, 0.001), np.zeros(800, dtype=bool), 7
    return true, places, smooth, wave, (*true.pixel_to_sky(*places), *rest), rng


def test_a_tie_that_is_wrong_does_not_bend_the_solution():
    from tica_fn.wcs.light_fit import fit_plate_to_light

    true, places, smooth, wave, rest, rng = narrow_stars()
    light = places + wave + rng.normal(0, 0.002, wave.shape)
    fit, moved = fit_plate_to_light(places + smooth + wave, light, *rest)
    tied, _ = fit_plate_to_light(places + smooth + wave, np.full_like(light, np.nan), *rest)
    rms, _ = error(fit.solution, true.pixel_to_sky, *places)
    assert rms < 0.1 * error(tied.solution, true.pixel_to_sky, *places)[0]
    assert rms < 0.02
    assert np.std(moved - places) < 1.5 * 0.002
    _, moved = fit_plate_to_light(places + smooth, light - wave, *rest)
    assert np.std(moved - places) < 0.001


def test_a_mean_with_a_neighbour_gives_way_to_the_tied_place():
    from tica_fn.wcs.light_fit import fit_plate_to_light

    _, places, smooth, wave, rest, rng = narrow_stars()
    near = np.arange(800) % 5 == 0
    light = places + wave + rng.normal(0, 0.002, wave.shape) + near * rng.normal(0, 0.2, (2, 800))
    tied = places + smooth + wave + rng.normal(0, 0.002, wave.shape)
    fit, moved = fit_plate_to_light(tied, light, *rest)
    assert fit.used[near].mean() > 0.98
    assert np.std((moved - places)[:, near]) < 0.02


def test_stars_that_are_not_good_teach_nothing_but_are_tied():
    truth = np.stack([np.full(900, 0.04), np.full(900, -0.02)])
    windowed = RNG.uniform(-0.5, 0.5, (2, 900))
    means = squares(truth, windowed, [0.01] * 3)
    means[:, :, ::3] += 9.0
    good = GOOD.copy()
    good[::3] = False
    tie, _ = tie_to_flux(windowed, means, U, V, NONE, good)
    np.testing.assert_allclose(tie, truth, atol=0.004)


def test_what_cannot_be_told_is_not_applied():
    windowed = RNG.uniform(-0.5, 0.5, (2, 900))
    nothing = np.full((3, 2, 900), np.nan)
    tie, degree = tie_to_flux(windowed, nothing, U, V, NONE, GOOD)
    assert degree == -1
    assert not tie.any()
    wild = squares(NONE, windowed, [30.0] * 3)
    tie, _ = tie_to_flux(windowed, wild, U, V, NONE, GOOD)
    assert np.abs(tie).max() < 0.05


@pytest.mark.parametrize(("kind", "seed"), [("ellipses", 1), ("trefoil", 6), ("ghost", 7)])
def test_images_of_no_family(kind, seed):
    """Drawn at random, the windowed centroid off by 0.4 to 1.1 arcsec."""
    pixels, true_sky = optics.frame(35, 1, 1, psf=WildPSF(seed, kind), shift=(1.3, -0.8))
    frame = make_frame(pixels, 1, 1)
    found = fit_frame(frame, find_reference_stars(frame, 35))
    good = found.valid == 1
    assert np.mean(good) > 0.9
    rms, most = error(found.solution, true_sky, found.columns[good], found.rows[good])
    assert rms < 0.03
    assert most < 0.3
    rms, most = error(found.solution, true_sky)
    assert rms < 0.05
    assert most < 0.7
