"""The arithmetic: compiled functions of arrays and numbers that know nothing else."""

from tica_fn.kernels.background_mode import background_mode, measure_levels
from tica_fn.kernels.bias import add_bias, subtract_bias
from tica_fn.kernels.big_endian import from_big_endian, sum_words, to_big_endian
from tica_fn.kernels.clipped_mean import accumulate_clipped, measure_spread, median_and_deviation
from tica_fn.kernels.flags import isolated_pixels, longest_runs, signal_flags
from tica_fn.kernels.flat import divide_flat, multiply_flat
from tica_fn.kernels.gain import apply_gain, remove_gain
from tica_fn.kernels.linearity import correct_linearity, restore_nonlinearity
from tica_fn.kernels.live_time import divide_live_time, multiply_live_time
from tica_fn.kernels.mission_linearity import (
    correct_mission_linearity,
    restore_mission_nonlinearity,
)
from tica_fn.kernels.mission_smear import fit_mission_smear
from tica_fn.kernels.outliers import outlying_pixels
from tica_fn.kernels.pedestal import add_pedestal, measure_pedestals, subtract_pedestal
from tica_fn.kernels.poc_linearity import correct_poc_linearity, restore_poc_nonlinearity
from tica_fn.kernels.robust_smear import background_level, fall_off
from tica_fn.kernels.row_pedestal import (
    add_row_pedestal,
    fit_rows,
    overclock_rows,
    subtract_row_pedestal,
)
from tica_fn.kernels.smear import add_smear, measure_smear, subtract_smear
from tica_fn.kernels.sweep import sweep
from tica_fn.kernels.undershoot import correct_undershoot, restore_undershoot
from tica_fn.kernels.variance import pixel_variance, smear_variance

__all__ = [
    "accumulate_clipped",
    "add_bias",
    "add_pedestal",
    "add_row_pedestal",
    "add_smear",
    "apply_gain",
    "background_level",
    "background_mode",
    "correct_linearity",
    "correct_mission_linearity",
    "correct_poc_linearity",
    "correct_undershoot",
    "divide_flat",
    "divide_live_time",
    "fall_off",
    "fit_mission_smear",
    "fit_rows",
    "from_big_endian",
    "isolated_pixels",
    "longest_runs",
    "measure_levels",
    "measure_pedestals",
    "measure_smear",
    "measure_spread",
    "median_and_deviation",
    "multiply_flat",
    "multiply_live_time",
    "outlying_pixels",
    "overclock_rows",
    "pixel_variance",
    "remove_gain",
    "restore_mission_nonlinearity",
    "restore_nonlinearity",
    "restore_poc_nonlinearity",
    "restore_undershoot",
    "signal_flags",
    "smear_variance",
    "subtract_bias",
    "subtract_pedestal",
    "subtract_row_pedestal",
    "subtract_smear",
    "sum_words",
    "sweep",
    "to_big_endian",
]
