"""Draw the layers of the package, from the list that the test of imports enforces."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from matplotlib import pyplot

TEST = Path(__file__).parents[1] / "tests" / "test_imports.py"


def layers() -> list[tuple[str, ...]]:
    """Subpackages of each layer, from the bottom up."""
    for node in ast.parse(TEST.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "LAYERS":
            return list(ast.literal_eval(node.value))
    raise LookupError(f"{TEST}: no LAYERS")


def draw() -> Any:
    """Draw one row of boxes per layer."""
    rows = layers()
    figure, ax = pyplot.subplots(figsize=(7.5, 0.5 * len(rows)))
    for height, rooms in enumerate(rows):
        width = 1.0 / len(rooms)
        for place, room in enumerate(rooms):
            box = pyplot.Rectangle(
                (place * width + 0.005, height + 0.08), width - 0.01, 0.84,
                facecolor=pyplot.cm.viridis(0.15 + 0.75 * height / len(rows)), alpha=0.35,
            )  # fmt: skip
            ax.add_patch(box)
            ax.text((place + 0.5) * width, height + 0.5, room, ha="center", va="center")
    ax.set(xlim=(0, 1), ylim=(0, len(rows)))
    ax.axis("off")
    return figure
