"""The whole way on frames of real stars: reference stars, solution, truth."""

import numpy as np
import pytest

from tests.wcs import sky
from tica_fn import Frame, Times
from tica_fn.errors import AstrometryError
from tica_fn.wcs.frame_fit import fit_frame
from tica_fn.wcs.refstars import find_reference_stars

YEAR = 2021.2


def make_frame(pixels, camera, ccd, exposure=600.0, year=YEAR, **more):
    mid = (year - 2000.0) * 365.25 + 2451545.0 - 2457000.0
    return Frame(
        pixels=pixels,
        unit="electron",
        camera=camera,
        ccd=ccd,
        exposure_s=exposure,
        coadds=exposure * 0.4,
        times=Times(start=mid, mid=mid, end=mid),
        **more,
    )


def sky_error(solution, wcs):
    """Distance of a solution from the truth over the whole science area: rms, max [arcsec]."""
    side = np.linspace(0.0, 2048.0, 65)
    columns, rows = (axis.ravel() for axis in np.meshgrid(44.5 + side, 0.5 + side))
    ra, dec = solution.pixel_to_sky(columns, rows)
    true_ra, true_dec = wcs.all_pix2world(columns, rows, 1)
    off = np.hypot((ra - true_ra) * np.cos(np.deg2rad(dec)), dec - true_dec) * 3600.0
    return np.sqrt(np.mean(off**2)), off.max()


@pytest.mark.parametrize(
    ("psf", "rms", "most"),
    [(sky.round_psf, 0.02, 0.2), (sky.field_psf, 0.10, 0.5)],
    ids=["round", "lopsided"],
)
@pytest.mark.parametrize("place", [(35, 1, 1), (12, 1, 4)], ids=["ecliptic", "plane"])
def test_solution_lies_on_the_truth(place, psf, rms, most):
    sector, camera, ccd = place
    pixels, _ = sky.frame(*place, psf=psf, shift=(2.3, -1.6))
    stars = find_reference_stars(make_frame(pixels, camera, ccd), sector)
    assert len(stars) > 600
    pixels, wcs = sky.frame(*place, psf=psf, shift=(2.4, -1.5), seed=2, exposure=200.0)
    found = fit_frame(make_frame(pixels, camera, ccd, 200.0), stars)
    error, worst = sky_error(found.solution, wcs)
    assert error < rms
    assert worst < most
    assert found.rms["RMSA"] < 0.1
    assert found.good_fraction > 0.9


def test_another_field_is_refused():
    pixels, _ = sky.frame(35, 1, 1)
    with pytest.raises(AstrometryError, match="does not show the field of sector 36"):
        find_reference_stars(make_frame(pixels, 1, 1), 36)
    with pytest.raises(AstrometryError, match="camera 2"):
        find_reference_stars(make_frame(pixels, 2, 1), 35)
