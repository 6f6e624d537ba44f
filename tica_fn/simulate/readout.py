"""From expected electrons to a raw readout: the inverse calibration, with noise where it arises.

The inverse of each calibration step describes the instrument: multiply by the flat field, add the
smear, apply the nonlinearity of the amplifiers, divide by the gain, add pedestal and 2-D bias.
Between these come effects that cannot be inverted: bleeding, shot noise, cosmic rays, read noise
and rounding.
"""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from tica_fn.detector import (
    COLUMNS,
    OVERCLOCK_COLUMNS,
    PEDESTAL_COLUMNS,
    PEDESTAL_FIRST_ROW,
    SMEAR_ROWS,
    amplifier_of_columns,
)
from tica_fn.frame import ELECTRON, Frame
from tica_fn.immutable import Array, Record, freeze, frozen_array
from tica_fn.kernels.bleed import bleed
from tica_fn.kernels.random_numbers import add_read_noise, add_shot_noise, digitize
from tica_fn.models import Models
from tica_fn.pipeline.compose import compose, inverse, standard_steps
from tica_fn.simulate.instrument import Instrument, exposures_summed
from tica_fn.steps.table import STANDARD_ORDER

__all__ = ["FIXED_OFFSET", "Readout", "collect", "read_out", "usual_pedestals"]

FIXED_OFFSET = 209_700.0
"""Count that on-board compression adds to the sum minus its mean black (``FXDOFF``)."""

_SHOT_PURPOSE, _READ_PURPOSE = 1, 2
_BELOW_BLACK = 5.0
"""ADU per read by which real overclocks are below the black that is subtracted on board."""


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Readout(Record):
    """A raw readout and the truth.

    Parameters
    ----------
    frame : Frame
        Raw counts, ADU; int32 if digitized.
    truth : Frame
        Expected electrons per exposure, (2078, 2136) float64: the result of a perfect calibration
        of the frame without noise, with its pedestals and smear.
    cosmic_rays : ndarray, optional
        (2078, 2136) float64, electron: cosmic rays in the frame; not part of the truth.
    lost : float
        Electrons that bled over the edges of the CCD.
    clipped : int
        Pixels at a limit of the converter.
    """

    frame: Frame
    truth: Frame
    cosmic_rays: Array | None = attrs.field(
        default=None, converter=attrs.converters.optional(frozen_array)
    )
    lost: float = 0.0
    clipped: int = 0


def collect(
    sky: Array, models: Models, instrument: Instrument, coadds: float
) -> tuple[Array, Array, float]:
    """Electrons in the pixels after the flat field and bleeding, the smear, and the lost electrons.

    `sky`: (2078, 2136) float64; returns `truth`, (2078, 2136) float64, electron; `smear`, (2136,)
    float64, electron; and the electrons that bled over the edges.
    """
    held = sky * models.flat
    smear = instrument.smear * held.sum(axis=0)
    lost = 0.0
    if np.isfinite(instrument.full_well):
        lost = float(bleed(instrument.full_well * coadds, SMEAR_ROWS[1], held))
    return held / models.flat, smear, lost


def read_out(
    sky: Array,
    models: Models,
    *,
    exposure_s: float,
    seed: int,
    instrument: Instrument | None = None,
    **known: Any,
) -> Readout:
    """Simulate a raw readout.

    Parameters
    ----------
    sky : ndarray
        (2078, 2136) float64: electrons per exposure from the sky, from `sky_electrons`.
    models : Models
        The calibration models to be inverted.
    exposure_s : float
        Interval from one frame to the next, seconds.
    seed : int
        Seed of all noise.
    instrument : Instrument, optional
        Full well, smear, noise, converter.
    **known
        Other fields of the frame: `sector`, `cadence`, `times`, `header`.

    Returns
    -------
    Readout
        Raw frame, truth and cosmic rays.
    """
    detector = instrument or Instrument()
    coadds = exposures_summed(exposure_s, detector.mitigation)
    pixels, smear, lost = collect(sky, models, detector, coadds)
    truth = Frame(
        pixels=freeze(pixels),
        unit=ELECTRON,
        camera=models.camera,
        ccd=models.ccd,
        exposure_s=exposure_s,
        coadds=coadds,
        steps=STANDARD_ORDER,
        pedestals=usual_pedestals(models, detector, coadds),
        smear=smear,
        **known,
    )
    # Noise is added before and after the amplifier, the only nonlinear step.
    steps = standard_steps(models).steps
    place = STANDARD_ORDER.index("correct_linearity")
    counts, amplifier, light = compose(*steps[:place]), steps[place], compose(*steps[place + 1 :])

    frame = inverse(light)(truth)
    electrons = np.array(frame.pixels)
    cosmic_rays = None
    if detector.cosmic_rays.per_s:
        cosmic_rays = detector.strike(electrons, coadds, seed)
    if detector.shot_noise:
        add_shot_noise(detector.spread, seed, _SHOT_PURPOSE, 0, electrons)
    if cosmic_rays is not None:
        electrons += cosmic_rays

    frame = inverse(amplifier)(attrs.evolve(frame, pixels=freeze(electrons)))
    electrons = np.array(frame.pixels)
    if detector.read_noise.any():
        deviation = detector.spread * np.sqrt(coadds) * detector.noise_of_columns()
        add_read_noise(deviation, seed, _READ_PURPOSE, 0, electrons)

    frame = inverse(counts)(attrs.evolve(frame, pixels=freeze(electrons)))
    clipped = 0
    if detector.digitize:
        high = FIXED_OFFSET + coadds * (detector.converter_limit - detector.black.min())
        adu = np.empty(frame.pixels.shape, dtype=np.int32)
        clipped = int(digitize(0.0, min(high, 2.0**31 - 1), frame.pixels, adu))
        frame = attrs.evolve(frame, pixels=freeze(adu))
    return Readout(frame=frame, truth=truth, cosmic_rays=cosmic_rays, lost=lost, clipped=clipped)


def usual_pedestals(models: Models, instrument: Instrument, coadds: float) -> Array:
    """Pedestals that give the overclock pixels of the raw frame the level of real ones.

    Returns (4,) float64, ADU.
    """
    bias = models.bias * (coadds if models.bias_per_read else 1.0)
    amplifier = amplifier_of_columns(OVERCLOCK_COLUMNS[0], COLUMNS - OVERCLOCK_COLUMNS[0])
    overclock = bias[PEDESTAL_FIRST_ROW:, OVERCLOCK_COLUMNS[0] :].mean(axis=0, dtype=np.float64)
    level = [overclock[amplifier == k][-PEDESTAL_COLUMNS:].mean() for k in range(4)]
    uneven = 1e-3 * (instrument.black - instrument.black.mean())
    return np.asarray(FIXED_OFFSET + coadds * (uneven - _BELOW_BLACK) - np.array(level))
