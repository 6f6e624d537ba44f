"""Docstrings of what users call agree with their signatures; numpydoc's own check tells."""

import doctest
import importlib
import inspect
import re
from enum import Enum
from pathlib import Path

import pytest

import tica_fn
from tica_fn import compare, kernels, simulate, steps, testing, wcs

validate = pytest.importorskip("numpydoc.validate").validate

CHECKS = {"GL08", "PR01", "PR02", "PR03", "PR04", "PR10", "RT01", "RT03", "SS01", "SS04"}
API = (Path(__file__).parents[1] / "docs" / "api.md").read_text()
LISTED = re.findall(
    r"currentmodule:: (\S+)\n\n\.\. autosummary::\n(?: +:.*\n)+\n((?:   \S+\n)+)", API
)


def public_names() -> list[str]:
    """Where the stubs, `__all__` of packages and the API reference find what users call."""
    found = set()

    def add(value: object) -> None:
        value = getattr(value, "py_func", value)
        module, name = getattr(value, "__module__", ""), getattr(value, "__qualname__", "")
        if (module or "").startswith("tica_fn") and name and "<locals>" not in name:
            if not (inspect.isclass(value) and issubclass(value, Enum)):  # takes no parameters
                found.add(f"{module}.{name}")
            if inspect.isclass(value) and not issubclass(value, Enum):
                found.update(
                    f"{module}.{name}.{own}"
                    for base in value.__mro__
                    if base.__module__.startswith("tica_fn")
                    for own, what in vars(base).items()
                    if not own.startswith("_") and inspect.isfunction(what)
                )

    for package in (tica_fn, wcs, kernels, simulate, compare, testing, steps):
        for name in package.__all__:
            add(getattr(package, name))
    for module_name, listed in LISTED:
        module = importlib.import_module(module_name)
        for name in listed.split():
            add(getattr(module, name))
    return sorted(found)


NAMES = public_names()


def complaints(name: str) -> list[str]:
    """What numpydoc finds wrong, of what this project holds to."""
    return [f"{code} {text}" for code, text in validate(name)["errors"] if code in CHECKS]


def misleading(x):
    """Do.

    Parameters
    ----------
    y : int
        Y.
    """


@pytest.mark.parametrize(
    "package", [tica_fn, wcs, kernels, simulate, compare, testing], ids=lambda p: p.__name__
)
def test_the_reference_lists_every_public_name(package):
    listed = {name for module, names in LISTED if module == package.__name__
              for name in names.split()}  # fmt: skip
    names = {name for name in package.__all__ if not inspect.ismodule(getattr(package, name))}
    names.discard("__version__")
    assert listed == names


def test_public_names_are_found():
    assert len(NAMES) > 200
    assert "tica_fn.kernels.smear.measure_smear" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_docstring(name):
    assert not complaints(name)


@pytest.mark.parametrize("name", [name for name in NAMES if ".kernels." in name])
def test_every_kernel_has_an_example_that_is_run(name):
    module, _, function = name.rpartition(".")
    found = doctest.DocTestFinder(recurse=True).find(importlib.import_module(module))
    examples = [example for test in found if test.name == name for example in test.examples]
    assert any(f"{function}(" in example.source for example in examples)


def test_the_check_can_fail(monkeypatch):
    monkeypatch.setattr(tica_fn, "misleading", misleading, raising=False)
    codes = {complaint.split()[0] for complaint in complaints("tica_fn.misleading")}
    assert {"PR01", "PR02"} <= codes
