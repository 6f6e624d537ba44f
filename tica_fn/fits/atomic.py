"""Files that appear complete or not at all: written beside the target, synced, then renamed."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import MappingProxyType

import numpy as np

from tica_fn.errors import BadFileError, tell_note

__all__ = ["ChangedError", "Identity", "identity_of", "replacing", "write_whole"]


class ChangedError(BadFileError):
    """Another program changed a file that was to be replaced."""


Part = bytes | bytearray | memoryview
_LARGE = 1 << 20
"""Size in bytes from which direct I/O is worthwhile."""
_CHUNK = 1 << 20
"""Bytes that are read back at a time; they fit into the processor's cache."""
Identity = tuple[int, int, int, int, int]
_looked_at: ContextVar[Mapping[Path, Identity | None]] = ContextVar(
    "looked_at", default=MappingProxyType({})
)
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""Errors of file systems (SMB, VirtualBox) that can't sync a folder separately."""
_DIRECT = getattr(os, "O_DIRECT", 0)


def write_whole(
    path: str | os.PathLike[str],
    parts: Iterable[Part],
    on_written: Callable[[], None] | None = None,
    *,
    verify: bool = False,
    mode: int | None = None,
    replaces: Identity | None = None,
) -> None:
    """Write a file completely, or leave what was there before.

    `replaces` identifies a file that was read before.  If another file has its name by now, that
    one is left alone; otherwise the new file gets its owner, group and mode.
    """
    target = Path(path)
    try:
        handle, aside = _open_aside(target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(target.parent)) from error
    named = aside
    if verify:
        parts = list(parts)
    try:
        try:
            for part in parts:
                view = memoryview(part).cast("B")
                if _can_go_direct(handle, view) and _set_direct(handle, on=True):
                    if on_written is not None:
                        on_written()
                    view = _write_direct(handle, view)
                while len(view):
                    view = view[os.write(handle, view) :]
            if verify:
                _compare(handle, list(parts), target)
            if mode is not None:
                os.fchmod(handle, mode)
            if replaces is not None:
                _take_after(handle, target)
            if on_written is not None:
                on_written()
            os.fsync(handle)
            _let_go(handle)
            if named is None:
                named = _give_name(handle, target)
        finally:
            os.close(handle)
        looked_at = _looked_at.get()
        place = target.resolve() if looked_at else target
        expected = looked_at.get(place, replaces)
        if (replaces is not None or place in looked_at) and identity_of(target) != expected:
            raise ChangedError(
                f"{target}: was changed by another program since it was read; not replaced"
            )
        named.replace(target)
    except OSError as error:
        _remove(named)
        if isinstance(error, BadFileError):
            raise
        raise OSError(error.errno, error.strerror, str(target)) from error
    except BaseException:
        _remove(named)
        raise
    _sync_folder(target.parent)


@contextmanager
def replacing(target: Path, identity: Identity | None) -> Iterator[None]:
    """Within this context, `write_whole` replaces the target only if it still is this file."""
    token = _looked_at.set({**_looked_at.get(), target.resolve(): identity})
    try:
        yield
    finally:
        _looked_at.reset(token)


def identity_of(path: str | os.PathLike[str]) -> Identity | None:
    """Identity of a file and its content, or None if there is no file."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _take_after(handle: int, target: Path) -> None:
    """Give a new file the owner, group and mode of the one that it replaces, where possible."""
    old, new = target.stat(), os.fstat(handle)
    for what, uid, gid in (("owner", old.st_uid, -1), ("group", -1, old.st_gid)):
        if (what == "owner" and uid == new.st_uid) or (what == "group" and gid == new.st_gid):
            continue
        try:
            os.fchown(handle, uid, gid)
        except OSError as error:
            number = max(uid, gid)
            tell_note(f"{target}: can't keep its {what} {number} ({error.strerror})")
    try:
        os.fchmod(handle, old.st_mode & 0o7777)
    except OSError as error:
        tell_note(f"{target}: can't keep its mode {old.st_mode & 0o7777:o} ({error.strerror})")
    if old.st_nlink > 1:
        others = "another name (a hard link), which keeps"
        if old.st_nlink > 2:
            others = f"{old.st_nlink - 1} other names (hard links), which keep"
        tell_note(f"{target}: has {others} the old content")


def _compare(handle: int, parts: Sequence[Part], target: Path) -> None:
    """Compare the content of a file with what was to be written, byte by byte."""
    room = np.empty(_CHUNK, dtype=np.uint8)
    at = 0
    for part in parts:
        meant = np.frombuffer(part, dtype=np.uint8)
        for start in range(0, meant.size, _CHUNK):
            piece = meant[start : start + _CHUNK]
            got = os.preadv(handle, [room[: piece.size].data], at)
            words = np.uint64 if got % 8 == 0 else np.uint8
            if got != piece.size or not np.array_equal(room[:got].view(words), piece.view(words)):
                raise BadFileError(
                    f"{target}: what was written reads back differently from byte {at} on"
                )
            at += got
    size = os.fstat(handle).st_size
    if at != size:
        raise BadFileError(f"{target}: {size} bytes were written instead of {at}")


def _let_go(handle: int) -> None:
    """Drop a large file that is on the disk now from the page cache.

    In a batch the next file reuses this memory, which is faster than new memory, and the cached
    content of other files stays.
    """
    if os.fstat(handle).st_size >= _LARGE and hasattr(os, "posix_fadvise"):
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)


def _can_go_direct(handle: int, view: memoryview) -> bool:
    """Tell whether direct I/O is possible: a large, page-aligned piece of memory."""
    if len(view) < _LARGE or _DIRECT == 0:
        return False
    address = int(np.frombuffer(view, dtype=np.uint8).ctypes.data)
    place = os.lseek(handle, 0, os.SEEK_CUR)
    return address % mmap.PAGESIZE == 0 and place % mmap.PAGESIZE == 0


def _set_direct(handle: int, *, on: bool) -> bool:
    """Turn direct I/O on or off; False if the file system can't do it."""
    flags = fcntl.fcntl(handle, fcntl.F_GETFL)
    wanted = flags | _DIRECT if on else flags & ~_DIRECT
    try:
        fcntl.fcntl(handle, fcntl.F_SETFL, wanted)
    except OSError:
        if not on:
            raise
        return False
    return True


def _write_direct(handle: int, view: memoryview) -> memoryview:
    """Write whole pages directly to the disk, and return the rest for a normal write.

    The content must be synced anyway; this saves the copy into the page cache, which would evict
    other files.
    """
    whole = len(view) - len(view) % mmap.PAGESIZE
    done = 0
    try:
        while done < whole and done % mmap.PAGESIZE == 0:
            done += os.write(handle, view[done:whole])
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
    _set_direct(handle, on=False)
    return view[done:]


def _open_aside(target: Path) -> tuple[int, Path | None]:
    """Open a file in the target's folder, without a name if the system supports that.

    A file without a name disappears with the process, even if that is killed.
    """
    if _NAMELESS:
        try:
            return os.open(target.parent, os.O_TMPFILE | os.O_RDWR, 0o666), None
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL):
                raise
    aside = _name_aside(target)
    return os.open(aside, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666), aside


def _name_aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")


def _give_name(handle: int, target: Path) -> Path:
    """Give a temporary name to a file without one, just before it is renamed to the target."""
    aside = _name_aside(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        # With a folder given, link() follows the path in /proc.
        os.link(f"/proc/self/fd/{handle}", aside, src_dir_fd=folder)
    finally:
        os.close(folder)
    return aside


def _remove(aside: Path | None) -> None:
    if aside is not None:
        aside.unlink(missing_ok=True)


_NAMELESS = hasattr(os, "O_TMPFILE") and Path("/proc/self/fd").is_dir()


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable."""
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:
        return  # A folder may be writable but not readable; the file is there.
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(handle)
