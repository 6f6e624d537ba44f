"""Solutions as `gwcs` objects: forward model, inverse and frames, which can be written to ASDF.

gwcs counts pixels from 0: its column 1068 is CRPIX1 = 1069.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tica_fn.detector import SHAPE
from tica_fn.wcs.solution import Solution

__all__ = ["solution_from_gwcs", "solution_to_gwcs"]


def solution_to_gwcs(solution: Solution) -> Any:
    """Make a gwcs object from a solution.

    Parameters
    ----------
    solution : Solution
        The solution.

    Returns
    -------
    gwcs.WCS
        Map from pixels ``(column, row)`` of the full readout, counted from 0, to ICRS.  Its
        analytic inverse is that of the header (AP and BP, accurate to some thousandths of a
        pixel); `Solution.sky_to_pixel` is exact.

    Examples
    --------
    >>> from tica_fn.wcs import predict_pointing, solution_to_gwcs
    >>> from tica_fn.wcs.comparison import solution_of_pointing
    >>> model = solution_to_gwcs(solution_of_pointing(predict_pointing(35, 1, 1)))
    >>> ra, dec = model(1000.0, 500.0)
    >>> column, row = model.invert(ra, dec)
    >>> abs(column - 1000.0) < 0.01, abs(row - 500.0) < 0.01
    (True, True)
    """
    import astropy.units as u
    from astropy import coordinates
    from astropy.modeling import models
    from gwcs import WCS
    from gwcs import coordinate_frames as frames

    order = solution.order
    x, y = solution.crpix[0] - 1.0, solution.crpix[1] - 1.0

    def polynomial(matrix: Any, linear: str) -> Any:
        terms = {
            f"c{i}_{j}": float(matrix[i, j])
            for i in range(order + 1)
            for j in range(order + 1 - i)
            if matrix[i, j] != 0.0
        }
        terms[linear] = terms.get(linear, 0.0) + 1.0
        return models.Polynomial2D(order, **terms)

    def bend(a: Any, b: Any) -> Any:
        return models.Mapping((0, 1, 0, 1)) | polynomial(a, "c1_0") & polynomial(b, "c0_1")

    cd = np.array(solution.cd)
    rotate = models.RotateNative2Celestial(*solution.crval, 180.0)
    forward = (
        models.Shift(-x) & models.Shift(-y)
        | bend(solution.a, solution.b)
        | models.AffineTransformation2D(cd)
        | models.Pix2Sky_TAN()
        | rotate
    )
    forward.inverse = (
        rotate.inverse
        | models.Sky2Pix_TAN()
        | models.AffineTransformation2D(np.linalg.inv(cd))
        | bend(solution.ap, solution.bp)
        | models.Shift(x) & models.Shift(y)
    )
    detector = frames.Frame2D(name="detector", axes_names=("column", "row"), unit=(u.pix, u.pix))
    sky = frames.CelestialFrame(
        name="icrs", reference_frame=coordinates.ICRS(), unit=(u.deg, u.deg)
    )
    made = WCS([(detector, forward), (sky, None)])
    made.bounding_box = ((-0.5, SHAPE[1] - 0.5), (-0.5, SHAPE[0] - 0.5))
    return made


def solution_from_gwcs(model: Any) -> Solution:
    """Fit a solution to a gwcs object.

    Parameters
    ----------
    model : gwcs.WCS
        Map from pixels of the full readout, counted from 0, to ICRS.

    Returns
    -------
    Solution
        SIP of degree 6 that follows it.
    """
    from tica_fn.wcs.comparison import solution_of_map

    def sky(columns: Any, rows: Any) -> Any:
        return model(np.asarray(columns) - 1.0, np.asarray(rows) - 1.0)

    return solution_of_map(sky)
