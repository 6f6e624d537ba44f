"""Status of installed models: what is missing, and whether files are unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from tica_fn.fits.model_origins import RECORD_NAME, read_origins
from tica_fn.remote.exposures import EXPOSURES, FLAT_OUTPUT, Exposure, wanted
from tica_fn.remote.hashes import digest_file
from tica_fn.remote.mast import MAST_FOLDER, mast_names
from tica_fn.remote.pointers import Output, known_outputs

__all__ = ["FileCheck", "FolderStatus", "list_models", "model_folders", "verify_folder"]

IMAGE_BYTES = 17_760_960
"""Size of one of TICA's model files: a float32 readout and a header of two blocks."""


@attrs.frozen(kw_only=True)
class FolderStatus:
    """Status of one model folder."""

    name: str
    folder: str
    versions: dict[str, str]
    needed_bytes: int
    installed: tuple[str, ...]
    missing: tuple[str, ...]
    installed_bytes: int
    installed_versions: tuple[str, ...]


@attrs.frozen(kw_only=True)
class FileCheck:
    """Verdict on one file."""

    path: str
    verdict: str
    detail: str


def _paths(name: str) -> tuple[str, ...]:
    return mast_names() if name == "mast" else tuple(one.path for one in wanted())


def list_models(
    target: Path, outputs: Mapping[str, Output] | None = None
) -> tuple[FolderStatus, ...]:
    """List the models of each exposure time, and MAST's, without hashing them."""
    outputs = known_outputs() if outputs is None else outputs
    found = [_status(one.name, one.folder, target, _versions(one, outputs)) for one in EXPOSURES]
    return (*found, _status("mast", MAST_FOLDER, target, {}))


def _versions(one: Exposure, outputs: Mapping[str, Output]) -> dict[str, str]:
    names = (one.bias_output, FLAT_OUTPUT)
    return {name: f"{outputs[name].md5}.dir" for name in names if name in outputs}


def _status(name: str, folder: str, target: Path, versions: dict[str, str]) -> FolderStatus:
    place = target / folder
    paths = _paths(name)
    installed = tuple(path for path in paths if (place / path).is_file())
    recorded = {o.path: f"{o.output or o.source} {o.version}" for o in read_origins(place)}
    return FolderStatus(
        name=name,
        folder=folder,
        versions=versions,
        needed_bytes=IMAGE_BYTES * len(paths) if versions else 0,
        installed=installed,
        missing=tuple(path for path in paths if path not in installed),
        installed_bytes=sum((place / path).stat().st_size for path in installed),
        installed_versions=tuple(
            dict.fromkeys(recorded.get(path, "unrecorded") for path in installed)
        ),
    )


def model_folders(target: Path) -> tuple[Path, ...]:
    """Model folders that are not empty."""
    names = [(one.name, one.folder) for one in EXPOSURES] + [("mast", MAST_FOLDER)]
    return tuple(
        target / folder
        for name, folder in names
        if (target / folder / RECORD_NAME).is_file()
        or any((target / folder / path).is_file() for path in _paths(name))
    )


def verify_folder(folder: Path) -> tuple[FileCheck, ...]:
    """Hash every model file in a folder again and compare it with the record."""
    recorded: dict[str, list[str]] = {}
    version: dict[tuple[str, str], str] = {}
    for origin in read_origins(folder):
        recorded.setdefault(origin.path, []).append(origin.sha256)
        of = f"{origin.output or origin.source} {origin.version}"
        version[origin.path, origin.sha256] = of
    name = "mast" if folder.name == MAST_FOLDER else ""
    there = [path for path in _paths(name) if (folder / path).is_file()]
    checks = []
    for path in sorted({*recorded, *there}):
        if not (folder / path).is_file():
            verdict, detail = "missing", "recorded, but missing; fetch it again"
        elif path not in recorded:
            verdict, detail = "unrecorded", "not recorded; fetch checks and records it"
        else:
            sha256 = digest_file(folder / path).sha256
            if sha256 in recorded[path]:
                verdict, detail = "ok", version[path, sha256]
            else:
                verdict = "changed"
                detail = f"SHA-256 is {sha256}, recorded is {recorded[path][-1]}; fetch it again"
        checks.append(FileCheck(path=path, verdict=verdict, detail=detail))
    return tuple(checks)
