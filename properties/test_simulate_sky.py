"""What a simulated sky and a simulated readout owe, whatever the stars."""

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

import tica_fn
from tica_fn.immutable import freeze
from tica_fn.kernels.bleed import bleed
from tica_fn.kernels.random_numbers import add_shot_noise, digitize
from tica_fn.simulate import Background, Instrument, Psf, Stars, live_seconds, sky_electrons
from tica_fn.simulate.readout import read_out
from tica_fn.testing import assert_reversible, models, star_fields

DARK = Background(level=0.0)
QUIET = Instrument(read_noise=0.0, shot_noise=False, digitize=False, full_well=np.inf)
some = settings(max_examples=10, deadline=None)


@some
@given(stars=star_fields(margin=-40.0), ccd=st.integers(1, 4))
def test_all_light_of_stars_inside_is_on_the_pixels(stars, ccd):
    image = sky_electrons(stars, ccd=ccd, coadds=48, background=DARK)
    light = (stars.electrons_per_s * live_seconds(48)).sum()
    np.testing.assert_allclose(image.sum(), light, rtol=1e-5, atol=1.0)


@some
@given(stars=star_fields(max_stars=6))
def test_light_adds_up(stars):
    half = len(stars) // 2
    parts = [stars.chosen(range(half)), stars.chosen(range(half, len(stars)))]
    whole = sky_electrons(stars, ccd=1, coadds=8, background=DARK)
    summed = sum(sky_electrons(part, ccd=1, coadds=8, background=DARK) for part in parts)
    np.testing.assert_allclose(whole, summed, rtol=1e-12, atol=1e-9)
    assert (whole >= 0).all()


@settings(max_examples=5, deadline=None)
@given(stars=star_fields(max_stars=5), drawn=models(), seed=st.integers(0, 2**32 - 1))
def test_calibration_undoes_the_readout(stars, drawn, seed):
    # The sky of stars as bright as may be, but within what the linearity was measured for.
    faint = Stars(columns=stars.columns, rows=stars.rows, tmag=np.maximum(stars.tmag, 8.0))
    sky = sky_electrons(faint, ccd=drawn.ccd, coadds=8, psf=Psf(sigma=1.2))
    made = read_out(sky, drawn, exposure_s=20, seed=seed, instrument=QUIET)
    out = tica_fn.calibrate(made.frame, drawn)
    np.testing.assert_allclose(out.pixels, made.truth.pixels, rtol=1e-11, atol=1e-5)
    assert_reversible(tica_fn.standard_steps(drawn), made.frame, rtol=1e-11)


@settings(max_examples=30, deadline=None)
@given(
    charges=st.lists(st.floats(0, 1e6), min_size=1, max_size=30),
    full_well=st.floats(1.0, 1e5),
    rows=st.integers(1, 30),
)
@example(charges=[3.0], full_well=1.0, rows=1)
def test_bleeding_conserves_charge_and_fills_no_well_over(charges, full_well, rows):
    image = np.array(charges)[:, None]
    rows = min(rows, len(charges))
    beyond = image[rows:].copy()
    lost = bleed(full_well, rows, image)
    assert lost >= 0
    assert (image[:rows] <= full_well).all()
    assert np.array_equal(image[rows:], beyond)
    np.testing.assert_allclose(image.sum() + lost, sum(charges), rtol=1e-9, atol=1e-9)


@settings(max_examples=30, deadline=None)
@given(mean=st.floats(1e-3, 1e12), seed=st.integers(0, 2**63 - 1))
def test_counts_are_whole_and_near_their_mean(mean, seed):
    image = np.full((1, 50), mean)
    add_shot_noise(1.0, seed, 1, 0, image)
    assert (image >= 0).all()
    assert (np.abs(image - mean) < 8 * np.sqrt(mean) + 20).all()
    assert np.array_equal(image, np.round(image)) or mean > 1e9


@settings(max_examples=30, deadline=None)
@given(value=st.floats(-1e9, 1e9))
def test_digitizing_is_within_half_a_count(value):
    image = freeze(np.array([[value]])).copy()
    out = np.empty((1, 1), dtype=np.int32)
    digitize(-2.0e9, 2.0e9, image, out)
    assert abs(int(out[0, 0]) - value) <= 0.5
