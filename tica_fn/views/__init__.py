"""Frames as astropy objects, as pictures and in notebooks.

`tica_fn.Frame` loads this subpackage on first use, so that frames themselves depend on neither
files nor astropy.
"""

from tica_fn.views.ccddata import from_ccddata, to_ccddata
from tica_fn.views.cut import cut_frame
from tica_fn.views.notebook import html_of
from tica_fn.views.picture import draw_frame
from tica_fn.views.sky import ExposureTime, quantity_of, time_of, wcs_of

__all__ = [
    "ExposureTime",
    "cut_frame",
    "draw_frame",
    "from_ccddata",
    "html_of",
    "quantity_of",
    "time_of",
    "to_ccddata",
    "wcs_of",
]
