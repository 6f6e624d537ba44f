"""Type checkers and editors see the package's types, installed in place too."""

import json
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def test_install_in_place_is_a_plain_path():
    """Type checkers read paths from `.pth` files; an import hook, which they can't run, hides all."""
    installed_here = [
        installed
        for installed in distributions(name="tica-fn")
        if (origin := json.loads(installed.read_text("direct_url.json") or "{}"))
        and origin["url"] == ROOT.as_uri()
        and origin.get("dir_info", {}).get("editable")
    ]
    if not installed_here:
        pytest.skip("these sources are not installed in place")
    paths = [
        line
        for file in installed_here[0].files or ()
        if file.suffix == ".pth"
        for line in installed_here[0].locate_file(file).read_text().splitlines()
    ]
    assert str(ROOT) in paths
    assert (ROOT / "tica_fn/py.typed").is_file()
