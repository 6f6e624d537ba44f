"""Laws that every step must obey, each as one assertion.

A step is any callable from `Frame` to `Frame`.  The laws hold for the six steps, for their inverses
and for pipelines of them; use them to test your own steps too.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
import types
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import numpy as np

from tica_fn.frame import ADU, ELECTRON, Frame
from tica_fn.immutable import Array, is_frozen
from tica_fn.pipeline.compose import AnyStep, inverse

__all__ = [
    "assert_checked",
    "assert_neutral",
    "assert_pure",
    "assert_reversible",
    "assert_same_frame",
    "assert_tiling_independent",
]


def assert_pure(step: AnyStep, frame: Frame) -> None:
    """Assert that a step does not modify its input, and that its result is reproducible.

    The frame, its collateral and every array of the step (its models) must be byte for byte as
    before; a second call must give the same bytes; arrays of the result must be frozen, and its
    pixels floats.

    Parameters
    ----------
    step : callable
        From `Frame` to `Frame`.
    frame : Frame
        A frame that the step can be applied to.

    Raises
    ------
    AssertionError
        If the step breaks this law; the message says how.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, subtract_pedestal
    >>> from tica_fn.testing import assert_pure
    >>> pixels = np.full((2078, 2136), 7, dtype=np.int32)
    >>> frame = Frame(pixels=pixels, unit="adu", camera=1, ccd=1, exposure_s=120, coadds=48)
    >>> assert_pure(subtract_pedestal(), frame)
    """
    before = _fingerprint(frame), _fingerprint(step)
    first, second = step(frame), step(frame)
    assert isinstance(first, Frame), f"{step!r} returns {type(first).__name__}, not a Frame"
    assert _fingerprint(frame) == before[0], f"{step!r} modified its input frame"
    assert _fingerprint(step) == before[1], f"{step!r} modified one of its own arrays"
    assert _fingerprint(first) == _fingerprint(second), (
        f"{step!r} returns a different frame each time"
    )
    for array in _arrays(first):
        assert is_frozen(array), f"{step!r} returns an array that can be modified"
    for piece in first.pieces():
        assert piece.pixels.dtype.kind == "f", f"{step!r} returns {piece.pixels.dtype} pixels"
    shapes = [piece.pixels.shape for piece in first.pieces()]
    assert shapes == [p.pixels.shape for p in frame.pieces()], f"{step!r} changed the shape"


def assert_reversible(
    step: AnyStep, frame: Frame, *, undo: AnyStep | None = None, rtol: float = 1e-12
) -> None:
    """Assert that the inverse of a step restores the frame.

    Parameters
    ----------
    step : callable
        From `Frame` to `Frame`.
    frame : Frame
        A frame that the step can be applied to.
    undo : callable, optional
        The step that undoes it; by default ``tica_fn.inverse(step)``.
    rtol : float
        Largest difference of a pixel, relative to the largest pixel before or after the step.

    Raises
    ------
    AssertionError
        If a pixel or another field of the frame is not restored; only `Frame.provenance` may still
        name the models that were used.
    """
    back_step = inverse(step) if undo is None else undo
    after = step(frame)
    back = back_step(after)
    for was, between, now in zip(frame.pieces(), after.pieces(), back.pieces(), strict=True):
        scale = max(_largest(was.pixels), _largest(between.pixels))
        np.testing.assert_allclose(
            now.pixels,
            was.pixels.astype(np.float64),
            rtol=0.0,
            atol=rtol * scale,
            err_msg=f"{back_step!r} does not undo {step!r}",
        )
        # The provenance of the models may stay, though their effect is undone.
        restored = attrs.evolve(
            now, pixels=was.pixels, collateral=was.collateral, provenance=was.provenance
        )
        assert restored == was, f"{back_step!r} returns {restored!r} instead of {was!r}"


def assert_neutral(step: AnyStep, frame: Frame) -> None:
    """Assert that a step with a neutral model changes no pixel.

    Parameters
    ----------
    step : callable
        Step with a model that should change nothing.
    frame : Frame
        A frame that the step can be applied to.

    Raises
    ------
    AssertionError
        If a pixel changes (the sign of a zero may change, as in -0.0 + 0.0).
    """
    after = step(frame)
    for was, now in zip(frame.pieces(), after.pieces(), strict=True):
        same = np.array_equal(
            was.pixels.astype(np.float64), now.pixels.astype(np.float64), equal_nan=True
        )
        assert same, f"{step!r} changed pixels though its model is neutral"


def assert_tiling_independent(
    step: AnyStep, frame: Frame, *, height: int = 3, width: int | None = 4
) -> None:
    """Assert that a pixel's value does not depend on the tile or thread in which it is computed.

    Each tile gets the whole frame as collateral, just as a target pixel stamp gets the overclock
    columns and smear rows of its CCD.

    Parameters
    ----------
    step : callable
        From `Frame` to `Frame`; if it takes `threads`, their number is varied too.
    frame : Frame
        A frame that the step can be applied to.
    height : int
        Rows of a tile.
    width : int, optional
        Columns of a tile; None for whole rows, for steps in which pixels of a row depend on each
        other.

    Raises
    ------
    AssertionError
        If a pixel differs by a bit.
    """
    whole = step(frame)
    rows, columns = frame.pixels.shape
    wide = columns if width is None else width
    around = (attrs.evolve(frame, collateral=()), *frame.collateral)
    for r in range(0, rows, height):
        for c in range(0, columns, wide):
            here = np.s_[r : r + height, c : c + wide]
            tile = attrs.evolve(
                frame,
                pixels=frame.pixels[here],
                row=frame.row + r,
                column=frame.column + c,
                collateral=around,
                smear=None if frame.smear is None else frame.smear[here[1]],
            )
            expected = np.ascontiguousarray(whole.pixels[here]).tobytes()
            assert step(tile).pixels.tobytes() == expected, (
                f"{step!r} returns other values in the tile that starts at row {r}, column {c}"
            )
    if "threads" in inspect.signature(step).parameters:
        for threads in (2, 3):
            threaded = step(frame, threads=threads)  # type: ignore[call-arg]
            assert _fingerprint(threaded) == _fingerprint(whole), (
                f"{step!r} returns other values with {threads} threads"
            )


def assert_checked(step: AnyStep, frame: Frame) -> None:
    """Assert that a step refuses the wrong unit and a second application.

    Parameters
    ----------
    step : callable
        From `Frame` to `Frame`.
    frame : Frame
        A frame that the step can be applied to.

    Raises
    ------
    AssertionError
        If it does not raise `ValueError` in these cases.
    """
    wrong = attrs.evolve(frame, unit=ELECTRON if frame.unit == ADU else ADU)
    for refused, why in ((wrong, f"to pixels in {wrong.unit}"), (step(frame), "a second time")):
        try:
            step(refused)
        except ValueError:
            continue
        raise AssertionError(f"{step!r} can be applied {why}")


def assert_same_frame(left: Frame, right: Frame) -> None:
    """Assert that two frames are identical, bit for bit, in all fields.

    Parameters
    ----------
    left, right : Frame
        Two frames.

    Raises
    ------
    AssertionError
        If anything differs.
    """
    for field in attrs.fields(Frame):
        a, b = getattr(left, field.name), getattr(right, field.name)
        assert _fingerprint(a) == _fingerprint(b), f"{field.name}: {a!r} is not {b!r}"


def _largest(pixels: Array) -> float:
    finite = np.abs(pixels[np.isfinite(pixels)].astype(np.float64))
    return float(finite.max(initial=0.0))


def _parts(thing: Any) -> list[Any]:
    """Contents of a record, a container, a partial or a closure."""
    if isinstance(thing, Mapping):
        return [*thing.keys(), *thing.values()]
    if isinstance(thing, tuple | list):
        return list(thing)
    if attrs.has(type(thing)):
        return [getattr(thing, field.name) for field in attrs.fields(type(thing))]
    if isinstance(thing, functools.partial):
        return [thing.func, *thing.args, *thing.keywords.values()]
    if isinstance(thing, types.MethodType):
        return [thing.__self__]
    if isinstance(thing, types.FunctionType):
        cells = [cell.cell_contents for cell in thing.__closure__ or ()]
        return [*cells, *(thing.__defaults__ or ())]
    return []


def _leaves(thing: Any, above: tuple[int, ...] = ()) -> Iterator[Any]:
    """All contents of an object, down to arrays, numbers and strings."""
    parts = _parts(thing)
    if not parts:
        yield thing
    elif id(thing) not in above:  # A function may refer to itself.
        for part in parts:
            yield from _leaves(part, (*above, id(thing)))


def _arrays(thing: Any) -> Iterator[Array]:
    return (leaf for leaf in _leaves(thing) if isinstance(leaf, np.ndarray))


def _fingerprint(thing: Any) -> str:
    digest = hashlib.blake2b()
    for leaf in _leaves(thing):
        if isinstance(leaf, np.ndarray):
            digest.update(f"{leaf.dtype}{leaf.shape}".encode())
            # A checksum suffices to detect changes, and is faster than a hash of a whole model.
            digest.update(zlib.crc32(np.ascontiguousarray(leaf).data).to_bytes(4, "little"))
        else:
            digest.update(repr(leaf).encode())
        digest.update(b"\0")
    return digest.hexdigest()
