"""Runs of many files: their record, what is chosen from it, and what is delivered."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
