"""The frames of a cutout: the position on them, their times, and their pixels there."""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Sequence
from typing import Any

import attrs
import numpy as np
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS

from tica_fn.detector import SCIENCE_COLUMNS, SCIENCE_ROWS
from tica_fn.errors import FrameError
from tica_fn.fits.files import read
from tica_fn.fits.piece import PlainProduct, open_product
from tica_fn.frame import ELECTRON, RATE, Frame
from tica_fn.immutable import Array
from tica_fn.views.cut import cut_frame
from tica_fn.views.sky import wcs_of
from tica_fn.wcs.barycenter import barycentric_time
from tica_fn.wcs.stated import check_solution

__all__ = [
    "Source",
    "check_on_science",
    "check_same_kind",
    "facts_of_source",
    "middle_frame",
    "moment",
    "piece_of",
    "pixel_of",
    "shift_of",
    "sky_place",
    "times_at",
]

Source = Frame | str | os.PathLike[str]


@attrs.frozen
class SourceFacts:
    """A source, its frame (perhaps only the first pixel), and its full shape."""

    source: Source | PlainProduct
    frame: Frame
    shape: tuple[int, int]


def sky_place(coordinate: SkyCoord | Sequence[float] | str) -> SkyCoord:
    """The sky position of a coordinate."""
    if isinstance(coordinate, SkyCoord):
        if not coordinate.isscalar:
            raise ValueError("give a single position: this SkyCoord holds several")
        return coordinate.icrs
    if isinstance(coordinate, str):
        return SkyCoord(coordinate, unit=("deg", "deg")).icrs
    ra, dec = coordinate
    return SkyCoord(ra, dec, unit="deg")


def facts_of_source(source: Source) -> SourceFacts:
    """Facts about a source before its pixels are read; its solution must be as stated."""
    if isinstance(source, Frame):
        facts = SourceFacts(source, source, source.shape)
    elif (product := open_product(source)) is not None:
        facts = SourceFacts(product, product.read(slice(0, 1), slice(0, 1)), product.shape)
    else:
        whole = read(source)
        facts = SourceFacts(source, cut_frame(whole, np.s_[:1, :1]), whole.shape)
    header = facts.frame.header
    if "CTYPE1" in header:
        check_solution(source.name if isinstance(source, Frame) else source, header)
    return facts


def moment(one: SourceFacts) -> float:
    """Middle of the exposure as a sorting key; unknown times come last."""
    times = one.frame.times
    return float("inf") if times is None else times.zero + times.mid


def middle_frame(facts: list[SourceFacts]) -> tuple[Frame, WCS]:
    """The frame with a WCS that is nearest to the middle."""
    half = len(facts) // 2
    for n in sorted(range(len(facts)), key=lambda n: abs(n - half)):
        world = wcs_of(facts[n].frame)
        if world is not None:
            return facts[n].frame, world
    raise FrameError("none of the frames has a WCS in its header: tica-fn wcs fit makes one")


def pixel_of(world: WCS, star: SkyCoord) -> tuple[float, float]:
    """Column and row of a position by a WCS; NaN if its inverse does not give it back."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # for positions far away, which are detected below
        column, row = (float(x) for x in world.world_to_pixel(star))
        back = world.pixel_to_world(column, row)
        near = math.isfinite(column) and back.separation(star).arcsec < 1.0
    return (column, row) if near else (math.nan, math.nan)


def check_on_science(frame: Frame, star: SkyCoord, column: float, row: float) -> None:
    """Refuse a position that is not on the science pixels."""
    inside = (
        SCIENCE_ROWS[0] - 0.5 <= row < SCIENCE_ROWS[1] - 0.5
        and SCIENCE_COLUMNS[0] - 0.5 <= column < SCIENCE_COLUMNS[1] - 0.5
    )
    if not inside:
        near = f": it would be at column {column:.1f}, row {row:.1f} (from 0)"
        raise FrameError(
            f"{star.to_string('hmsdms', precision=1)} is not on {frame.name}"
            + (near if abs(column) < 1e5 and abs(row) < 1e5 else "")
        )


def check_same_kind(frame: Frame, middle: Frame) -> None:
    """Refuse a frame of another CCD or exposure time, or one that is not calibrated."""
    if (frame.camera, frame.ccd) != (middle.camera, middle.ccd):
        raise FrameError(
            f"frames of {frame.name} and of {middle.name}: a cutout needs frames of one CCD"
        )
    if frame.exposure_s != middle.exposure_s:
        raise FrameError(
            f"exposure times of {frame.exposure_s:g} s and {middle.exposure_s:g} s: a cutout needs "
            "frames of one exposure time"
        )
    if frame.unit not in (ELECTRON, RATE):
        raise FrameError(f"a frame in {frame.unit}: calibrate it first")


def piece_of(
    one: SourceFacts, first: tuple[int, int], shape: tuple[int, int]
) -> tuple[Frame, slice, slice]:
    """Pixels of a source inside a rectangle, and their place in the rectangle."""
    ranges = []
    for start, length, own, size in zip(
        first, shape, (one.frame.row, one.frame.column), one.shape, strict=True
    ):
        low, high = max(start, own), min(start + length, own + size)
        if high <= low:
            raise FrameError(f"{one.frame.name}: a frame has none of the cutout's pixels")
        ranges.append((slice(low - own, high - own), slice(low - start, high - start)))
    (rows, to_rows), (columns, to_columns) = ranges
    if isinstance(one.source, PlainProduct):
        return one.source.read(rows, columns), to_rows, to_columns
    whole = one.source if isinstance(one.source, Frame) else read(one.source)
    return cut_frame(whole, (rows, columns)), to_rows, to_columns


def shift_of(frame: Frame, star: SkyCoord, column: float, row: float) -> tuple[float, float]:
    """How far the place lies on a frame from where it lies on the middle one, pixels."""
    world = wcs_of(frame)
    if world is None:
        return 0.0, 0.0
    x, y = pixel_of(world, star)
    return x + frame.column - column, y + frame.row - row


def times_at(frames: list[Frame], star: SkyCoord, ephemeris: Any) -> tuple[Array, Array, str]:
    """Middles of the exposures, the light travel time in them, and where that is true."""
    days = np.full(len(frames), np.nan)
    corrections = np.zeros(len(frames))
    places = set()
    for n, frame in enumerate(frames):
        times = frame.times
        if times is None:
            continue
        at_spacecraft = times.zero + times.mid - times.light_d
        state = None if ephemeris is None else ephemeris.state(at_spacecraft)
        try:
            when = float(barycentric_time(frame, star.ra.deg, star.dec.deg, state)[0])
            places.add("barycenter")
        except FrameError:
            when = times.zero + times.mid
            far = times.place == "barycenter"
            places.add("barycenter of the CCD's centre" if far else "spacecraft")
        days[n] = when - 2457000.0
        corrections[n] = when - at_spacecraft
    if len(places) > 1:
        raise FrameError(
            f"times of some frames are at the {' and of others at the '.join(sorted(places))}: "
            "give an ephemeris, or frames of one kind"
        )
    return days, corrections, places.pop() if places else "unknown"
