"""Monte Carlo test of the variance: reads are drawn, trimmed, summed, requantised and calibrated.

The formulas of the variance are not used here.  Electrons of each read are drawn from a Poisson
distribution and made nonlinear by the inverse of the linearity step; read noise is added.  Of every
ten reads the highest and the lowest are dropped.  Pedestal and bias are added to the sums, which
are rounded to the requantisation table and calibrated like any frame.  The errors with respect to
the truth, divided by the standard deviations from `tica_fn.estimate_variance`, should scatter by
one.
"""

from __future__ import annotations

import attrs
import numpy as np

from tica_fn.detector import AMPLIFIER_COLUMNS, ROWS, SCIENCE_COLUMNS, SMEAR_ROWS, VIRTUAL_COLUMNS
from tica_fn.frame import ADU, ELECTRON, Frame
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.pipeline.compose import compose, inverse, standard_steps
from tica_fn.steps.linearity import correct_linearity
from tica_fn.uncertainty.estimate_variance import estimate_variance

__all__ = ["LEVELS", "Scatter", "requantised", "scatter_of_errors"]

LEVELS = (0.0, 10.0, 30.0, 100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5, 1.5e5, 1.8e5)
"""Electrons per read, from empty sky to near saturation."""

_BLOCK, _KEPT = 10, 8
_AMPLIFIER = 1
_ROWS_OF_LEVEL = 3
_FIRST_ROW = 900
_FIXED_OFFSET = 209_700


@attrs.frozen(kw_only=True)
class Scatter:
    """Scatter of errors at one level of signal.

    Parameters
    ----------
    level : float
        Sky, electron per read.
    sigma : float
        Median of the estimated standard deviations, electron per exposure.
    ratio : float
        Root mean square of error divided by estimated standard deviation; 1 if that is right.
    bias : float
        Mean of error divided by estimated standard deviation.
    pixels : int
        Number of errors.
    """

    level: float
    sigma: float
    ratio: float
    bias: float
    pixels: int


def requantised(adu: Array, quantum: float, growth: float) -> Array:
    """Round values to a table with steps that grow with the signal.

    Parameters
    ----------
    adu : ndarray
        Signal, ADU; float64.
    quantum : float
        Step without signal, ADU.
    growth : float
        Square of the step per ADU of signal.

    Returns
    -------
    ndarray
        Nearest values of the table, float64.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.simulate.montecarlo import requantised
    >>> requantised(np.array([-13.0, 3.0, 5.0, 101.0]), 8.0, 0.0)
    array([-16.,   0.,   8., 104.])
    """
    if quantum**2 >= growth * max(adu.max(), 0.0):
        return np.rint(adu / quantum) * quantum
    table = [np.floor(adu.min() / quantum) * quantum]
    highest = adu.max() + quantum
    while table[-1] < highest:
        step = max(quantum, np.floor(np.sqrt(max(growth * table[-1], 0.0))))
        table.append(table[-1] + step)
    values = np.array(table)
    above = np.searchsorted(values, adu).clip(1, len(values) - 1)
    nearer = adu - values[above - 1] < values[above] - adu
    return np.asarray(np.where(nearer, values[above - 1], values[above]))


def _summed(
    per_read: Array,
    models: Models,
    read_noise: float,
    coadds: int,
    column: int,
    random: np.random.Generator,
) -> Array:
    """Electrons of an exposure, with reads drawn one by one and trimmed."""
    total = np.zeros(per_read.shape)
    rows, columns = per_read.shape
    unlinear = inverse(correct_linearity(models))
    for _ in range(coadds // _KEPT):
        drawn = random.poisson(np.broadcast_to(per_read, (_BLOCK, rows, columns)))
        reads = Frame(
            pixels=drawn.reshape(_BLOCK * rows, columns).astype(np.float64),
            unit=ELECTRON,
            camera=models.camera,
            ccd=models.ccd,
            exposure_s=2.0,
            coadds=1,
            column=column,
            steps=("correct_linearity",),
        )
        block = unlinear(reads).pixels + random.normal(0.0, read_noise, reads.pixels.shape)
        block = block.reshape(_BLOCK, rows, columns)
        total += block.sum(axis=0) - block.max(axis=0) - block.min(axis=0)
    return total


def scatter_of_errors(
    models: Models,
    *,
    levels: tuple[float, ...] = LEVELS,
    coadds: int = 48,
    read_noise: float = 7.63,
    quantum: float = 8.0,
    growth: float = 0.1397,
    smear: float = 20.0,
    trials: int = 10,
    seed: int = 1,
) -> tuple[Scatter, ...]:
    """Scatter of calibrated pixels about the truth, divided by the estimated standard deviation.

    Parameters
    ----------
    models : Models
        Models for any exposure time; their amplifier B is used.
    levels : tuple of float
        Sky, electron per read.
    coadds : int
        Number of reads summed, a multiple of 8.
    read_noise : float
        Noise of one read, electron.
    quantum, growth : float
        Step of the requantisation without signal, and the growth of its square, ADU.
    smear : float
        Largest smear of a column, electron per read.
    trials : int
        Number of exposures, each with 512 columns and 3 rows per level.
    seed : int
        Seed.

    Returns
    -------
    tuple of Scatter
        One for each level.
    """
    random = np.random.default_rng(seed)
    first = SCIENCE_COLUMNS[0] + _AMPLIFIER * AMPLIFIER_COLUMNS
    overclock = SCIENCE_COLUMNS[1] + _AMPLIFIER * VIRTUAL_COLUMNS
    sky = np.repeat(np.array(levels), _ROWS_OF_LEVEL)[:, None]
    here = np.s_[_FIRST_ROW : _FIRST_ROW + len(sky), first : first + AMPLIFIER_COLUMNS]
    pulls, sigmas = [], []
    for _ in range(trials):
        smears = random.uniform(0.0, smear, AMPLIFIER_COLUMNS)
        smear_height = SMEAR_ROWS[1] - SMEAR_ROWS[0]
        planes = {
            (_FIRST_ROW, first): sky * models.flat[here] + smears,
            (SMEAR_ROWS[0], first): np.broadcast_to(smears, (smear_height, AMPLIFIER_COLUMNS)),
            (0, overclock): np.zeros((ROWS, VIRTUAL_COLUMNS)),
        }
        pieces = []
        for (row, column), per_read in planes.items():
            drawn = _drawn(per_read, models, read_noise, coadds, column, random)
            counts = _counts(drawn, models, row, column, coadds, quantum, growth)
            pieces.append(
                Frame(
                    pixels=counts,
                    unit=ADU,
                    camera=models.camera,
                    ccd=models.ccd,
                    exposure_s=coadds / _KEPT * _BLOCK * 2.0,
                    coadds=coadds,
                    row=row,
                    column=column,
                )
            )
        frame = attrs.evolve(pieces[0], collateral=tuple(pieces[1:]))
        out = compose(standard_steps(models), estimate_variance(models))(frame)
        assert out.variance is not None
        sigma = np.sqrt(out.variance.astype(np.float64))
        pulls.append(((out.pixels - sky * coadds) / sigma).reshape(len(levels), -1))
        sigmas.append(sigma.reshape(len(levels), -1))
    pull, stated = np.concatenate(pulls, axis=1), np.concatenate(sigmas, axis=1)
    return tuple(
        Scatter(
            level=level,
            sigma=float(np.median(stated[k])),
            ratio=float(np.sqrt((pull[k] ** 2).mean())),
            bias=float(pull[k].mean()),
            pixels=pull.shape[1],
        )
        for k, level in enumerate(levels)
    )


def _drawn(
    per_read: Array,
    models: Models,
    read_noise: float,
    coadds: int,
    column: int,
    random: np.random.Generator,
) -> Array:
    """Draw in strips, so that ten reads of a strip fit into the rows of a readout."""
    height = ROWS // _BLOCK
    strips = [
        _summed(per_read[k : k + height], models, read_noise, coadds, column, random)
        for k in range(0, len(per_read), height)
    ]
    return np.concatenate(strips)


def _counts(
    electrons: Array,
    models: Models,
    row: int,
    column: int,
    coadds: int,
    quantum: float,
    growth: float,
) -> Array:
    """Convert electrons to raw counts: gain, bias minus mean black, requantisation, offset."""
    rows, columns = electrons.shape
    factor = float(coadds) if models.bias_per_read else 1.0
    bias = models.bias[row : row + rows, column : column + columns].astype(np.float64) * factor
    overclock = SCIENCE_COLUMNS[1] + (_AMPLIFIER + 1) * VIRTUAL_COLUMNS
    black = factor * float(np.median(models.bias[:, overclock - VIRTUAL_COLUMNS : overclock]))
    adu = electrons / models.amplifiers.gain[_AMPLIFIER] + (bias - black)
    return requantised(adu, quantum, growth) + _FIXED_OFFSET
