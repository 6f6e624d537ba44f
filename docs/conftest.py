"""Environment for the examples in the pages."""

import warnings

import matplotlib
import pytest


@pytest.fixture(autouse=True)
def no_window_and_no_complaints(request):
    """Draw without a screen; ignore lightkurve's warnings about optional packages on import."""
    matplotlib.use("Agg")
    if request.node.name == "ten-minutes.md":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pytest.importorskip("lightkurve")
