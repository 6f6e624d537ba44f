"""Products are named by what their input is called, however it is packed."""

import pytest

from tica_fn.fits.names import product_name


@pytest.mark.parametrize(
    "ending", [".fits", ".fits.fz", ".fits.gz", ".fits.fz.gz", ".FITS", ".fit", ".fts.GZ", ".fz"]
)
def test_packing_is_no_part_of_a_products_name(ending):
    assert product_name(f"raw/x_ffir{ending}") == "x_ffir.cal.fits"
    assert product_name(f"x_ffir{ending}", compress="rice") == "x_ffir.cal.fits.fz"
    assert product_name(f"x_ffir{ending}", layout="spoc", compress="gzip") == "x_ffic.fits.gz"


@pytest.mark.parametrize("name", ["x.raw.fits", "x.fitsy.fits", "x.gz.y.fits"])
def test_what_is_inside_a_name_stays(name):
    assert product_name(name) == name.removesuffix(".fits") + ".cal.fits"
