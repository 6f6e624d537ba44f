"""Type checkers and editors see the package's types, installed in place too."""

import json
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def in_place(installed):
    origin = json.loads(installed.read_text("direct_url.json") or "{}")
    return origin.get("url") == ROOT.as_uri() and origin["dir_info"].get("editable")


def test_install_in_place_is_a_plain_path():
    """Type checkers read paths from `.pth` files; they run no import hooks."""
    installed = next((one for one in distributions(name="tica-fn") if in_place(one)), None)
    if installed is None:
        pytest.skip("these sources are not installed in place")
    paths = [
        line
        for file in installed.files or ()
        if file.suffix == ".pth"
        for line in installed.locate_file(file).read_text().splitlines()
    ]
    assert str(ROOT) in paths
    assert (ROOT / "tica_fn/py.typed").is_file()
