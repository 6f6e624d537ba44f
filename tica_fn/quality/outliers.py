"""Hot pixels, dead pixels and cosmic rays: pixels that no star can cause.

`tica_fn.kernels.outlying_pixels` finds them row by row, relative to the local sky.  After a whole
frame, `Outliers.settle` classifies them:

* Pixels in the map of bad pixels (`Models.bad_pixels`) are hot or dead.  Other isolated pixels are
  cosmic rays, and so are tracks.  If far more pixels are left than rays are expected, the map is
  too old.
* Without a map, a single frame can't distinguish a hot pixel from a ray within one pixel, but the
  numbers can.  Rays that cross several pixels are 20 times as frequent as isolated rays, and
  on-board mitigation leaves hardly any tracks; so without tracks, many isolated pixels are hot.
  Undecided pixels are `Pixel.ISOLATED`.
"""

from __future__ import annotations

import attrs
import numpy as np

from tica_fn.detector import COLUMNS, SCIENCE_COLUMNS, SCIENCE_ROWS, SMEAR_ROWS, VIRTUAL_COLUMNS
from tica_fn.frame import Frame, Place
from tica_fn.immutable import Array, freeze
from tica_fn.kernels.medians import ranked_of_rows
from tica_fn.kernels.outliers import outlying_pixels, spread_marks
from tica_fn.models import Models
from tica_fn.quality.bits import Pixel
from tica_fn.uncertainty.noise import trimming_of

__all__ = ["LIMITS", "SKY_BLOCK", "Outliers", "local_sky"]

SKY_BLOCK = 64
"""Rows and columns of a block whose sky is one number."""
_EVERY = 4
_LOW = 0.1
_LOW_SIGMAS = 1.2816
"""Deviations between the tenth percentile of normal noise and its mean.  Stars, which only add
light, hardly change that percentile."""

LIMITS = (0.3, 6.0, 3.0, 3.5)
"""Limits of `outlying_pixels`.  0.3: stars with sigma 0.45 pixel have 0.36."""

_LONE, _TRACK, _ONWARD, _DARK = 1 << 24, 1 << 25, 1 << 26, 1 << 27
_FOUND = np.array([_LONE, _TRACK, _ONWARD, _DARK], dtype=np.int32)
_FEW = 20
"""Few isolated pixels in a frame; a CCD with hot pixels has hundreds."""
_FEW_UNKNOWN = 5
"""Few isolated pixels outside the map of bad pixels.  A map from six frames misses a tenth of the
hot pixels, about as many as there are isolated rays on a frame with mitigation."""
_LONE_RAYS = 0.05
"""Isolated rays per pixel found in a track: 0.045 to 0.055, by benchmarks.flags."""
_STRAY_TRACKS = 100
"""Largest number of false track pixels in a frame; a crowded field has 10 to 40."""
_SURE = 0.9


def local_sky(pixels: Array, variance: Array, first: int, last: int) -> Array:
    """Sky level of each block of columns.

    `pixels`, `variance`: (rows, columns).  Returns (blocks,) float64, in their unit.
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
    """Tenth percentile of each block of columns."""
    rows, columns = values.shape
    apart = values.reshape(rows, blocks, columns // blocks).swapaxes(0, 1).reshape(blocks, -1)
    place = int(_LOW * apart.shape[1])
    if blocks == 1 or np.isnan(apart).any():
        return np.asarray(np.partition(apart, place, axis=1)[:, place])
    keys = np.empty(blocks, dtype=f"i{apart.itemsize}")
    ranked_of_rows(_as_keys(apart.view(keys.dtype)), place, keys)
    return _as_keys(keys).view(apart.dtype)


def _as_keys(bits: Array) -> Array:
    """Map the bits of reals to integers in the same order, and back."""
    info = np.iinfo(bits.dtype)
    return np.asarray(bits ^ ((bits >> (info.bits - 1)) & info.max))


def _nothing() -> dict[int, Array]:
    return {}


def _beside_nothing(quality: Array, places: Array) -> Array:
    """Tell which pixels are NO_DATA or have such a neighbour.

    `quality`: (rows, columns); `places`: (n,) int64, indices in the flattened image.  Returns (n,)
    bool.
    """
    rows, columns = quality.shape
    row, column = places // columns, places % columns
    out = np.zeros(len(places), dtype=np.bool_)
    for y in (-1, 0, 1):
        for x in (-1, 0, 1):
            near = np.clip(row + y, 0, rows - 1), np.clip(column + x, 0, columns - 1)
            out |= quality[near] & Pixel.NO_DATA.value > 0
    return out


def _runs(place: Place) -> tuple[tuple[int, ...], ...]:
    """Edges of ranges of columns: those between virtual columns of amplifiers, and the science."""
    sides = (0, SCIENCE_COLUMNS[0]), SCIENCE_COLUMNS, (SCIENCE_COLUMNS[1], COLUMNS)
    runs = []
    for first, last in sides:
        step = last - first if (first, last) == SCIENCE_COLUMNS else VIRTUAL_COLUMNS
        edges = np.clip(np.arange(first, last + 1, step) - place.column, 0, place.shape[1])
        runs.append(tuple(np.unique(edges).tolist()))
    return tuple(run for run in runs if run[-1] - run[0] > 2)


@attrs.frozen(eq=False, kw_only=True)
class Outliers:
    """Plan for finding outliers in a piece.

    `runs`: edges of ranges of contiguous columns: the virtual columns on either side, with those
    between amplifiers, and all science columns; `lit`: (columns,) bool, science columns;
    `tested`: (rows,) bool, rows with neighbours of the same kind; `trimmed`: whether cosmic rays
    were mitigated on board; `share`: fraction of a CCD; `known`: (rows, columns) int32 flags of
    the map, or None; `bands`: sky of the science columns in bands of rows.
    """

    runs: tuple[tuple[int, ...], ...]
    lit: Array
    tested: Array
    trimmed: bool
    share: float
    known: Array | None
    bands: dict[int, Array] = attrs.field(factory=_nothing)

    @classmethod
    def of(cls, piece: Frame, models: Models, place: Place) -> Outliers:
        """Make the plan for a piece."""
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
        """Copy for a new frame, without the sky found so far."""
        return attrs.evolve(self, bands={})

    def fill(self, pixels: Array, variance: Array, first: int, out: Array) -> None:
        """Mark outliers of rows from `first` on; the outermost two rows lack neighbours.

        `pixels`, `variance`: (rows, columns); `out`: (rows, columns) int32, changed.
        """
        # Always read-only, so that a single kernel is compiled for all.
        pixels, variance = freeze(pixels.view()), freeze(variance.view())
        rows = len(pixels)
        limits = np.array(LIMITS)
        every = np.ones(rows, dtype=np.bool_)
        for start, *between, end in self.runs:
            sky = np.zeros((rows, -(-(end - start) // SKY_BLOCK)))
            if self.lit[start]:  # Where there is light; nothing is left elsewhere.
                self._fill_sky(pixels, variance, first, (start, end), sky)
            tested = self.tested[first : first + rows] if self.lit[start] else every
            columns = np.array([start, end])
            outlying_pixels(pixels, variance, sky, SKY_BLOCK, columns, tested, limits, _FOUND, out)
            for edge in between:  # Columns beside it have no neighbours there.
                out[:, edge - 1 : edge + 1] &= _LONE - 1

    def _fill_sky(
        self, pixels: Array, variance: Array, first: int, run: tuple[int, int], sky: Array
    ) -> None:
        """Fill the sky of each row; the sky of bands that began earlier is already known."""
        for band in range(first // SKY_BLOCK, -(-(first + len(sky)) // SKY_BLOCK)):
            inside = slice(max(band * SKY_BLOCK - first, 0), (band + 1) * SKY_BLOCK - first)
            whole = min(SKY_BLOCK, len(self.tested) - band * SKY_BLOCK)
            if band not in self.bands and len(pixels[inside]) == whole:
                self.bands[band] = local_sky(pixels[inside], variance[inside], *run)
            sky[inside] = self.bands.get(band, np.nan)

    def map(self, bits: Array) -> None:
        """Turn the marks of `fill` in a mean of many frames into HOT and DEAD, in place."""
        lone, dark = (bits & _LONE > 0) & self.lit, (bits & _DARK > 0) & self.lit
        bits[:] = 0
        bits[lone] |= Pixel.HOT.value
        bits[dark] |= Pixel.DEAD.value

    def settle(self, quality: Array, blocked: Array, spoilt: Array) -> None:
        """Classify the outliers of a whole piece, in place.

        `blocked`: (columns,) bool, columns that are bright as a whole, where tracks are not
        followed; `spoilt`: columns with a wrong level, where dark pixels are not flagged.
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
        # An invalid flat field says nothing about the pixel.
        found = np.where(flat[places] & Pixel.MODEL_INVALID.value > 0, 0, found)
        found = np.where(_beside_nothing(quality, places), 0, found)
        lit = self.lit[columns]
        flat[places[(found & _DARK > 0) & lit]] |= Pixel.DEAD.value
        lone, tracks = places[(found & _LONE > 0) & lit], int((found & _TRACK > 0).sum())
        flat[lone] |= self._what_stands_alone(len(lone), tracks).value
        # Virtual pixels can't be hot.
        flat[places[(found & _LONE > 0) & ~lit]] |= Pixel.COSMIC_RAY.value
        if not self.trimmed or tracks > _STRAY_TRACKS:
            flat[places] |= found & (_TRACK | _ONWARD)
            spread_marks(_TRACK, _ONWARD, Pixel.COSMIC_RAY.value, quality)
            flat[places] &= _LONE - 1

    def _what_stands_alone(self, count: int, tracks: int) -> Pixel:
        """Class of isolated pixels, by their number and that of pixels in tracks."""
        if self.known is not None:  # Many outside the map have become hot since it was made.
            many = self.trimmed and tracks <= _STRAY_TRACKS and count > _FEW_UNKNOWN
            return Pixel.ISOLATED if many else Pixel.COSMIC_RAY
        if count <= _FEW:
            return Pixel.COSMIC_RAY if self.share > 0.5 else Pixel.ISOLATED
        rays = 0.0 if self.trimmed and tracks <= _STRAY_TRACKS else _LONE_RAYS * tracks / count
        if rays >= _SURE:
            return Pixel.COSMIC_RAY
        return Pixel.HOT if rays <= 1.0 - _SURE else Pixel.ISOLATED
