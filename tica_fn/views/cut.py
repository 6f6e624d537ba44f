"""A rectangle of a frame as a frame of its own."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import attrs
import numpy as np

from tica_fn.errors import FrameError
from tica_fn.fits.header import with_card
from tica_fn.fits.physical_wcs import origin_of
from tica_fn.fits.reader_cards import science_pixels
from tica_fn.frame import Frame
from tica_fn.immutable import Array, freeze

__all__ = ["cut_frame"]


def cut_frame(frame: Frame, key: object) -> Frame:
    """Cut ``frame[rows, columns]`` out, with its header, variance, flags and smear."""
    rows, columns = _ranges(frame, key)

    def cut(values: Array) -> Array:
        return freeze(np.array(values[rows, columns], order="C"))

    def part(values: Array | None) -> Array | None:
        return None if values is None else values[columns]

    return attrs.evolve(
        frame,
        pixels=cut(frame.pixels),
        row=frame.row + rows.start,
        column=frame.column + columns.start,
        variance=None if frame.variance is None else cut(frame.variance),
        quality=None if frame.quality is None else cut(frame.quality),
        smear=part(frame.smear),
        smear_variance=part(frame.smear_variance),
        header=_moved(frame, rows, columns),
    )


def _ranges(frame: Frame, key: object) -> tuple[slice, slice]:
    """Rows and columns of a key as slices with a start and a stop."""
    both = key if isinstance(key, tuple) else (key, slice(None))
    if len(both) == 2 and both[0] is Ellipsis:
        both = (slice(None), both[1])
    if len(both) != 2:
        raise IndexError(f"a frame is cut by rows and columns, not by {len(both)} indices")
    (rows, columns) = (
        _range(one, size, what)
        for one, size, what in zip(both, frame.shape, ("row", "column"), strict=True)
    )
    return rows, columns


def _range(key: object, size: int, what: str) -> slice:
    if isinstance(key, slice):
        start, stop, step = key.indices(size)
        if step != 1:
            raise FrameError(
                f"a frame contains every {what} of a rectangle; use step 1, not {step}"
            )
        if stop <= start:
            raise IndexError(f"no {what}s from {key.start} to {key.stop} in a frame of {size}")
        return slice(start, stop)
    try:
        number = operator.index(key)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(
            f"a frame is cut by slices or whole numbers, not by {type(key).__name__}; "
            "frame.pixels takes any index"
        ) from None
    if not -size <= number < size:
        raise IndexError(f"{what} {number} is not in a frame of {size}")
    return slice(number % size, number % size + 1)


def _moved(frame: Frame, rows: slice, columns: slice) -> Mapping[str, Any]:
    """Header of a piece, with its size and reference pixels relative to its first pixel."""
    header = frame.header
    row, column = frame.row + rows.start, frame.column + columns.start
    before = origin_of(header)
    for name, size, part in (("NAXIS1", frame.shape[1], columns), ("NAXIS2", frame.shape[0], rows)):
        if header.get(name) == size != part.stop - part.start:
            header = with_card(header, name, part.stop - part.start)
    if not len(header) or before == (row, column):
        return header
    shift = {"1": before[1] - column, "2": before[0] - row}
    for name in ("CRPIX1", "CRPIX2", "BTC_PIX1", "BTC_PIX2"):
        value = header.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            header = with_card(header, name, float(value + shift[name[-1]]))
    if "SCIPIXS" in header:
        header = with_card(header, "SCIPIXS", science_pixels((row, column)))
    for name in ("CRPIX1P", "CRPIX2P"):
        if header.get(name, 1) != 1:
            header = with_card(header, name, 1)
    header = with_card(header, "CRVAL1P", column + 1)
    return with_card(header, "CRVAL2P", row + 1)
