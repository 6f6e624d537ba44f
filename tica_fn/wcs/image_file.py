"""Images for solutions; kept here for imports of this name."""

from tica_fn.fits.image_file import ImageFile, read_image

__all__ = ["ImageFile", "read_image"]
