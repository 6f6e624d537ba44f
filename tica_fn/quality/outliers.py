"""Hot pixels, dead ones and cosmic rays: pixels that no star can make, and what they are.

`tica_fn.kernels.outlying_pixels` finds them, row by row, against the light that is everywhere;
when all of a frame is looked through `Outliers.settle` says what they are:

* What the map of bad pixels knows (`Models.bad_pixels`) is hot or dead; all else that stands alone
  is a cosmic ray, and so are tracks; but where far more is left than rays are, the map is too old.
* Without a map, one frame can't tell a hot pixel from a ray that stayed within a pixel; numbers
  can.  Rays that cross several pixels are 20 times as many as rays that stand alone, and with the
  mitigation on board hardly a track is left: many pixels that stand alone are hot then.  Where it
  stays open they are `Pixel.ISOLATED`.
"""

from __future__ import annotations

import itertools

import attrs
import numpy as np

from tica_fn.detector import COLUMNS, SCIENCE_COLUMNS, SCIENCE_ROWS, SMEAR_ROWS, VIRTUAL_COLUMNS
from tica_fn.frame import Frame, Place
from tica_fn.immutable import Array
from tica_fn.kernels.medians import ranked_of_rows
from tica_fn.kernels.outliers import outlying_pixels, spread_marks
from tica_fn.models import Models
from tica_fn.quality.bits import Pixel
from tica_fn.uncertainty.noise import trimming_of

__all__ = ["LIMITS", "SKY_BLOCK", "Outliers", "local_sky"]

SKY_BLOCK = 64
"""Rows and columns of a part of the frame whose sky is one number."""
_EVERY = 4
_LOW = 0.1
_LOW_SIGMAS = 1.2816
"""The tenth part of normal noise lies so many deviations under its mean: a level that stars, which
only add light, hardly move."""

LIMITS = (0.3, 6.0, 3.0, 3.5)
"""As `outlying_pixels` takes them.  0.3: stars of a deviation of 0.45 pixel have 0.36."""

_LONE, _TRACK, _ONWARD, _DARK = 1 << 24, 1 << 25, 1 << 26, 1 << 27
_FOUND = np.array([_LONE, _TRACK, _ONWARD, _DARK], dtype=np.int32)
_FEW = 20
"""Pixels that stand alone in a frame; a CCD has hundreds of hot ones where it has any."""
_FEW_UNKNOWN = 5
"""The same of pixels that a map of bad pixels does not know: one of six frames lacks a hot pixel in
ten, which are as many as the rays that stand alone on a frame with mitigation."""
_LONE_RAYS = 0.05
"""Rays that stand alone for each pixel found in a track: 0.045 to 0.055, by benchmarks.flags."""
_STRAY_TRACKS = 100
"""Pixels of tracks in a frame that are none, at most: 10 to 40 of a crowded field."""
_SURE = 0.9


def local_sky(pixels: Array, variance: Array, first: int, last: int) -> Array:
    """Light that is everywhere in each block of columns.

    `pixels`, `variance`: (rows, columns); gives (blocks,) float64, in their unit.
    """
    out: list[Array] = []
    whole = first + (last - first) // SKY_BLOCK * SKY_BLOCK
    for start, stop in ((first, whole), (whole, last)):
        if start < stop:
            low, noise = (
                _low_part(plane[::_EVERY, start:stop:_EVERY], -(-(stop - start) // SKY_BLOCK))
                for plane in (pixels, variance)
            )
            out.append(low + _LOW_SIGMAS * np.sqrt(noise))
    return np.concatenate(out).astype(np.float64)


def _low_part(values: Array, blocks: int) -> Array:
    """Level that a tenth of each block of columns is below."""
    rows, columns = values.shape
    apart = values.reshape(rows, blocks, columns // blocks).swapaxes(0, 1).reshape(blocks, -1)
    place = int(_LOW * apart.shape[1])
    if blocks == 1 or np.isnan(apart).any():
        return np.asarray(np.partition(apart, place, axis=1)[:, place])
    keys = np.empty(blocks, dtype=f"i{apart.itemsize}")
    ranked_of_rows(_as_keys(apart.view(keys.dtype)), place, keys)
    return _as_keys(keys).view(apart.dtype)


def _as_keys(bits: Array) -> Array:
    """Whole numbers in the order of the reals that have these bits, and the other way."""
    info = np.iinfo(bits.dtype)
    return np.asarray(bits ^ ((bits >> (info.bits - 1)) & info.max))


def _nothing() -> dict[int, Array]:
    return {}


def _beside_nothing(quality: Array, places: Array) -> Array:
    """Tell which pixels, by their place in the flat image, have no number or a neighbour without.

    `quality`: (rows, columns); `places`: (n,) int64; gives (n,) bool.
    """
    rows, columns = quality.shape
    row, column = places // columns, places % columns
    out = np.zeros(len(places), dtype=np.bool_)
    for y in (-1, 0, 1):
        for x in (-1, 0, 1):
            near = np.clip(row + y, 0, rows - 1), np.clip(column + x, 0, columns - 1)
            out |= quality[near] & Pixel.NO_DATA.value > 0
    return out


def _runs(place: Place) -> tuple[tuple[int, int], ...]:
    """Columns that neighbour each other: all science, or one amplifier's virtual ones."""
    edges = [*range(0, SCIENCE_COLUMNS[0] + 1, VIRTUAL_COLUMNS)]
    edges += [*range(SCIENCE_COLUMNS[1], COLUMNS + 1, VIRTUAL_COLUMNS)]
    inside = np.clip(np.array(edges) - place.column, 0, place.shape[1]).tolist()
    return tuple((a, b) for a, b in itertools.pairwise(inside) if b - a > 2)


@attrs.frozen(eq=False, kw_only=True)
class Outliers:
    """How outliers of a piece are found.

    `runs`: columns that neighbour each other, half-open: one amplifier's virtual ones, or all
    science ones; `lit`: (columns,) bool, which are science; `tested`: (rows,) bool, rows that have
    neighbours of their kind there; `trimmed`: whether cosmic rays were mitigated on board;
    `share`: its part of a CCD; `known`: (rows, columns) int32 flags of the map, or None; `bands`:
    sky of the science columns in bands of rows.
    """

    runs: tuple[tuple[int, int], ...]
    lit: Array
    tested: Array
    trimmed: bool
    share: float
    known: Array | None
    bands: dict[int, Array] = attrs.field(factory=_nothing)

    @classmethod
    def of(cls, piece: Frame, models: Models, place: Place) -> Outliers:
        """Plan for a piece."""
        rows, columns = place.shape
        column = np.arange(place.column, place.column + columns)
        lit = (column >= SCIENCE_COLUMNS[0]) & (column < SCIENCE_COLUMNS[1])
        row = np.arange(place.row, place.row + rows)
        edges = (SCIENCE_ROWS[0], SCIENCE_ROWS[1] - 1, SCIENCE_ROWS[1], SMEAR_ROWS[1] - 1)
        tested = (row < SMEAR_ROWS[1]) & ~np.isin(row, edges)
        pixels = int((row < SCIENCE_ROWS[1]).sum()) * int(lit.sum())
        known = models.bad_pixels
        if known is not None:
            here = slice(place.row, place.row + rows), slice(place.column, place.column + columns)
            known = known[here] & (Pixel.HOT | Pixel.DEAD).value
        return cls(
            runs=_runs(place),
            lit=lit,
            tested=tested,
            trimmed=trimming_of(piece) < 1.0,
            share=pixels / (SCIENCE_ROWS[1] * (SCIENCE_COLUMNS[1] - SCIENCE_COLUMNS[0])),
            known=known,
        )

    def begun_anew(self) -> Outliers:
        """Copy without the sky found so far."""
        return attrs.evolve(self, bands={})

    def fill(self, pixels: Array, variance: Array, first: int, out: Array) -> None:
        """Mark outliers of rows from `first` on; the outermost two have no neighbours.

        `pixels`, `variance`: (rows, columns); `out`: (rows, columns) int32, changed.
        """
        rows = len(pixels)
        limits = np.array(LIMITS)
        every = np.ones(rows, dtype=np.bool_)
        for start, end in self.runs:
            sky = np.zeros((rows, -(-(end - start) // SKY_BLOCK)))
            if self.lit[start]:  # Where there is light; nothing is left elsewhere.
                self._fill_sky(pixels, variance, first, (start, end), sky)
            tested = self.tested[first : first + rows] if self.lit[start] else every
            columns = np.array([start, end])
            outlying_pixels(pixels, variance, sky, SKY_BLOCK, columns, tested, limits, _FOUND, out)

    def _fill_sky(
        self, pixels: Array, variance: Array, first: int, run: tuple[int, int], sky: Array
    ) -> None:
        """Fill the sky of each row; that of bands which began before is known by now."""
        for band in range(first // SKY_BLOCK, -(-(first + len(sky)) // SKY_BLOCK)):
            inside = slice(max(band * SKY_BLOCK - first, 0), (band + 1) * SKY_BLOCK - first)
            whole = min(SKY_BLOCK, len(self.tested) - band * SKY_BLOCK)
            if band not in self.bands and len(pixels[inside]) == whole:
                self.bands[band] = local_sky(pixels[inside], variance[inside], *run)
            sky[inside] = self.bands.get(band, np.nan)

    def map(self, bits: Array) -> None:
        """Turn what `fill` found in a mean of many frames into a map, in place: hot and dead."""
        lone, dark = (bits & _LONE > 0) & self.lit, (bits & _DARK > 0) & self.lit
        bits[:] = 0
        bits[lone] |= Pixel.HOT.value
        bits[dark] |= Pixel.DEAD.value

    def settle(self, quality: Array, blocked: Array, spoilt: Array) -> None:
        """Say what the outliers of a whole piece are, in place.

        `blocked`: (columns,) bool, columns that are bright as a whole, which no track goes along;
        `spoilt`: those whose level is wrong, in which a dark pixel may be anything.
        """
        flat = quality.reshape(-1)
        places = np.flatnonzero(flat >= _LONE)
        found = flat[places]
        flat[places] &= _LONE - 1
        columns = places % quality.shape[1]
        if self.known is not None:
            quality |= self.known
            found = np.where(self.known.reshape(-1)[places] & Pixel.HOT.value, 0, found)
        found = np.where((found & _ONWARD > 0) & blocked[columns], 0, found)
        found = np.where((found & _DARK > 0) & spoilt[columns], 0, found)
        # What a wrong flat field makes of a pixel tells nothing of it.
        found = np.where(flat[places] & Pixel.MODEL_INVALID.value > 0, 0, found)
        found = np.where(_beside_nothing(quality, places), 0, found)
        lit = self.lit[columns]
        flat[places[(found & _DARK > 0) & lit]] |= Pixel.DEAD.value
        lone, tracks = places[(found & _LONE > 0) & lit], int((found & _TRACK > 0).sum())
        flat[lone] |= self._what_stands_alone(len(lone), tracks).value
        # Where no light is collected nothing is hot.
        flat[places[(found & _LONE > 0) & ~lit]] |= Pixel.COSMIC_RAY.value
        if not self.trimmed or tracks > _STRAY_TRACKS:
            flat[places] |= found & (_TRACK | _ONWARD)
            spread_marks(_TRACK, _ONWARD, Pixel.COSMIC_RAY.value, quality)
            flat[places] &= _LONE - 1

    def _what_stands_alone(self, count: int, tracks: int) -> Pixel:
        """What pixels that stand alone are, by their number and that of pixels in tracks."""
        if self.known is not None:  # Many that a map does not know are hot since it was made.
            many = self.trimmed and tracks <= _STRAY_TRACKS and count > _FEW_UNKNOWN
            return Pixel.ISOLATED if many else Pixel.COSMIC_RAY
        if count <= _FEW:
            return Pixel.COSMIC_RAY if self.share > 0.5 else Pixel.ISOLATED
        rays = 0.0 if self.trimmed and tracks <= _STRAY_TRACKS else _LONE_RAYS * tracks / count
        if rays >= _SURE:
            return Pixel.COSMIC_RAY
        return Pixel.HOT if rays <= 1.0 - _SURE else Pixel.ISOLATED
