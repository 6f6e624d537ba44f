"""Errors of apertures from products that were read back, against drawn frames.

The frames are drawn with numpy alone: Poisson's numbers of sky and smear, read noise, rounding to
counts.  They share with the code that the smear is the median of seven rows, which is what is
tested, and nothing else.
"""

import attrs
import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tica_fn import (
    Frame,
    amplifiers,
    apply_gain,
    calibrate,
    compose,
    correct_linearity,
    divide_flat,
    estimate_variance,
    neutral_models,
    subtract_bias,
    subtract_pedestal,
    trim_science,
    variance_of_sum,
)
from tica_fn.errors import BadFileError, FrameError

GAIN, READS, READ_NOISE, SKY, SMEAR = 5.2, 60, 8.0, 480.0, 800.0
MODELS = neutral_models(2, 3, gain=GAIN)
SCIENCE = np.s_[:2048, 44:2092]
APERTURES = {"column": (100, 1), "row": (1, 100), "square": (10, 10)}


def drawn(seed):
    """Counts of a frame of even sky and even smear."""
    random = np.random.default_rng(seed)
    electrons = random.normal(0.0, READ_NOISE * READS**0.5, (2078, 2136))
    electrons[SCIENCE] += random.poisson(SKY + SMEAR, (2048, 2048))
    electrons[2048:2068, 44:2092] += random.poisson(SMEAR, (20, 2048))
    counts = np.rint(electrons / GAIN + 1000.0).astype(np.int32)
    return Frame(pixels=counts, unit="adu", camera=2, ccd=3, exposure_s=2 * READS, coadds=READS)


def sums_of(errors, shape):
    """Errors of the sums of all apertures of a shape, side by side."""
    rows, columns = shape
    cut = errors[: 2048 // rows * rows, : 2048 // columns * columns]
    return cut.reshape(2048 // rows, rows, 2048 // columns, columns).sum(axis=(1, 3)).ravel()


@pytest.fixture(scope="module")
def scatter():
    """Standard deviation of the sums of each kind of aperture, electron."""
    found = {name: [] for name in APERTURES}
    for seed in range(14):
        errors = calibrate(drawn(seed), MODELS).pixels[SCIENCE] - SKY
        for name, shape in APERTURES.items():
            found[name].append(sums_of(errors, shape))
    return {name: float(np.concatenate(sums).std()) for name, sums in found.items()}


@pytest.fixture(scope="module")
def calibrated():
    return estimate_variance(MODELS)(calibrate(drawn(99), MODELS, dtype=np.float32))


def aperture(frame, name, row=300, column=700):
    rows, columns = APERTURES[name]
    mask = np.zeros(frame.shape)
    row, column = row - frame.row, column - frame.column
    mask[row : row + rows, column : column + columns] = 1
    return mask


PRODUCTS = ("a.cal.fits", "trimmed.cal.fits.fz", "a_ffic.fits.fz", "trimmed_ffic.fits")


@pytest.fixture(scope="module", params=PRODUCTS)
def product(request, calibrated, tmp_path_factory):
    path = tmp_path_factory.mktemp("product") / request.param
    frame = trim_science(calibrated) if "trimmed" in request.param else calibrated
    tica_fn.write(frame, path, layout="spoc" if "ffic" in request.param else "tica")
    return tica_fn.read(path)


@pytest.mark.parametrize("name", APERTURES)
def test_apertures_scatter_as_a_product_says(product, scatter, name):
    sigma = variance_of_sum(product, MODELS, aperture(product, name)) ** 0.5
    if product.unit == "electron / s":
        sigma *= product.live_s
    assert sigma == pytest.approx(scatter[name], rel=0.03)


def test_a_product_tells_what_the_frame_did(calibrated, tmp_path):
    path = tmp_path / "a.cal.fits"
    tica_fn.write(calibrated, path)
    frame = tica_fn.read(path)
    for field in ("smear", "smear_variance", "pedestal_variance"):
        np.testing.assert_array_equal(getattr(frame, field), getattr(calibrated, field))
    with fits.open(path, checksum=True) as hdus:
        hdus.verify("exception")
        table = hdus["SHARED_VARIANCE"]
        assert table.columns["SMEAR_VAR"].unit == "electron2"
        assert table.data["COLUMN"].tolist() == list(range(1, 2137))
        np.testing.assert_array_equal(table.data["SMEAR"], calibrated.smear)


def test_what_is_not_told_is_refused(calibrated):
    blind = attrs.evolve(calibrated, smear=None, smear_variance=None, pedestal_variance=None)
    with pytest.raises(FrameError, match=r"needs the variance of the smear.*SHARED_VARIANCE"):
        variance_of_sum(blind, MODELS, aperture(blind, "column"))
    with pytest.raises(FrameError, match="needs the variance of the pedestal"):
        variance_of_sum(blind, MODELS, aperture(blind, "row"))
    one = np.zeros(blind.shape)
    one[100, 500] = 2.0
    assert variance_of_sum(blind, MODELS, one) == pytest.approx(4 * blind.variance[100, 500])


def test_a_table_of_other_columns_is_refused(calibrated, tmp_path):
    path = tmp_path / "a.cal.fits"
    tica_fn.write(calibrated, path)
    with fits.open(path) as hdus:
        hdus["SHARED_VARIANCE"].data["COLUMN"][3] = 7
        hdus.writeto(tmp_path / "b.cal.fits", checksum=True)
        hdus["SHARED_VARIANCE"].data = hdus["SHARED_VARIANCE"].data[:2048]
        hdus.writeto(tmp_path / "c.cal.fits", checksum=True)
    for name in ("b", "c"):
        with pytest.raises(BadFileError, match="SHARED_VARIANCE is"):
            tica_fn.read(tmp_path / f"{name}.cal.fits")


def small(seed, sky):
    """A piece of science pixels without smear, and the overclocks of its amplifier."""
    random = np.random.default_rng(seed)
    noise = READ_NOISE * READS**0.5
    counts = random.poisson(sky, (60, 60)) + random.normal(0.0, noise, (60, 60))
    over = random.normal(0.0, noise, (2078, 11))
    fields = {"unit": "adu", "camera": 2, "ccd": 3, "exposure_s": 2 * READS, "coadds": READS}
    overclock = Frame(pixels=np.rint(over / GAIN + 1000), column=2092, **fields)
    return Frame(
        pixels=np.rint(counts / GAIN + 1000),
        row=1000,
        column=100,
        collateral=(overclock,),
        **fields,
    )


def test_pixels_of_an_amplifier_share_its_pedestal():
    """Without smear to be subtracted, the pedestal's error is in all of them."""
    steps = compose(
        subtract_bias(MODELS), subtract_pedestal(MODELS), apply_gain(MODELS), divide_flat(MODELS),
        estimate_variance(MODELS),
    )  # fmt: skip
    sums = []
    for seed in range(1000):
        out = steps(small(seed, SKY))
        sums.append(out.pixels.sum() - SKY * out.pixels.size)
    sigma = variance_of_sum(out, MODELS, np.ones(out.shape)) ** 0.5
    alone = float(out.variance.sum()) ** 0.5
    assert sigma > 1.1 * alone
    assert np.std(sums) == pytest.approx(sigma, rel=0.05)


def test_a_bright_pixel_keeps_part_of_its_pedestal():
    """By the slope of the linearity correction, which smear rows do not have."""
    models = neutral_models(2, 3, constants=amplifiers(2, 3))
    frame = calibrate(drawn(5), models)
    bright = attrs.evolve(frame, pixels=np.full(frame.shape, 150_000.0 * READS))
    out = estimate_variance(models)(bright)
    mask = np.zeros(out.shape)
    mask[200, 100:140] = 1
    known = attrs.evolve(out, pedestal_variance=np.full(4, 10.0))
    none = attrs.evolve(out, pedestal_variance=np.zeros(4))
    found = variance_of_sum(known, models, mask) - variance_of_sum(none, models, mask)

    def slope(electrons):
        step = 1e-4 * max(electrons, 1e3)
        pair = np.full((2, 2136), electrons)
        pair[1] += step
        piece = Frame(
            pixels=pair, unit="electron", camera=2, ccd=3, exposure_s=2 * READS, coadds=READS,
            steps=("subtract_bias", "subtract_pedestal", "apply_gain"),
        )  # fmt: skip
        low, high = correct_linearity(models)(piece).pixels[:, 120]
        return (high - low) / step, low

    # Electrons before the correction that gives what stands there, by halving.
    low, high = 0.0, 400_000.0 * READS
    for _ in range(60):
        middle = 0.5 * (low + high)
        above = slope(middle)[1] > 150_000.0 * READS + out.smear[120]
        low, high = (low, middle) if above else (middle, high)
    lever = (slope(low)[0] - slope(out.smear[120])[0]) * models.amplifiers.gain[0]
    assert found == pytest.approx(10.0 * lever**2 * (40**2 - 40), rel=0.02)
    assert abs(lever) > 0.01
