"""For tests of steps, one's own included: strategies to draw from, and laws to hold them to."""

from tica_fn.testing.laws import (
    assert_checked,
    assert_neutral,
    assert_pure,
    assert_reversible,
    assert_same_frame,
    assert_tiling_independent,
)
from tica_fn.testing.strategies import (
    EXPOSURES_S,
    frames,
    frames_with_models,
    headers,
    models,
    star_fields,
)

__all__ = [
    "EXPOSURES_S",
    "assert_checked",
    "assert_neutral",
    "assert_pure",
    "assert_reversible",
    "assert_same_frame",
    "assert_tiling_independent",
    "frames",
    "frames_with_models",
    "headers",
    "models",
    "star_fields",
]
