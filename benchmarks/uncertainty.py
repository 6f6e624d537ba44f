"""Variance compared with drawn reads and with the mission's errors: tables of docs/uncertainty.md.

Run as ``python -m benchmarks.uncertainty``.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import numpy as np
from astropy.io import fits

import tica_fn
from tica_fn.fits.collateral import read_collateral
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.simulate.montecarlo import scatter_of_errors

DOCS = Path(__file__).parents[1] / "docs"
EXAMPLE = Path(str(files("tica_fn").joinpath("data/example")))
LIVE_S = 48 * 1.98
FLATTEST = slice(250, 500)
"""Columns of the smear rows far from Sirius, counted in amplifier B."""


def sirius() -> tuple[Models, list[tica_fn.Frame]]:
    """Models of camera 2 CCD 3, and the nine real cadences with collateral."""
    models = tica_fn.load_models(EXAMPLE, 2, 3)
    kinds = ("smrow", "tvcol")
    collateral = tuple(read_collateral(next(EXAMPLE.glob(f"*{kind}*"))) for kind in kinds)
    target = tica_fn.read_target(next(EXAMPLE.glob("*_tp.fits.gz")))
    return models, list(target.frames(collateral))[:9]


def drawn_reads(models: Models, trials: int = 60) -> Iterator[str]:
    """Table of the Monte Carlo over the inverse pipeline."""
    kept = scatter_of_errors(models, trials=trials)
    rounded = scatter_of_errors(models, trials=trials, quantum=1.0, growth=0.0, seed=2)
    yield "| sky [e- per read] | estimated sigma [e-] | ratio | mean | unquantised ratio |"
    yield "| ---: | ---: | ---: | ---: | ---: |"
    for one, plain in zip(kept, rounded, strict=True):
        yield (
            f"| {one.level:,.0f} | {one.sigma:,.1f} | {one.ratio:.3f} | {one.bias:+.3f} "
            f"| {plain.ratio:.3f} |"
        )
    yield ""
    yield f"{kept[0].pixels:,} errors per level; 48 of 60 reads kept, 7.63 e- read noise, smear"
    yield "up to 20 e- per read, the real models of camera 2 CCD 3."


def _mission(kind: str, column: str) -> Array:
    with fits.open(next(EXAMPLE.glob(f"*{kind}*"))) as opened:
        return np.asarray(opened[1].data[column], dtype=np.float64)


def mission_errors(models: Models, frames: list[tica_fn.Frame]) -> Iterator[str]:
    """Table of the mission's errors, ours, and the actual scatter of the pixels."""
    pipeline = tica_fn.compose(tica_fn.standard_steps(models), tica_fn.estimate_variance(models))
    done = [pipeline(frame) for frame in frames]
    smear_rows = [out.collateral[0] for out in done]
    rates = np.array([piece.pixels for piece in smear_rows])[:, :, FLATTEST] / LIVE_S
    stated = np.sqrt([np.median(p.variance[:, FLATTEST], axis=1) for p in smear_rows]) / LIVE_S
    spoc = np.median(_mission("smrow", "SMROW_ERR")[:, :, FLATTEST], axis=2)
    scatter = np.sqrt(np.median(rates.var(axis=0, ddof=1), axis=1) / _MEDIAN_OF_VARIANCE)
    yield "| pixels | mission's error | ours | scatter from cadence to cadence |"
    yield "| --- | ---: | ---: | ---: |"
    for what, rows in (("2059-2061, not in the median", [0, 1, 2]), ("2062-2068", range(3, 10))):
        here = list(rows)
        yield (
            f"| smear rows {what}, e-/s (`SMROW_ERR`) | {spoc[:, here].mean():.3f} "
            f"| {stated[:, here].mean():.3f} | {scatter[here].mean():.3f} |"
        )
    raw = _mission("tvcol", "TVCOL_RAW")[:, 750:, 3:]
    noise = tica_fn.measure_noise(frames[0], models)
    gain = models.amplifiers.gain[1]
    sigma = np.sqrt(noise.trimming * 48 * (7.627 / gain) ** 2 + noise.quantum_adu**2 / 12)
    error = np.median(_mission("tvcol", "TVCOL_ERR")) * LIVE_S
    along = np.sqrt(np.median((np.diff(raw, axis=1) ** 2).mean(axis=(1, 2))) / 2)
    yield (
        f"| virtual columns, ADU (`TVCOL_ERR`) | {error:.2f} | {sigma:.2f} (header's read noise) "
        f"| {along:.2f} (from row to row) |"
    )
    flux_error = fits.getdata(next(EXAMPLE.glob("*_tp.fits.gz")), 1)["FLUX_ERR"]
    share = np.isfinite(flux_error).mean()
    yield (
        f"| target pixels (`FLUX_ERR`) | {'not a number in the file' if share == 0 else share} "
        f"| {_faint(done, stated=True):.2f} e-/s | {_faint(done, stated=False):.2f} e-/s "
        "(column 675, darkest fifth) |"
    )
    yield ""
    read_noise = ", ".join(
        f"{tica_fn.measure_noise(f, models).read_noise[1]:.2f}" for f in frames[:3]
    )
    yield f"Read noise of amplifier B measured in the first three frames: {read_noise} e-; the"
    yield "header says 7.63 e-."


_MEDIAN_OF_VARIANCE = 0.918
"""Median of the variance of nine normal numbers over its mean (chi-square of eight)."""


def _faint(done: list[tica_fn.Frame], *, stated: bool) -> float:
    """Error of the darkest pixels of the stamp's first column, without the shared error."""
    pixels = np.array([out.pixels[:, 0] for out in done]) / LIVE_S
    dark = pixels.mean(axis=0) < np.percentile(pixels.mean(axis=0), 20)
    if stated:
        own = [out.variance[dark, 0] - out.smear_variance[0] for out in done]
        return float(np.sqrt(np.mean(own)) / LIVE_S)
    level = pixels[:, dark] - np.median(pixels[:, dark], axis=1)[:, None]
    return float(np.sqrt(np.median(level.var(axis=0, ddof=1)) / _MEDIAN_OF_VARIANCE))


def main() -> None:
    """Print both tables, and write them where the documentation includes them."""
    models, frames = sirius()
    for name, rows in (
        ("uncertainty_drawn.md", drawn_reads(models)),
        ("uncertainty_mission.md", mission_errors(models, frames)),
    ):
        text = "\n".join([*rows, ""])
        print(text)
        (DOCS / "tables" / name).write_text(text)


if __name__ == "__main__":
    main()
