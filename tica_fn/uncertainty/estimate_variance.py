"""Variance of the pixels: see `tica_fn.kernels.variance` for the terms."""

from __future__ import annotations

import attrs
import numpy as np

from tica_fn import kernels
from tica_fn.detector import (
    PEDESTAL_COLUMNS,
    PEDESTAL_FIRST_ROW,
    ROWS,
    SMEAR_MEDIAN_ROWS,
    amplifier_of_columns,
)
from tica_fn.errors import FrameError
from tica_fn.frame import ADU, RATE, Frame, Place
from tica_fn.immutable import Array, Record, freeze
from tica_fn.kernels.variance import fill_variance
from tica_fn.models import Models
from tica_fn.steps.bias import bias_factor
from tica_fn.steps.flat import DivideFlat
from tica_fn.steps.linearity import linearity_of_runs
from tica_fn.steps.mission_linearity import mission_linearity_of_runs
from tica_fn.steps.poc_linearity import poc_linearity_of_runs
from tica_fn.steps.step import window
from tica_fn.steps.table import check_order, row_of, step_at
from tica_fn.uncertainty.noise import Noise, measure_noise

__all__ = ["EstimateVariance", "VariancePlan", "estimate_variance", "linearity_of_columns"]

_LARGEST_ORDER = 10
"""Highest order of a row pedestal's polynomial; its variance grows with it."""


@attrs.frozen(eq=False, repr=False)
class EstimateVariance(Record):
    """The step made by `estimate_variance`."""

    models: Models
    noise: Noise | None = None

    @property
    def name(self) -> str:
        """Name in messages and among a frame's steps."""
        return "estimate_variance"

    def __repr__(self) -> str:
        return f"{self.name}({self.models.name})"

    def __call__(self, frame: Frame) -> Frame:
        """Add the variance to a frame."""
        check_order(self.name, frame.steps)
        if step_at("pedestal", frame.steps) is None:
            raise FrameError(
                f"{self.name} needs a frame whose pedestals were subtracted: they are not signal"
            )
        DivideFlat(self.models).check_models(frame)
        noise = measure_noise(frame, self.models) if self.noise is None else self.noise
        pieces = tuple(self._with_variance(piece, noise) for piece in frame.collateral)
        return attrs.evolve(self._with_variance(frame, noise), collateral=pieces)

    def inverse(self, frame: Frame) -> Frame:
        """Remove a frame's variance."""
        if frame.steps[-1:] != (self.name,):
            raise FrameError(f"inverse({self.name}) needs a frame whose last step is {self.name}")
        pieces = tuple(_without_variance(piece) for piece in frame.collateral)
        return attrs.evolve(_without_variance(frame), collateral=pieces)

    def _with_variance(self, piece: Frame, noise: Noise) -> Frame:
        plan = VariancePlan.of(piece, self.models, noise)
        out = np.empty(piece.pixels.shape, dtype=np.float32)
        plan.fill(piece.pixels, 0, out)
        return attrs.evolve(
            piece,
            variance=freeze(out),
            smear_variance=None if piece.smear is None else plan.smear_variance,
            pedestal_variance=_pedestal_variance(piece, _of_overclock(piece, self.models, noise)),
            steps=(*piece.steps, self.name),
        )


@attrs.frozen(eq=False)
class VariancePlan:
    """Arguments for the variance of a piece's pixels, computed once.

    `planes`: flat field, its error, bias, and its error in one read;
    `tica_fn.kernels.pixel_variance` explains them and the other fields.
    """

    planes: tuple[Array, Array, Array, Array]
    bias_error_factor: np.float32
    smear: Array
    runs: Array
    numbers: Array
    median_rows: tuple[int, int]

    @property
    def smear_variance(self) -> Array:
        """(columns,) float64, electron squared."""
        return np.asarray(self.smear[1])

    @classmethod
    def of(
        cls, piece: Frame, models: Models, noise: Noise, place: Frame | Place | None = None
    ) -> VariancePlan:
        """Plan for a piece, or for another rectangle whose pixels went through the same steps."""
        place = place or piece
        columns = place.shape[1]
        divided = "divide_flat" in piece.steps
        biased = "subtract_bias" in piece.steps
        # The quantisation step depends on the raw count, which takes the bias to reconstruct.
        level_counts = biased and bool(noise.quantum_growth)
        factor = bias_factor(models, piece)
        runs, numbers = _runs(piece, models, noise, factor if level_counts else 0.0)
        smear = np.zeros((2, columns))
        median_rows = (0, 0)
        if piece.smear is not None:
            median_rows = (SMEAR_MEDIAN_ROWS[0] - place.row, SMEAR_MEDIAN_ROWS[1] - place.row)
            level = np.repeat(numbers[:, 0], runs[:, 1] - runs[:, 0])
            in_smear_rows = level + _bias_of_smear_rows(piece, models)
            smear[0] = piece.smear
            kernels.smear_variance(smear[0], in_smear_rows, runs, numbers, smear[1])
            if piece.smear_variance is not None:
                known = np.isfinite(piece.smear_variance)
                smear[1, known] = piece.smear_variance[known]
        return cls(
            planes=(
                _plane(models.flat if divided else None, 1.0, place),
                _plane(models.flat_error if divided else None, 0.0, place),
                _plane(models.bias if level_counts else None, 0.0, place),
                _plane(models.bias_error if biased else None, 0.0, place),
            ),
            bias_error_factor=np.float32(factor),
            smear=smear,
            runs=runs,
            numbers=numbers,
            median_rows=median_rows,
        )

    def fill(self, pixels: Array, first: int, out: Array) -> None:
        """Fill `out` with the variance of rows from `first` on.

        `pixels`: (rows, columns) float32 or float64; `out`: the same in float32.
        """
        flat, flat_error, bias, bias_error = (
            plane if len(plane) == 1 else plane[first : first + len(pixels)]
            for plane in self.planes
        )
        if bias_error.any():
            bias_error = freeze(bias_error * self.bias_error_factor)
        planes = flat, flat_error, bias, bias_error
        rows = self.median_rows[0] - first, self.median_rows[1] - first
        rounded = pixels.dtype == np.float32
        exact = freeze(pixels.astype(np.float64)) if rounded else pixels
        fill_variance(exact, rounded, planes, self.smear, self.runs, self.numbers, rows, out)


def _bias_of_smear_rows(piece: Frame, models: Models) -> Array:
    columns = piece.pixels.shape[1]
    if "subtract_bias" not in piece.steps:
        return np.zeros(columns)
    rows = models.bias[slice(*SMEAR_MEDIAN_ROWS), piece.column : piece.column + columns]
    return np.asarray(rows.mean(axis=0, dtype=np.float64) * bias_factor(models, piece))


def _without_variance(piece: Frame) -> Frame:
    row = row_of(step_at("smear", piece.steps) or "")
    known = row is not None and "smear_variance" in row.kind.measures
    return attrs.evolve(
        piece,
        variance=None,
        smear_variance=piece.smear_variance if known else None,
        pedestal_variance=None,
        steps=piece.steps[:-1],
    )


def _plane(image: Array | None, neutral: float, place: Frame | Place) -> Array:
    if image is None:
        return freeze(np.full((1, place.shape[1]), neutral, dtype=np.float32))
    return window(image, place)


def _runs(piece: Frame, models: Models, noise: Noise, factor: float) -> tuple[Array, Array]:
    """Runs of columns with the same amplifier and linearity, and their numbers.

    `factor`: factor of the bias.
    """
    columns = piece.pixels.shape[1]
    amplifier = amplifier_of_columns(piece.column, columns)
    gain = models.amplifiers.gain
    reads = noise.trimming * piece.coadds * noise.read_noise**2
    level = np.zeros(4) if piece.pedestals is None else np.array(piece.pedestals)
    scale = np.full(4, piece.live_s if piece.unit == RATE else 1.0)
    table = [
        level - noise.quantum_zero,
        _pedestal_variance(piece, _of_overclock(piece, models, noise)),
        gain if piece.unit == ADU else scale,
        np.full(4, noise.trimming),
        reads,
        gain,
        np.full(4, noise.quantum_adu),
        np.full(4, noise.quantum_growth),
        np.full(4, factor),
    ]
    numbers = np.concatenate(
        [np.stack(table, axis=1)[amplifier], linearity_of_columns(models, piece)], axis=1
    )
    kind = np.stack([amplifier, numbers[:, len(table)]], axis=1)
    edges = np.flatnonzero((kind[1:] != kind[:-1]).any(axis=1)) + 1
    starts = np.concatenate([[0], edges])
    runs = np.stack([starts, np.concatenate([edges, [columns]])], axis=1).astype(np.int64)
    return runs, np.ascontiguousarray(numbers[starts])


def _of_overclock(piece: Frame, models: Models, noise: Noise) -> Array:
    """Variance of an overclock pixel of each amplifier, ADU squared."""
    reads = noise.trimming * piece.coadds * noise.read_noise**2
    return np.asarray(reads / models.amplifiers.gain**2 + noise.quantum_adu**2 / 12.0)


def _pedestal_variance(piece: Frame, of_overclock: Array) -> Array:
    """Variance of the pedestal of each amplifier, ADU squared."""
    if piece.row_pedestals is not None:
        return of_overclock * (_LARGEST_ORDER + 1) / (ROWS * PEDESTAL_COLUMNS)
    return of_overclock / ((ROWS - PEDESTAL_FIRST_ROW) * PEDESTAL_COLUMNS)


def linearity_of_columns(models: Models, piece: Frame) -> Array:
    """Linearity model that was applied to each column, and its coefficients."""
    out = np.zeros((piece.pixels.shape[1], 6))
    if "correct_linearity" in piece.steps:
        kind, (runs, coefficients) = 1, linearity_of_runs(models, piece)
    elif "correct_mission_linearity" in piece.steps:
        kind, (runs, coefficients) = 1, _as_electrons(models, piece)
    elif "correct_poc_linearity" in piece.steps:
        kind, (runs, coefficients) = 2, poc_linearity_of_runs(models, piece)
    else:
        return out
    for (first, last), values in zip(runs, coefficients, strict=True):
        out[first:last, 0] = kind
        out[first:last, 1 : 1 + len(values)] = values
    return out


def _as_electrons(models: Models, piece: Frame) -> tuple[Array, Array]:
    """SPOC's linearity as a function of electrons, without the end of its range.

    Beyond that end only the read noise would change, which is negligible there beside shot noise.
    """
    runs, table = mission_linearity_of_runs(models, piece)
    gain = models.amplifiers.gain[amplifier_of_columns(piece.column, piece.shape[1])[runs[:, 0]]]
    slope = table[:, :1] / gain[:, None]
    return runs, np.ascontiguousarray(np.hstack([slope, table[:, 1:2], table[:, 3:]]))


def estimate_variance(models: Models, noise: Noise | None = None) -> EstimateVariance:
    """Make the step that adds the variance of its pixels to a calibrated frame.

    The variance includes shot noise, read noise, the on-board trimming of cosmic rays,
    requantisation, the noise of the smear and, if the models hold them, errors of flat field and
    2-D bias.  It takes one pass over the result of the other steps and comes last; the pixels stay
    as they are.

    Parameters
    ----------
    models : Models
        Models that the frame was calibrated with.
    noise : Noise, optional
        Noise of the frame; by default it is measured in the overclock pixels.

    Returns
    -------
    EstimateVariance
        Step that adds `Frame.variance` (unit squared, float32) and `Frame.smear_variance`
        (electron squared); the input is not modified.

    Notes
    -----
    Pixels of one column share the error of its smear: see `tica_fn.variance_of_sum`.
    Errors of the gain and linearity models scale all pixels of an amplifier; they are not included.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, calibrate, estimate_variance, neutral_models
    >>> from tica_fn.uncertainty.noise import Noise
    >>> raw = np.zeros((2078, 2136), dtype=np.int32)
    >>> raw[:2048, 44:2092] = 10_000
    >>> frame = Frame(pixels=raw, unit="adu", camera=2, ccd=3, exposure_s=20, coadds=10)
    >>> models = neutral_models(2, 3, gain=5.0)
    >>> noise = Noise(read_noise=8.0, trimming=1.0)
    >>> out = estimate_variance(models, noise)(calibrate(frame, models))
    >>> round(float(out.variance[100, 100]))  # 50,000 + 640 (1 + 0.2104) + 2 * 25 / 12
    50779
    """
    return EstimateVariance(models, noise)
