"""Errors that solutions state for their corners (``ERRX0`` to ``ERRMAX``) against those they have.

``python -m benchmarks.expected_error [SKY ...] [--sectors N,N] [--ccds C-D,C-D] [--draws N,N]``
draws frames of the skies of `benchmarks.wcs` and solves each with all its reference stars, with
370, 150 and 50 of them, without those of a corner, of its extreme block, of a column, row or two
columns of blocks, and with a saturated corner or column of the frame.  It prints how many times
the stated error the actual one is, in the corners and at most: the median, the values that 95 and
99 % do not exceed, the largest, and the share within three times.

The truth is tess-point's map.  The sizes of the optics' terms that the statement allows for were
measured on that map, too; the images of the stars, their number and their places were not.
"""

from __future__ import annotations

import argparse
import zlib
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import attrs
import numpy as np

from benchmarks.wcs import SKIES, Place, _frame
from tica_fn.wcs import find_reference_stars, fit_frame
from tica_fn.wcs.frame_fit import CORNERS
from tica_fn.wcs.sphere import separation

SATURATED = 4.75e7
PARTS = {
    "saturated corner": np.s_[1500:2048, 1500:2092],
    "saturated column": np.s_[:2048, 44:500],
}
SIDE = np.linspace(0.0, 2048.0, 9)
GRID = tuple(axis.ravel() for axis in np.meshgrid(44.5 + SIDE, 0.5 + SIDE))
AT_CORNERS = [0, 8, 72, 80]


def some(stars: Any, which: np.ndarray) -> Any:
    """Those of the reference stars."""
    arrays = attrs.asdict(stars, recurse=False).items()
    return attrs.evolve(stars, **{k: v[which] for k, v in arrays if isinstance(v, np.ndarray)})


def selections(stars: Any, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray]]:
    """Names of cases, and the stars of each, (n,) bool."""
    blocks, order = stars.blocks, rng.permutation(len(stars))
    yield "all stars", order >= 0
    for count in (370, 150, 50):
        yield f"{count} stars", order < count
    corner = int(rng.integers(4))
    empty = ~np.isin(blocks, CORNERS[corner])
    yield "a corner without stars", empty
    yield "a corner without, of 370 stars", empty & (order < 370)
    yield "an extreme block without", blocks != (0, 4, 20, 24)[corner]
    yield "a column of blocks without", blocks % 5 != int(rng.choice([0, 1, 4]))
    yield "a row without, of 370 stars", (blocks // 5 != int(rng.choice([0, 4]))) & (order < 370)
    yield "two columns without", blocks % 5 > 1


def ratios(make: Any, place: Place) -> Iterator[tuple[str, np.ndarray, float]]:
    """Cases of a frame: name, actual over stated errors in the corners, and the largest's."""
    pixels, truth, year = make(place)
    frame = _frame(pixels, place, year)
    stars = find_reference_stars(frame, place[0])
    rng = np.random.default_rng(zlib.crc32(repr(place).encode()))
    cases = [(name, frame, some(stars, which)) for name, which in selections(stars, rng)]
    for name, part in PARTS.items():
        spoiled = np.array(pixels)
        spoiled[part] = SATURATED
        cases.append((name, _frame(spoiled, place, year), stars))
    true = truth(*GRID)
    for name, seen, own in cases:
        found = fit_frame(seen, own)
        off = 3600.0 * separation(*found.solution.pixel_to_sky(*GRID), *true)
        stated = np.array(list(found.expected_error.values()))
        yield name, off[AT_CORNERS] / stated[:4], float(off.max() / stated[4])


def summary(values: Any) -> str:
    """Quantiles of ratios in words."""
    found = np.asarray(values)
    middle, most, almost = np.percentile(found, [50, 95, 99])
    return (
        f"median {middle:.2f}, 95 % {most:.2f}, 99 % {almost:.2f}, largest {found.max():.1f}, "
        f"{100.0 * np.mean(found <= 3.0):.1f} % within 3"
    )


def main() -> None:
    """Print the ratios by case and by sky."""
    parser = argparse.ArgumentParser()
    parser.add_argument("skies", nargs="*", default=["optics", "wild", "lens", "real"])
    parser.add_argument("--sectors", default="56")
    parser.add_argument("--ccds", default="1-1,2-3,3-2,4-4")
    parser.add_argument("--draws", default="0")
    args = parser.parse_args()
    corners: dict[str, list[float]] = defaultdict(list)
    largest: dict[str, list[float]] = defaultdict(list)
    for name in args.skies:
        for make in SKIES[name].values():
            for sector in map(int, args.sectors.split(",")):
                for ccd in args.ccds.split(","):
                    for draw in map(int, args.draws.split(",")):
                        camera, number = map(int, ccd.split("-"))
                        for case, four, most in ratios(make, (sector, camera, number, draw)):
                            for key in (case, f"sky {name}", "everything"):
                                corners[key] += four.tolist()
                                largest[key].append(most)
    for key, values in corners.items():
        print(f"{key}: corners {summary(values)}; largest {summary(largest[key])}", flush=True)


if __name__ == "__main__":
    main()
