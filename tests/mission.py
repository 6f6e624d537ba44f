"""Real pixels of Sirius with the mission's own models, without loss."""

from functools import cache
from pathlib import Path

import attrs
import numpy as np
from astropy.io import fits

import tica_fn
from tests import inputs
from tica_fn.fits.collateral import read_collateral
from tica_fn.products.options import LIKE, Product, steps_for

PLACES = {
    "stamp": np.s_[761:2048, 674:685],
    "smear_rows": np.s_[2058:2068, 556:1068],
    "overclocks": np.s_[0:2078, 2103:2114],
}
LIVE_S = 48 * 1.98


@cache
def models():
    """Models that are right for the pixels of the files, and neutral elsewhere."""
    example = tica_fn.load_models(inputs.EXAMPLE, 2, 3)
    planes = {
        "black": np.zeros((2078, 2136), np.float32),
        "sigma": np.full((2078, 2136), 4.3, np.float32),
        "flat": np.ones((2078, 2136), np.float32),
    }
    with np.load(Path(__file__).parent / "data" / "mission" / "sirius_models.npz") as cut:
        for name in cut.files:
            what, where = name.split("_", 1)
            planes[what][PLACES[where]] = cut[name]
    return attrs.evolve(
        example, bias=planes["black"], flat=planes["flat"], black_sigma=planes["sigma"]
    )


@cache
def frames(told=True):
    """The nine cadences whose collateral is at hand, with the mission's blacks or without."""
    collateral = [read_collateral(path) for path in (inputs.TVCOL, inputs.SMROW)]
    if not told:
        collateral = [attrs.evolve(piece, calibrated=None) for piece in collateral]
    return tuple(tica_fn.read_target(inputs.TARGET).frames(tuple(collateral)))[:9]


@cache
def calibrated(told=True):
    """Those cadences, calibrated by the mission's arithmetic."""
    steps = steps_for(models(), Product(**LIKE["spoc"]))
    return tuple(steps(frame) for frame in frames(told))


@cache
def of_mission(path, column):
    """What the mission's file holds for those cadences."""
    table = fits.getdata(path, 1)
    found = {int(c): k for k, c in enumerate(table["CADENCENO"])}
    values = np.asarray(table[column], dtype=np.float64)
    return np.array([values[found[frame.cadence]] for frame in frames()])
