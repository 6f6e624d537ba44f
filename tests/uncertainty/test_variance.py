"""The variance of pixels: against plain loops, against drawn reads, and what it refuses."""

import math

import attrs
import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tica_fn import (
    Frame,
    Noise,
    amplifiers,
    apply_gain,
    calibrate,
    compose,
    correct_poc_linearity,
    divide_flat,
    divide_live_time,
    estimate_variance,
    inverse,
    measure_noise,
    neutral_models,
    standard_steps,
    subtract_bias,
    subtract_pedestal,
    subtract_smear,
    variance_of_sum,
)
from tica_fn.errors import FrameError, MissingCollateralError, ModelError
from tica_fn.simulate.montecarlo import scatter_of_errors
from tica_fn.uncertainty.requantisation import raw_counts, step_grows

RANDOM = np.random.default_rng(11)
FLAT = RANDOM.normal(1.0, 0.05, (2078, 2136))
BIAS = RANDOM.normal(0.0, 12.0, (2078, 2136))
MODELS = attrs.evolve(
    neutral_models(2, 3, constants=amplifiers(2, 3), flat=FLAT, bias=BIAS),
    flat_error=np.full((2078, 2136), 2e-4),
    bias_error=np.full((2078, 2136), 1.5),
)
NOISE = Noise(
    read_noise=[9.9, 7.6, 7.7, 9.8], quantum_adu=8.0, quantum_growth=0.14, quantum_zero=209_700.0
)


def raw_frame(seed=1, **kw):
    random = np.random.default_rng(seed)
    raw = 209_500 + random.normal(0, 10, (2078, 2136)) + BIAS
    raw[:2048, 44:2092] += random.choice([0.0, 300.0, 1e4, 1.5e6], (2048, 2048))
    raw[2048:2068, 44:2092] += random.uniform(0, 2000, 2048)
    fields = {"unit": "adu", "camera": 2, "ccd": 3, "exposure_s": 120, "coadds": 48} | kw
    return Frame(pixels=raw.astype(np.int32), **fields)


def slope(m, column, coadds):
    """Derivative of the linearity correction by differences."""
    if not 44 <= column < 2092:
        return 1.0
    a, k = (column - 44) // 512, MODELS.amplifiers

    def corrected(e):
        x = (e / coadds / 0.99 / k.gain[a] - k.lin_origin[a]) * k.lin_scale[a]
        return e * (k.lin_c0[a] + k.lin_c1[a] * x + k.lin_c2[a] * x * x)

    step = max(1e-4 * abs(m), 1.0)
    return (corrected(m + step) - corrected(m - step)) / (2 * step)


def twin(raw, out, row, column):
    """Variance of one pixel from the raw counts, term by term."""
    a = (column - 44) // 512 if 44 <= column < 2092 else column % 2092 // 11
    gain, t, n_reads = MODELS.amplifiers.gain[a], 0.8413, 48
    flat = float(MODELS.flat[row, column])

    def electrons(r):
        """Measured and corrected electrons of a pixel of this column."""
        m = (raw.pixels[r, column] - MODELS.bias[r, column] - out.pedestals[a]) * gain
        n = out.pixels[r, column] * MODELS.flat[r, column] + out.smear[column]
        return m, n

    def before_smear(m, n, level, bias_error):
        q2 = max(64.0, 0.14 * (level - 209_700.0))
        reads = t * n_reads * NOISE.read_noise[a] ** 2
        d = slope(m, column, n_reads)
        return t * max(n, 0.0) + d**2 * (reads + gain**2 * (q2 / 12 + bias_error**2)), d

    m, n = electrons(row)
    own, d = before_smear(m, n, raw.pixels[row, column], 1.5)
    smear = out.smear[column]
    level = smear / gain + out.pedestals[a] + MODELS.bias[2061:2068, column].mean()
    of_smear_row, d_smear = before_smear(smear, smear, level, 0.0)
    rounding = (d_smear * gain) ** 2 * max(64.0, 0.14 * (level - 209_700.0)) / 12
    of_smear = 0.2104 * (of_smear_row - rounding) + rounding
    if 2061 <= row < 2068:
        own *= 1 - 2 / 7
    overclock = t * n_reads * (NOISE.read_noise[a] / gain) ** 2 + 64 / 12
    of_pedestal = overclock / (1328 * 8)
    total = own + of_smear + ((d - d_smear) * gain) ** 2 * of_pedestal
    return total / flat**2 + (out.pixels[row, column] * 2e-4 / flat) ** 2


def test_every_term_is_that_of_plain_loops():
    raw = raw_frame()
    out = estimate_variance(MODELS, NOISE)(calibrate(raw, MODELS))
    rows = [0, 1, 700, 2047, 2048, 2060, 2061, 2067, 2068, 2077]
    columns = [0, 43, 44, 555, 556, 1000, 1067, 1068, 2000, 2091, 2092, 2135]
    for row in rows:
        for column in columns:
            expected = twin(raw, out, row, column)
            assert out.variance[row, column] == pytest.approx(expected, rel=2e-4), (row, column)


def test_reads_drawn_one_by_one_scatter_as_stated():
    levels = (0.0, 30.0, 1000.0, 1.8e5)
    models = attrs.evolve(MODELS, flat_error=None, bias_error=None)
    for one in scatter_of_errors(models, levels=levels, trials=12, seed=4):
        assert one.ratio == pytest.approx(1.0, abs=0.02), one
        assert abs(one.bias) < 0.05


def test_a_step_of_the_requantisation_that_does_not_grow_is_recognised():
    levels = (0.0, 1000.0, 1.8e5)
    models = attrs.evolve(MODELS, flat_error=None, bias_error=None)
    for one in scatter_of_errors(models, levels=levels, growth=0.0, trials=12, seed=5):
        assert one.ratio == pytest.approx(1.0, abs=0.02), one


@pytest.mark.parametrize("on_grid", [False, True])
def test_counts_are_found_again_after_calibration(on_grid):
    models = attrs.evolve(MODELS, flat_error=None, bias_error=None)
    frame = raw_frame(9)
    if on_grid:
        frame = attrs.evolve(frame, pixels=frame.pixels // 8 * 8)
    pipeline = compose(*standard_steps(models).steps, divide_live_time())
    for out in (frame, pipeline(frame), pipeline(frame, dtype=np.float32)):
        again = raw_counts(out, models, 700, 704)
        np.testing.assert_allclose(again, frame.pixels[700:704], rtol=2e-7, atol=0.05)
        assert step_grows(out, models, 8.0, 0.0, 300_000.0) != on_grid
    foreign = attrs.evolve(out, steps=(*out.steps, "my_own"))
    assert raw_counts(foreign, models, 700, 704) is None


def test_units_scale_the_variance():
    frame = raw_frame(2)
    electrons = compose(standard_steps(MODELS), estimate_variance(MODELS, NOISE))(frame)
    rate = compose(standard_steps(MODELS), divide_live_time(), estimate_variance(MODELS, NOISE))(
        frame
    )
    np.testing.assert_allclose(rate.variance * 95.04**2, electrons.variance, rtol=1e-5)
    counts = compose(subtract_bias(MODELS), subtract_pedestal())(frame)
    gained = apply_gain(MODELS)(counts)
    gain = np.ones((1, 2136))
    gain[:, 44:2092] = np.repeat(MODELS.amplifiers.gain, 512)
    here = np.s_[:, 44:2092]
    np.testing.assert_allclose(
        (estimate_variance(MODELS, NOISE)(counts).variance * gain**2)[here],
        estimate_variance(MODELS, NOISE)(gained).variance[here],
        rtol=1e-5,
    )


def test_no_smear_no_flat_is_shot_read_and_rounding():
    noise = Noise(read_noise=8.0, trimming=1.0)
    frame = raw_frame(3)
    models = neutral_models(2, 3, gain=5.0)
    out = compose(subtract_pedestal(), apply_gain(models), estimate_variance(models, noise))(frame)
    expected = np.maximum(out.pixels, 0) + 48 * 64.0 + 25 / 12
    # The pedestal's own error is all that is left.
    np.testing.assert_allclose(out.variance, expected, rtol=1.2e-4)
    assert out.smear_variance is None


def test_poc_linearity_has_its_own_slope():
    noise = Noise(read_noise=0.0, quantum_adu=1e3)
    models = attrs.evolve(MODELS, flat_error=None, bias_error=None)
    frame = raw_frame(4)
    out = compose(
        subtract_pedestal(), apply_gain(models), correct_poc_linearity(models),
        estimate_variance(models, noise),
    )(frame)  # fmt: skip
    before = compose(subtract_pedestal(), apply_gain(models))(frame).pixels
    for row, column in [(10, 100), (11, 700), (500, 1200), (501, 1900)]:
        a = (column - 44) // 512
        gg, gl = (
            getattr(models.amplifiers, name)[a] / (48 * 0.99)
            for name in ("poc_gain_gain", "poc_gain_loss")
        )
        m, h = before[row, column], 10.0
        low, high = (e / ((1 + e * gg) * (1 - e * gl)) for e in (m - h, m + h))
        electronics = ((high - low) / 20.0 * models.amplifiers.gain[a] * 1e3) ** 2 / 12
        expected = 0.8413 * max(out.pixels[row, column], 0) + electronics * (1 + 1 / 10624)
        assert out.variance[row, column] == pytest.approx(expected, rel=1e-4)


def test_pieces_give_the_variance_of_the_whole():
    whole = raw_frame(5)

    def piece(rows, columns):
        return Frame(
            pixels=whole.pixels[rows, columns], unit="adu", camera=2, ccd=3, exposure_s=120,
            coadds=48, row=rows.start, column=columns.start,
        )  # fmt: skip

    smear, overclock = (
        piece(slice(2058, 2068), slice(556, 1068)),
        piece(slice(0, 2078), slice(2103, 2114)),
    )
    stamp = attrs.evolve(
        piece(slice(300, 330), slice(600, 611)),
        collateral=(
            smear,
            overclock,
        ),
    )
    pipeline = compose(standard_steps(MODELS), estimate_variance(MODELS, NOISE))
    # The overclock columns' own smear is measured in the same piece.
    expected, got = pipeline(whole), pipeline(stamp)
    np.testing.assert_allclose(got.variance, expected.variance[300:330, 600:611], rtol=1e-6)
    np.testing.assert_allclose(
        got.collateral[0].variance, expected.variance[2058:2068, 556:1068], rtol=1e-6
    )


def test_sums_know_that_a_column_shares_its_smear():
    random = np.random.default_rng(8)
    models = neutral_models(2, 3, gain=5.0)
    noise = Noise(read_noise=10.0, trimming=1.0, quantum_adu=1.0)
    mask = np.zeros((40, 512))
    mask[:, 100:103] = 1
    sums, stated = [], 0.0
    for _ in range(150):
        raw = 2000 + random.normal(0.0, math.sqrt(48 * 100) / 5.0, (40 + 10, 512))
        overclock = np.full((2078, 11), 2000.0)
        kw = {"unit": "adu", "camera": 2, "ccd": 3, "exposure_s": 96, "coadds": 48}
        frame = Frame(
            pixels=raw[:40], row=0, column=556,
            collateral=(
                Frame(pixels=raw[40:], row=2058, column=556, **kw),
                Frame(pixels=overclock, row=0, column=2103, **kw),
            ), **kw,
        )  # fmt: skip
        out = compose(standard_steps(models), estimate_variance(models, noise))(frame)
        stated = variance_of_sum(out, models, mask)
        # Many columns give many sums of the same kind.
        sums.append(out.pixels[:, :510].reshape(40, 170, 3).sum(axis=(0, 2)))
    assert np.var(np.array(sums)) / stated == pytest.approx(1.0, abs=0.05)
    assert stated > 5 * (mask * out.variance).sum()


def test_noise_is_found_again_after_calibration():
    random = np.random.default_rng(3)
    gain = np.ones(2136)
    gain[2092:] = np.repeat(MODELS.amplifiers.gain, 11)
    reads = np.ones(2136)
    reads[2092:] = np.repeat([9.9, 7.6, 7.7, 9.8], 11)
    deviation = np.sqrt(0.8413 * 48) * reads / gain
    raw = 8 * np.rint((209_500 + random.normal(0, 1, (2078, 2136)) * deviation) / 8)
    frame = Frame(
        pixels=raw.astype(np.int32), unit="adu", camera=2, ccd=3, exposure_s=120, coadds=48
    )
    models = attrs.evolve(MODELS, bias=np.zeros((2078, 2136)))
    for done in (
        frame,
        calibrate(frame, models),
        calibrate(frame, models, dtype=np.float32),
        divide_live_time()(calibrate(frame, models)),
    ):
        noise = measure_noise(done, models)
        np.testing.assert_allclose(noise.read_noise, [9.9, 7.6, 7.7, 9.8], rtol=0.02)
        assert noise.quantum_adu == pytest.approx(8.0, abs=1e-3)
        assert noise.quantum_growth > 0.1


def test_noise_of_a_raw_frame_does_not_count_the_bias_pattern():
    noise = measure_noise(raw_frame(6), MODELS)
    assert noise.read_noise[1] == pytest.approx(10 * 5.26 / math.sqrt(0.8413 * 48), rel=0.02)
    assert noise.quantum_growth == 0.0


def test_noise_of_the_header_stands_in_for_missing_overclocks():
    stamp = Frame(
        pixels=np.zeros((5, 5)), unit="adu", camera=2, ccd=3, exposure_s=120, coadds=48, column=600,
        header={"READNOIB": 7.63},
    )  # fmt: skip
    assert measure_noise(stamp, MODELS).read_noise[1] == 7.63
    with pytest.raises(MissingCollateralError, match="READNOIB"):
        measure_noise(attrs.evolve(stamp, header={}), MODELS)


def test_it_comes_last_and_goes_away_again():
    frame = raw_frame(7)
    done = calibrate(frame, MODELS)
    step = estimate_variance(MODELS, NOISE)
    out = step(done)
    assert out.pixels is done.pixels
    assert out.variance.dtype == np.float32
    assert not out.variance.flags.writeable
    assert inverse(step)(out) == done
    assert done.variance is None
    with pytest.raises(FrameError, match="estimate_variance was applied"):
        step(out)
    with pytest.raises(FrameError, match="divide_live_time comes before estimate_variance"):
        divide_live_time()(out)
    with pytest.raises(FrameError, match="pedestals"):
        step(frame)
    with pytest.raises(FrameError, match="whose last step is estimate_variance"):
        inverse(step)(done)
    with pytest.raises(ModelError, match="camera 1 CCD 4"):
        estimate_variance(neutral_models(1, 4))(done)


def test_steps_left_out_leave_their_terms_out():
    frame = raw_frame(8)
    smeared = compose(subtract_bias(MODELS), subtract_pedestal(), apply_gain(MODELS))(frame)
    whole = compose(subtract_smear(), estimate_variance(MODELS, NOISE))(smeared)
    less = estimate_variance(MODELS, NOISE)(smeared)
    np.testing.assert_allclose(
        (whole.variance - less.variance)[100, 50:60], whole.smear_variance[50:60], rtol=2e-2
    )
    flat = compose(divide_flat(MODELS), estimate_variance(MODELS, NOISE))(smeared)
    np.testing.assert_allclose(
        flat.variance[0, 0], less.variance[0, 0] / FLAT[0, 0] ** 2, rtol=1e-3
    )


def test_nonsense_is_refused():
    with pytest.raises(ValueError, match="0 or more"):
        Noise(read_noise=-1.0)
    with pytest.raises(ValueError, match="trimming"):
        Noise(read_noise=1.0, trimming=1.5)


def test_the_error_of_a_spoc_flat_is_read_when_asked_for(tmp_path):
    images = [fits.PrimaryHDU()]
    images += [fits.ImageHDU(np.full((2078, 2136), x, dtype=np.float32)) for x in (1.0, 2e-4)]
    for kind in ("flat", "2dblack"):
        fits.HDUList(images).writeto(tmp_path / f"tess2018323-2-3-{kind}.fits")
    assert tica_fn.load_models(tmp_path, 2, 3).flat_error is None
    models = tica_fn.load_models(tmp_path, 2, 3, errors=True)
    assert models.flat_error[5, 5] == np.float32(2e-4)
    assert models.bias_error is None
