"""SPOC's flat fields and 2-D blacks from MAST, by their public names.

MAST publishes no hashes of these files.  The SHA-256 of each is therefore recorded when it is
first fetched, beside the cache, and every later fetch must agree with it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import IO, Any, TextIO

from tica_fn.errors import BadFileError, RemoteError
from tica_fn.fits.atomic import write_whole
from tica_fn.fits.model_origins import Origin
from tica_fn.remote.address import shown
from tica_fn.remote.cache import Cache, CachedFile, Remote, Report, give_name
from tica_fn.remote.exposures import wanted
from tica_fn.remote.fetch import fetch_parallel
from tica_fn.remote.hashes import Digest, digest_file
from tica_fn.remote.install import install
from tica_fn.remote.parts import exclusive
from tica_fn.remote.progress import show_progress

__all__ = ["MAST_FOLDER", "MAST_REMOTE", "fetch_mast", "mast_names"]

MAST_REMOTE = "https://archive.stsci.edu/missions/tess/models/"
MAST_FOLDER = "calibration_spoc"
"""Folder the models are installed in; their bias is per read, so it serves any exposure time."""
MAST_VERSION = "2018323"
"""Date in the names of the models, year and day of the year."""
_KINDS = {"bias": "2dblack", "flat": "flat"}
_BLOCK = 2880


def mast_names(camera: int | None = None, ccd: int | None = None) -> tuple[str, ...]:
    """Names of the files of the CCDs asked for."""
    return tuple(
        f"tess{MAST_VERSION}-{w.camera}-{w.ccd}-{_KINDS[w.role.name]}.fits"
        for w in wanted(camera, ccd)
    )


def fetch_mast(
    target: Path,
    *,
    camera: int | None = None,
    ccd: int | None = None,
    remote: Remote | None = None,
    cache: Cache | None = None,
    jobs: int = 4,
    stream: TextIO | None = None,
) -> Path:
    """Download, check and install SPOC's models."""
    names = mast_names(camera, ccd)
    remote = Remote(url=MAST_REMOTE) if remote is None else remote
    cache = Cache() if cache is None else cache
    with show_progress(len(names), stream) as progress:

        def get(name: str) -> tuple[Origin, CachedFile]:
            cached = _obtain(cache, remote, name, progress.reporter(name))
            progress.finished(name, cached.digest.size_bytes)
            digest = cached.digest
            origin = Origin(
                path=name,
                sha256=digest.sha256,
                md5=digest.md5,
                size_bytes=digest.size_bytes,
                source="mast",
                remote=shown(remote.url),
                version=MAST_VERSION,
                hash_kind=cached.hash_kind,
            )
            return origin, cached

        files = fetch_parallel(get, names, jobs, remote)
    folder = target / MAST_FOLDER
    install(folder, files, cache.parts())
    return folder


def _obtain(cache: Cache, remote: Remote, name: str, report: Report) -> CachedFile:
    """File from the cache or the server, in agreement with the hash recorded for its name."""
    path = cache.folder / "mast" / name
    part = cache.parts() / f"{name}.part"
    with exclusive(part) as stream:
        known = _recorded(cache).get(name)
        if known is not None and path.is_file():
            digest = digest_file(path)
            if digest.sha256 == known:
                part.unlink(missing_ok=True)
                report(digest.size_bytes, digest.size_bytes)
                return CachedFile(path=path, digest=digest, hash_kind="first use")
        digest = _download(remote, name, part, stream, report)
        if known is None:
            _record(cache, name, digest.sha256)
        elif digest.sha256 != known:
            part.unlink()
            raise RemoteError(
                f"{shown(remote.url)}{name}: its SHA-256 is {digest.sha256}, but it was {known} "
                f"when first fetched; to accept the new one, remove {name} from "
                f"{_record_path(cache)}"
            )
        give_name(part, path)
    return CachedFile(path=path, digest=digest, hash_kind="first use")


def _download(remote: Remote, name: str, part: Path, stream: IO[bytes], report: Report) -> Digest:
    mark = part.with_name(f"{part.name}.version")
    remote.client.download(remote.url + name, stream, report, validator=mark)
    with part.open("rb") as reader:
        start = reader.read(9)
    if start != b"SIMPLE  =" or part.stat().st_size % _BLOCK:
        size = part.stat().st_size
        part.unlink()
        raise RemoteError(
            f"{shown(remote.url)}{name}: what came ({size} bytes, beginning {start!r}) is not a "
            "whole FITS file; thrown away"
        )
    mark.unlink(missing_ok=True)
    return digest_file(part)


def _record_path(cache: Cache) -> Path:
    return cache.folder / "mast" / "sha256.json"


def _recorded(cache: Cache) -> dict[str, str]:
    path = _record_path(cache)
    if not path.is_file():
        return {}
    try:
        content: Any = json.loads(path.read_text())
        return {str(name): str(sha256) for name, sha256 in content.items()}
    except (json.JSONDecodeError, UnicodeDecodeError, AttributeError) as error:
        raise BadFileError(f"{path}: damaged ({error})") from None


def _record(cache: Cache, name: str, sha256: str) -> None:
    path = _record_path(cache)
    path.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(cache.parts() / "mast-record.lock"):
        content = _recorded(cache) | {name: sha256}
        write_whole(path, [(json.dumps(content, indent=1, sort_keys=True) + "\n").encode()])
