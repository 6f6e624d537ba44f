"""Calibration of TESS images as pure, compiled, composable steps; names are loaded on first use."""

import os
from pathlib import Path

import lazy_loader

try:
    Path.home()
except RuntimeError:  # astropy needs a home folder to be imported; nothing is written to it.
    os.environ["HOME"] = os.devnull

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
