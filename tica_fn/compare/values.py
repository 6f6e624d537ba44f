"""Compare arrays: equal bit for bit, or within a number of floating-point steps."""

from __future__ import annotations

from typing import Any

import attrs
import numpy as np

from tica_fn.immutable import Array, Record

__all__ = ["Unequal", "steps_apart", "unequal"]


@attrs.frozen(eq=False, repr=False, kw_only=True)
class Unequal(Record):
    """Values of two arrays that differ by more than allowed.

    Parameters
    ----------
    count : int
        Number of them.
    first : tuple of int
        Index of the first.
    gold, test : object
        The two values there.
    steps : int
        Largest distance in floating-point steps; 0 for other types.
    largest : float
        Largest absolute difference of finite values.
    mask : ndarray
        Mask of the differing values, of the arrays' shape.
    """

    count: int
    first: tuple[int, ...]
    gold: Any
    test: Any
    steps: int
    largest: float
    mask: Array

    def describe(self, noun: str) -> str:
        """Describe the differences in one line.

        Parameters
        ----------
        noun : str
            Name of one value.

        Returns
        -------
        str
            Number, size and position of the differences.
        """
        size = self.mask.size
        text = f"{self.count} of {size} {noun}s differ"
        if self.steps:
            text += f", by up to {self.steps} steps ({self.largest:.6g})"
        elif self.largest:
            text += f", by up to {self.largest:.6g}"
        place = ", ".join(map(str, self.first))
        return f"{text}; first at [{place}]: {self.gold!s} is now {self.test!s}"


def _ordered(values: Array) -> Array:
    """Integers in the order of floating-point numbers, one apart for neighbours, -0 before +0."""
    signed = values.view(f"i{values.dtype.itemsize}")
    limit = np.iinfo(signed.dtype).min
    return np.asarray(np.where(signed < 0, limit - signed - 1, signed))


def steps_apart(gold: Array, test: Array) -> Array:
    """Distance of numbers in steps of their floating-point type.

    Parameters
    ----------
    gold, test : ndarray
        The same shape and type, float32 or float64.

    Returns
    -------
    ndarray
        float64: 0 where both are the same bits or both NaN, 1 for neighbours and for zeros of
        different sign, infinity where one of them is NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.compare import steps_apart
    >>> gold = np.array([1.0, 0.0, np.nan])
    >>> steps_apart(gold, np.array([np.nextafter(1.0, 2.0), -0.0, np.nan]))
    array([1., 1., 0.])
    """
    a, b = _ordered(gold), _ordered(test)
    # Differences of int64 can overflow; float64 is exact up to 2**53 steps, which is enough.
    apart = np.abs(a.astype(np.float64) - b.astype(np.float64))
    near = apart < 2.0**52
    apart[near] = np.abs(a[near] - b[near])
    nan = np.isnan(gold), np.isnan(test)
    apart[nan[0] != nan[1]] = np.inf
    apart[nan[0] & nan[1]] = 0.0
    return np.asarray(apart)


def unequal(gold: Array, test: Array, ulp: int = 0) -> Unequal | None:
    """Find the values that differ by more than allowed.

    Parameters
    ----------
    gold, test : ndarray
        Arrays of the same shape and type.
    ulp : int
        Allowed number of floating-point steps.

    Returns
    -------
    Unequal or None
        None if there are no such values.
    """
    gold, test = (np.ascontiguousarray(x.astype(x.dtype.newbyteorder("="))) for x in (gold, test))
    if gold.dtype.kind == "c":
        gold, test = (x.view(f"f{x.dtype.itemsize // 2}") for x in (gold, test))
    floating = gold.dtype.kind == "f"
    if floating:
        bits = f"i{gold.dtype.itemsize}"
        mask = gold.view(bits) != test.view(bits)
    else:
        mask = np.asarray(gold != test)
    steps, largest = 0, 0.0
    if floating and mask.any():
        apart = steps_apart(gold[mask], test[mask])
        mask[mask] = apart > ulp
        far = apart[apart > ulp]
        steps = int(far.max(initial=0.0)) if np.isfinite(far).all() else 0
    if not mask.any():
        return None
    first = tuple(int(i) for i in np.argwhere(mask)[0]) if mask.ndim else ()
    if gold.dtype.kind in "iuf":
        with np.errstate(invalid="ignore", over="ignore"):
            size = np.abs(gold[mask].astype(np.float64) - test[mask].astype(np.float64))
        largest = float(size[np.isfinite(size)].max(initial=0.0))
    return Unequal(
        count=int(np.count_nonzero(mask)),
        first=first,
        gold=gold[first],
        test=test[first],
        steps=steps,
        largest=largest,
        mask=mask,
    )
