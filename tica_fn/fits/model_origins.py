"""Versions of the files in a model folder: ``provenance.json`` in the folder.

A version is the hash of the DVC listing that named the file.  A recorded file is used only if its
SHA-256 is the recorded one.  While files are being replaced, the record has both the old and the
new.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs

from tica_fn.errors import BadFileError, ModelError
from tica_fn.fits.atomic import write_whole

__all__ = [
    "RECORD_NAME",
    "Origin",
    "checked_version",
    "find_origin",
    "read_origins",
    "write_origins",
]

RECORD_NAME = "provenance.json"
_FORMAT = 1


@attrs.frozen(kw_only=True)
class Origin:
    """Origin of one installed file."""

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
    """Read a folder's record."""
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
    """Replace a folder's record in one step."""
    ordered = sorted(origins, key=lambda o: (o.path, o.sha256))
    content = {"format": _FORMAT, "files": [attrs.asdict(origin) for origin in ordered]}
    write_whole(folder / RECORD_NAME, [(json.dumps(content, indent=1) + "\n").encode()])


def checked_version(
    path: Path, sha256: str, origins: tuple[Origin, ...], camera: int, ccd: int
) -> str:
    """Version of an unchanged fetched file; empty if it is not recorded."""
    recorded = {o.sha256: o for o in origins if o.path.rsplit("/", 1)[-1] == path.name}
    if recorded and sha256 not in recorded:
        last = list(recorded.values())[-1]
        root = path.parents[last.path.count("/")]
        which = "--source mast" if last.source == "mast" else root.name.removeprefix("calibration_")
        raise ModelError(
            f"{path}: changed since it was fetched: its SHA-256 is {sha256}, recorded is "
            f"{last.sha256}; fetch it again (tica-fn models fetch {which} --camera {camera} "
            f"--ccd {ccd} --outdir {root.parent}), or, to use it as it is, remove its entry from "
            f"{RECORD_NAME}"
        )
    return recorded[sha256].version if recorded else ""


def find_origin(folder: Path, path: str, sha256: str) -> Origin | None:
    """Look up the version of an installed file."""
    for origin in read_origins(folder):
        if (origin.path, origin.sha256) == (path, sha256):
            return origin
    return None
