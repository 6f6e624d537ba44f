"""Pictures and tables of frames."""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path

import attrs
import numpy as np

from tica_fn.detector import (
    AMPLIFIER_COLUMNS,
    AMPLIFIERS,
    OVERCLOCK_COLUMNS,
    ROWS,
    SCIENCE_COLUMNS,
    SCIENCE_ROWS,
    VIRTUAL_COLUMNS,
)
from tica_fn.errors import keep_notes, tell_note
from tica_fn.fits.batch import DONE, Outcome
from tica_fn.fits.files import read_ccds
from tica_fn.fits.names import stem_of
from tica_fn.frame import Frame
from tica_fn.immutable import Array
from tica_fn.kernels.medians import MAD_TO_SIGMA
from tica_fn.products.ccd_figures import draw_ccd
from tica_fn.products.ccd_report import AmplifierNumbers, numbers_of
from tica_fn.products.frame_picture import save_picture
from tica_fn.quality.frame_flags import pedestals_out_of_family
from tica_fn.wcs.stated import NOT_AS_STATED, fault_of_solution

__all__ = [
    "MeasuredPedestals",
    "amplifier_table",
    "pedestal_remarks",
    "picture_of",
    "report_file",
    "robust_scatter",
    "save_picture",
]


def robust_scatter(values: Array, middle: float = math.nan) -> float:
    """Scatter of values about their median, or a given `middle`, as a standard deviation."""
    if math.isnan(middle):
        middle = np.nanmedian(values)
    return float(MAD_TO_SIGMA * np.nanmedian(np.abs(values - middle)))


def amplifier_table(frame: Frame) -> list[str]:
    """Lines of a table with levels and scatter of each amplifier."""
    names = f"{'':3s} {'median':>12s} {'scatter':>10s} {'overclock':>12s} {'pedestal':>13s}"
    lines = [f"{names}  [{frame.unit}; pedestal in adu]"]
    for a, letter in enumerate(AMPLIFIERS):
        first = SCIENCE_COLUMNS[0] + a * AMPLIFIER_COLUMNS
        science = _part(frame, SCIENCE_ROWS, (first, first + AMPLIFIER_COLUMNS))
        last = OVERCLOCK_COLUMNS[0] + VIRTUAL_COLUMNS * (a + 1)
        overclock = _part(frame, (0, ROWS), (last - 8, last))
        pedestal = np.nan if frame.pedestals is None else frame.pedestals[a]
        middle = _median(science)
        lines.append(
            f"{letter:3s} {middle:12.2f} {robust_scatter(science, middle):10.2f} "
            f"{_median(overclock):12.2f} {pedestal:13.2f}"
        )
    return lines


@attrs.frozen(kw_only=True)
class MeasuredPedestals:
    """Pedestals of one frame, and what identifies comparable frames."""

    source: str
    name: str
    exposure_s: float
    coadds: float
    pedestals: tuple[float, ...]


def pedestal_remarks(measured: Iterable[MeasuredPedestals]) -> list[str]:
    """Sentences about pedestals that are far from those of the other frames."""
    families: dict[tuple[str, float, float], list[MeasuredPedestals]] = {}
    for one in measured:
        families.setdefault((one.name, one.exposure_s, one.coadds), []).append(one)
    said = []
    for (name, _, coadds), family in families.items():
        values = np.array([one.pedestals for one in family])
        for k, a in np.argwhere(pedestals_out_of_family(values, coadds)):
            middle = np.nanmedian(np.delete(values[:, a], k))
            said.append(
                f"{family[k].source}: pedestal {AMPLIFIERS[a]} of {name} is out of family: "
                f"{values[k, a]:.2f} adu, others {middle:.2f}"
            )
    return said


def picture_of(path: Path, outdir: Path) -> Path:
    """Path of the first picture of a file."""
    return outdir / f"{stem_of(path)}.png"


def report_file(
    path: Path, outdir: Path
) -> tuple[Outcome, list[MeasuredPedestals], list[AmplifierNumbers]]:
    """Draw and tabulate the frames of a file; return the outcome, pedestals and numbers."""
    with keep_notes() as notes:
        outcome, measured, numbers = _reported(path, picture_of(path, outdir))
    return attrs.evolve(outcome, notes=tuple(notes)), measured, numbers


def _reported(
    path: Path, target: Path
) -> tuple[Outcome, list[MeasuredPedestals], list[AmplifierNumbers]]:
    frames = read_ccds(path)
    stem = stem_of(path)
    named = [(path.name, frames[0])]
    if len(frames) > 1:
        named = [(frame.name, frame) for frame in frames]
    lines, measured = [], []
    for frame in frames:
        steps = ", ".join(frame.steps) or "none"
        lines.append(f"{path}: {frame.name}, {frame.exposure_s:g} s, steps: {steps}")
        lines += amplifier_table(frame)
        fault = fault_of_solution(frame.header)
        if fault:
            tell_note(f"{path}: {NOT_AS_STATED}: {fault}")
        if frame.pedestals is not None:
            one = MeasuredPedestals(
                source=str(path),
                name=frame.name,
                exposure_s=frame.exposure_s,
                coadds=frame.coadds,
                pedestals=tuple(frame.pedestals.tolist()),
            )
            measured.append(one)
    pictures = [save_picture(named, target, path.name * (len(named) > 1))]
    numbers = []
    for frame in frames:
        own = target if len(frames) == 1 else target.with_name(f"{stem}_ccd{frame.ccd}.png")
        pictures += draw_ccd(frame, own, f"{path.name}, {frame.name}")
        numbers += numbers_of(frame, path.name)
    lines += [f"picture: {picture}" for picture in pictures]
    outcome = Outcome(
        source=path, state=DONE, outputs=tuple(pictures), frames=len(frames), lines=tuple(lines)
    )
    return outcome, measured, numbers


def _part(frame: Frame, rows: tuple[int, int], columns: tuple[int, int]) -> Array:
    """The frame's pixels in a part of the readout."""
    place = zip((rows, columns), (frame.row, frame.column), frame.shape, strict=True)
    ranges = [
        slice(*(min(max(edge - start, 0), size) for edge in edges)) for edges, start, size in place
    ]
    return frame.pixels[tuple(ranges)]


def _median(values: Array) -> float:
    return float(np.median(values)) if values.size else math.nan
