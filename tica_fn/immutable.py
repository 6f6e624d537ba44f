"""Immutable arrays, mappings and records.

A read-only *view* can still change through its base, so a frozen array owns its memory.  Arrays
and mappings stay frozen when records are copied or sent to other processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

import attrs
import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = [
    "Array",
    "FrozenMapping",
    "Record",
    "Unchanging",
    "freeze",
    "frozen_array",
    "frozen_floats",
    "frozen_integers",
    "is_frozen",
    "same",
]

Array = NDArray[Any]


def freeze(array: Array) -> Array:
    """Make a new array read-only in place; nothing else may refer to it."""
    array.setflags(write=False)
    return array


def is_frozen(array: Array) -> bool:
    """Tell whether an array is C-contiguous, native-endian, read-only and owns its memory."""
    flags = array.flags
    return bool(
        flags.c_contiguous and flags.owndata and not flags.writeable and array.dtype.isnative
    )


def frozen_array(value: ArrayLike, dtype: DTypeLike | None = None) -> Array:
    """Frozen copy of an array, or the array itself if it is frozen already."""
    array = np.asarray(value)
    wanted = (array.dtype if dtype is None else np.dtype(dtype)).newbyteorder("=")
    if array.dtype == wanted and is_frozen(array):
        return array
    return freeze(np.array(array, dtype=wanted, order="C", copy=True))


def frozen_floats(value: ArrayLike) -> Array:
    """Frozen float64 form of an array."""
    return frozen_array(value, np.float64)


def frozen_integers(value: ArrayLike) -> Array:
    """Frozen int64 form of an array."""
    return frozen_array(value, np.int64)


def same(left: object, right: object) -> bool:
    """Compare by value; NaN equals NaN."""
    if isinstance(left, np.ndarray) or isinstance(right, np.ndarray):
        if left is None or right is None:
            return False
        a, b = np.asarray(left), np.asarray(right)
        floating = a.dtype.kind == "f" and b.dtype.kind == "f"
        return bool(np.array_equal(a, b, equal_nan=floating))
    if isinstance(left, float) and isinstance(right, float) and left != left:
        return right != right
    return bool(left == right)


class Unchanging(Mapping[str, Any]):
    """Base of immutable mappings, which records keep without copying."""

    __slots__ = ()


class FrozenMapping(Unchanging):
    """Immutable mapping that can be pickled and hashed."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[str, Any] | None = None) -> None:
        self._items: dict[str, Any] = dict(items or {})

    def __getitem__(self, key: str) -> Any:
        return self._items[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __hash__(self) -> int:
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        return f"FrozenMapping({self._items!r})"


class Record:
    """Base of the frozen attrs records: NaN-aware equality, a short repr, frozen copies.

    Unpickling calls the constructor, whose converters freeze the arrays again, so arrays are
    read-only in worker processes too.
    """

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(same(getattr(self, n), getattr(other, n)) for n in _field_names(self))

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        shown = (f"{name}={_brief(getattr(self, name))}" for name in _field_names(self))
        return f"{type(self).__name__}({', '.join(shown)})"

    def __reduce__(self) -> tuple[Any, ...]:
        values = {name: getattr(self, name) for name in _field_names(self)}
        return _rebuild, (type(self), values)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


def _field_names(record: Record) -> list[str]:
    return [field.name for field in attrs.fields(type(record))]  # type: ignore[arg-type]


def _brief(value: object) -> str:
    if isinstance(value, np.ndarray):
        if value.size <= 4:
            return str(value.tolist())
        return f"<{'x'.join(map(str, value.shape))} {value.dtype}>"
    if isinstance(value, Mapping):
        return f"<{len(value)} items>"
    return repr(value)


def _rebuild(cls: type[Any], values: dict[str, Any]) -> Any:
    return cls(**values)
