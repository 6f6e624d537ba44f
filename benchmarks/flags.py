"""Precision and recall of every pixel flag, on frames from an independent generator.

``python -m benchmarks.flags`` makes the frames (`benchmarks.flags_sky`, which shares no code with
the package: a crowded field of 20,000 stars, 200 s, every 2 s read drawn, cosmic rays as tracks
through the silicon, with and without on-board mitigation), flags them, and writes the tables of
``docs/quality.md``.  It takes ten minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import numpy as np

from benchmarks import flags_sky
from tica_fn import (
    Frame,
    build_bad_pixels,
    calibrate,
    estimate_variance,
    flag_pixels,
    mark_transients,
    neutral_models,
)
from tica_fn.quality.pixels import Pixel
from tica_fn.quality.transients import without_known

TABLES = Path(__file__).parents[1] / "docs" / "tables"
SIGMAS = (0.45, 0.65, 0.85)
STARS = 20_000
JITTER = 0.1
GAIN = (5.28, 5.26, 5.25, 5.21)
END_OF_LINEARITY = 25_000.0
LOST = (slice(0, 1024), slice(1580, 1836))
"""Half the rows of half an amplifier, whose counts are zero."""
BRIGHT = [(60.0 + 190 * n, 30.5 + 170 * n, 3e5 * 2.0**n) for n in range(9)] + [
    (2030.2, 1900.4, 3e7)
]
"""Stars that bleed: row, column, electrons per second; the last into the smear rows."""
MAP_FRAMES = 6
Bits = tuple[int, int, int, int]


def models(bad: Any = None) -> Any:
    """Models for the frames: gains, and a uniform flat with forty wrong values."""
    plain = neutral_models(2, 3)
    constants = attrs.evolve(
        plain.amplifiers, gain=np.array(GAIN), max_domain_adu=np.full(4, END_OF_LINEARITY)
    )
    flat = np.array(plain.flat)
    for n in range(40):
        flat[50 * n + 7, 100 + 45 * n] = 0.2 if n % 2 else 1.8
    return attrs.evolve(plain, amplifiers=constants, flat=flat, bad_pixels=bad)


def made(sigma: float, number: int, *, mitigation: bool, lost: bool = False) -> SimpleNamespace:
    """One frame of a series with pointing offsets of a tenth of a pixel."""
    seed = round(sigma * 100)
    shift = np.random.default_rng([seed, number]).normal(0.0, JITTER, 2)
    more = BRIGHT if lost else ()
    light = flags_sky.star_field(seed, STARS, sigma, shift=tuple(shift), more=more)
    dark, response = flags_sky.blemishes(5)
    return flags_sky.frame(
        light, [seed, number, int(mitigation)], dark=dark, response=response,
        mitigation=mitigation, gain=GAIN, lost=(LOST,) if lost else (),
    )  # fmt: skip


def calibrated(one: SimpleNamespace) -> Frame:
    """The frame, calibrated, with its variance."""
    raw = Frame(pixels=one.counts, unit="adu", camera=2, ccd=3, exposure_s=200, coadds=one.coadds)
    return estimate_variance(models())(calibrate(raw, models()))


def of_science(image: Any) -> Any:
    """A plane of the science pixels in the full readout, zero elsewhere."""
    out = np.zeros(flags_sky.SHAPE, dtype=image.dtype)
    out[flags_sky.SCIENCE] = image
    return out


def truth(one: SimpleNamespace) -> dict[Pixel, tuple[Any, Any]]:
    """For each bit, the pixels where it may be set, and those where it must be set."""
    rows, columns = np.mgrid[0 : flags_sky.SHAPE[0], 0 : flags_sky.SHAPE[1]]
    science = (columns >= 44) & (columns < 2092)
    imaging = science & (rows < 2048)
    sigma = np.where(imaging, of_science(one.sigma), np.inf)
    rays = of_science(one.rays)
    hot = of_science(one.dark) * flags_sky.LIVE_S * one.coadds
    full = of_science(one.full)
    runs = np.zeros(flags_sky.SHAPE[1], bool)
    for c in np.flatnonzero(full.any(axis=0)):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], full[:, c].astype(int), [0]])))
        runs[c] = (edges[1::2] - edges[::2]).max() >= 10
    strap = np.zeros(flags_sky.SHAPE[1], bool)
    first = [77, 81, 85, 1067, 1071, 1075]
    pairs = [one + 128 * k for one in first for k in range(8)]
    for c in [*pairs, 516, 520, 524, 1524, 1528, 1532, 673, 675, 1373, 1375]:
        strap[[c + 43, c + 44]] = True
    flat = models().flat
    edge = (rows == 0) | (rows == 2047) | (columns == 44) | (columns == 2091)
    adu = (one.counts - flags_sky.PEDESTAL_ADU * one.coadds) / one.coadds
    lit = science & (rows < 2058)
    near = np.zeros(flags_sky.SHAPE[1], bool)  # Columns beside one have its light too.
    for c in np.flatnonzero(one.spilt) + 44:
        near[c - 1 : c + 2] = True
    same = {
        Pixel.VIRTUAL: ~science | (rows >= 2068),
        Pixel.BUFFER: science & (rows >= 2048) & (rows < 2058),
        Pixel.SMEAR_ROW: science & (rows >= 2058) & (rows < 2068),
        Pixel.EDGE: imaging & edge,
        Pixel.SATURATED: full,
        Pixel.BEYOND_LINEARITY: imaging & (adu > END_OF_LINEARITY * 0.99) & ~one.zero,
        Pixel.BLEED_COLUMN: lit & runs,
        Pixel.SMEAR_CONTAMINATED: science & near & (rows < 2068),
        Pixel.MODEL_INVALID: (flat < 0.5) | (flat > 1.5),
        Pixel.STRAP: imaging & strap,
        Pixel.NO_DATA: one.zero,
        Pixel.DEAD: of_science(one.response) < np.where(imaging & ~one.zero, 0.9, 0.0),
    }
    out = {bit: (where, where) for bit, where in same.items()}
    out[Pixel.COSMIC_RAY] = rays > 3 * sigma, (rays > 8 * sigma) & ~one.zero
    out[Pixel.HOT] = hot > 3 * sigma, (hot > 8 * sigma) & ~one.zero
    either = (rays > 3 * sigma) | (hot > 3 * sigma)
    out[Pixel.ISOLATED] = either, np.zeros_like(either)
    return out


def counted(quality: Any, bit: Pixel, known: dict[Pixel, tuple[Any, Any]]) -> Bits:
    """Number of pixels flagged, correctly flagged, to be flagged, and of these flagged."""
    found, (right, wanted) = quality & bit.value > 0, known[bit]
    return (
        int(found.sum()),
        int((found & right).sum()),
        int(wanted.sum()),
        int((found & wanted).sum()),
    )


def shown(what: str, bit: Pixel, one: Bits) -> str:
    """A row of a table."""
    found, right, wanted, hit = one
    precision = f"{right / found:.3f}" if found else "none flagged"
    recall = f"{hit / wanted:.3f}" if wanted else "-"
    return f"| {what}`{bit.name}` | {found} | {precision} | {wanted} | {recall} |"


OUTLIERS = (Pixel.COSMIC_RAY, Pixel.HOT, Pixel.ISOLATED)


def rows_of_outliers(bad: Any) -> Iterator[str]:
    """Cosmic rays and hot pixels, by width of the stars, mitigation, and available information."""
    for mitigation in (True, False):
        for sigma in SIGMAS:
            series = [made(sigma, n, mitigation=mitigation) for n in range(3)]
            first, middle, last = map(calibrated, series)
            known = truth(series[1])
            flags = {"one frame": flag_pixels(middle, models()).quality,
                     "map": flag_pixels(middle, models(bad)).quality}  # fmt: skip
            alone = attrs.evolve(middle, quality=flags["one frame"])
            marked = mark_transients(alone, first, last).quality
            flags["three frames"] = without_known(marked, middle, models())
            for what, quality in flags.items():
                for bit in OUTLIERS:
                    if what != "three frames" or bit is not Pixel.ISOLATED:
                        with_it = "with" if mitigation else "without"
                        head = f"{with_it} | {sigma} | {what} | "
                        yield shown(head, bit, counted(quality, bit, known))


def rows_of_others() -> Iterator[str]:
    """All other bits, summed over the widths of the stars."""
    total: dict[Pixel, Any] = {}
    for sigma in SIGMAS:
        one = made(sigma, 7, mitigation=True, lost=True)
        quality = flag_pixels(calibrated(one), models()).quality
        known = truth(one)
        for bit in known:
            if bit not in OUTLIERS:
                total[bit] = total.get(bit, 0) + np.array(counted(quality, bit, known))
    for bit in sorted(total):
        yield shown("", bit, tuple(total[bit].tolist()))


def main() -> None:
    """Make the frames, flag them, write the tables."""
    raws = [made(0.65, 20 + n, mitigation=True) for n in range(MAP_FRAMES)]
    frames = [
        Frame(pixels=one.counts, unit="adu", camera=2, ccd=3, exposure_s=200, coadds=one.coadds)
        for one in raws
    ]
    built = build_bad_pixels(range(MAP_FRAMES), frames.__getitem__, models())
    print(f"map of {MAP_FRAMES} frames: {built.hot} hot, {built.dead} dead", flush=True)
    head = "| flagged | precision | true | recall |\n"
    for name, first, rule, rows in (
        ("flags_outliers", "| mitigation | PSF, pixel | by | bit ", "| --- " * 8,
         rows_of_outliers(built.bits)),
        ("flags_others", "| bit ", "| --- " * 5, rows_of_others()),
    ):  # fmt: skip
        lines = [first + head + rule + "|"]
        print(lines[0])
        for row in rows:
            print(row, flush=True)
            lines.append(row)
        (TABLES / f"{name}.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
