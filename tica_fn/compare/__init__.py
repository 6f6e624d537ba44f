"""Regression: compare products with gold ones, pixel by pixel and keyword by keyword."""

from tica_fn.compare.difference_picture import draw_differences
from tica_fn.compare.difference_table import as_rows, print_table, write_table
from tica_fn.compare.findings import EXCEPTED, Comparison, Difference, Level, Rules
from tica_fn.compare.folders import compare_folders
from tica_fn.compare.headers import compare_headers, relative_difference
from tica_fn.compare.mission import MissionComparison, Ratio, compare_with_mission
from tica_fn.compare.mission_report import draw_mission, print_mission, write_mission
from tica_fn.compare.pair import compare_files, compare_images, compare_tables
from tica_fn.compare.values import Unequal, steps_apart, unequal

__all__ = [
    "EXCEPTED",
    "Comparison",
    "Difference",
    "Level",
    "MissionComparison",
    "Ratio",
    "Rules",
    "Unequal",
    "as_rows",
    "compare_files",
    "compare_folders",
    "compare_headers",
    "compare_images",
    "compare_tables",
    "compare_with_mission",
    "draw_differences",
    "draw_mission",
    "print_mission",
    "print_table",
    "relative_difference",
    "steps_apart",
    "unequal",
    "write_mission",
    "write_table",
]
