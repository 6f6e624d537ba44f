"""Files that appear whole or not at all: written aside, made durable, renamed."""

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
"""Bytes from which on it pays to write past the page cache."""
_CHUNK = 1 << 20
"""Bytes that are read back at a time: they stay in the processor's cache."""
Identity = tuple[int, int, int, int, int]
_looked_at: ContextVar[Mapping[Path, Identity | None]] = ContextVar(
    "looked_at", default=MappingProxyType({})
)
_NO_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS)
"""What file systems say (SMB, VirtualBox) where a folder can't be made durable by itself."""
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
    """Write a file so that its name shows the whole of it or what was there before.

    With `replaces` the file is one that was read: it is left where it is another one by now, and
    the new one has its owner, group and mode.
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
                f"{target}: was changed by another program since it was read; it is left as it is"
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
    """While a file is made, let it take no other's place than that of the one looked at."""
    token = _looked_at.set({**_looked_at.get(), target.resolve(): identity})
    try:
        yield
    finally:
        _looked_at.reset(token)


def identity_of(path: str | os.PathLike[str]) -> Identity | None:
    """What tells a file, and its content, from what may take its place; None where none is."""
    try:
        found = os.stat(path)  # noqa: PTH116
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _take_after(handle: int, target: Path) -> None:
    """Give a new file the owner, group and mode of the one that it replaces, as far as may be."""
    old, new = target.stat(), os.fstat(handle)
    for what, uid, gid in (("owner", old.st_uid, -1), ("group", -1, old.st_gid)):
        if (what == "owner" and uid == new.st_uid) or (what == "group" and gid == new.st_gid):
            continue
        try:
            os.fchown(handle, uid, gid)
        except OSError as error:
            number = max(uid, gid)
            tell_note(f"{target}: can't be given its {what} {number} again ({error.strerror})")
    try:
        os.fchmod(handle, old.st_mode & 0o7777)
    except OSError as error:
        tell_note(
            f"{target}: can't be given its mode {old.st_mode & 0o7777:o} again ({error.strerror})"
        )
    if old.st_nlink > 1:
        others = "another name (a hard link), which keeps"
        if old.st_nlink > 2:
            others = f"{old.st_nlink - 1} other names (hard links), which keep"
        tell_note(f"{target}: has {others} the old content")


def _compare(handle: int, parts: Sequence[Part], target: Path) -> None:
    """Compare what is in a file with what was meant, byte by byte."""
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
    """Let the page cache forget a large file that is on the disk now.

    In a batch its memory is wanted by the next one: memory in use is faster than memory that the
    system has yet to find, and other files' content is not driven out.
    """
    if os.fstat(handle).st_size >= _LARGE and hasattr(os, "posix_fadvise"):
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)


def _can_go_direct(handle: int, view: memoryview) -> bool:
    """Tell whether a disk can take memory as it is: much of it, from page to page."""
    if len(view) < _LARGE or _DIRECT == 0:
        return False
    address = int(np.frombuffer(view, dtype=np.uint8).ctypes.data)
    place = os.lseek(handle, 0, os.SEEK_CUR)
    return address % mmap.PAGESIZE == 0 and place % mmap.PAGESIZE == 0


def _set_direct(handle: int, *, on: bool) -> bool:
    """Write past the page cache or through it; False where the file system can't do the former."""
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
    """Write whole pages past the page cache, and give what is left to be written through it.

    The content is to be durable anyway; this saves copying it into memory that other files'
    content would be driven out of.
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
    """Open a file in the target's folder: one without a name where the system can make it.

    What has no name is gone with the process, even one that is killed.
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
    """Give a name to a file without one, just before it takes the target's."""
    aside = _name_aside(target)
    folder = os.open(target.parent, os.O_RDONLY)
    try:
        # With a folder given, the link is made to what the path in /proc leads to.
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
        return  # One may write into it and not look: the file is there.
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(handle)
