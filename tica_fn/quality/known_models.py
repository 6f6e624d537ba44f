"""Known calibration models: those of the mission's products of each sector.

The mission checks the bias every year and replaces models.  They are identified by the FITS
``DATASUM`` of their image, which does not change when the file is compressed, or by the SHA-256 of
the file.
"""

from __future__ import annotations

import csv
import os
from functools import cache
from importlib.resources import files
from pathlib import Path

import attrs
import numpy as np

from tica_fn.errors import BadFileError
from tica_fn.immutable import Array
from tica_fn.models import Models

__all__ = ["KnownModel", "image_datasum", "known_models", "unexpected_models"]


@attrs.frozen(kw_only=True)
class KnownModel:
    """One calibration model that the mission used.

    Parameters
    ----------
    maker : str
        ``"spoc"`` or ``"tica"``, as `Models.kind`.
    kind : str
        ``"flat"``, ``"bias"``, ``"gain"``, ``"linearity"`` or ``"undershoot"``.
    camera, ccd : int
        Numbers 1 to 4; 0 for a model of all CCDs.
    checksum : str
        ``DATASUM`` of an image, SHA-256 of any other file.
    first_sector, last_sector : int
        Sectors whose products are known to have been made with it.
    name : str
        Name of its file.
    note : str
        Source of this knowledge.
    """

    maker: str
    kind: str
    camera: int = attrs.field(converter=int)
    ccd: int = attrs.field(converter=int)
    checksum: str
    first_sector: int = attrs.field(converter=int)
    last_sector: int = attrs.field(converter=int)
    name: str
    note: str


def known_models(path: str | os.PathLike[str] | None = None) -> tuple[KnownModel, ...]:
    """Read the table of known models.

    Parameters
    ----------
    path : path-like, optional
        A table of your own; by default the package's.

    Returns
    -------
    tuple of KnownModel
        Its rows.

    Examples
    --------
    >>> from tica_fn.quality.known_models import known_models
    >>> {model.kind for model in known_models()} >= {"flat", "bias"}
    True
    """
    if path is None:
        return _table(files("tica_fn").joinpath("data/known_models.csv").read_text())
    try:
        return _table(Path(path).read_text())
    except (ValueError, TypeError, csv.Error) as error:
        raise BadFileError(f"{path}: not a table of known models ({error})") from error


@cache
def _table(text: str) -> tuple[KnownModel, ...]:
    return tuple(KnownModel(**row) for row in csv.DictReader(text.splitlines()))


def image_datasum(image: Array) -> str:
    """FITS ``DATASUM`` of an image of 32-bit numbers.

    Parameters
    ----------
    image : ndarray
        (rows, columns) float32 or int32.

    Returns
    -------
    str
        The sum of its big-endian words in ones' complement, decimal.

    Notes
    -----
    Source: FITS standard 4.0, appendix J.  Zeros that pad the file to whole blocks add nothing.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn.quality.known_models import image_datasum
    >>> image_datasum(np.array([[2**30, 2**30], [2**30, 2**30]], dtype=np.int32))
    '1'
    """
    words = np.ascontiguousarray(image).view(np.uint32)
    total = int(words.sum(dtype=np.uint64))
    while total >> 32:
        total = (total & 0xFFFFFFFF) + (total >> 32)
    return str(total)


def unexpected_models(
    models: Models, sector: int | None, path: str | os.PathLike[str] | None = None
) -> tuple[str, ...]:
    """Name the models that differ from those of the mission's products of a sector.

    Parameters
    ----------
    models : Models
        Models of a CCD.
    sector : int or None
        Sector of the frames; None if unknown.
    path : path-like, optional
        A table of your own; by default the package's.

    Returns
    -------
    tuple of str
        One sentence for each model that differs from a known one; empty if all agree, or if the
        table has no entry for that CCD, sector and maker.

    Examples
    --------
    >>> from tica_fn import neutral_models, unexpected_models
    >>> unexpected_models(neutral_models(2, 3), 6)[0]
    'the flat model of camera 2 CCD 3 is not that of sector 6 (tess2018323-2-3-flat.fits)'
    """
    if sector is None:
        return ()
    table = [
        known
        for known in known_models(path)
        if known.first_sector <= sector <= known.last_sector
        and (known.camera, known.ccd) in ((models.camera, models.ccd), (0, 0))
        and (known.maker == models.kind or models.kind not in ("spoc", "tica"))
    ]
    hashes = {file.sha256 for file in models.files}
    images = {"flat": models.flat, "bias": models.bias}
    sentences = []
    for kind in dict.fromkeys(known.kind for known in table):
        same_kind = [known for known in table if known.kind == kind]
        checksums = {known.checksum for known in same_kind}
        if kind in images:
            agrees = image_datasum(images[kind]) in checksums
        else:
            agrees = not models.files or bool(checksums & hashes)
        if not agrees:
            sentences.append(
                f"the {kind} model of {models.name} is not that of sector {sector} "
                f"({same_kind[0].name})"
            )
    return tuple(sentences)
