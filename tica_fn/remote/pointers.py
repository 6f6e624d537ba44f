"""DVC's pointer files and directory listings.

A pointer (``twodbias_10min.dvc``) is YAML: ``outs`` holds one entry with ``md5`` (that of the
directory listing, with ``.dir`` appended), ``size``, ``nfiles`` and ``path``; DVC 3 adds
``hash: md5``.  A listing is JSON: a list of ``{"md5": ..., "relpath": ...}``.
"""

from __future__ import annotations

import csv
import json
import re
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import attrs

from tica_fn.errors import BadFileError, ModelError

__all__ = [
    "Entry",
    "Output",
    "check_md5",
    "known_outputs",
    "pointer_text",
    "read_listing",
    "read_pointer",
    "read_pointers",
]

_MD5 = re.compile(r"[0-9a-f]{32}")


@attrs.frozen(kw_only=True)
class Output:
    """A directory that DVC tracks."""

    name: str
    md5: str
    size_bytes: int
    files: int
    legacy: bool = True


@attrs.frozen(kw_only=True)
class Entry:
    """One file of a listing."""

    md5: str
    relpath: str


def check_md5(text: object, where: str) -> str:
    """Refuse text that is not an MD5; a trailing ``.dir`` is removed."""
    digits = str(text).lower().removesuffix(".dir")
    if not _MD5.fullmatch(digits):
        raise ModelError(f"{where}: {text!r} is not an MD5 of 32 hexadecimal digits")
    return digits


@cache
def known_outputs(table: str = "model_outputs") -> dict[str, Output]:
    """Read the outputs of TICA's repository from a table in the package."""
    text = files("tica_fn").joinpath(f"data/{table}.csv").read_text()
    return {
        row["name"]: Output(
            name=row["name"],
            md5=check_md5(row["md5"], row["name"]),
            size_bytes=int(row["size_bytes"]),
            files=int(row["files"]),
        )
        for row in csv.DictReader(text.splitlines())
    }


def pointer_text(output: Output) -> str:
    """Text of a pointer in DVC's format."""
    lines = ["outs:", f"- md5: {output.md5}.dir", f"  size: {output.size_bytes}"]
    lines.append(f"  nfiles: {output.files}")
    if not output.legacy:
        lines.append("  hash: md5")
    lines.append(f"  path: {output.name.rsplit('/', 1)[-1]}")
    return "\n".join(lines) + "\n"


def read_pointer(path: Path, folder: Path) -> Output | None:
    """Read one pointer."""
    import yaml

    try:
        # As text, since a hash may consist of digits alone.
        content = yaml.load(path.read_text(), Loader=yaml.BaseLoader)
        (out,) = content["outs"]
        place = path.parent.relative_to(folder) / str(out["path"])
        if not str(out["md5"]).endswith(".dir"):
            check_md5(out["md5"], str(path))
            return None
        return Output(
            name=place.as_posix(),
            md5=check_md5(out["md5"], str(path)),
            size_bytes=int(out.get("size", 0)),
            files=int(out.get("nfiles", 0)),
            legacy=out.get("hash") != "md5",
        )
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise BadFileError(f"{path}: not a DVC pointer file ({error})") from None


def read_pointers(folder: Path) -> dict[str, Output]:
    """Read all the pointers of a ``calibration_models`` folder."""
    pointers = [read_pointer(p, folder) for p in sorted(folder.rglob("*.dvc")) if p.is_file()]
    found = {output.name: output for output in pointers if output is not None}
    if not found:
        raise BadFileError(f"{folder}: contains no DVC pointer files (*.dvc) of folders")
    return found


def read_listing(path: Path, name: str) -> tuple[Entry, ...]:
    """Read a directory listing."""
    try:
        content: Any = json.loads(path.read_text())
        return tuple(
            Entry(md5=check_md5(item["md5"], name), relpath=str(item["relpath"]))
            for item in content
        )
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, ModelError) as error:
        raise BadFileError(f"{name}: not a DVC directory listing ({error})") from None
