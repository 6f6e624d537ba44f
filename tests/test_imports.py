"""Imports go one way: rim, then frames and steps, then kernels."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import tica_fn

PACKAGE = Path(tica_fn.__file__).parent
MIDDLE = (
    "frame", "models", "detector", "immutable", "errors", "compose", "fuse", "sweep_plan", "stack"
)  # fmt: skip
RIM = (
    "fits", "commands", "cli", "batch", "cluster", "products", "demo", "report", "remote", "compare"
)  # fmt: skip


def imported(path: Path) -> set[str]:
    """Modules that a file imports anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("kernels/*.py")), ids=lambda p: p.name)
def test_kernels_know_numpy_and_numba_only(path):
    allowed = {"numpy", "numba", "tica_fn", *sys.stdlib_module_names}
    for name in imported(path):
        assert name.split(".")[0] in allowed, name
        assert not name.startswith("tica_fn.") or name.startswith("tica_fn.kernels"), name


def test_frames_and_steps_know_no_files():
    paths = [PACKAGE / f"{name}.py" for name in MIDDLE] + sorted(PACKAGE.glob("steps/*.py"))
    paths += sorted(PACKAGE.glob("uncertainty/*.py"))
    assert len(paths) > 12
    for path in paths:
        for name in imported(path):
            rim = [f"tica_fn.{one}" for one in RIM]
            assert not any(name == one or name.startswith(f"{one}.") for one in rim), (path, name)
            assert not name.startswith("astropy"), (path, name)


def test_help_imports_nothing_heavy():
    """What takes long to import is imported where it is used."""
    code = "import sys; from tica_fn.cli import make_parser; make_parser(); print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(said.stdout.split())
    assert "tica_fn.cli" in loaded
    assert not loaded & {"numpy", "numba", "astropy", "scipy", "matplotlib", "gwcs", "rich"}
