"""The mission's arithmetic compared with its values: tables and picture of docs/mission.md.

Run as ``python -m benchmarks.mission``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import numpy as np

import tica_fn
from benchmarks.uncertainty import DOCS
from tests import inputs, mission
from tica_fn.detector import AMPLIFIERS, CAMERAS, CCDS, amplifiers
from tica_fn.steps.mission_smear import mission_variance

LEVELS = (0.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5, 1e6)
PICTURE = Path(__file__).parents[1] / "docs" / "_static" / "mission.png"


def flux_residuals(calibrated: Any) -> tuple[np.ndarray, np.ndarray]:
    """Light of each pixel; FLUX minus the mission's without a constant per column and cadence."""
    flat = mission.models().flat[mission.PLACES["stamp"]].astype(np.float64)
    spoc = mission.of_mission(inputs.TARGET, "FLUX")
    found = np.array([out.pixels for out in calibrated]) / mission.LIVE_S
    away = (found - spoc) * flat
    constant = np.median(away, axis=1, keepdims=True)
    smear = np.array([out.smear for out in calibrated])[:, None] / mission.LIVE_S
    return found + smear / flat, (away - constant) / flat


def _row(name: str, away: np.ndarray) -> str:
    size = np.abs(away)
    return (
        f"| {name} | {away.size:,} | {np.median(size):.1e} | {np.percentile(size, 95):.1e} | "
        f"{size.max():.1e} |"
    )


_HEAD = ("| | values | MAD | 95 % within | largest |", "| --- | ---: | ---: | ---: | ---: |")


def flux_table() -> Iterator[str]:
    """FLUX by level, in both arithmetics."""
    yield "| light of the pixel, e-/s | values | MAD | 95 % within | largest | MAD with TICA's |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    light, away = flux_residuals(mission.calibrated())
    _, tica = flux_residuals(of_tica())
    for low, high in itertools.pairwise(LEVELS):
        here = (light >= low) & (light < high)
        row = _row(f"{low:,.0f} to {high:,.0f}", away[here])
        yield f"{row} {np.median(np.abs(tica[here])):.2g} |"
    yield f"{_row('all', away)} {np.median(np.abs(tica)):.2g} |"


def of_tica() -> list[tica_fn.Frame]:
    """The same cadences with TICA's arithmetic."""
    steps = tica_fn.standard_steps(mission.models())
    return [steps(frame) for frame in mission.frames()]


def collateral_table() -> Iterator[str]:
    """SMROW_CAL's smear by level, and TVCOL_CAL."""
    yield from _HEAD
    raw = mission.of_mission(inputs.SMROW, "SMROW_CAL")[:, 1:]
    pieces = [out.collateral[1] for out in mission.calibrated()]
    before = np.array([(p.pixels + p.smear)[1:] for p in pieces]) / mission.LIVE_S
    spoc = np.median(before - raw, axis=1)
    for told in (True, False):
        found = np.array([out.collateral[1].smear for out in mission.calibrated(told)])
        away = found / mission.LIVE_S - spoc
        how = "" if told else ", without TVCOL_CAL"
        for low, high in ((0.0, 50.0), (50.0, 200.0)):
            here = (spoc >= low) & (spoc < high)
            yield _row(f"smear, {low:.0f} to {high:.0f} e-/s{how}", away[here])
        here = spoc >= 200.0
        relative = (away / spoc)[here]
        yield _row(f"smear above 200 e-/s, relative{how}", relative)
    for told in (True, False):
        adu = []
        for out in mission.calibrated(told):
            piece = out.collateral[0]
            flat = mission.models().flat[mission.PLACES["overclocks"]].astype(np.float64)
            gain = mission.models().amplifiers.gain[1]
            adu.append((piece.pixels * flat + piece.smear) / gain / mission.LIVE_S)
        away = np.array(adu) - mission.of_mission(inputs.TVCOL, "TVCOL_CAL")
        yield _row(f"TVCOL_CAL, ADU/s{'' if told else ', profile and mean'}", away)


def errors_table() -> Iterator[str]:
    """Errors from the formula divided by the mission's, minus one."""
    models = mission.models()
    smrow = mission.of_mission(inputs.SMROW, "SMROW_ERR")
    tvcol = mission.of_mission(inputs.TVCOL, "TVCOL_ERR")
    first, others, spoilt = [], [], []
    for n, out in enumerate(mission.calibrated()):
        before = tica_fn.inverse(tica_fn.divide_flat(models))(out)
        before = tica_fn.inverse(tica_fn.subtract_mission_smear(models))(before)
        piece = attrs.evolve(before.collateral[1], header=out.header)
        own = mission_variance(piece, models, slice(0, 10)) / mission.LIVE_S**2
        first.append(np.sqrt(own[0]) / smrow[n, 0] - 1.0)
        fitted = out.collateral[1].smear_variance / mission.LIVE_S**2
        ratio = np.sqrt(own[1:] + fitted) / smrow[n, 1:] - 1.0
        bright = out.collateral[1].smear / mission.LIVE_S > 200.0
        others.append(ratio[:, ~bright].ravel())
        spoilt.append(ratio[:, bright].ravel())
    header = mission.frames()[0].header
    sigma = models.black_sigma[mission.PLACES["overclocks"]].astype(np.float64)
    noise = header["READNOIB"] / header["GAINB"]
    adu = np.sqrt(48 * (noise**2 + 1 / 12 + sigma**2) + 64 / 12) / mission.LIVE_S
    yield from _HEAD
    yield _row("TVCOL_ERR", (adu / tvcol - 1.0).ravel())
    yield _row("SMROW_ERR, row 2059 (no smear subtracted)", np.concatenate(first))
    yield _row("SMROW_ERR, other rows, smear under 200 e-/s", np.concatenate(others))
    yield _row("SMROW_ERR, other rows, smear over 200 e-/s", np.concatenate(spoilt))


def undershoot_table() -> Iterator[str]:
    """Difference of FLUX as a fraction of the light of the pixel read before, by column."""
    yield "| column | FLUX less ours without undershoot, over the light of the pixel read before |"
    yield "| ---: | ---: |"
    flat = mission.models().flat[mission.PLACES["stamp"]].astype(np.float64)
    spoc = mission.of_mission(inputs.TARGET, "FLUX")[0] * flat
    out = mission.calibrated()[0]
    found = out.pixels * flat / mission.LIVE_S
    light = found + out.smear / mission.LIVE_S
    for c in range(found.shape[1] - 1):
        table = np.stack([np.ones(len(found)), light[:, c + 1]], axis=1)
        fitted, *_ = np.linalg.lstsq(table, spoc[:, c] - found[:, c], rcond=None)
        yield f"| {675 + c} | {fitted[1]:+.0e} |"


def linearity_table() -> Iterator[str]:
    """TICA's linearity minus the mission's, by amplifier, per cent."""
    levels = (1000.0, 5000.0, 10_000.0, 20_000.0, 30_000.0)
    heads = ("camera", "CCD", "amplifier", *(f"{x:,.0f}" for x in levels))
    yield f"| {' | '.join(heads)} | most | least | range, ADU |"
    yield "|" + " ---: |" * (len(heads) + 3)
    table = []
    for camera, ccd in itertools.product(CAMERAS, CCDS):
        k = amplifiers(camera, ccd)
        for a, letter in enumerate(AMPLIFIERS):
            top = float(k.max_domain_adu[a])
            counts = np.array([*levels, *np.linspace(100.0, top, 2000)])
            x = (counts - k.lin_origin[a]) * k.lin_scale[a]
            theirs = k.spoc_c0[a] + k.spoc_c1[a] * x + k.spoc_c2[a] * x**2
            x = (counts / 0.99 - k.lin_origin[a]) * k.lin_scale[a]
            ours = k.lin_c0[a] + k.lin_c1[a] * x + k.lin_c2[a] * x**2
            apart = 100.0 * (ours / theirs - 1.0)
            whole = apart[len(levels) :]
            table.append([*apart[: len(levels)], whole.max(), whole.min()])
            cells = [f"{value:+.2f}" for value in table[-1]]
            yield f"| {camera} | {ccd} | {letter} | {' | '.join(cells)} | {top:,.0f} |"
    middle = [f"{value:+.2f}" for value in np.median(table, axis=0)]
    yield f"| | | median | {' | '.join(middle)} | |"


def draw() -> None:
    """Draw FLUX minus the mission's against the light, for both arithmetics."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, 4.2), layout="constrained")
    ax = figure.subplots()
    for name, frames, colour in (
        ("TICA's arithmetic", of_tica(), "tab:orange"),
        ("the mission's arithmetic (--like spoc)", mission.calibrated(), "tab:blue"),
    ):
        light, away = flux_residuals(frames)
        ax.plot(
            light.ravel(), np.maximum(np.abs(away.ravel()), 1e-6), ".", ms=1.5, color=colour,
            alpha=0.3, label=name, rasterized=True,
        )  # fmt: skip
    ax.axhline(0.01, color="black", lw=0.8, ls="--")
    ax.text(4e3, 0.013, "0.01 e-/s")
    ax.set(
        xscale="log", yscale="log", xlim=(100.0, 2e5), ylim=(1e-6, 1e5),
        xlabel="light of the pixel, smear included, e-/s",
        ylabel="| FLUX less SPOC's |, e-/s",
        title="Sirius, sector 6: 127,413 pixels, one constant per column and cadence taken off",
    )  # fmt: skip
    ax.legend(loc="upper left", markerscale=8.0)
    figure.savefig(PICTURE, dpi=110)


def main() -> None:
    """Make the tables and the picture, and print the tables."""
    tables = {
        "flux": flux_table,
        "collateral": collateral_table,
        "errors": errors_table,
        "undershoot": undershoot_table,
        "linearity": linearity_table,
    }
    for name, make in tables.items():
        rows = list(make())
        print("\n".join(rows), flush=True)
        (DOCS / "tables" / f"mission_{name}.md").write_text("\n".join([*rows, ""]))
    draw()


if __name__ == "__main__":
    main()
