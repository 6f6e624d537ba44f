"""Names and folders of a delivery to MAST."""

from __future__ import annotations

import re

import attrs

__all__ = ["CCDS_OF_ALL", "FrameName", "parse_frame_name", "star_name"]

CCDS_OF_ALL = tuple((camera, ccd) for camera in (1, 2, 3, 4) for ccd in (1, 2, 3, 4))
_FRAME = re.compile(
    r"hlsp_tica_tess_ffi_s(\d{4})-(o[1-4][ab]?)-(\d{8})-cam([1-4])-ccd([1-4])_tess_(v\d\d)_img\.fits"
)


@attrs.frozen
class FrameName:
    """Facts in the name of a delivered frame."""

    sector: int
    orbit: str
    cadence: int
    camera: int
    ccd: int
    version: str

    def __str__(self) -> str:
        return (
            f"hlsp_tica_tess_ffi_s{self.sector:04d}-{self.orbit}-{self.cadence:08d}"
            f"-cam{self.camera}-ccd{self.ccd}_tess_{self.version}_img.fits"
        )


def parse_frame_name(name: str) -> FrameName | None:
    """Parse a name; None if it is not a delivered frame's."""
    match = _FRAME.fullmatch(name)
    if match is None:
        return None
    sector, orbit, cadence, camera, ccd, version = match.groups()
    return FrameName(int(sector), orbit, int(cadence), int(camera), int(ccd), version)


def star_name(sector: int, camera: int, ccd: int, version: str) -> str:
    """Name of a delivered file of reference stars."""
    return f"hlsp_tica_tess_ffi_s{sector:04d}-cam{camera}-ccd{ccd}_tess_{version}_cat.h5"
