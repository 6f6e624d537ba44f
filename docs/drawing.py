"""Shared parts of the pages' figures: one simulated raw frame, made once per build."""

from __future__ import annotations

import tempfile
from functools import cache
from importlib.resources import as_file, files
from typing import Any

import attrs
from matplotlib import pyplot

import tica_fn
from tica_fn.simulate import Simulated, full_frame, write_spoc_raw
from tica_fn.views.picture import norm_of

SCIENCE = (slice(0, 2048), slice(44, 2092))
SIRIUS = "tess2018349182459-s0006-0000000322899250-0126-s_tp.fits.gz"


@cache
def models() -> tica_fn.Models:
    """The real models of camera 2 CCD 3."""
    with as_file(files("tica_fn") / "data" / "example") as folder:
        return tica_fn.load_models(folder, camera=2, ccd=3)


@cache
def simulated() -> Simulated:
    """A 30-minute frame of sector 6, camera 2, CCD 3: real stars, real models, known truth."""
    return full_frame(models(), sector=6, exposure_s=1800.0, seed=1)


@cache
def raw() -> tica_fn.Frame:
    """The simulated frame, read from a file in the mission's format, with its WCS."""
    with tempfile.TemporaryDirectory() as folder:
        return tica_fn.read(write_spoc_raw(simulated().frame, folder))


@cache
def after(*names: str) -> tica_fn.Frame:
    """The frame after some of the six steps, in their order."""
    steps = [step for step in tica_fn.standard_steps(models()).steps if step.name in names]
    return tica_fn.compose(*steps)(raw())


STEPS = (
    "subtract_bias", "subtract_pedestal", "apply_gain", "correct_linearity", "subtract_smear",
    "divide_flat",
)  # fmt: skip


def until(last: str | None) -> tica_fn.Frame:
    """The frame after all steps up to the given one; the raw frame for None."""
    if last is None:
        return raw()
    return after(*STEPS[: STEPS.index(last) + 1])


def show(ax: Any, frame: tica_fn.Frame, title: str) -> None:
    """Draw a full readout, with a grey scale for its science pixels."""
    norm = norm_of(frame[SCIENCE]) if frame.shape == (2078, 2136) else None
    frame.plot(ax, norm=norm)
    ax.set_title(title)


def before_and_after(step: str) -> Any:
    """Draw the whole readout before and after a step."""
    place = STEPS.index(step)
    frames = [until(STEPS[place - 1] if place else None), until(step)]
    figure, axes = pyplot.subplots(1, 2, figsize=(10.0, 4.4))
    for ax, frame, word in zip(axes, frames, ("before", "after"), strict=True):
        show(ax, frame, f"{word} {step}")
    return figure


@cache
def sirius() -> tuple[tica_fn.Frame, tica_fn.Frame, tica_fn.Frame]:
    """The first cadence of the real example: raw, standard and robust smear, electron / s."""
    from tica_fn.fits.collateral import find_collateral, read_collateral

    with as_file(files("tica_fn") / "data" / "example") as folder:
        target = tica_fn.read_target(folder / SIRIUS)
        found = find_collateral(
            folder / SIRIUS, (folder,), camera=2, ccd=3, sector=6,
            amplifiers=target.amplifiers, kinds=("tvcol", "smrow"),
        )  # fmt: skip
        raw = next(iter(target.frames(tuple(read_collateral(path) for path in found))))
    known = models()
    standard = tica_fn.calibrate(raw, known)
    robust = tica_fn.compose(
        *[
            tica_fn.subtract_robust_smear(known) if step.name == "subtract_smear" else step
            for step in tica_fn.standard_steps(known).steps
        ]
    )(raw)
    return raw, *(
        attrs.evolve(one, pixels=one.pixels / one.live_s, unit="electron / s", variance=None)
        for one in (standard, robust)
    )
