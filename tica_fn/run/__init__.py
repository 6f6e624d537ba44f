"""Runs of many files: their record, the choice of frames, the report and the delivery."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
