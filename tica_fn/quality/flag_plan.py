"""Flagging the pixels of a piece of a readout, strip by strip or at once."""

from __future__ import annotations

from functools import cached_property

import attrs
import numpy as np

from tica_fn import kernels
from tica_fn.detector import (
    AMPLIFIERS,
    BUFFER_ROWS,
    LIVE_FRACTION,
    OVERCLOCK_COLUMNS,
    SCIENCE_COLUMNS,
    SCIENCE_ROWS,
    SMEAR_ROWS,
    VIRTUAL_COLUMNS,
    amplifier_of_columns,
)
from tica_fn.frame import ADU, RATE, Frame, Place
from tica_fn.immutable import Array
from tica_fn.kernels.flags import extend_runs, place_flags
from tica_fn.models import Models
from tica_fn.quality.bits import FLAT_RANGE, STRAP_COLUMNS, Pixel
from tica_fn.quality.outliers import Outliers
from tica_fn.steps.gain import gain_of_columns
from tica_fn.steps.pedestal import good_overclocks
from tica_fn.steps.step import window
from tica_fn.steps.undo import undone
from tica_fn.uncertainty.noise import counts_of_virtual_columns

__all__ = ["FULL_WELL_E", "FlagPlan", "flag_missing"]

FULL_WELL_E = 180_000.0
"""Electrons per read from which a pixel counts as saturated: wells hold about 200,000, and
blooming begins at 150,000."""

_SHORTEST_BLEED = 10
_LARGEST_FLAT_ERROR = 0.1


@attrs.frozen(eq=False)
class FlagPlan:
    """What the flags of a piece depend on, and the runs of saturated pixels found so far.

    `of_row`, `of_column`, `virtual`: arguments of `place_flags`; `zero`: (columns,) float64,
    electrons below which only a count near zero comes out; `now` and `longest`: (columns,) int64,
    lengths of runs of saturated pixels; the rest are arguments of the public kernels.
    """

    place: Place
    of_row: Array
    of_column: Array
    virtual: Array
    flat: Array
    flat_error: Array
    divided: bool
    columns: Array
    zero: Array
    outliers: Outliers
    now: Array
    longest: Array

    @classmethod
    def of(
        cls,
        piece: Frame,
        models: Models,
        spoilt: Array,
        full_well_e: float = FULL_WELL_E,
        place: Place | None = None,
    ) -> FlagPlan:
        """Make the plan for a piece, or for another place with the same steps."""
        if place is None:
            place = Place(
                row=piece.row, column=piece.column, shape=piece.shape, coadds=piece.coadds
            )
        columns = place.shape[1]
        of_row, of_column, virtual = _bits_of_place(place)
        of_column[:, spoilt[place.column : place.column + columns]] |= _CONTAMINATED
        error = models.flat_error
        no_error = np.zeros((1, columns), dtype=np.float32)
        scale = np.full(columns, piece.live_s if piece.unit == RATE else 1.0)
        if piece.unit == ADU:
            scale = gain_of_columns(models, piece)
        full, end = np.full((2, columns), np.inf)
        column = np.arange(place.column, place.column + columns)
        science = (column >= SCIENCE_COLUMNS[0]) & (column < SCIENCE_COLUMNS[1])
        full[science] = full_well_e * piece.coadds
        end[science] = _end_of_linearity(piece, models)[science]
        smear = np.zeros(columns) if piece.smear is None else piece.smear
        return cls(
            place=place,
            of_row=of_row,
            of_column=of_column,
            virtual=virtual,
            flat=window(models.flat, place),
            flat_error=no_error if error is None else window(error, place),
            divided="divide_flat" in piece.steps,
            columns=np.stack([smear, scale, full, end]),
            zero=_zero_counts(piece, models, place),
            outliers=Outliers.of(piece, models, place),
            now=np.zeros(columns, dtype=np.int64),
            longest=np.zeros(columns, dtype=np.int64),
        )

    def begun_anew(self) -> FlagPlan:
        """Copy for a new frame, without the runs and the sky found so far."""
        return attrs.evolve(
            self,
            now=np.zeros_like(self.now),
            longest=np.zeros_like(self.longest),
            outliers=self.outliers.begun_anew(),
        )

    def fill(
        self,
        pixels: Array,
        variance: Array | None,
        first: int,
        quality: Array,
        beside: tuple[int, int] = (0, 0),
    ) -> None:
        """Flag rows from `first` on, except for the flags of `finish`; call in order of rows.

        `pixels`, `variance`: (rows, columns) float32 or float64; outliers need the variance.
        `beside`: number of rows before and after that are only neighbours; `quality`: (rows,
        columns) int32 of the other rows.
        """
        before, after = beside
        own = slice(before, len(pixels) - after)
        last = first + len(quality)
        place_flags(
            self.of_row[first:last], self.of_column, self.virtual, Pixel.VIRTUAL.value, quality
        )
        full = np.empty(quality.shape, dtype=np.bool_)
        error = self.flat_error
        kernels.signal_flags(
            pixels[own],
            self.flat[first:last],
            error if len(error) == 1 else error[first:last],
            self.divided,
            self.columns,
            np.array([*FLAT_RANGE, _LARGEST_FLAT_ERROR]),
            np.array(_SIGNAL_BITS, dtype=np.int64),
            full,
            quality,
        )
        extend_runs(full, self.now, self.longest)
        self._flag_zeros(pixels[own], first, quality)
        if variance is None:
            return
        outliers = quality if beside == (0, 0) else np.zeros(pixels.shape, dtype=np.int32)
        self.outliers.fill(pixels, variance, first - before, outliers)
        if outliers is not quality:
            quality |= outliers[own]

    @cached_property
    def _above_zeros(self) -> float:
        """Value above which no pixel had a raw count of zero."""
        with np.errstate(invalid="ignore"):
            level = np.nanmax((self.zero - self.columns[0]) / self.columns[1], initial=-np.inf)
        # Pixels may be divided by the flat field, which is between 0.5 and 1.5.
        return float((0.5 if level < 0 else 2.0) * level)

    def _flag_zeros(self, pixels: Array, first: int, quality: Array) -> None:
        """Flag pixels whose raw count was zero, which no working pixel has."""
        smear, scale = self.columns[0], self.columns[1]
        with np.errstate(invalid="ignore"):
            if not pixels.size or pixels.min() > self._above_zeros:
                return
            electrons = pixels * scale
            if self.divided:
                electrons *= self.flat[first : first + len(pixels)]
            empty = electrons + smear <= self.zero
        quality[empty] |= Pixel.NO_DATA.value

    def finish(self, quality: Array) -> None:
        """Flag bleed columns (with a long run of saturated pixels), and classify outliers.

        Call after the last rows.
        """
        light = slice(0, max(BUFFER_ROWS[1] - self.place.row, 0))
        bleeding = self.longest >= _SHORTEST_BLEED
        quality[light, bleeding] |= Pixel.BLEED_COLUMN.value
        spoilt = bleeding | (self.of_column[0] & _CONTAMINATED > 0)
        blocked = spoilt | (self.of_column[0] & Pixel.STRAP.value > 0)
        spoilt[1:-1] |= spoilt[:-2] | spoilt[2:]  # Charge of saturated pixels reaches neighbours.
        self.outliers.settle(quality, blocked, spoilt)


_CONTAMINATED = Pixel.SMEAR_CONTAMINATED.value


def _bits_of_place(place: Place) -> tuple[Array, Array, Array]:
    """Bits that depend on the place: of rows, and of science and virtual columns."""
    height, width = place.shape
    row = np.arange(place.row, place.row + height)
    column = np.arange(place.column, place.column + width)
    of_row = np.zeros((height, 2), dtype=np.int32)
    for bit, (first, last) in ((Pixel.BUFFER, BUFFER_ROWS), (Pixel.SMEAR_ROW, SMEAR_ROWS)):
        of_row[(row >= first) & (row < last), 0] |= bit.value
    of_row[(row == 0) | (row == SCIENCE_ROWS[1] - 1), 0] |= Pixel.EDGE.value
    of_row[row >= SMEAR_ROWS[1], 0] |= Pixel.VIRTUAL.value
    of_row[:, 1] = row >= SCIENCE_ROWS[1]
    of_column = np.zeros((2, width), dtype=np.int32)
    at_edge = (column == SCIENCE_COLUMNS[0]) | (column == SCIENCE_COLUMNS[1] - 1)
    of_column[0, at_edge] |= Pixel.EDGE.value
    of_column[0, np.isin(column, STRAP_COLUMNS)] |= Pixel.STRAP.value
    virtual = (column < SCIENCE_COLUMNS[0]) | (column >= SCIENCE_COLUMNS[1])
    return of_row, of_column, virtual


def flag_missing(piece: Frame, models: Models, quality: Array) -> None:
    """Flag, in place, overclock pixels that the pedestals leave out, and amplifiers of zeros."""
    dropped = np.zeros(4) if piece.overclocks_dropped is None else piece.overclocks_dropped
    for amplifier in np.flatnonzero(dropped).tolist():
        first, last = (max(edge - piece.column, 0) for edge in _edges(_overclocks(amplifier)))
        values = undone(piece, models, "pedestal", slice(None), slice(first, last)).pixels
        if values.size:
            quality[:, first:last][~good_overclocks(values)] |= Pixel.NO_DATA.value
    of_columns = amplifier_of_columns(piece.column, piece.shape[1])
    for amplifier in np.unique(of_columns).tolist():
        counts = counts_of_virtual_columns(piece, models, *_edges(_overclocks(amplifier)))
        if counts is not None and counts.size and bool((np.abs(counts) < _NEAR_ZERO).all()):
            quality[:, of_columns == amplifier] |= Pixel.NO_DATA.value


_NEAR_ZERO = 1e-2


def _edges(part: slice) -> tuple[int, int]:
    return part.start, part.stop


_SIGNAL_BITS = (
    Pixel.SATURATED.value,
    Pixel.BEYOND_LINEARITY.value,
    Pixel.MODEL_INVALID.value,
    Pixel.NO_DATA.value,
)


def _end_of_linearity(piece: Frame, models: Models) -> Array:
    """Electrons of each column at the end of the linearity model's range."""
    k = models.amplifiers
    end = k.max_domain_adu * k.gain * piece.coadds * LIVE_FRACTION
    if "correct_mission_linearity" in piece.steps:
        x = (k.max_domain_adu - k.lin_origin) * k.lin_scale
        with np.errstate(invalid="ignore"):
            factor = k.spoc_c0 + k.spoc_c1 * x + k.spoc_c2 * x * x
            end = k.max_domain_adu * k.gain * piece.coadds
            end = np.where(np.isfinite(end), end * factor, end)
    elif "correct_poc_linearity" in piece.steps:
        a, b = (x / (piece.coadds * LIVE_FRACTION) for x in (k.poc_gain_gain, k.poc_gain_loss))
        with np.errstate(invalid="ignore"):
            end = np.where(np.isfinite(end), end / ((1 + end * a) * (1 - end * b)), end)
    elif "correct_linearity" in piece.steps:
        x = (k.max_domain_adu - k.lin_origin) * k.lin_scale
        with np.errstate(invalid="ignore"):
            grown = end * (k.lin_c0 + k.lin_c1 * x + k.lin_c2 * x * x)
        end = np.where(np.isfinite(end), grown, end)
    columns = amplifier_of_columns(piece.column, piece.pixels.shape[1])
    return np.asarray(end[columns])


_PART_OF_ZERO = 0.5
"""Fraction of the level of a dark pixel; valid counts are not this far below that level."""


def _zero_counts(piece: Frame, models: Models, place: Place) -> Array:
    """Electrons of each column below which only counts near zero come out; NaN if unknown."""
    columns = place.shape[1]
    if piece.pedestals is None:
        return np.full(columns, np.nan)
    level = np.array(piece.pedestals, dtype=np.float64)
    if "subtract_bias" in piece.steps:
        reads = piece.coadds if models.bias_per_read else 1.0
        for a in range(len(AMPLIFIERS)):
            level[a] += reads * float(np.median(models.bias[::_BIAS_STEP, _overclocks(a)]))
    level[~(level > 0.0)] = np.nan
    amplifier = amplifier_of_columns(place.column, columns)
    return np.asarray(-_PART_OF_ZERO * (level * models.amplifiers.gain)[amplifier])


_BIAS_STEP = 16


def _overclocks(amplifier: int) -> slice:
    first = OVERCLOCK_COLUMNS[0] + amplifier * VIRTUAL_COLUMNS
    return slice(first, first + VIRTUAL_COLUMNS)
