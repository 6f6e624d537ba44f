"""The user's cache of verified objects.

It has DVC's own layout (``files/md5/ab/cdef...``, and ``ab/cdef...`` for objects of DVC 1 and 2),
so it can also serve as the cache folder of a DVC repository.  An object gets its name only after
its bytes on disk have been hashed; it is read-only, and hashed again each time it is used.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO

import attrs

from tica_fn.errors import BadFileError
from tica_fn.remote.address import shown
from tica_fn.remote.first_sight import FirstSight, check_whole
from tica_fn.remote.hashes import Digest, digest_file, dvc_hash_kind
from tica_fn.remote.http import Client, NotOnServerError, RefusedError
from tica_fn.remote.parts import exclusive

__all__ = ["LARGEST_MODEL", "Cache", "CachedFile", "Remote", "default_folder", "give_name"]

LARGEST_MODEL = 120_000_000
"""No model file is larger: three planes of float64."""
_LARGEST_LISTING = 16_000_000

Report = Callable[[int, "int | None"], None]


def default_folder() -> Path:
    """Default folder of downloaded models."""
    from platformdirs import user_cache_path

    if named := os.environ.get("TICA_FN_CACHE"):
        return Path(named)
    folder = user_cache_path("tica-fn")
    if folder.is_relative_to(os.devnull):
        raise FileNotFoundError(2, "no home folder; name one in TICA_FN_CACHE", "cache of models")
    return folder


@attrs.frozen(kw_only=True)
class CachedFile:
    """A verified file in the cache."""

    path: Path
    digest: Digest
    hash_kind: str


@attrs.define(kw_only=True)
class Remote:
    """A DVC remote: objects named by hash below one address."""

    url: str
    client: Client = attrs.field(factory=Client)


def give_name(part: Path, path: Path) -> None:
    """Rename a verified part file to its final name: atomic, durable, read-only."""
    with part.open("rb") as stream:
        os.fsync(stream.fileno())
    part.chmod(0o444)
    path.parent.mkdir(parents=True, exist_ok=True)
    part.replace(path)
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to the disk."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@attrs.define(kw_only=True)
class Cache:
    """Objects by their DVC hash."""

    folder: Path = attrs.field(factory=default_folder, converter=Path)

    def parts(self) -> Path:
        """Folder of unfinished downloads."""
        folder = self.folder / "parts"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def path_of(self, md5: str, *, legacy: bool, listing: bool = False) -> Path:
        """Place of an object."""
        return self.folder / object_key(md5, legacy=legacy, listing=listing)

    def hash_kind(
        self, path: Path, md5: str, digest: Digest, *, legacy: bool, listing: bool = False
    ) -> str | None:
        """Kind of hash by which a file is the named object, or None.

        The text hash of old remotes ignores CRs before LFs.  A file that matches only that one must
        also be a complete FITS file with correct checksums, and the same as when first fetched.
        """
        kind = dvc_hash_kind(path, md5, digest, legacy=legacy)
        if kind == "md5-dos2unix" and not listing:
            check_whole(path)
            record = self.folder / "first-sight" / "sha256.json"
            FirstSight(record, self.parts() / "first-sight.lock").check(md5, digest.sha256)
        return kind

    def find(self, md5: str, *, legacy: bool, listing: bool = False) -> CachedFile | None:
        """Look for an object and hash it; one whose bytes have changed is removed."""
        for old in (legacy, not legacy):
            path = self.path_of(md5, legacy=old, listing=listing)
            if path.is_file():
                digest = digest_file(path)
                with suppress(BadFileError):
                    if kind := self.hash_kind(path, md5, digest, legacy=old, listing=listing):
                        return CachedFile(path=path, digest=digest, hash_kind=kind)
                path.unlink(missing_ok=True)
        return None

    def obtain(
        self,
        remote: Remote,
        md5: str,
        *,
        legacy: bool,
        report: Report,
        listing: bool = False,
        limit: int | None = None,
    ) -> CachedFile:
        """Return an object from the cache, or from the remote, with at most `limit` bytes."""
        limit = limit or (_LARGEST_LISTING if listing else LARGEST_MODEL)
        found = self.find(md5, legacy=legacy, listing=listing)
        if found is None:
            part = self.parts() / f"{md5}{'.dir' if listing else ''}.part"
            with exclusive(part) as stream:
                # Another process may have completed it while this one waited for the lock.
                found = self.find(md5, legacy=legacy, listing=listing)
                try:
                    found = found or self._download(
                        remote, md5, legacy, listing, stream, report, limit
                    )
                except RefusedError:
                    part.unlink(missing_ok=True)
                    raise
                part.unlink(missing_ok=True)
        report(found.digest.size_bytes, found.digest.size_bytes)
        return found

    def _download(
        self,
        remote: Remote,
        md5: str,
        legacy: bool,
        listing: bool,
        stream: IO[bytes],
        report: Report,
        limit: int,
    ) -> CachedFile:
        """Complete the part, hash it, rename it; if it was resumed and is wrong, start again."""
        part = Path(stream.name)
        while True:
            layout, kept = self._from_either(remote, md5, legacy, listing, stream, report, limit)
            digest = digest_file(part)
            why = f"its MD5 is {digest.md5}, not {md5} as in its name"
            try:
                kind = self.hash_kind(part, md5, digest, legacy=layout, listing=listing)
            except BadFileError as error:
                kind, why = None, str(error).removeprefix(f"{part}: ")
            if kind:
                path = self.path_of(md5, legacy=layout, listing=listing)
                give_name(part, path)
                return CachedFile(path=path, digest=digest, hash_kind=kind)
            stream.truncate(0)
            if not kept:
                raise RefusedError(
                    f"{shown(remote.url)}{object_key(md5, legacy=layout, listing=listing)}: wrong "
                    f"content: {why} ({digest.size_bytes} bytes, discarded)"
                )

    def _from_either(
        self,
        remote: Remote,
        md5: str,
        legacy: bool,
        listing: bool,
        stream: IO[bytes],
        report: Report,
        limit: int,
    ) -> tuple[bool, bool]:
        """Download from either layout; tell whether it was the old one and a part was resumed."""
        keys = [object_key(md5, legacy=old, listing=listing) for old in (legacy, not legacy)]
        for old, key in zip((legacy, not legacy), keys, strict=True):
            try:
                kept = remote.client.download(remote.url + key, stream, report, limit=limit)
                return old, kept
            except NotOnServerError:
                continue
        raise RefusedError(
            f"{shown(remote.url)}: the server has neither {keys[0]} nor {keys[1]} (404)"
        )


def object_key(md5: str, *, legacy: bool, listing: bool = False) -> str:
    """Name of an object below a remote or a cache folder."""
    prefix = "" if legacy else "files/md5/"
    return f"{prefix}{md5[:2]}/{md5[2:]}{'.dir' if listing else ''}"
