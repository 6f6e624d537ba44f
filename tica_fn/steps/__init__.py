"""The steps, one module each, and what they have in common."""

from tica_fn.steps.bias import subtract_bias
from tica_fn.steps.contamination import find_contaminated_columns
from tica_fn.steps.flat import divide_flat
from tica_fn.steps.gain import apply_gain
from tica_fn.steps.linearity import correct_linearity
from tica_fn.steps.live_time import divide_live_time
from tica_fn.steps.order import ORDER, STANDARD_ORDER
from tica_fn.steps.pedestal import subtract_pedestal
from tica_fn.steps.poc_linearity import correct_poc_linearity
from tica_fn.steps.robust_smear import subtract_robust_smear
from tica_fn.steps.row_pedestal import subtract_row_pedestal
from tica_fn.steps.smear import subtract_smear
from tica_fn.steps.step import Inverse, Step
from tica_fn.steps.undershoot import correct_undershoot

__all__ = [
    "ORDER",
    "STANDARD_ORDER",
    "Inverse",
    "Step",
    "apply_gain",
    "correct_linearity",
    "correct_poc_linearity",
    "correct_undershoot",
    "divide_flat",
    "divide_live_time",
    "find_contaminated_columns",
    "subtract_bias",
    "subtract_pedestal",
    "subtract_robust_smear",
    "subtract_row_pedestal",
    "subtract_smear",
]
