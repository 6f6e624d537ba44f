"""World Coordinate Solutions: reference stars, centroids, fit, comparison; names load at use."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
