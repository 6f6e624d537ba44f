"""Values that no flat or bias can have, and those that the mission's own models have."""

import attrs
import numpy as np
import pytest

import tica_fn
from tests import inputs
from tica_fn.quality.model_sense import outside_sense


@pytest.fixture(scope="module")
def models():
    return tica_fn.load_models(inputs.EXAMPLE, 2, 3)


def changed(models, name, row, column, value):
    image = getattr(models, name).copy()
    image[row, column] = value
    return attrs.evolve(models, **{name: image})


def test_the_missions_own_models_have_sense(models):
    assert outside_sense(models) == {}


@pytest.mark.parametrize("value", [0.1, 10.0])
def test_the_ends_of_the_range_are_in_it(models, value):
    assert outside_sense(changed(models, "flat", 3, 44, value)) == {}


@pytest.mark.parametrize(("row", "column"), [(0, 43), (0, 2092), (2048, 44)])
def test_pixels_without_light_may_hold_anything(models, row, column):
    assert outside_sense(changed(models, "flat", row, column, 0.001)) == {}


@pytest.mark.parametrize("bit", range(23, 32))
def test_a_flipped_bit_of_exponent_or_sign_is_found(models, bit):
    """All but those by which the value changes by less than ten."""
    flat = models.flat.copy()
    flat.view(np.uint32)[700, 800] ^= np.uint32(1 << bit)
    if not np.isfinite(flat[700, 800]):
        return  # the record itself refuses that
    seen = bool(outside_sense(attrs.evolve(models, flat=flat)))
    assert seen == (not 0.1 <= flat[700, 800] <= 10.0)


@pytest.mark.parametrize(
    ("value", "per_read", "sense"),
    [
        (65_535.0, True, True), (65_537.0, True, False), (-0.5, True, False),
        (65_535.0 * 300, False, True), (65_537.0 * 300, False, False), (-1e6, False, True),
        (-65_537.0 * 300, False, False),
    ],
)  # fmt: skip
def test_a_bias_lies_within_what_a_16_bit_converter_gives(models, value, per_read, sense):
    other = changed(models, "bias", 2077, 2135, value)
    if not per_read:
        other = attrs.evolve(other, bias_per_read=False, exposure_s=600.0)
    assert ("bias" not in outside_sense(other)) == sense
