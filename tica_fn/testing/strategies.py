"""Hypothesis strategies: frames, models, headers and star fields for testing steps.

Frames are small pieces of a readout, with their overclock columns and smear rows as collateral, so
that every step runs in microseconds; whole readouts are generated from a seed.
"""

from __future__ import annotations

import functools
from typing import Any

import attrs
import numpy as np

from tica_fn.detector import (
    AMPLIFIER_COLUMNS,
    COLUMNS,
    OVERCLOCK_COLUMNS,
    PEDESTAL_COLUMNS,
    PEDESTAL_FIRST_ROW,
    ROWS,
    SCIENCE_COLUMNS,
    SHAPE,
    SMEAR_ROWS,
    VIRTUAL_COLUMNS,
    amplifier_of_columns,
    amplifiers,
)
from tica_fn.frame import ADU, Frame
from tica_fn.immutable import Array, frozen_array
from tica_fn.models import Models, neutral_models
from tica_fn.simulate import Stars

try:
    from hypothesis import strategies as st
    from hypothesis.extra.numpy import arrays
except ImportError as error:
    raise ImportError("the strategies need hypothesis: pip install 'tica-fn[testing]'") from error

__all__ = ["EXPOSURES_S", "frames", "frames_with_models", "headers", "models", "star_fields"]

EXPOSURES_S = (1800, 600, 200, 120, 20)
"""Exposure times of the mission, seconds."""

_SEEDS = 4
"""Number of different models per CCD; each is made once."""

_EDGES = sorted(
    {
        *(SCIENCE_COLUMNS[0] + k * AMPLIFIER_COLUMNS for k in range(5)),
        *(k * VIRTUAL_COLUMNS for k in range(5)),
        *(OVERCLOCK_COLUMNS[0] + k * VIRTUAL_COLUMNS for k in range(4)),
    }
)
"""First columns of an amplifier's parts, where mistakes are likely."""


def _counts(unit: str, dtype: np.dtype[Any], coadds: float) -> Any:
    """Pixel values: zero, ordinary, near full well, a little below zero."""
    full = int((60_000 if unit == ADU else 250_000) * coadds)
    if dtype.kind == "i":
        return st.integers(-1000, full) | st.integers(0, 200)
    high = float(np.float32(full))
    narrow = dtype.itemsize == 4
    return st.floats(-1000.0, high, width=32 if narrow else 64) | st.sampled_from([0.0, 1.0])


@st.composite
def frames(
    draw: st.DrawFn,
    /,
    *,
    unit: str = ADU,
    dtypes: tuple[Any, ...] = (np.int32, np.float32, np.float64),
    camera: int | None = None,
    ccd: int | None = None,
    exposure_s: float | None = None,
    whole: bool = False,
    collateral: bool = True,
    max_side: int = 9,
    elements: Any = None,
) -> Frame:
    """Draw a frame: a small piece of a readout, or a whole one."""
    known: dict[str, Any] = {
        "unit": unit,
        "camera": camera or draw(st.integers(1, 4)),
        "ccd": ccd or draw(st.integers(1, 4)),
        "exposure_s": exposure_s or draw(st.sampled_from(EXPOSURES_S)),
    }
    known["coadds"] = coadds = known["exposure_s"] * 0.4
    dtype = np.dtype(draw(st.sampled_from(dtypes)))
    if whole:
        return Frame(
            pixels=_readout(draw(st.integers(0, _SEEDS - 1)), unit, dtype, coadds), **known
        )
    height, width = draw(st.integers(1, max_side)), draw(st.integers(1, max_side))
    row = draw(st.integers(0, ROWS - height) | st.sampled_from([0, 2048, 2058, ROWS - height]))
    row = min(row, ROWS - height)
    near = st.sampled_from(_EDGES).flatmap(lambda edge: st.integers(edge - width, edge + 1))
    column = min(max(0, draw(near | st.integers(0, COLUMNS - width))), COLUMNS - width)
    values = _counts(unit, dtype, coadds) if elements is None else elements
    pixels = draw(arrays(dtype, (height, width), elements=values))
    frame = Frame(pixels=pixels, row=row, column=column, **known)
    if not collateral:
        return frame
    return attrs.evolve(frame, collateral=_collateral(frame, draw(st.integers(0, 2**32 - 1))))


def _collateral(frame: Frame, seed: int) -> tuple[Frame, ...]:
    """Overclock columns of the amplifiers of a piece, and smear rows of its columns.

    All are cut from one readout, so that overlapping pieces agree.
    """
    random = np.random.default_rng(seed)
    height, width = frame.pixels.shape
    places = [np.s_[SMEAR_ROWS[0] : SMEAR_ROWS[1], frame.column : frame.column + width]]
    for k in np.unique(amplifier_of_columns(frame.column, width)):
        last = OVERCLOCK_COLUMNS[0] + (int(k) + 1) * VIRTUAL_COLUMNS
        places.append(np.s_[PEDESTAL_FIRST_ROW:ROWS, last - PEDESTAL_COLUMNS : last])
    # Memory that is never touched is never allocated, so the whole readout costs nothing.
    readout = np.zeros(SHAPE, dtype=frame.pixels.dtype)
    for place in places:
        shape = readout[place].shape
        readout[place] = random.normal(70.0 * frame.coadds, 9.0 * np.sqrt(frame.coadds), shape)
    own = np.s_[frame.row : frame.row + height, frame.column : frame.column + width]
    readout[own] = frame.pixels
    return tuple(
        attrs.evolve(
            frame, pixels=readout[place], row=place[0].start, column=place[1].start, collateral=()
        )
        for place in places
    )


@functools.lru_cache(maxsize=4)
def _pattern(seed: int) -> Array:
    """Full readout of numbers in [0, 1), most of them small."""
    return np.random.default_rng(seed).random(SHAPE, dtype=np.float32) ** 8


def _readout(seed: int, unit: str, dtype: np.dtype[Any], coadds: float) -> Array:
    full = 60_000 if unit == ADU else 250_000
    return (_pattern(seed) * np.float32(full * coadds) + np.float32(70.0 * coadds)).astype(dtype)


def models(
    *,
    camera: int | None = None,
    ccd: int | None = None,
    exposure_s: float | None = None,
    neutral: bool = False,
) -> Any:
    """Draw calibration models.

    Parameters
    ----------
    camera, ccd : int, optional
        Drawn if not given.
    exposure_s : float, optional
        Exposure time that frames must have; by default any.
    neutral : bool
        Whether to draw models that change nothing.

    Returns
    -------
    strategy of Models
        Gains and linearity are the real ones of the CCD; bias and flat have structure along rows
        and columns.  Models are made once and reused.
    """
    numbers = st.integers(1, 4)
    return st.builds(
        _made_models,
        st.integers(0, _SEEDS - 1),
        st.just(camera) if camera else numbers,
        st.just(ccd) if ccd else numbers,
        st.just(exposure_s),
        st.just(neutral),
    )


@functools.lru_cache(maxsize=_SEEDS)
def _images(seed: int) -> tuple[Array, Array]:
    """Bias and flat: sum and product of a random row and a random column."""
    random = np.random.default_rng(seed)
    bias = random.normal(0, 40, (ROWS, 1)) + random.normal(0, 40, (1, COLUMNS))
    flat = random.normal(1, 0.03, (ROWS, 1)) * random.normal(1, 0.03, (1, COLUMNS))
    return frozen_array(bias, np.float32), frozen_array(flat, np.float32)


@functools.lru_cache(maxsize=256)
def _made_models(
    seed: int, camera: int, ccd: int, exposure_s: float | None, neutral: bool
) -> Models:
    if neutral:
        # The same arrays for all CCDs, since a readout is 18 MB.
        return attrs.evolve(_neutral(), camera=camera, ccd=ccd, exposure_s=exposure_s)
    bias, flat = _images(seed)
    return Models(
        camera=camera,
        ccd=ccd,
        bias=bias,
        flat=flat,
        amplifiers=amplifiers(camera, ccd),
        exposure_s=exposure_s,
        kind="drawn",
    )


@functools.cache
def _neutral() -> Models:
    return neutral_models(1, 1)


@st.composite
def frames_with_models(
    draw: st.DrawFn, /, *, neutral: bool = False, **knobs: Any
) -> tuple[Frame, Models]:
    """Draw a frame and models of its CCD."""
    frame = draw(frames(**knobs))
    found = draw(models(camera=frame.camera, ccd=frame.ccd, neutral=neutral))
    return frame, found


def headers(max_size: int = 12) -> Any:
    """Draw a FITS header's keywords and values.

    Parameters
    ----------
    max_size : int
        Largest number of keywords.

    Returns
    -------
    strategy of dict
        Keywords of up to eight letters, digits, ``-`` and ``_``; values are booleans, integers
        of up to 64 bits, finite floats, and printable ASCII strings without ``'/``, which astropy
        7 writes but cannot read.
    """
    keyword = st.from_regex(r"[A-Z][A-Z0-9_-]{0,7}", fullmatch=True)
    taken = {"SIMPLE", "BITPIX", "NAXIS", "EXTEND", "END", "COMMENT", "HISTORY", "CONTINUE"}
    words = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60).filter(
        lambda text: "'/" not in text  # astropy takes it for the value's end.
    )
    value = (
        st.booleans()
        | st.integers(-(2**63), 2**63 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | words.map(str.rstrip)
    )
    free = keyword.filter(lambda name: name not in taken and not name.startswith("NAXIS"))
    return st.dictionaries(free, value, max_size=max_size)


@st.composite
def star_fields(draw: st.DrawFn, /, *, max_stars: int = 20, margin: float = 5.0) -> Stars:
    """Draw stars on the science pixels and a little beyond."""
    count = draw(st.integers(0, max_stars))

    def column(low: float, high: float) -> Array:
        values = st.floats(low, high, allow_subnormal=False)
        return np.array([draw(values) for _ in range(count)], dtype=np.float64)

    return Stars(
        columns=column(SCIENCE_COLUMNS[0] - margin, SCIENCE_COLUMNS[1] + margin),
        rows=column(-margin, 2048 + margin),
        tmag=column(2.0, 16.0),
    )
