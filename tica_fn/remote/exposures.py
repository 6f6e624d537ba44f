"""Exposure times that there are models for, and how folders and outputs are named."""

from __future__ import annotations

import attrs

from tica_fn.detector import CAMERAS, CCDS, check_ccd
from tica_fn.errors import ModelError

__all__ = ["EXPOSURES", "FLAT_OUTPUT", "ROLES", "Exposure", "Role", "Wanted", "exposure", "wanted"]

FLAT_OUTPUT = "flat_combine/780nm"
"""Flats are of one kind for all exposure times."""


@attrs.frozen(kw_only=True)
class Exposure:
    """One exposure time.

    Parameters
    ----------
    name : str
        What a user calls it: ``"10min"``.
    seconds : int
        The whole interval.
    folder : str
        Name of the model folder: ``"calibration_10min"``.
    bias_output : str
        Output that holds its bias models: ``"twodbias_10min"``.
    """

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
    """One kind of image model in a folder.

    Parameters
    ----------
    name : str
        ``"bias"`` or ``"flat"``.
    folder : str
        Folder within ``calibration_<exposure>``.
    ending : str
        How its file names end.
    """

    name: str
    folder: str
    ending: str

    def file_name(self, camera: int, ccd: int) -> str:
        """Name of a CCD's file.

        Parameters
        ----------
        camera, ccd : int
            Numbers 1 to 4.

        Returns
        -------
        str
            Without folder.
        """
        return f"cam{camera}_ccd{ccd}_{self.ending}.fits"


ROLES = (
    Role(name="bias", folder="twodbias", ending="twoDcorrect"),
    Role(name="flat", folder="flatfields", ending="image"),
)


@attrs.frozen(kw_only=True)
class Wanted:
    """One file that a model folder needs.

    Parameters
    ----------
    role : Role
        Bias or flat.
    camera, ccd : int
        Numbers 1 to 4.
    """

    role: Role
    camera: int
    ccd: int

    @property
    def name(self) -> str:
        """Name of the file, the same in the listing and in the folder."""
        return self.role.file_name(self.camera, self.ccd)

    @property
    def path(self) -> str:
        """Where it lies in ``calibration_<exposure>``."""
        return f"{self.role.folder}/{self.name}"


def exposure(name: str) -> Exposure:
    """Look up an exposure time by any of its names.

    Parameters
    ----------
    name : str
        ``10min``, ``calibration_10min``, ``200s``, ``200sec``, ``02min``, ``2min`` ...

    Returns
    -------
    Exposure
        The one meant.

    Raises
    ------
    ModelError
        If there are no models for it.

    Examples
    --------
    >>> from tica_fn.remote.exposures import exposure
    >>> exposure("02min").bias_output, exposure("20s").folder
    ('twodbias_2min', 'calibration_20sec')
    """
    short = name.removeprefix("calibration_")
    for one in EXPOSURES:
        if short in (one.name, one.folder.removeprefix("calibration_"), f"{one.seconds}s"):
            return one
    known = ", ".join(one.name for one in EXPOSURES)
    raise ModelError(f"no models for exposure {name!r}; there are {known}")


def wanted(camera: int | None = None, ccd: int | None = None) -> tuple[Wanted, ...]:
    """Files of the CCDs asked for.

    Parameters
    ----------
    camera, ccd : int, optional
        Numbers 1 to 4; all by default.

    Returns
    -------
    tuple of Wanted
        The biases, then the flats.

    Raises
    ------
    FrameError
        If TESS has no such camera or CCD.
    """
    check_ccd(1 if camera is None else camera, 1 if ccd is None else ccd)
    return tuple(
        Wanted(role=role, camera=c, ccd=d)
        for role in ROLES
        for c in (CAMERAS if camera is None else (camera,))
        for d in (CCDS if ccd is None else (ccd,))
    )
