"""Smear and pedestal on the real Sirius cadences: the tables of docs/smear.md and docs/steps.md.

Run as ``python -m benchmarks.sirius``.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from astropy.io import fits

import tica_fn
from benchmarks.uncertainty import DOCS, EXAMPLE, LIVE_S, sirius
from tica_fn.models import Models
from tica_fn.steps.row_pedestal import measure_row_pedestals

QUIET = slice(0, 200)
"""Rows of the stamp, 762 to 961, where no column is saturated."""


def _calibrated(models: Models, frames: list[tica_fn.Frame], smear: object) -> list[tica_fn.Frame]:
    pipeline = tica_fn.compose(
        tica_fn.subtract_bias(models),
        tica_fn.subtract_row_pedestal(),
        tica_fn.apply_gain(models),
        tica_fn.correct_linearity(models),
        tica_fn.correct_undershoot(models),
        smear,
        tica_fn.divide_flat(models),
        tica_fn.divide_live_time(),
    )
    return [pipeline(frame) for frame in frames]


def columns_of_sirius(models: Models, frames: list[tica_fn.Frame]) -> Iterator[str]:
    """Table of smear and sky, column by column."""
    robust = _calibrated(models, frames, tica_fn.subtract_robust_smear(models))
    median = _calibrated(models, frames, tica_fn.subtract_smear())
    flux = fits.getdata(next(EXAMPLE.glob("*_tp.fits.gz")), 1)["FLUX"][:9].astype(np.float64)
    smears = np.array([out.smear for out in robust]) / LIVE_S
    medians = np.array([out.smear for out in median]) / LIVE_S

    def dark(pixels: np.ndarray) -> float:
        return float(np.percentile(pixels[QUIET], 20))

    heads = ("column", "median of its smear rows", "robust smear", "scatter over cadences")
    heads += ("sky, median", "sky, mission", "sky, robust", "robust sky along the column")
    yield f"| {' | '.join(heads)} |"
    yield "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |"
    for c in range(11):
        skies = [np.mean([dark(x.pixels[:, c]) for x in each]) for each in (median, robust)]
        mission = np.mean([dark(one[:, c]) for one in flux])
        parts = [slice(0, 200), slice(200, 400), slice(400, 600), slice(1087, 1287)]
        along = [
            np.mean([np.percentile(out.pixels[part, c], 20) for out in robust]) for part in parts
        ]
        words = " ".join(f"{x:.0f}" if x < 2000 else "star" for x in along)
        yield (
            f"| {675 + c} | {medians[:, c].mean():,.0f} | {smears[:, c].mean():,.1f} "
            f"| {smears[:, c].std():.1f} | {skies[0]:,.0f} | {mission:,.0f} | {skies[1]:.0f} "
            f"| {words} |"
        )
    spoilt = tica_fn.find_contaminated_columns(robust[0].collateral[0], models)
    same = np.array_equal(
        robust[0].collateral[0].smear[~spoilt], median[0].collateral[0].smear[~spoilt]
    )
    yield ""
    yield f"Of the 512 columns of amplifier B {spoilt.sum()} are contaminated; in the other "
    yield f"{(~spoilt).sum()} both smears are the same bit for bit: {same}."


def rows_of_virtual_columns(models: Models, frames: list[tica_fn.Frame]) -> Iterator[str]:
    """Table of the residuals in the overclocks, by row."""
    tvcol = next(EXAMPLE.glob("*tvcol*"))
    with fits.open(tvcol) as opened:
        table = opened[1].data
        spoc = dict(zip(table["CADENCENO"].tolist(), table["TVCOL_CAL"], strict=True))
    biased = [tica_fn.subtract_bias(models)(frame) for frame in frames]
    left = {
        name: np.mean([step(frame).collateral[1].pixels for frame in biased], axis=0) / 48
        for name, step in (
            ("one", tica_fn.subtract_pedestal()),
            ("row", tica_fn.subtract_row_pedestal()),
        )
    }
    # TVCOL_CAL is in ADU per second of live time, whatever its header says.
    mission = np.mean([spoc[frame.cadence] for frame in frames], axis=0) * 1.98
    yield "| rows | one number per amplifier | smooth in row | mission (`TVCOL_CAL`) |"
    yield "| --- | ---: | ---: | ---: |"
    edges = [0, 20, 250, 500, 750, 1000, 1500, 2048, 2078]
    for first, last in itertools.pairwise(edges):
        ours = [left[name][first:last, 3:].mean() for name in ("one", "row")]
        theirs = mission[first:last].mean()
        yield f"| {first + 1}-{last} | {ours[0]:+.3f} | {ours[1]:+.3f} | {theirs:+.3f} |"
    orders = [int(measure_row_pedestals(frame)[1][1]) for frame in biased]
    yield ""
    yield f"Orders chosen in the nine cadences: {', '.join(map(str, orders))}. ADU per read, mean"
    yield "over nine cadences, good to 0.001 to 0.003. Ours are means over the last 8 overclock"
    yield "columns, as for the pedestal; the mission's are over all 11, as for its own."


def rows_of_smear(models: Models, frames: list[tica_fn.Frame]) -> Iterator[str]:
    """Table of the smear rows' scatter about their column, compared with the mission's."""
    smrow = next(EXAMPLE.glob("*smrow*"))
    with fits.open(smrow) as opened:
        table = opened[1].data
        spoc = dict(zip(table["CADENCENO"].tolist(), table["SMROW_CAL"], strict=True))
    here = np.s_[:, 250:500]
    theirs = np.mean([spoc[frame.cadence][here] for frame in frames], axis=0)
    yield "| row | mission (`SMROW_CAL`) | one number per amplifier | smooth in row |"
    yield "| ---: | ---: | ---: | ---: |"
    ours = []
    for pedestal in (tica_fn.subtract_pedestal(), tica_fn.subtract_row_pedestal()):
        pipeline = tica_fn.compose(
            tica_fn.subtract_bias(models),
            pedestal,
            tica_fn.apply_gain(models),
            tica_fn.correct_linearity(models),
        )
        done = [pipeline(frame).collateral[0].pixels[here] / LIVE_S for frame in frames]
        ours.append(np.mean(done, axis=0))
    for r in range(10):
        yield (
            f"| {2059 + r} | {theirs[r].mean():+.3f} | {ours[0][r].mean():+.3f} "
            f"| {ours[1][r].mean():+.3f} |"
        )
    yield ""
    yield "e-/s, mean over columns 807 to 1056 and nine cadences; the mission's without smear, ours"
    yield "with it."


def main() -> None:
    """Print the tables, and write them where the documentation includes them."""
    models, frames = sirius()
    for name, make in (
        ("smear_sirius.md", columns_of_sirius),
        ("pedestal_rows.md", rows_of_virtual_columns),
        ("pedestal_smear_rows.md", rows_of_smear),
    ):
        text = "\n".join([*make(models, frames), ""])
        print(text)
        (DOCS / "tables" / name).write_text(text)


if __name__ == "__main__":
    main()
