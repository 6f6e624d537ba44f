"""The mission's arithmetic against the mission's own values of real pixels, to 0.01 electron/s.

The truth is SPOC's: `FLUX`, `SMROW_CAL` and `TVCOL_CAL` of its files.  What it shares with the code
are the models (2-D black, flat field, gain, linearity) and, in the first case, the black that
`TVCOL_CAL` tells.
"""

import attrs
import numpy as np
import pytest

import tica_fn
from tests import inputs, mission
from tica_fn.errors import ModelError
from tica_fn.steps.mission_smear import mission_variance

CASES = pytest.mark.parametrize("told", [True, False], ids=["TVCOL_CAL", "profile"])


def smear_of_mission():
    """What SPOC took from the smear rows, electron/s: the same in all of a column but the first."""
    before = np.array([(p.pixels + p.smear)[1:] for p in smear_rows(True)]) / mission.LIVE_S
    return np.median(before - mission.of_mission(inputs.SMROW, "SMROW_CAL")[:, 1:], axis=1)


def smear_rows(told):
    return [out.collateral[1] for out in mission.calibrated(told)]


@CASES
@pytest.mark.parametrize("cadence", range(9))
def test_flux_of_all_pixels(cadence, told):
    spoc = mission.of_mission(inputs.TARGET, "FLUX")[cadence]
    out = mission.calibrated(told)[cadence]
    flat = mission.models().flat[mission.PLACES["stamp"]].astype(np.float64)
    light = (out.pixels / mission.LIVE_S - spoc) * flat
    rest = (light - np.median(light, axis=0)) / flat
    assert spoc.min() < -1e5
    assert spoc.max() > 1e5
    assert np.median(np.abs(rest), axis=0).max() < 0.01
    for low, high in ((-np.inf, 1e3), (1e3, 1e4), (1e4, 1e5), (1e5, np.inf)):
        level = spoc + np.median(light, axis=0) / flat + out.smear / mission.LIVE_S / flat
        inside = (level >= low) & (level < high)
        assert inside.any()
        assert np.abs(rest[inside]).max() < 0.05


@pytest.mark.parametrize(("told", "near"), [(True, 0.004), (False, 0.012)])
def test_smear_of_ordinary_columns(told, near):
    """Without TVCOL_CAL the black's one number is not SPOC's to 0.007 electron/s, nor the smear."""
    found = np.array([piece.smear for piece in smear_rows(told)]) / mission.LIVE_S
    spoc = smear_of_mission()
    ordinary = spoc < 200
    assert ordinary.sum() == 4482
    away = np.abs(found - spoc)
    assert (away[ordinary] < near).mean() > 0.97
    assert (away[~ordinary] / spoc[~ordinary]).max() < 0.016
    if told:
        assert np.median(away[ordinary]) < 1e-7


def test_smear_rows_that_the_recipe_names():
    """Column 675 in the target's first cadence, rows 2059 to 2068, electron/s before the smear."""
    piece = smear_rows(True)[0]
    column = 674 - piece.column
    before = (piece.pixels + piece.smear)[:, column] / mission.LIVE_S
    rows = [85050, 52600, 6416, 4155, 3159, 2212, 1675, 1308, 1054, 800]
    np.testing.assert_allclose(before, rows, rtol=0, atol=0.8)
    assert abs(piece.smear[column] / mission.LIVE_S - 1698.19) < 0.5


@pytest.mark.parametrize(("told", "worst"), [(True, 1e-6), (False, 2e-3)])
def test_overclock_columns(told, worst):
    """TVCOL_CAL is in ADU per second, whatever its header says: no gain, no linearity."""
    spoc = mission.of_mission(inputs.TVCOL, "TVCOL_CAL")
    for out, expected in zip(mission.calibrated(told), spoc, strict=True):
        piece = out.collateral[0]
        adu = (piece.pixels * mission.models().flat[mission.PLACES["overclocks"]] + piece.smear) / (
            mission.models().amplifiers.gain[1]
        )
        assert np.abs(adu / mission.LIVE_S - expected).max() < worst


def test_errors_of_the_first_smear_row_and_of_the_overclocks():
    """SMROW_ERR where no smear was subtracted, and TVCOL_ERR, follow the recipe."""
    models = mission.models()
    steps = tica_fn.compose(
        tica_fn.subtract_bias(models),
        tica_fn.subtract_mission_pedestal(models),
        tica_fn.correct_mission_linearity(models),
        tica_fn.apply_gain(models),
    )
    smrow = mission.of_mission(inputs.SMROW, "SMROW_ERR")
    tvcol = mission.of_mission(inputs.TVCOL, "TVCOL_ERR")
    for n, frame in enumerate(mission.frames()):
        out = steps(frame)
        told = [attrs.evolve(piece, header=frame.header) for piece in out.collateral]
        first = np.sqrt(mission_variance(told[1], models, slice(0, 1)))[0] / mission.LIVE_S
        ratio = first / smrow[n, 0]
        assert np.percentile(np.abs(ratio - 1), 95) < 7e-4
        assert np.abs(ratio - 1).max() < 2e-3
        # No shot noise, no gain.
        sigma = models.black_sigma[mission.PLACES["overclocks"]].astype(np.float64)
        noise = frame.header["READNOIB"] / frame.header["GAINB"]
        adu = np.sqrt(48 * (noise**2 + 1 / 12 + sigma**2) + 64 / 12)
        np.testing.assert_allclose(adu / mission.LIVE_S, tvcol[n], rtol=2e-6)


def test_errors_of_the_other_smear_rows_hold_the_variance_of_the_fit():
    errors = mission.of_mission(inputs.SMROW, "SMROW_ERR")
    spoc, ratios = smear_of_mission(), []
    for n, out in enumerate(mission.calibrated()):
        piece = out.collateral[1]
        before = tica_fn.inverse(tica_fn.divide_flat(mission.models()))(out)
        before = tica_fn.inverse(tica_fn.subtract_mission_smear(mission.models()))(before)
        told = attrs.evolve(before.collateral[1], header=out.header)
        own = mission_variance(told, mission.models(), slice(1, 10))
        ratio = np.sqrt(own + piece.smear_variance) / mission.LIVE_S / errors[n, 1:]
        ratios.append(np.abs(ratio - 1)[:, spoc[n] < 200].max(axis=0))
    ratios = np.concatenate(ratios)
    assert np.median(ratios) < 1e-5
    assert (ratios < 1e-3).mean() > 0.97


def test_what_is_missing_is_said():
    models = attrs.evolve(mission.models(), row_profile=None)
    step = tica_fn.subtract_mission_pedestal(models)
    raw = tica_fn.subtract_bias(models)(mission.frames(told=False)[0])
    with pytest.raises(ModelError, match="row profile of amplifier B of camera 2 CCD 3"):
        step(raw)
    step(tica_fn.subtract_bias(models)(mission.frames()[0]))  # TVCOL_CAL tells it.
    smear = tica_fn.subtract_mission_smear(attrs.evolve(models, black_sigma=None))
    electrons = tica_fn.apply_gain(models)(raw)
    with pytest.raises(ModelError, match=r"errors=True"):
        smear(electrons)
