"""Products that are known to be complete and up to date without reading them.

When a product was written or verified, the device, inode, size, mtime and ctime of it and of its
input are noted in the user's cache folder, in one file for each set of models, options and output
folder.  The system sets ctime at every change, and programs can't choose it; so while nothing
differs, nothing was changed.  A product that differs or is not noted is verified completely.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tica_fn.fits.outcome import SKIPPED, Outcome
from tica_fn.fits.version import __version__

if TYPE_CHECKING:
    from tica_fn.fits.atomic import Identity

__all__ = ["KnownProducts", "settled_identity"]

_OLD_ENOUGH_NS = 20_000_000
"""More than a tick of the system's clock, so that a later change has a later time."""
_FORGOTTEN_S = 90 * 86400.0
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


def settled_identity(path: Path) -> Identity | None:
    """Device, inode, size and times of a file; None if there is none, or its times are coarse."""
    try:
        found = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode) or found.st_ctime_ns % 1_000_000 == 0:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


class KnownProducts:
    """Notes on the products of one folder, made with one set of models and options."""

    def __init__(
        self, outdir: Path, caldir: Path, options: Mapping[str, Any], files: Iterable[Path] = ()
    ) -> None:
        """Set the folder of the products, and everything they depend on besides their inputs."""
        self._outdir = outdir
        self._notes: dict[str, tuple[Identity, list[tuple[str, Identity]]]] = {}
        self._begun: dict[Path, Identity | None] = {}
        self._waiting: list[tuple[Outcome, Identity, list[tuple[str, Identity]]]] = []
        models = [(str(path), settled_identity(path)) for path in (*_files_of(caldir), *files)]
        self._file: Path | None = None
        if not models or any(known is None for _, known in models):
            return
        said = json.dumps(
            [_name(outdir), __version__, sorted((k, str(v)) for k, v in options.items()), models]
        )
        folder = _folder()
        if folder is not None:
            self._file = folder / hashlib.sha256(said.encode()).hexdigest()[:32]
            self._read()
            if not self._file.exists():
                _forget_old(folder)  # Not more often: there can be thousands.

    def outcome(self, source: Path) -> Outcome | None:
        """Outcome of an input whose products are known to be complete, or None."""
        found = self._begun[source] = settled_identity(source)
        noted = self._notes.get(_name(source))
        if noted is None or found is None or noted[0] != found:
            return None
        if any(settled_identity(self._outdir / name) != known for name, known in noted[1]):
            return None
        outputs = tuple(self._outdir / name for name, _ in noted[1])
        return Outcome(source=source, state=SKIPPED, outputs=outputs)

    def noting(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Pass outcomes on, and note those whose products are complete."""
        for outcome in outcomes:
            self._take(outcome)
            yield outcome
            self._write(time.time_ns() - _OLD_ENOUGH_NS)
        if self._waiting:
            newest = max(_newest(before, made) for _, before, made in self._waiting)
            wait_ns = newest + _OLD_ENOUGH_NS - time.time_ns()
            time.sleep(1e-9 * min(max(wait_ns, 0), 2 * _OLD_ENOUGH_NS))
            self._write(time.time_ns() - _OLD_ENOUGH_NS)

    def _take(self, outcome: Outcome) -> None:
        before = self._begun.get(outcome.source)
        if self._file is None or outcome.error is not None or not outcome.alone or before is None:
            return
        made = [(path.name, settled_identity(path)) for path in outcome.outputs]
        whole = [(name, known) for name, known in made if known is not None]
        if made and len(whole) == len(made):
            self._waiting.append((outcome, before, whole))

    def _write(self, until_ns: int) -> None:
        """Note files that have not changed since they were checked and are old enough."""
        lines, left = [], []
        for entry in self._waiting:
            outcome, before, made = entry
            if _newest(before, made) > until_ns:
                left.append(entry)
            elif settled_identity(outcome.source) == before and all(
                settled_identity(self._outdir / name) == known for name, known in made
            ):
                lines.append(_line(_name(outcome.source), before, made))
        self._waiting = left
        if lines and self._file is not None:
            try:
                how = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
                handle = os.open(self._file, how, 0o600)
                try:
                    os.write(handle, b"".join(lines))
                finally:
                    os.close(handle)
            except OSError:
                self._file = None  # Next time everything is verified completely.

    def _read(self) -> None:
        assert self._file is not None
        try:
            handle = os.open(self._file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError:
            return
        with os.fdopen(handle, "rb") as stream:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode) or not _is_ours(found):
                return
            for line in stream:
                try:
                    sum_, text = line.split(b" ", 1)
                    if int(sum_, 16) != zlib.crc32(text):
                        continue
                    name, before, made = json.loads(text)
                    known = [(output, tuple(one)) for output, one in made]
                    self._notes[name] = (tuple(before), known)
                except (ValueError, TypeError):
                    continue  # An incomplete line.


def _newest(before: Identity, made: list[tuple[str, Identity]]) -> int:
    return max(before[-1], *(known[-1] for _, known in made))


def _line(name: str, before: Identity, made: list[tuple[str, Identity]]) -> bytes:
    text = json.dumps([name, before, made]).encode() + b"\n"
    return b"%08x %s" % (zlib.crc32(text), text)


def _name(path: Path) -> str:
    return os.path.realpath(path)


def _files_of(folder: Path) -> list[Path]:
    """All files in a folder of models."""
    found = []
    for place, folders, names in os.walk(os.path.realpath(folder), followlinks=True):
        folders.sort()
        found += [Path(place, name) for name in sorted(names)]
        if len(found) > 10_000:
            return []  # Not a folder of models alone.
    return found


def _folder() -> Path | None:
    """Folder of the notes, writable only by the user and root; None if impossible."""
    from platformdirs import user_cache_path

    named = os.environ.get("TICA_FN_CACHE")
    try:
        folder = Path(os.path.realpath(Path(named) if named else user_cache_path("tica-fn")))
        folder = folder / "products"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in (folder, *folder.parents):
            if not _is_ours(path.stat()):
                return None
    except (OSError, RuntimeError):
        return None
    return folder


def _forget_old(folder: Path) -> None:
    """Remove notes to which nothing was added for months."""
    before = time.time() - _FORGOTTEN_S
    try:
        with os.scandir(folder) as entries:
            for old in [entry.path for entry in entries if entry.stat().st_mtime < before]:
                Path(old).unlink(missing_ok=True)
    except OSError:
        return  # Another command is removing them.


def _is_ours(found: os.stat_result) -> bool:
    sticky = stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX
    return found.st_uid in (0, os.geteuid()) and not (found.st_mode & _OTHERS_WRITE and not sticky)
