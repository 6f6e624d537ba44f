"""Calibration of TESS images as pure, compiled, composable steps; names load at first use."""

import os
from importlib.metadata import version
from pathlib import Path

import lazy_loader

try:
    Path.home()
except RuntimeError:  # astropy and others can't be imported then; nothing is written below this.
    os.environ["HOME"] = os.devnull

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
__version__ = version("tica-fn")
