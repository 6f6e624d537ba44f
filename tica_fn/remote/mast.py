"""SPOC's flat fields and 2-D blacks from MAST, by their public names.

MAST publishes no hashes of these files.  A download must be a complete FITS model of the CCD with
correct checksums; its SHA-256 is then recorded in the cache, and later downloads must agree with
it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TextIO

from tica_fn.errors import BadFileError, ModelError, RemoteError
from tica_fn.fits.model_files import check_spoc_model
from tica_fn.fits.model_origins import Origin
from tica_fn.remote.address import shown
from tica_fn.remote.cache import LARGEST_MODEL, Cache, CachedFile, Remote, Report, give_name
from tica_fn.remote.exposures import wanted
from tica_fn.remote.fetch import fetch_parallel
from tica_fn.remote.first_sight import FirstSight, check_whole
from tica_fn.remote.hashes import digest_file
from tica_fn.remote.http import RefusedError
from tica_fn.remote.install import install
from tica_fn.remote.parts import exclusive
from tica_fn.remote.progress_bar import show_progress

__all__ = ["MAST_FOLDER", "MAST_REMOTE", "fetch_mast", "mast_names"]

MAST_REMOTE = "https://archive.stsci.edu/missions/tess/models/"
MAST_FOLDER = "calibration_spoc"
"""Folder for these models; their bias is per read, so it serves any exposure time."""
MAST_VERSION = "2018323"
"""Date in the names of the models, year and day of the year."""
_KINDS = {"bias": "2dblack", "flat": "flat"}


def mast_names(camera: int | None = None, ccd: int | None = None) -> tuple[str, ...]:
    """Names of the files of the requested CCDs."""
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
    """File from the cache or the server; it must agree with the hash recorded for its name."""
    path = cache.folder / "mast" / name
    first = FirstSight(cache.folder / "mast" / "sha256.json", cache.parts() / "mast-record.lock")
    part = cache.parts() / f"{name}.part"
    with exclusive(part) as stream:
        known = first.known().get(name)
        if known is not None and path.is_file():
            digest = digest_file(path)
            if digest.sha256 == known:
                part.unlink(missing_ok=True)
                report(digest.size_bytes, digest.size_bytes)
                return CachedFile(path=path, digest=digest, hash_kind="first use")
        mark = part.with_name(f"{part.name}.version")
        try:
            remote.client.download(
                remote.url + name, stream, report, validator=mark, limit=LARGEST_MODEL
            )
            check_model(part, name)
            digest = digest_file(part)
            first.check(name, digest.sha256)
        except (RefusedError, BadFileError) as error:
            part.unlink()
            mark.unlink(missing_ok=True)
            if isinstance(error, RefusedError):
                raise
            raise RemoteError(f"{shown(remote.url)}{name}: {error}; discarded") from None
        mark.unlink(missing_ok=True)
        give_name(part, path)
    return CachedFile(path=path, digest=digest, hash_kind="first use")


def check_model(part: Path, name: str) -> None:
    """Refuse a file that is not the model given by its name."""
    camera, ccd, kind = name.removesuffix(".fits").split("-")[1:]
    try:
        check_whole(part)
        check_spoc_model(part, int(camera), int(ccd), "flat" if kind == "flat" else "bias")
    except (BadFileError, ModelError) as error:
        raise BadFileError(
            f"the download ({part.stat().st_size} bytes) is not the model of camera {camera} CCD "
            f"{ccd}: {str(error).removeprefix(f'{part}: ')}"
        ) from None
