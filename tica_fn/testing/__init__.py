"""For tests of steps, one's own included: strategies to draw from, and laws to hold them to.

Names load at use: only the strategies need hypothesis.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
