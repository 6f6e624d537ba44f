"""Expected noise of a calibrated simulated frame, for tests with chi-square."""

from __future__ import annotations

import numpy as np

from tica_fn.detector import LIVE_FRACTION, amplifier_of_columns
from tica_fn.frame import Frame
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.simulate.instrument import Instrument

__all__ = ["expected_variance"]

_VARIANCE_OF_MEDIAN_OF_7 = 0.2104
"""Variance of the median of seven normal numbers of variance 1 (order statistics)."""
_ROUNDING = 1.0 / 12.0


def expected_variance(truth: Frame, models: Models, instrument: Instrument | None = None) -> Array:
    """Variance of calibrated pixels about the truth.

    It includes shot noise and its trimming, read noise, rounding, and the noise of the subtracted
    smear.  The contribution of the pedestals is less than a thousandth.

    Parameters
    ----------
    truth : Frame
        Truth of a simulated frame.
    models : Models
        Models that it was made with.
    instrument : Instrument, optional
        Instrument that it was made with.

    Returns
    -------
    ndarray
        (2078, 2136) float64, electron squared; valid below saturation.
    """
    detector = instrument or Instrument()
    constants = models.amplifiers
    amplifier = amplifier_of_columns()
    gain = constants.gain[amplifier]
    spread = detector.spread**2
    smear = np.zeros(truth.pixels.shape[1]) if truth.smear is None else truth.smear
    reads = spread * truth.coadds * detector.noise_of_columns() ** 2
    if detector.digitize:
        reads = reads + _ROUNDING * gain**2
    counted = spread if detector.shot_noise else 0.0
    held = truth.pixels * models.flat + smear
    # Derivative of the corrected electrons with respect to those read.
    x = (held / (truth.coadds * LIVE_FRACTION * gain) - constants.lin_origin[amplifier]) * (
        constants.lin_scale[amplifier]
    )
    c0, c1, c2 = (c[amplifier] for c in (constants.lin_c0, constants.lin_c1, constants.lin_c2))
    slope = c0 + c1 * x + c2 * x**2
    rate = constants.lin_scale[amplifier] / (truth.coadds * LIVE_FRACTION * gain)
    slope = slope + held * (c1 + 2.0 * c2 * x) * rate
    smear_noise = _VARIANCE_OF_MEDIAN_OF_7 * (counted * np.maximum(smear, 0.0) + reads)
    total = counted * np.maximum(held, 0.0) + reads * slope**2 + smear_noise
    return np.asarray(total / models.flat.astype(np.float64) ** 2)
