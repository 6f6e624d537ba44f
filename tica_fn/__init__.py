"""Calibration of TESS images as pure, compiled, composable steps; names are loaded on first use."""

import os
from pathlib import Path
from typing import Any

import lazy_loader

try:
    Path.home()
except RuntimeError:  # astropy needs a home folder to be imported; nothing is written to it.
    os.environ["HOME"] = os.devnull

_public, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name == "__version__":  # Looked up among all installed packages, which takes a while.
        from importlib.metadata import version

        return version("tica-fn")
    return _public(name)
