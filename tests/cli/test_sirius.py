"""The command on the real Sirius file with everything that the instrument offers."""

import numpy as np
import pytest
from astropy.io import fits

from tests import inputs, sirius
from tests.fits.verify import verify
from tica_fn.cli import main
from tica_fn.products.options import Product, steps_for


@pytest.fixture(scope="module")
def product(tmp_path_factory):
    out = tmp_path_factory.mktemp("out")
    words = ["--caldir", str(inputs.EXAMPLE), "--outdir", str(out)]
    words += ["--smear", "robust", "--undershoot", "--pedestal", "row", "--uncertainty"]
    assert main(["calibrate", str(inputs.TARGET), *words]) == 0
    verify(next(out.iterdir()))
    with fits.open(next(out.iterdir())) as opened:
        return {name: np.array(opened[1].data[name]) for name in ("FLUX", "FLUX_ERR")}


def test_the_sky_beside_sirius_is_positive_in_all_cadences_and_columns(product):
    sky = np.percentile(product["FLUX"][:, :200], 20, axis=1)
    assert sky.shape == (10, 11)
    assert (sky > 130).all()
    assert (sky < 150).all()


def test_its_errors_are_those_of_the_variance(product):
    options = Product(smear="robust", undershoot=True, pedestal="row", uncertainty=True)
    frame = steps_for(sirius.models(), options)(sirius.frames()[0])
    np.testing.assert_allclose(
        product["FLUX_ERR"][0], np.sqrt(frame.variance) / sirius.LIVE_S, rtol=1e-5
    )
