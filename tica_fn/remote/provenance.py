"""Which version each file of a model folder is: ``provenance.json`` in the folder.

A version is the hash of the DVC listing that named the file.  What is recorded is found again by
the file's place *and* its SHA-256, so a file that was changed or replaced by hand has no version
rather than a false one.  While files are being replaced the record holds both the old and the new.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs

from tica_fn.errors import BadFileError
from tica_fn.fits.atomic import write_whole

__all__ = [
    "RECORD_NAME",
    "Origin",
    "find_origin",
    "read_origins",
    "recorded_versions",
    "write_origins",
]

RECORD_NAME = "provenance.json"
_FORMAT = 1


@attrs.frozen(kw_only=True)
class Origin:
    """Where one installed file comes from.

    Parameters
    ----------
    path : str
        Its place in the folder: ``twodbias/cam1_ccd1_twoDcorrect.fits``.
    sha256, md5 : str
        Plain hashes of its bytes.
    size_bytes : int
        Its length.
    source : str
        ``"tica"`` or ``"mast"``.
    remote : str
        Address it came from.
    output : str
        DVC output that it belongs to: ``twodbias_10min``; empty for MAST.
    version : str
        Hash of that output's listing with ``.dir``: TICA's version of the model; for MAST the
        date in the file's name.
    object_md5 : str
        Name of the file's object in the remote; empty for MAST.
    hash_kind : str
        How `object_md5` is made: ``"md5"`` or ``"md5-dos2unix"``; ``"first use"`` for MAST.
    """

    path: str
    sha256: str
    md5: str
    size_bytes: int
    source: str
    remote: str
    output: str = ""
    version: str = ""
    object_md5: str = ""
    hash_kind: str = "md5"


def read_origins(folder: Path) -> tuple[Origin, ...]:
    """Read a folder's record.

    Parameters
    ----------
    folder : pathlib.Path
        A ``calibration_<exposure>`` folder.

    Returns
    -------
    tuple of Origin
        Empty where there is no record.

    Raises
    ------
    BadFileError
        If there is one that cannot be read.
    """
    path = folder / RECORD_NAME
    if not path.is_file():
        return ()
    try:
        content: Any = json.loads(path.read_text())
        if content["format"] != _FORMAT:
            raise BadFileError(f"{path}: format {content['format']} is not known; update tica-fn")
        return tuple(Origin(**item) for item in content["files"])
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise BadFileError(f"{path}: damaged ({error}); remove it and fetch again") from None


def write_origins(folder: Path, origins: tuple[Origin, ...]) -> None:
    """Replace a folder's record, at once.

    Parameters
    ----------
    folder : pathlib.Path
        The folder.
    origins : tuple of Origin
        What the record is to hold.
    """
    ordered = sorted(origins, key=lambda o: (o.path, o.sha256))
    content = {"format": _FORMAT, "files": [attrs.asdict(origin) for origin in ordered]}
    write_whole(folder / RECORD_NAME, [(json.dumps(content, indent=1) + "\n").encode()])


def recorded_versions(folder: Path) -> dict[tuple[str, str], str]:
    """Read the versions of a folder's files.

    Parameters
    ----------
    folder : pathlib.Path
        A ``calibration_<exposure>`` folder.

    Returns
    -------
    dict of tuple of (str, str) to str
        Version by file name (without folder) and SHA-256; empty where there is no record.

    Raises
    ------
    BadFileError
        If there is a record that cannot be read.
    """
    return {
        (origin.path.rsplit("/", 1)[-1], origin.sha256): origin.version
        for origin in read_origins(folder)
    }


def find_origin(folder: Path, path: str, sha256: str) -> Origin | None:
    """Look up the version of an installed file.

    Parameters
    ----------
    folder : pathlib.Path
        A ``calibration_<exposure>`` folder.
    path : str
        The file's place in it.
    sha256 : str
        Hash of its bytes as they are now.

    Returns
    -------
    Origin or None
        None where nothing is recorded of these bytes at this place.
    """
    for origin in read_origins(folder):
        if (origin.path, origin.sha256) == (path, sha256):
            return origin
    return None
