"""Tests for steps, including your own: strategies that draw frames, and laws that steps must obey.

Names are loaded on first use; only the strategies need hypothesis.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
