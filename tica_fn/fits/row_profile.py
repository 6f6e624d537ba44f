"""Files with row profiles: ``*row-profile-<camera>-<ccd>.fits`` in a folder of models.

Primary HDU: (4, 2078) float64, the profile of A, B, C and D over the rows in ADU per read, NaN
if unknown; HDU ``UNCERTAINTY``: its standard deviation.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tica_fn.detector import AMPLIFIERS, ROWS
from tica_fn.errors import BadFileError
from tica_fn.fits.atomic import write_whole
from tica_fn.fits.collateral import Collateral
from tica_fn.fits.kept_model import read_kept_model
from tica_fn.fits.provenance import software
from tica_fn.immutable import Array
from tica_fn.models import ModelFile
from tica_fn.models.built import Overclocks, RowProfile

__all__ = ["overclocks_of_collateral", "read_row_profile", "write_row_profile"]


def overclocks_of_collateral(name: str, piece: Collateral) -> Iterator[Overclocks]:
    """Overclock columns of a collateral file, cadence by cadence."""
    missing = [k for k in ("CAMERA", "CCD", "NREADOUT") if k not in piece.said]
    if missing or piece.amplifier is None:
        raise BadFileError(
            f"{name}: no overclock columns of a known CCD ({', '.join(missing) or 'smear rows'})"
        )
    for cadence in piece.cadences.tolist():
        counts = piece.of_cadence(cadence).astype(np.float64)
        yield Overclocks(
            name=name,
            camera=int(piece.said["CAMERA"]),
            ccd=int(piece.said["CCD"]),
            amplifier=piece.amplifier,
            coadds=piece.said["NREADOUT"],
            counts=np.where(counts == -1, np.nan, counts),
            calibrated=piece.calibrated_of(cadence),
        )


def write_row_profile(
    made: RowProfile, path: str | os.PathLike[str], sources: Sequence[str] = ()
) -> None:
    """Write row profiles for `tica_fn.load_models`; complete or not at all."""
    from astropy.io import fits

    primary = fits.PrimaryHDU(made.profile)
    header = primary.header
    cards = [
        ("BUNIT", "adu", "per read"),
        ("MODEL", "row profile", "1-D black of amplifiers A, B, C, D over rows"),
        ("CAMERA", made.camera, "camera number"),
        ("CCD", made.ccd, "CCD number"),
        ("CREATOR", software(), "software that made this file"),
    ]
    for letter, frames, exact in zip(AMPLIFIERS, made.frames, made.exact, strict=True):
        cards.append((f"NFRAME_{letter}", frames, f"readouts it was made from, amplifier {letter}"))
        cards.append((f"EXACT_{letter}", exact, "told by the mission's calibrated overclocks"))
    for keyword, value, comment in cards:
        header[keyword] = (value, comment)
    for source in sources:
        header.add_history(f"from {source}")
    uncertainty = fits.ImageHDU(made.uncertainty, name="UNCERTAINTY")
    uncertainty.header["BUNIT"] = ("adu", "per read")
    buffer = io.BytesIO()
    fits.HDUList([primary, uncertainty]).writeto(buffer, checksum=True)
    write_whole(path, [buffer.getbuffer()])


def read_row_profile(folder: Path, camera: int, ccd: int) -> tuple[Array, ModelFile] | None:
    """Profiles of a CCD in a folder of models, and their file; None if there is none."""
    shape = len(AMPLIFIERS), ROWS
    found = read_kept_model(folder, "row-profile", "row profile", shape, camera, ccd)
    return None if found is None else (np.asarray(found[0], dtype=np.float64), found[1])
