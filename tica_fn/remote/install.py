"""Install verified files in a model folder, each completely or not at all.

Everything has been downloaded and hashed before the folder is touched.  New files are first put
beside their destinations under hidden names; then they are added to the record; then they are
renamed; finally the old ones are removed from the record.  A process that dies at any point leaves
only complete files, each with its recorded version.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from tica_fn.errors import BadFileError
from tica_fn.fits.model_origins import RECORD_NAME, Origin, read_origins, write_origins
from tica_fn.remote.cache import CachedFile, sync_folder
from tica_fn.remote.hashes import digest_file
from tica_fn.remote.parts import exclusive

__all__ = ["install", "lay"]

_ASIDE = ".tica-fn-tmp"
_NO_LINK = frozenset(
    {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EACCES}
)


def install(folder: Path, files: list[tuple[Origin, CachedFile]], locks: Path) -> None:
    """Install files in a folder and record their versions.

    Files are hard links to the cache if possible, else copies; in any case they are read-only.
    """
    folder.mkdir(parents=True, exist_ok=True)
    name = str(folder.resolve()).replace(os.sep, "%")[-200:]
    with exclusive(locks / f"{name}.lock"):
        new = {origin.path: origin for origin, _ in files}
        old = read_origins(folder)
        for place in {folder, *((folder / path).parent for path in new)}:
            _make_folder(place)
            for left_over in (*place.glob(f".*{_ASIDE}"), *place.glob(f".{RECORD_NAME}.*.part")):
                left_over.unlink()
        staged: list[tuple[Path, Path]] = []
        try:
            for origin, cached in files:
                path = folder / origin.path
                if not (path.is_file() and digest_file(path) == cached.digest):
                    staged.append((_stage(cached, path), path))
            write_origins(folder, tuple(dict.fromkeys((*old, *new.values()))))
            for aside, path in staged:
                aside.replace(path)
                sync_folder(path.parent)
        finally:
            # Renaming a link onto another link of the same file does nothing.
            for aside, _ in staged:
                aside.unlink(missing_ok=True)
        kept = (origin for origin in old if origin.path not in new)
        write_origins(folder, (*kept, *new.values()))
        sync_folder(folder)


def lay(cached: CachedFile, path: Path) -> None:
    """Put a verified file in its place."""
    if path.is_file() and digest_file(path) == cached.digest:
        return
    aside = _stage(cached, path)
    try:
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def _make_folder(place: Path) -> None:
    """Make a folder, or the target of a dangling link."""
    target = place.parent / place.readlink() if place.is_symlink() else place
    target.mkdir(parents=True, exist_ok=True)


def _stage(cached: CachedFile, path: Path) -> Path:
    """Put a file beside its destination under a hidden name."""
    aside = path.with_name(f".{path.name}{_ASIDE}")
    try:
        os.link(cached.path, aside)
    except OSError as error:
        if error.errno not in _NO_LINK:
            raise
        try:
            _copy(cached, aside)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise
    return aside


def _copy(cached: CachedFile, aside: Path) -> None:
    try:
        with cached.path.open("rb") as source, aside.open("wb") as target:
            shutil.copyfileobj(source, target, 2**20)
            target.flush()
            os.fsync(target.fileno())
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OSError(error.errno, "disk full; nothing was installed", str(aside)) from None
        raise
    if digest_file(aside) != cached.digest:
        raise BadFileError(f"{aside}: the copy differs from what was written")
    aside.chmod(0o444)
