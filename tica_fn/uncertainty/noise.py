"""Noise of the detector.

`measure_noise` measures it in a frame's overclock pixels: they see no light, so their scatter is
read noise and requantisation.  `tica_fn.estimate_variance` computes the variance of each pixel from
it, `tica_fn.variance_of_sum` that of a sum of pixels.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs
import numpy as np
from numpy.typing import ArrayLike

from tica_fn.detector import (
    AMPLIFIERS,
    OVERCLOCK_COLUMNS,
    PEDESTAL_COLUMNS,
    PEDESTAL_FIRST_ROW,
    READ_INTERVAL_S,
    ROWS,
    VIRTUAL_COLUMNS,
    amplifiers_of_columns,
)
from tica_fn.errors import MissingCollateralError
from tica_fn.frame import Frame
from tica_fn.immutable import Array, Record, frozen_array
from tica_fn.models import Models
from tica_fn.steps.bias import bias_factor
from tica_fn.steps.pedestal import good_overclocks
from tica_fn.steps.step import window
from tica_fn.steps.undo import undone
from tica_fn.uncertainty.requantisation import step_grows

__all__ = [
    "TRIMMED_VARIANCE",
    "Noise",
    "counts_of_virtual_columns",
    "measure_noise",
    "trimming_of",
]

TRIMMED_VARIANCE = 0.8413
"""Variance of a sum of reads from which the lowest and highest of every ten were dropped, relative
to as many independent reads (order statistics of the normal distribution)."""

_QUANTUM_GROWTH = 0.1397
_FEWEST_ROWS = 100
_CLIP = 6.0
_DENSE = 1 << 20
"""Range of counts below which a table of occurring values is faster than sorting."""


def _four(value: ArrayLike) -> Array:
    return frozen_array(np.broadcast_to(np.asarray(value, dtype=np.float64), (4,)))


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Noise(Record):
    """Noise of a frame, from which the variance of its pixels is computed.

    Parameters
    ----------
    read_noise : ndarray
        (4,) float64: noise of one read of A, B, C and D, electron; a single number applies to all;
        NaN for amplifiers without pixels in the frame.
    trimming : float
        Factor of the variance due to the on-board trimming of cosmic rays: `TRIMMED_VARIANCE`, or 1
        if nothing was trimmed.
    quantum_adu : float
        Smallest step between the values that raw pixels can take, ADU: 8 in 2-minute data, 1
        without requantisation.
    quantum_growth : float
        Growth of the square of the step with the raw count, ADU: the step is the larger of
        `quantum_adu` and ``sqrt(quantum_growth * (raw - quantum_zero))``.
    quantum_zero : float
        Raw count at which the growth starts, ADU: the fixed offset ``FXDOFF``.

    Raises
    ------
    ValueError
        If a number is negative or `trimming` is not between 0 and 1.

    Examples
    --------
    >>> from tica_fn.uncertainty.noise import Noise
    >>> Noise(read_noise=8.0, quantum_adu=8.0).read_noise
    array([8., 8., 8., 8.])
    """

    read_noise: Array = attrs.field(converter=_four)
    trimming: float = TRIMMED_VARIANCE
    quantum_adu: float = 1.0
    quantum_growth: float = 0.0
    quantum_zero: float = 0.0

    def __attrs_post_init__(self) -> None:
        """Refuse impossible numbers."""
        lowest = min(self.quantum_adu, self.quantum_growth)
        if (self.read_noise < 0).any() or lowest < 0 or not 0 < self.trimming <= 1:
            raise ValueError(f"noise must be 0 or more, trimming above 0 and up to 1: {self}")


def trimming_of(frame: Frame) -> float:
    """Factor of the variance due to the on-board trimming of cosmic rays.

    Parameters
    ----------
    frame : Frame
        A frame; two of ten exposures were dropped if it sums only eight tenths of those that fit
        into its exposure time.

    Returns
    -------
    float
        `TRIMMED_VARIANCE` or 1.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame
    >>> from tica_fn.uncertainty.noise import trimming_of
    >>> pixels = np.zeros((1, 1))
    >>> fast = Frame(pixels=pixels, unit="adu", camera=1, ccd=1, exposure_s=20, coadds=10)
    >>> trimming_of(fast)
    1.0
    """
    taken = frame.exposure_s / READ_INTERVAL_S
    return TRIMMED_VARIANCE if frame.coadds < 0.9 * taken else 1.0


def measure_noise(
    frame: Frame, models: Models, *, rows_of: Callable[[int, int], Frame] | None = None
) -> Noise:
    """Measure read noise and requantisation step in a frame's overclock pixels.

    In a calibrated frame, raw counts of the overclocks are reconstructed first.  The read noise is
    measured on the differences of successive rows, so that slow changes along the rows do not
    count: ``var = trimming * coadds * read_noise**2 / gain**2 + quantum**2 / 12``.

    Parameters
    ----------
    frame : Frame
        Raw frame, or one calibrated by steps of this package with these models, with the overclock
        columns of its amplifiers in its pixels or collateral.
    models : Models
        Models of its CCD.
    rows_of : callable, optional
        For a frame that is only a part of a readout: a function that takes the first row and one
        past the last and returns a frame of these rows, to find out whether the step grows.

    Returns
    -------
    Noise
        Read noise of the frame's amplifiers, and the requantisation step with its growth.  For
        amplifiers with fewer than 100 rows of overclocks, the read noise is that of the header
        (``READNOIA`` to ``READNOID``).  The growth starts at ``FXDOFF``, or at the level of the
        overclocks if the header has no such keyword.

    Raises
    ------
    MissingCollateralError
        If neither overclock pixels nor header give the noise of an amplifier.

    Notes
    -----
    The growth is 0.1397 ADU, as in real 2-minute data, if the overclocks show a step of more than
    1 ADU; it is 0 if bright pixels of the frame lie on the overclocks' grid.  The value was
    measured on the distances of Sirius' raw values in sector 6: 0.137 to 0.140 from 5,000 to
    2,300,000 ADU above the fixed offset.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, neutral_models
    >>> from tica_fn.uncertainty.noise import measure_noise
    >>> counts = 8 * np.random.default_rng(1).normal(100, 2.0, (2078, 2136)).round()
    >>> frame = Frame(pixels=counts, unit="adu", camera=2, ccd=3, exposure_s=120, coadds=48)
    >>> noise = measure_noise(frame, neutral_models(2, 3, gain=5.2))
    >>> noise.quantum_adu, bool(abs(noise.read_noise[0] - 5.2 * 16 / (0.8413 * 48) ** 0.5) < 0.2)
    (8.0, True)
    """
    trimming = trimming_of(frame)
    wanted = {
        int(amplifier)
        for piece in frame.pieces()
        for amplifier in amplifiers_of_columns(piece.column, piece.shape[1])
    }
    found: dict[int, float] = {}
    quanta, zeros, on_grid = [], [], 0.0
    for amplifier, (counts, unbiased) in sorted(_overclock_counts(frame, models, wanted).items()):
        quantum = _quantum(counts)
        quanta.append(quantum)
        zeros.append(float(np.median(counts)))
        on_grid = float(np.rint(counts[0, 0]))
        reads = (_scatter(unbiased) - quantum**2 / 12.0) / (trimming * frame.coadds)
        found[amplifier] = float(np.sqrt(max(reads, 0.0)) * models.amplifiers.gain[amplifier])
    read_noise = np.full(4, np.nan)
    for amplifier in wanted:
        letter = AMPLIFIERS[amplifier]
        value = found.get(amplifier, frame.header.get(f"READNOI{letter}"))
        if value is None:
            raise MissingCollateralError(
                f"{frame.name} has neither overclock columns nor a keyword READNOI{letter} for the "
                f"read noise of amplifier {letter}: give the noise"
            )
        read_noise[amplifier] = float(value)
    quantum = min(quanta) if quanta else 1.0
    zero = float(frame.header.get("FXDOFF", np.median(zeros or [0.0])))
    bright = zero + 4.0 * quantum**2 / _QUANTUM_GROWTH
    grows = quantum > 1.5 and step_grows(frame, models, quantum, on_grid, bright, rows_of)
    return Noise(
        read_noise=read_noise,
        trimming=trimming,
        quantum_adu=quantum,
        quantum_growth=_QUANTUM_GROWTH if grows else 0.0,
        quantum_zero=zero,
    )


def _overclock_counts(
    frame: Frame, models: Models, wanted: set[int]
) -> dict[int, tuple[Array, Array]]:
    """Raw counts of the pixels used for pedestals, before and after subtracting the 2-D bias.

    Amplifiers without such pixels are left out.
    """
    left, found = set(wanted), {}
    for piece in frame.pieces():
        rows, columns = piece.pixels.shape
        start, stop = max(PEDESTAL_FIRST_ROW, piece.row), min(ROWS, piece.row + rows)
        if stop - start < _FEWEST_ROWS:
            continue
        runs = {
            amplifier: (last - PEDESTAL_COLUMNS, last)
            for amplifier in sorted(left)
            for last in [OVERCLOCK_COLUMNS[0] + (amplifier + 1) * VIRTUAL_COLUMNS]
            if piece.column <= last - PEDESTAL_COLUMNS and last <= piece.column + columns
        }
        if not runs:
            continue
        left -= set(runs)
        edges = [edge for run in runs.values() for edge in run]
        at = min(edges)
        all_of = _counts(piece, models, slice(start, stop), slice(at, max(edges)))
        for amplifier, (first, last) in runs.items():
            counts, unbiased = (np.ascontiguousarray(a[:, first - at : last - at]) for a in all_of)
            good = good_overclocks(unbiased).all(axis=1)
            if good.any():
                found[amplifier] = counts[good], unbiased[good]
    return found


def _counts(piece: Frame, models: Models, rows: slice, columns: slice) -> tuple[Array, Array]:
    """Counts of a region of the readout, before and after subtracting the 2-D bias."""
    along = slice(rows.start - piece.row, rows.stop - piece.row)
    across = slice(columns.start - piece.column, columns.stop - piece.column)
    if "subtract_bias" in piece.steps:
        unbiased = undone(piece, models, "pedestal", along, across)
        before = attrs.evolve(unbiased, steps=("subtract_bias",))
        return undone(before, models, "bias").pixels, unbiased.pixels
    counts = undone(piece, models, "bias", along, across)
    bias = window(models.bias, counts).astype(np.float64) * bias_factor(models, counts)
    return counts.pixels, counts.pixels - bias


def counts_of_virtual_columns(frame: Frame, models: Models, first: int, last: int) -> Array | None:
    """Raw counts of virtual columns of one amplifier, reconstructed from a calibrated frame.

    Parameters
    ----------
    frame : Frame
        Raw frame, or one calibrated by steps of this package.
    models : Models
        Models that it was calibrated with.
    first, last : int
        Columns of the readout, half-open.

    Returns
    -------
    ndarray or None
        (rows, columns) float64, ADU; None if the frame does not have the columns.
    """
    for piece in frame.pieces():
        rows, columns = piece.pixels.shape
        if piece.column <= first and last <= piece.column + columns:
            return _counts(piece, models, slice(piece.row, piece.row + rows), slice(first, last))[0]
    return None


def _quantum(counts: Array) -> float:
    """Smallest distance between values that occur."""
    values = np.rint(counts)
    lowest, highest = float(values.min()), float(values.max())
    if highest - lowest < _DENSE:
        occurs = np.zeros(int(highest - lowest) + 1, dtype=np.bool_)
        occurs[(values - lowest).astype(np.int64)] = True
        steps = np.diff(np.flatnonzero(occurs))
    else:
        steps = np.diff(np.unique(values))
    return float(steps.min()) if steps.size else 1.0


def _scatter(counts: Array) -> float:
    """Variance of the counts: half that of the differences of rows, with outliers clipped."""
    differences = np.diff(counts, axis=0).ravel()
    squares = differences**2
    kept = squares
    for _ in range(20):
        before, kept = kept, squares[squares <= _CLIP**2 * kept.mean()]
        if not kept.size:
            return 0.0
        if kept.size == before.size:
            break  # Nothing more was clipped.
    return float(kept.mean() / 2.0)
