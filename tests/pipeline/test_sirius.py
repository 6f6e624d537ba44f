"""Real flight pixels: Sirius in sector 6, camera 2, CCD 3, against the mission's own values.

The rows of column 675 (1-based) whose SPOC flux is within 2,000 e-/s of the column's 10th
percentile are used: further in, the star bleeds into the smear rows.
"""

import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tests import inputs
from tica_fn.cli import main
from tica_fn.detector import amplifiers
from tica_fn.fits.collateral import read_collateral

COADDS = 48
LIVE_S = COADDS * 1.98


@pytest.fixture(scope="module")
def models():
    return tica_fn.load_models(inputs.EXAMPLE, 2, 3)


@pytest.fixture(scope="module")
def frames():
    collateral = (read_collateral(inputs.TVCOL), read_collateral(inputs.SMROW))
    return list(tica_fn.read_target(inputs.TARGET).frames(collateral))


def collateral_of_spoc(path, column):
    """What SPOC made of the collateral pixels, by cadence."""
    with fits.open(path) as opened:
        table = opened[1].data
        values = np.asarray(table[column], dtype=np.float64)
        return dict(zip(table["CADENCENO"].tolist(), values, strict=True))


@pytest.fixture(scope="module")
def cadences_with_collateral(frames):
    """The first nine: the collateral files lack the tenth."""
    return frames[:9]


def fit(x, y):
    """Least-squares slope, offset, and scatter (MAD) of y against x."""
    slope, offset = np.polyfit(x, y, 1)
    rest = y - (slope * x + offset)
    return slope, offset, np.median(np.abs(rest - np.median(rest)))


@pytest.mark.parametrize("number", range(10))
def test_column_675_agrees_with_spoc(frames, models, number):
    spoc = fits.getdata(inputs.TARGET, 1)["FLUX"][number][:, 0].astype(np.float64)
    rows = np.abs(spoc - np.percentile(spoc, 10)) < 2000
    assert rows.sum() > 1000
    out = tica_fn.calibrate(frames[number], models)
    slope, _, scatter = fit(spoc[rows], out.pixels[rows, 0] / LIVE_S)
    assert abs(slope - 1) < 1e-3
    assert scatter < 1.5


def test_the_command_writes_the_same_fluxes(frames, models, tmp_path, capsys):
    command = ["calibrate", inputs.TARGET, "--caldir", inputs.EXAMPLE, "--outdir", tmp_path]
    assert main([str(word) for word in command]) == 0
    (product,) = tmp_path.iterdir()
    table = fits.getdata(product, 1)
    for number, frame in enumerate(frames):
        out = tica_fn.calibrate(frame, models)
        expected = (out.pixels / LIVE_S).astype(np.float32)
        assert np.array_equal(table["FLUX"][number], expected)
    assert np.isfinite(table["FLUX_ERR"]).all()
    assert (table["FLUX_ERR"] > 0).all()


def test_virtual_columns_agree_with_spoc_but_for_its_row_dependent_pedestal(
    cadences_with_collateral, models
):
    """SPOC's TVCOL_CAL is what its black, which varies with the row, leaves of the overclocks.

    Its unit is ADU per second of light collected, whatever the header says: pixel by pixel within
    a row the slope is the live time, with no gain in it.
    """
    spoc = collateral_of_spoc(inputs.TVCOL, "TVCOL_CAL")
    steps = tica_fn.compose(tica_fn.subtract_bias(models), tica_fn.subtract_pedestal())
    ours, theirs = [], []
    for frame in cadences_with_collateral:
        ours.append(steps(frame).collateral[0].pixels)
        theirs.append(spoc[frame.cadence] * LIVE_S)
    ours, theirs = np.array(ours), np.array(theirs)
    within_row = [(v - np.median(v, axis=2, keepdims=True)).ravel() for v in (theirs, ours)]
    assert np.corrcoef(*within_row)[0, 1] > 0.999
    assert abs(fit(*within_row)[0] - 1) < 2e-3
    # The difference is a function of the row, the same in all cadences and columns: within 0.22
    # ADU a read (most around the row of Sirius), 0.05 in the smear rows.
    difference = (ours - theirs) / COADDS
    by_row = difference.mean(axis=(0, 2))
    assert 0.15 < np.abs(by_row).max() < 0.25
    assert np.abs(by_row).argmax() in range(900, 1100)
    assert by_row[2058:2068].mean() == pytest.approx(0.05, abs=0.02)
    rest = difference - by_row[:, None] - difference.mean(axis=(1, 2), keepdims=True)
    assert rest.std() < 0.01


def test_smear_rows_agree_with_spoc_once_the_smear_is_taken_out(cadences_with_collateral, models):
    """SPOC's SMROW_CAL is what its smear correction leaves of the smear rows: about nothing.

    Ours, less each column's own median, is the same pixel by pixel; what is left between the two
    before that is the smear itself (about 280 electrons), with at most 0.1 ADU a read of it from
    SPOC's row-dependent pedestal.
    """
    spoc = collateral_of_spoc(inputs.SMROW, "SMROW_CAL")
    steps = tica_fn.standard_steps(models, without=("subtract_smear", "divide_flat"))
    ours, theirs = [], []
    for frame in cadences_with_collateral:
        ours.append(steps(frame).collateral[1].pixels[3:])
        theirs.append(spoc[frame.cadence][3:] * LIVE_S)
    ours, theirs = np.array(ours), np.array(theirs)
    smear = np.median(ours, axis=(0, 1))
    ordinary = smear < 600
    assert ordinary.sum() > 450
    ours, theirs = ours[:, :, ordinary], theirs[:, :, ordinary]
    less_smear = [(v - np.median(v, axis=1, keepdims=True)).ravel() for v in (theirs, ours)]
    assert np.corrcoef(*less_smear)[0, 1] > 0.998
    assert abs(fit(*less_smear)[0] - 1) < 5e-3
    offset = np.median(ours - theirs)
    assert 250 < offset < 310
    row_pedestal = 0.1 * COADDS * amplifiers(2, 3).gain[1]
    assert abs(offset - np.median(smear[ordinary])) < row_pedestal


def test_what_another_cadence_s_collateral_is_worth(cadences_with_collateral, models):
    """From one cadence to the next the pedestal moves a little and the smear by its noise, but
    for the columns that the star bleeds into."""
    steps = tica_fn.standard_steps(models, without=("divide_flat",))
    out = [steps(frame) for frame in cadences_with_collateral]
    pedestals = np.array([frame.pedestals[1] for frame in out]) * amplifiers(2, 3).gain[1] / LIVE_S
    assert 0.1 < np.diff(pedestals).std() < 0.3
    smear = np.array([frame.collateral[1].smear for frame in out]) / LIVE_S
    change = np.diff(smear, axis=0).std(axis=0)
    assert np.median(change) < 0.4
    moving = np.flatnonzero(change > 1) + 557  # columns counted from 1, as in the file
    assert len(moving) == 19
    assert moving.min() < 675
    assert moving.max() > 685
    assert 4000 < change.max() < 8000
