"""All steps in one pass over the pixels, the float64 value in registers.

A step that is left out is given its neutral numbers (bias and pedestal 0, gain 1, no runs of
linearity, smear 0, flat 1), which change no bit of any finite or infinite value.  The result is
therefore bit for bit that of the steps one by one.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numba.core import types
from numba.core.cgutils import unpack_tuple
from numba.extending import lower_builtin, type_callable

from tica_fn.kernels.bias import without_bias
from tica_fn.kernels.big_endian import folded, swapped
from tica_fn.kernels.compile import kernel
from tica_fn.kernels.flat import flattened
from tica_fn.kernels.gain import in_electrons
from tica_fn.kernels.lanes import Lanes, Row, WordSum, in_lanes
from tica_fn.kernels.linearity import linear
from tica_fn.kernels.pedestal import without_pedestal
from tica_fn.kernels.smear import without_smear
from tica_fn.kernels.types import Image, Table

__all__ = ["sweep"]


Index: TypeAlias = Any
"""A row or column as uint64: one that can't be negative."""


def calibrated(
    value: Any, bias: Any, factor: Any, pedestal: Any, gain: Any, linearity: Any, smear: Any,
    flat: Any,
) -> Any:  # fmt: skip
    """Electrons of a pixel, or of several as `Lanes`; `linearity`: five numbers, or none."""
    v = without_pedestal(without_bias(value, bias, factor), pedestal)
    e = in_electrons(v, gain)
    if linearity:
        e = linear(e, *linearity)
    return flattened(without_smear(e, smear), flat)


def sweep_run(
    images: tuple[Image, ...],
    rows: tuple[Index, ...],
    run: tuple[Index, Index],
    factor: float,
    columns: Image,
    amplifier: tuple[float, ...],
) -> tuple[np.uint64, np.uint64]:
    """Sweep a row's run of columns, without linearity or all read by one amplifier.

    `images`: pixels, bias, flat and what to fill; `rows`: of each of them; `amplifier`: its
    pedestal, gain and five coefficients, or none.  Returned are the sums of words read and written.

    This is what it does in plain Python; `_run_in_lanes` says how it is compiled.
    """
    pixels, bias, flat, out = (image[row] for image, row in zip(images, rows, strict=True))
    read, written = np.uint64(0), np.uint64(0)
    for c in range(run[0], run[1]):
        value = pixels[c]
        if pixels.dtype == np.uint32:
            value = swapped(value)
            read += np.uint64(value)
            value = value.view(np.int32)
        pedestal, gain = amplifier[:2] or columns[:2, c]
        models = float(bias[c]), factor, pedestal, gain, amplifier[2:], columns[2, c]
        value = calibrated(float(value), *models, float(flat[c]))
        if out.dtype == np.uint32:
            value = np.float32(value).view(np.uint32)
            written += np.uint64(value)
            value = swapped(value)
        out[c] = value
    return read, written


_REAL = types.float32, types.float64
_PIXELS = (types.int32, types.uint32, *_REAL), _REAL, _REAL, (types.uint32, *_REAL)
"""Types that pixels, bias, flat and what is filled may have."""


@type_callable(sweep_run)
def _type_of_sums(_: Any) -> Any:
    def typer(images: Any, rows: Any, run: Any, factor: Any, columns: Any, amplifier: Any) -> Any:  # noqa: ARG001
        known = (image.dtype in kinds for image, kinds in zip(images, _PIXELS, strict=True))
        return types.UniTuple(types.uint64, 2) if all(known) else None

    return typer


@lower_builtin(sweep_run, *[types.Any] * 6)
def _run_in_lanes(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Write the code of `sweep_run`: the same formulas, for many pixels at once."""
    images, rows, run, amplifier = (unpack_tuple(builder, arguments[k]) for k in (0, 1, 2, 5))
    pixels, bias, flat, out = (
        Row(context, builder, kind, image, row)
        for kind, image, row in zip(signature.args[0], images, rows, strict=True)
    )
    places = (context.get_constant(types.uint64, k) for k in range(3))
    of_columns = [Row(context, builder, signature.args[4], arguments[4], k) for k in places]
    kinds = signature.args[3], *signature.args[5]
    numbers = [
        context.cast(builder, number, kind, types.float64)
        for number, kind in zip((arguments[3], *amplifier), kinds, strict=True)
    ]

    def body(c: Any, count: int, read: WordSum, written: WordSum) -> None:
        factor, *amplifier = (Lanes.same(builder, number, count) for number in numbers)
        pedestal, gain = amplifier[:2] or [row.get(c, count) for row in of_columns[:2]]
        smear = of_columns[2].get(c, count)
        models = bias.get(c, count), factor, pedestal, gain, amplifier[2:], smear
        value = calibrated(pixels.get(c, count, read), *models, flat.get(c, count))
        out.put(value, c, count, written)

    sums = in_lanes(builder, run, [pixels, bias, flat, out], of_columns, body)
    return context.make_tuple(builder, signature.return_type, sums)


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
    images = pixels, bias, flat, out
    for r in range(height):
        rows = r, r * bias_step, r * flat_step, r
        done = np.uint64(0)
        for k in range(runs.shape[0] + 1):
            first = np.uint64(runs[k, 0]) if k < runs.shape[0] else width
            if first > done:
                sums = sweep_run(images, rows, (done, first), factor, columns, ())
                read, written = read + sums[0], written + sums[1]
            if k < runs.shape[0]:
                done, of = np.uint64(runs[k, 1]), coefficients[k]
                amplifier = columns[0, first], columns[1, first], of[0], of[1], of[2], of[3], of[4]
                sums = sweep_run(images, rows, (first, done), factor, columns, amplifier)
                read, written = read + sums[0], written + sums[1]
    return folded(read), folded(written)
