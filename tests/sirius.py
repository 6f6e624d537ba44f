"""The real Sirius cadences with their collateral, as steps take them."""

from functools import cache

import tica_fn
from tests import inputs
from tica_fn.fits.collateral import read_collateral

LIVE_S = 48 * 1.98


@cache
def models():
    return tica_fn.load_models(inputs.EXAMPLE, 2, 3)


@cache
def frames():
    """The nine cadences whose collateral is at hand; the smear rows are the first piece of it."""
    collateral = (read_collateral(inputs.SMROW), read_collateral(inputs.TVCOL))
    return tuple(tica_fn.read_target(inputs.TARGET).frames(collateral))[:9]
