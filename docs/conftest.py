"""What the pages' examples need of their surroundings."""

import warnings

import matplotlib
import pytest


@pytest.fixture(autouse=True)
def no_window_and_no_complaints(request):
    """Draw without a screen; lightkurve warns of its optional parts while it is imported."""
    matplotlib.use("Agg")
    if request.node.name == "ten-minutes.md":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pytest.importorskip("lightkurve")
