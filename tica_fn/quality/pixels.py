"""Flags of pixels: what each pixel of a frame is, and what is wrong with it.

The bits are those of `Pixel`; `flag_pixels` finds them.  Flags of whole frames are in
`tica_fn.quality.frame_flags`, those of calibration models in `tica_fn.quality.known_models`.
"""

from __future__ import annotations

from enum import IntFlag

import attrs
import numpy as np

from tica_fn import kernels
from tica_fn.detector import (
    AMPLIFIER_COLUMNS,
    BUFFER_ROWS,
    LIVE_FRACTION,
    OVERCLOCK_COLUMNS,
    SCIENCE_COLUMNS,
    SCIENCE_ROWS,
    SMEAR_ROWS,
    VIRTUAL_COLUMNS,
    amplifier_of_columns,
)
from tica_fn.errors import FrameError
from tica_fn.frame import ADU, NO_DATA, RATE, Frame, Place
from tica_fn.immutable import Array, freeze
from tica_fn.kernels.flags import extend_runs, place_flags
from tica_fn.models import Models
from tica_fn.steps.contamination import contaminated_in_readout
from tica_fn.steps.gain import gain_of_columns
from tica_fn.steps.pedestal import good_overclocks
from tica_fn.steps.step import window
from tica_fn.steps.table import step_at
from tica_fn.steps.undo import undone
from tica_fn.uncertainty.estimate_variance import estimate_variance
from tica_fn.uncertainty.noise import Noise

__all__ = ["FULL_WELL_E", "STRAP_COLUMNS", "FlagPlan", "Pixel", "flag_pixels"]

FULL_WELL_E = 180_000.0
"""Electrons per read from which on a pixel counts as saturated: wells hold about 200,000, and
bloom from 150,000 on."""

_SHORTEST_BLEED = 10
_FLAT_RANGE = (0.5, 1.5)
_LARGEST_FLAT_ERROR = 0.1
_RAY_SIGMAS = 8.0
_RAY_SHARE = 0.15


class Pixel(IntFlag):
    """Bits of `Frame.quality`."""

    VIRTUAL = 1
    BUFFER = 2
    SMEAR_ROW = 4
    EDGE = 8
    SATURATED = 16
    BEYOND_LINEARITY = 32
    BLEED_COLUMN = 64
    SMEAR_CONTAMINATED = 128
    MODEL_INVALID = 256
    COSMIC_RAY = 512
    STRAP = 1024
    NO_DATA = NO_DATA


def _strap_columns() -> Array:
    """Science columns, 1-based: pairs every 128 columns, and some that stand alone."""
    pairs = [first + 128 * k for first in (77, 81, 85, 1067, 1071, 1075) for k in range(8)]
    pairs += [516, 520, 524, 1524, 1528, 1532, 673, 675, 1373, 1375]
    science = np.array(sorted([*pairs, *(first + 1 for first in pairs)]))
    return freeze(science - 1 + SCIENCE_COLUMNS[0])


STRAP_COLUMNS = _strap_columns()
"""(116,) int64: columns of the full readout above the straps, 0-based, the same on every CCD.
Source: the strap list of TESSreduce, whose science column 874 stands for 974."""


def flag_pixels(
    frame: Frame,
    models: Models,
    *,
    full_well_e: float = FULL_WELL_E,
    cosmic_rays: bool = True,
    noise: Noise | None = None,
) -> Frame:
    """Flag the pixels of a frame and of its collateral.

    Parameters
    ----------
    frame : Frame
        Frame whose pedestals were subtracted, calibrated as far as it may be; not modified.
    models : Models
        Models that it was calibrated with.
    full_well_e : float
        Electrons per read from which on a pixel counts as saturated.
    cosmic_rays : bool
        Whether to look for single pixels that shine alone; that needs the frame's variance or
        noise.
    noise : Noise, optional
        Noise of the frame, where it has no variance; measured in its overclock pixels if not
        given.

    Returns
    -------
    Frame
        The same frame with `Frame.quality`, (rows, columns) int32 of `Pixel` bits; bits that it
        had stay.

    Raises
    ------
    FrameError
        If the pedestals are still in the pixels.
    MissingCollateralError
        If nothing tells the noise.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, calibrate, flag_pixels, neutral_models
    >>> from tica_fn.quality.pixels import Pixel
    >>> raw = np.random.default_rng(1).normal(5000, 30, (2078, 2136)).astype(np.int32)
    >>> raw[100:120, 700] += 2_000_000
    >>> frame = Frame(pixels=raw, unit="adu", camera=2, ccd=3, exposure_s=120, coadds=48)
    >>> models = neutral_models(2, 3, gain=5.2)
    >>> out = flag_pixels(calibrate(frame, models), models)
    >>> Pixel(int(out.quality[110, 700]))
    <Pixel.SATURATED|BLEED_COLUMN: 80>
    """
    if step_at("pedestal", frame.steps) is None:
        raise FrameError("flags need a frame whose pedestals were subtracted: they are no signal")
    noisy = frame
    if cosmic_rays and frame.variance is None:
        noisy = estimate_variance(models, noise)(frame)
    spoilt = contaminated_in_readout(frame, models)

    def flagged(piece: Frame, with_variance: Frame) -> Frame:
        plan = FlagPlan.of(piece, models, spoilt, full_well_e)
        quality = np.empty(piece.shape, dtype=np.int32)
        plan.fill(piece.pixels, with_variance.variance if cosmic_rays else None, 0, quality)
        plan.add_bleeds(quality)
        _add_dropped_overclocks(piece, models, quality)
        if piece.quality is not None:
            quality |= piece.quality
        return attrs.evolve(piece, quality=freeze(quality))

    pieces = tuple(
        flagged(piece, other)
        for piece, other in zip(frame.collateral, noisy.collateral, strict=True)
    )
    return attrs.evolve(flagged(frame, noisy), collateral=pieces)


@attrs.frozen(eq=False)
class FlagPlan:
    """What the flags of a piece depend on, and the full runs found so far.

    `of_row`, `of_column`, `virtual`: as `place_flags` takes them; `now` and `longest`: (columns,)
    int64, runs of full pixels; the rest is as the public kernels take it.
    """

    place: Place
    of_row: Array
    of_column: Array
    virtual: Array
    flat: Array
    flat_error: Array
    smear: Array
    scale: Array
    limits: Array
    neighbours: Array
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
        """Plan for a piece, or for another place whose pixels went through the same steps."""
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
        limits = np.full((columns, 2), np.inf)
        column = np.arange(place.column, place.column + columns)
        science = (column >= SCIENCE_COLUMNS[0]) & (column < SCIENCE_COLUMNS[1])
        limits[science, 0] = full_well_e * piece.coadds
        limits[science, 1] = _end_of_linearity(piece, models)[science]
        return cls(
            place=place,
            of_row=of_row,
            of_column=of_column,
            virtual=virtual,
            flat=window(models.flat, place),
            flat_error=no_error if error is None else window(error, place),
            smear=np.zeros(columns) if piece.smear is None else np.array(piece.smear),
            scale=-scale if "divide_flat" in piece.steps else scale,
            limits=limits,
            neighbours=_neighbours(place),
            now=np.zeros(columns, dtype=np.int64),
            longest=np.zeros(columns, dtype=np.int64),
        )

    def begun_anew(self) -> FlagPlan:
        """Copy without the runs found so far."""
        return attrs.evolve(self, now=np.zeros_like(self.now), longest=np.zeros_like(self.longest))

    def fill(
        self,
        pixels: Array,
        variance: Array | None,
        first: int,
        quality: Array,
        beside: tuple[int, int] = (0, 0),
    ) -> None:
        """Flag rows from `first` on, except for bleeds; call in the order of rows.

        `pixels`, `variance`: (rows, columns) float32 or float64; without variance no cosmic rays
        are looked for.  `beside`: how many rows before and after are there for their neighbours
        only; `quality`: (rows, columns) int32 of the others.
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
            self.smear,
            self.scale,
            self.limits,
            np.array([*_FLAT_RANGE, _LARGEST_FLAT_ERROR]),
            np.array(_SIGNAL_BITS, dtype=np.int64),
            full,
            quality,
        )
        extend_runs(full, self.now, self.longest)
        if variance is None:
            return
        rays = quality if beside == (0, 0) else np.zeros(pixels.shape, dtype=np.int32)
        kernels.isolated_pixels(
            pixels,
            variance,
            self.neighbours,
            _RAY_SIGMAS,
            _RAY_SHARE,
            Pixel.COSMIC_RAY.value,
            rays,
        )
        if rays is not quality:
            quality |= rays[own]

    def add_bleeds(self, quality: Array) -> None:
        """Flag bleeds: lit pixels of columns with a long full run. Call after the last rows."""
        light = slice(0, max(BUFFER_ROWS[1] - self.place.row, 0))
        quality[light, self.longest >= _SHORTEST_BLEED] |= Pixel.BLEED_COLUMN.value


_CONTAMINATED = Pixel.SMEAR_CONTAMINATED.value


def _bits_of_place(place: Place) -> tuple[Array, Array, Array]:
    """What a pixel is, by its place: bits of rows, and of columns with light and without."""
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


def _add_dropped_overclocks(piece: Frame, models: Models, quality: Array) -> None:
    """Flag the overclock pixels that the pedestals leave out, in place."""
    if piece.overclocks_dropped is None:
        return
    for amplifier in np.flatnonzero(piece.overclocks_dropped).tolist():
        first = OVERCLOCK_COLUMNS[0] + amplifier * VIRTUAL_COLUMNS - piece.column
        columns = slice(max(first, 0), max(first + VIRTUAL_COLUMNS, 0))
        values = undone(piece, models, "pedestal", slice(None), columns).pixels
        if values.size:
            quality[:, columns][~good_overclocks(values)] |= Pixel.NO_DATA.value


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


def _neighbours(piece: Frame | Place) -> Array:
    """Runs of columns that neighbour each other: one amplifier's science, or virtual, columns."""
    edges = [k * VIRTUAL_COLUMNS for k in range(5)]
    edges += [SCIENCE_COLUMNS[0] + k * AMPLIFIER_COLUMNS for k in range(1, 5)]
    edges += [SCIENCE_COLUMNS[1] + k * VIRTUAL_COLUMNS for k in range(1, 5)]
    inside = np.clip(np.array(edges) - piece.column, 0, piece.shape[1])
    runs = np.stack([inside[:-1], inside[1:]], axis=1).astype(np.int64)
    return np.ascontiguousarray(runs[runs[:, 1] > runs[:, 0]])
