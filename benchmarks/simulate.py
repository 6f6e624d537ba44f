"""Time of a simulated full frame with 5,000 stars and all noise.

python -m benchmarks.simulate
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from tica_fn.simulate import full_frame, make_models, random_stars, sky_electrons

STARS = 5000
ROUNDS = 7


def median_s(function) -> float:
    """Median time of several calls, without the first."""
    function()
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        function()
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def measure() -> Iterator[tuple[str, str]]:
    """Names and figures for the table of all benchmarks."""
    models, stars = make_models(2, 3, 1800), random_stars(STARS, seed=1)
    sky = median_s(lambda: sky_electrons(stars, ccd=3, coadds=720))
    yield f"simulated sky of {STARS} stars", f"{sky:.3f} s"
    whole = median_s(lambda: full_frame(models, stars=stars, seed=1))
    yield f"simulated raw frame of {STARS} stars, noise and truth", f"{whole:.3f} s"


if __name__ == "__main__":
    for what, figure in measure():
        print(f"{what:60s} {figure}")
