"""Pictures of frames: what is drawn beside the pixels."""

import numpy as np
import pytest
from astropy.visualization import AsinhStretch, ImageNormalize
from matplotlib.figure import Figure

from tica_fn.views.picture import label_evenly


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (231_827, 256_472, ["232,000", "234,000", "235,000", "240,000", "245,000", "250,000"]),
        (-129_500, 118_000, ["-120,000", "-110,000", "-100,000", "-50,000", "0", "100,000"]),
        (-0.003, 0.02, ["-0.003", "-0.002", "0.000", "0.005", "0.010", "0.020"]),
    ],
)
def test_a_colour_bar_has_round_numbers(low, high, labels):
    axis = Figure().subplots()
    norm = ImageNormalize(vmin=low, vmax=high, stretch=AsinhStretch(0.1))
    bar = axis.figure.colorbar(axis.imshow(np.linspace(low, high, 9).reshape(3, 3), norm=norm))
    label_evenly(bar)
    assert [label.get_text() for label in bar.ax.get_yticklabels()] == labels
