"""Images in and out of the solutions, for those who look for them here."""

from tica_fn.fits.image_file import ImageFile, read_image

__all__ = ["ImageFile", "read_image"]
