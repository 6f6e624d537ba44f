"""Exposure times with models, and the names of their folders and outputs."""

from __future__ import annotations

import attrs

from tica_fn.detector import CAMERAS, CCDS, check_ccd
from tica_fn.errors import ModelError

__all__ = ["EXPOSURES", "FLAT_OUTPUT", "ROLES", "Exposure", "Role", "Wanted", "exposure", "wanted"]

FLAT_OUTPUT = "flat_combine/780nm"
"""Name of the flats, which are the same for all exposure times."""


@attrs.frozen(kw_only=True)
class Exposure:
    """One exposure time."""

    name: str
    seconds: int
    folder: str
    bias_output: str


EXPOSURES = tuple(
    Exposure(name=n, seconds=s, folder=f"calibration_{f}", bias_output=f"twodbias_{n}")
    for n, s, f in (
        ("30min", 1800, "30min"),
        ("10min", 600, "10min"),
        ("4min", 240, "04min"),
        ("2min", 120, "02min"),
        ("200s", 200, "200sec"),
        ("20s", 20, "20sec"),
    )
)


@attrs.frozen(kw_only=True)
class Role:
    """One kind of image model in a folder."""

    name: str
    folder: str
    ending: str

    def file_name(self, camera: int, ccd: int) -> str:
        """Name of a CCD's file."""
        return f"cam{camera}_ccd{ccd}_{self.ending}.fits"


ROLES = (
    Role(name="bias", folder="twodbias", ending="twoDcorrect"),
    Role(name="flat", folder="flatfields", ending="image"),
)


@attrs.frozen(kw_only=True)
class Wanted:
    """One file that a model folder needs."""

    role: Role
    camera: int
    ccd: int

    @property
    def name(self) -> str:
        """Name of the file, the same in the listing and in the folder."""
        return self.role.file_name(self.camera, self.ccd)

    @property
    def path(self) -> str:
        """Its path in ``calibration_<exposure>``."""
        return f"{self.role.folder}/{self.name}"


def exposure(name: str) -> Exposure:
    """Look up an exposure time by any of its names."""
    short = name.removeprefix("calibration_")
    for one in EXPOSURES:
        if short in (one.name, one.folder.removeprefix("calibration_"), f"{one.seconds}s"):
            return one
    known = ", ".join(one.name for one in EXPOSURES)
    raise ModelError(f"no models for exposure {name!r}; there are {known}")


def wanted(camera: int | None = None, ccd: int | None = None) -> tuple[Wanted, ...]:
    """Files of the requested CCDs."""
    check_ccd(1 if camera is None else camera, 1 if ccd is None else ccd)
    return tuple(
        Wanted(role=role, camera=c, ccd=d)
        for role in ROLES
        for c in (CAMERAS if camera is None else (camera,))
        for d in (CCDS if ccd is None else (ccd,))
    )
