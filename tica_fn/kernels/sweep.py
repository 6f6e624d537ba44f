"""All steps in one pass over the pixels, the float64 value in registers.

A step that is left out is given its neutral numbers (bias and pedestal 0, gain 1, no runs of
linearity, smear 0, flat 1), which change no bit of any finite or infinite value.  The result is
therefore bit for bit that of the steps one by one.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numba
import numpy as np

from tica_fn.kernels.bias import without_bias
from tica_fn.kernels.big_endian import folded, swapped
from tica_fn.kernels.compile import chosen_by_type, formula, kernel
from tica_fn.kernels.flat import flattened
from tica_fn.kernels.gain import in_electrons
from tica_fn.kernels.linearity import linear
from tica_fn.kernels.pedestal import without_pedestal
from tica_fn.kernels.smear import without_smear
from tica_fn.kernels.types import Image, Table, Vector

__all__ = ["sweep"]


Index: TypeAlias = Any
"""A row or column as uint64: with one that can't be negative, loops become vector code."""


def take(pixels: Image, r: Index, c: Index) -> tuple[float, np.uint64]:
    """Value of a pixel, and its word for the checksum; uint32 pixels are words of a FITS file."""
    if pixels.dtype == np.uint32:
        word = swapped(np.uint32(pixels[r, c]))
        return float(np.uint32(word).view(np.int32)), np.uint64(word)
    return float(pixels[r, c]), np.uint64(0)


def give(out: Image, r: Index, c: Index, value: float) -> np.uint64:
    """Store a value, as a word of a FITS file in a uint32 image; its word for the checksum."""
    if out.dtype == np.uint32:
        word = np.float32(value).view(np.uint32)
        out[r, c] = swapped(word)
        return np.uint64(word)
    out[r, c] = value
    return np.uint64(0)


@chosen_by_type(take)
def _take(pixels: Any, r: Any, c: Any) -> Any:  # noqa: ARG001
    if pixels.dtype == numba.uint32:

        def from_file(pixels: Any, r: Any, c: Any) -> Any:
            word = swapped(pixels[r, c])
            return float(np.int32(word)), np.uint64(word)

        return from_file

    def native(pixels: Any, r: Any, c: Any) -> Any:
        return float(pixels[r, c]), np.uint64(0)

    return native


@chosen_by_type(give)
def _give(out: Any, r: Any, c: Any, value: Any) -> Any:  # noqa: ARG001
    if out.dtype == numba.uint32:

        def to_file(out: Any, r: Any, c: Any, value: Any) -> Any:
            word = np.float32(value).view(np.uint32)
            out[r, c] = swapped(word)
            return np.uint64(word)

        return to_file

    def native(out: Any, r: Any, c: Any, value: Any) -> Any:
        out[r, c] = value
        return np.uint64(0)

    return native


@formula
def sweep_columns(
    pixels: Image,
    bias: Image,
    factor: float,
    columns: Image,
    flat: Image,
    out: Image,
    rows: tuple[Index, Index, Index],
    run: tuple[Index, Index],
) -> tuple[np.uint64, np.uint64]:
    """A row's run of columns without linearity; `rows` are those of pixels, bias and flat."""
    r, b, f = rows
    pedestal, gain, smear = columns[0], columns[1], columns[2]
    read, written = np.uint64(0), np.uint64(0)
    for c in range(run[0], run[1]):
        value, word = take(pixels, r, c)
        read += word
        v = without_bias(value, float(bias[b, c]), factor)
        e = in_electrons(without_pedestal(v, pedestal[c]), gain[c])
        written += give(out, r, c, flattened(without_smear(e, smear[c]), float(flat[f, c])))
    return read, written


@formula
def sweep_amplifier(
    pixels: Image,
    bias: Image,
    factor: float,
    columns: Image,
    coefficients: Vector,
    flat: Image,
    out: Image,
    rows: tuple[Index, Index, Index],
    run: tuple[Index, Index],
) -> tuple[np.uint64, np.uint64]:
    """A row's run of columns that one amplifier reads, with linearity."""
    r, b, f = rows
    slope, offset = coefficients[0], coefficients[1]
    c0, c1, c2 = coefficients[2], coefficients[3], coefficients[4]
    pedestal, gain, smear = columns[0, run[0]], columns[1, run[0]], columns[2]
    read, written = np.uint64(0), np.uint64(0)
    for c in range(run[0], run[1]):
        value, word = take(pixels, r, c)
        read += word
        v = without_bias(value, float(bias[b, c]), factor)
        e = in_electrons(without_pedestal(v, pedestal), gain)
        e = linear(e, slope, offset, c0, c1, c2)
        written += give(out, r, c, flattened(without_smear(e, smear[c]), float(flat[f, c])))
    return read, written


@kernel
def sweep(
    pixels: Image,
    bias: Image,
    factor: float,
    columns: Image,
    runs: Table,
    coefficients: Image,
    flat: Image,
    out: Image,
) -> tuple[np.uint32, np.uint32]:
    """Fill `out` with the pixels after any subset of the six steps.

    Pixels of type uint32 are the big-endian words of a FITS file, of int32 counts in `pixels` and
    of float32 electrons in `out`: their byte order changes on the way, and they are summed.

    Parameters
    ----------
    pixels : ndarray
        (rows, columns) int32, float32 or float64, or uint32 words of a file; not modified.
    bias : ndarray
        (rows, columns) float32, or (1, columns) zeros.
    factor : float
        Factor of the bias: 1, or the number of reads.
    columns : ndarray
        (3, columns) float64: pedestal [ADU] or zeros; gain [electron per ADU] or ones, both the
        same within a run; smear [electron] or zeros.
    runs : ndarray
        (n, 2) int64: runs of columns that linearity acts on, rising; n is 0 without linearity.
    coefficients : ndarray
        (n, 5) float64: slope, offset, c0, c1, c2 of each run.
    flat : ndarray
        (rows, columns) float32, or (1, columns) ones.
    out : ndarray
        (rows, columns) float32 or float64, or uint32 words of a file.

    Returns
    -------
    tuple of uint32
        Ones' complement sums of the words read and of those written; 0 for other types.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.kernels import sweep
    >>> pixels, out = np.full((2, 3), 100, dtype=np.int32), np.empty((2, 3), dtype=np.float32)
    >>> bias, flat = np.full((2, 3), 4.0, np.float32), np.full((2, 3), 0.5, np.float32)
    >>> columns = np.array([[16.0] * 3, [5.0] * 3, [0.0] * 3])  # pedestal, gain, smear
    >>> runs, coefficients = np.empty((0, 2), dtype=np.int64), np.empty((0, 5))  # no linearity
    >>> sums = sweep(pixels, bias, 1.0, columns, runs, coefficients, flat, out)
    >>> out[0]
    array([800., 800., 800.], dtype=float32)
    """
    # One row of a model that is left out stands for all.
    bias_step = np.uint64(1 if bias.shape[0] > 1 else 0)
    flat_step = np.uint64(1 if flat.shape[0] > 1 else 0)
    height, width = np.uint64(pixels.shape[0]), np.uint64(pixels.shape[1])
    read, written = np.uint64(0), np.uint64(0)
    for r in range(height):
        rows = r, r * bias_step, r * flat_step
        done = np.uint64(0)
        for k in range(runs.shape[0] + 1):
            first = np.uint64(runs[k, 0]) if k < runs.shape[0] else width
            if first > done:
                sums = sweep_columns(pixels, bias, factor, columns, flat, out, rows, (done, first))
                read, written = read + sums[0], written + sums[1]
            if k < runs.shape[0]:
                done = np.uint64(runs[k, 1])
                sums = sweep_amplifier(
                    pixels, bias, factor, columns, coefficients[k], flat, out, rows, (first, done)
                )
                read, written = read + sums[0], written + sums[1]
    return folded(read), folded(written)
