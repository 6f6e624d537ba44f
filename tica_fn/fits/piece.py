"""A rectangle of a calibrated product; only the needed rows are read."""

from __future__ import annotations

import os
from pathlib import Path

import attrs
import numpy as np

from tica_fn.detector import SCIENCE_COLUMNS
from tica_fn.fits.blocks import RawHDU, UnreadHDU, read_headers
from tica_fn.fits.header import OriginalHeader, merged
from tica_fn.fits.keywords import facts_of
from tica_fn.fits.kinds import kind_of
from tica_fn.fits.physical_wcs import IMAGE_SHAPES, origin_of
from tica_fn.fits.provenance import steps_of
from tica_fn.fits.sizes import is_packed, size_of
from tica_fn.fits.stored import image_meaning
from tica_fn.frame import ELECTRON, RATE, Frame
from tica_fn.immutable import Array

__all__ = ["PlainProduct", "open_product"]

_IMAGES = {"tica": (0, "UNCERTAINTY", ELECTRON), "ffic": (1, "uncert", RATE)}
"""HDU of the image, ending of the uncertainty's EXTNAME, and unit, by kind of file."""


@attrs.frozen(kw_only=True)
class PlainProduct:
    """A calibrated product that is neither compressed nor scaled, with its headers read."""

    path: Path
    hdus: list[RawHDU]
    image: int
    uncertainty: str
    unit: str

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the image."""
        header = self.hdus[self.image].header
        return int(header["NAXIS2"]), int(header["NAXIS1"])

    def read(self, rows: slice, columns: slice) -> Frame:
        """Read rows and columns, relative to the image's first pixel, as a frame."""
        header = merged(*(hdu.header for hdu in self.hdus[self.image :: -1]))
        row, column = origin_of(self.hdus[self.image].header)
        if self.shape[1] < SCIENCE_COLUMNS[1] and (row, column) == (0, 0):
            column = SCIENCE_COLUMNS[0]
        texts = [hdu.text for hdu in self.hdus[: self.image + 1]]
        place = self._named(self.uncertainty)
        error = None if place is None else self._rectangle(place, rows, columns)
        return Frame(
            pixels=self._rectangle(self.image, rows, columns),
            unit=self.unit,
            row=row + rows.start,
            column=column + columns.start,
            variance=None if error is None else error * error,
            steps=steps_of(self.hdus[0].header) or (),
            header=OriginalHeader(*texts),
            **facts_of(self.path, header),
        )

    def _named(self, ending: str) -> int | None:
        names = [str(hdu.header.get("EXTNAME", "")).strip() for hdu in self.hdus]
        return next((n for n, name in enumerate(names) if n and name.endswith(ending)), None)

    def _rectangle(self, place: int, rows: slice, columns: slice) -> Array:
        """Read whole rows, and keep the columns."""
        width = self.shape[1]
        size = 4 * width * (rows.stop - rows.start)
        hdu = self.hdus[place]
        assert isinstance(hdu, UnreadHDU)
        data = hdu.part(4 * width * rows.start, size)
        stored = np.frombuffer(data, dtype=">f4").reshape(-1, width)
        return np.ascontiguousarray(stored[:, columns], dtype=np.float32)


def open_product(path: str | os.PathLike[str]) -> PlainProduct | None:
    """Read a product's headers; None if its rows can't be read directly from the file."""
    path = Path(path)
    with path.open("rb") as file:
        if file.read(9) != b"SIMPLE  =":
            return None  # gzipped, or not a FITS file
    hdus = read_headers(path)
    if any(is_packed(hdu.header) or not isinstance(hdu, UnreadHDU) for hdu in hdus):
        return None
    kind = kind_of(path, hdus).name
    if kind not in _IMAGES:
        return None
    image, uncertainty, unit = _IMAGES[kind]
    found = PlainProduct(path=path, hdus=hdus, image=image, uncertainty=uncertainty, unit=unit)
    places = [place for place in (image, found._named(uncertainty)) if place is not None]
    same = all(
        (header["BITPIX"], *size_of(str(path), header)) == (-32, *found.shape)
        and image_meaning(str(path), header).plain
        for header in (hdus[place].header for place in places)
    )
    # A whole image that is not one of a readout is refused with the reason.
    return found if same and found.shape in IMAGE_SHAPES else None
