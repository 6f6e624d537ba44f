"""Several pixels of a row at once, written in LLVM's own terms.

Numba leaves loops over pixels to LLVM, which makes vectors of them where it sees that it may, after
checks at the start of every loop, and which never fetches memory ahead.  What is written with
`Lanes` is vectors from the start, on every processor: LLVM splits them into what it has.  A formula
called with `Lanes` writes its operations in their order, each rounded as in the formula of floats,
so the bits are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.core import cgutils, types

__all__ = ["Lanes", "Row", "WordSum", "in_lanes"]

ir: Any = cgutils.ir  # type: ignore[attr-defined]  # What numba itself writes code with.
_INT, _LONG, _FLOAT, _DOUBLE = ir.IntType(32), ir.IntType(64), ir.FloatType(), ir.DoubleType()
_BYTES = ir.IntType(8).as_pointer()

_COUNTS = (16, 4, 1)
"""Pixels at once: a line of cache while there are as many, then fewer, so that columns of a TESS
image leave no single ones."""
_HALF_LINE = 32
"""Every line of cache is asked for twice, because a busy processor drops requests."""
_TO_SECOND_CACHE = 2


class Lanes:
    """Float64 numbers of some pixels beside each other, in a function that is being written."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    @classmethod
    def same(cls, builder: Any, number: Any, count: int) -> Lanes:
        """One number for all the pixels."""
        kind = ir.VectorType(number.type, count)
        nothing = ir.Constant(kind, ir.Undefined)
        first = builder.insert_element(nothing, number, ir.Constant(_INT, 0))
        everywhere = ir.Constant(ir.VectorType(_INT, count), [0] * count)
        return cls(builder, builder.shuffle_vector(first, nothing, everywhere))

    def __add__(self, other: Lanes) -> Lanes:
        return Lanes(self.builder, self.builder.fadd(self.value, other.value))

    def __sub__(self, other: Lanes) -> Lanes:
        return Lanes(self.builder, self.builder.fsub(self.value, other.value))

    def __mul__(self, other: Lanes) -> Lanes:
        return Lanes(self.builder, self.builder.fmul(self.value, other.value))

    def __truediv__(self, other: Lanes) -> Lanes:
        return Lanes(self.builder, self.builder.fdiv(self.value, other.value))


class Row:
    """A row of an image in a function that is being written.

    `kind` is numba's type of the image, `image` and `row` its value and the row's number.  Pixels
    of type uint32 are the big-endian words of a FITS file; `sums` adds up those that pass.
    """

    def __init__(self, context: Any, builder: Any, kind: Any, image: Any, row: Any) -> None:
        self.builder = builder
        made = context.make_array(kind)(context, builder, image)
        self.row_bytes, self.step = cgutils.unpack_tuple(builder, made.strides)
        start = builder.ptrtoint(made.data, _LONG)
        self.start = builder.add(start, builder.mul(row, self.row_bytes))
        self.element = context.get_data_type(kind.dtype)
        self.size = kind.dtype.bitwidth // 8
        self.align = self.size if kind.aligned else 1
        self.is_dense = kind.layout == "C"
        self.is_words = kind.dtype == types.uint32

    def get(self, column: Any, count: int, words: WordSum | None = None) -> Lanes:
        """Pixels from a column on, as float64."""
        found = self.builder.load(self._address(column, count), align=self.align)
        if self.is_words:
            found = _swapped(self.builder, found)
            if words is not None:
                words.add(found)
        kind = ir.VectorType(_DOUBLE, count)
        if self.element == _INT:
            found = self.builder.sitofp(found, kind)
        elif self.element == _FLOAT:
            found = self.builder.fpext(found, kind)
        return Lanes(self.builder, found)

    def put(self, pixels: Lanes, column: Any, count: int, words: WordSum | None = None) -> None:
        """Store pixels from a column on."""
        value = pixels.value
        if self.element != _DOUBLE:
            value = self.builder.fptrunc(value, ir.VectorType(_FLOAT, count))
        if self.is_words:
            value = self.builder.bitcast(value, ir.VectorType(_INT, count))
            if words is not None:
                words.add(value)
            value = _swapped(self.builder, value)
        self.builder.store(value, self._address(column, count), align=self.align)

    def fetch_next(self, column: Any, count: int) -> None:
        """Ask for the same pixels of the next row, which need not be there."""
        kind = ir.FunctionType(ir.VoidType(), [_BYTES, _INT, _INT, _INT])
        ask = cgutils.get_or_insert_function(self.builder.module, kind, "llvm.prefetch.p0")
        hints = [ir.Constant(_INT, hint) for hint in (0, _TO_SECOND_CACHE, 1)]
        below = self.builder.add(self._place(column), self.row_bytes)
        for byte in range(0, count * self.size, _HALF_LINE):
            place = self.builder.add(below, ir.Constant(_LONG, byte))
            self.builder.call(ask, [self.builder.inttoptr(place, _BYTES), *hints])

    def _place(self, column: Any) -> Any:
        step = ir.Constant(_LONG, self.size) if self.is_dense else self.step
        return self.builder.add(self.start, self.builder.mul(column, step))

    def _address(self, column: Any, count: int) -> Any:
        kind = ir.VectorType(self.element, count).as_pointer()
        return self.builder.inttoptr(self._place(column), kind)


class WordSum:
    """Sum of 32-bit words as they pass, in a function that is being written.

    They are added two at a time, as 64-bit numbers whose sum may overflow, and so are their upper
    halves, whose sum can't; the lower halves are what the one has more than the other.
    """

    def __init__(self, builder: Any, count: int) -> None:
        self.builder = builder
        self.kind = ir.VectorType(_LONG, max(count // 2, 1))
        zero = self._all(0)
        self.both, self.upper = (cgutils.alloca_once(builder, self.kind) for _ in range(2))
        builder.store(zero, self.both)
        builder.store(zero, self.upper)

    def add(self, words: Any) -> None:
        """Add some words."""
        alone = words.type.count == 1
        two = (self.builder.zext if alone else self.builder.bitcast)(words, self.kind)
        upper = self.builder.lshr(two, self._all(32))
        for total, term in ((self.both, two), (self.upper, upper)):
            self.builder.store(self.builder.add(self.builder.load(total), term), total)

    def total(self) -> Any:
        """The sum of all the words: a plain one, of 64 bits."""
        both, upper = self.builder.load(self.both), self.builder.load(self.upper)
        lower = self.builder.sub(both, self.builder.shl(upper, self._all(32)))
        sums = self.builder.add(lower, upper)
        total = ir.Constant(_LONG, 0)
        for lane in range(self.kind.count):
            found = self.builder.extract_element(sums, ir.Constant(_INT, lane))
            total = self.builder.add(total, found)
        return total

    def _all(self, number: int) -> Any:
        return ir.Constant(self.kind, [number] * self.kind.count)


def in_lanes(
    builder: Any, run: Any, images: list[Row], others: list[Row], body: Callable[..., None]
) -> list[Any]:
    """Write loops over a run of columns; return the sums of words read and written, 64 bits each.

    `run`: first column and one past the last; `images`, `others`: rows that `body` uses, of images
    that are gone through row by row and of what stays in cache.  `body` is called with a column,
    the number of pixels from there on, and the two sums to add words to.
    """
    first, last = run
    sums = [ir.Constant(_LONG, 0)] * 2
    dense = all(row.is_dense for row in images + others)
    for count in _COUNTS if dense else (1,):
        whole = builder.and_(builder.sub(last, first), ir.Constant(_LONG, -count))
        end = builder.add(first, whole)
        words = [WordSum(builder, count) for _ in sums]
        step = ir.Constant(_LONG, count)
        with cgutils.for_range_slice(builder, first, end, step) as (column, _):
            if count == _COUNTS[0]:
                for row in images:
                    row.fetch_next(column, count)
            body(column, count, *words)
        sums = [builder.add(total, word.total()) for total, word in zip(sums, words, strict=True)]
        first = end
    return sums


def _swapped(builder: Any, words: Any) -> Any:
    """32-bit words with their bytes in the opposite order."""
    kind = ir.FunctionType(words.type, [words.type])
    name = f"llvm.bswap.v{words.type.count}i32"
    swap = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(swap, [words])
