"""MAST's download scripts of a sector, and the choice of files from them.

A script (``tesscurl_sector_<S>_ffir.sh``) is a list of lines ``curl -C - -L -o NAME URL`` for up to
some 200,000 files.  Names of files are:

    tess2018349182459-s0006-2-3-0126-s_ffir.fits                 full frame, camera 2 CCD 3
    tess2018349182459-s0006-0000000322899250-0126-s_tp.fits      target pixels of a TIC star
    tess2018349182459-s0006-smrow-2-3-b-0126-s_col.fits          collateral of amplifier B

The number after ``tess`` is the UTC of the start: year, day of the year, hour, minute, second.
"""

from __future__ import annotations

import re
import shlex
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs

from tica_fn.errors import BadFileError, UsageError
from tica_fn.remote.address import joined

__all__ = ["RAW_KINDS", "Choice", "RemoteFile", "choose", "moment", "read_script"]

RAW_KINDS = {"ffir": 60_000_000, "tp": 4_000_000_000, "col": 20_000_000_000}
"""Kinds of raw files, by the ending of their names, and their largest possible size in bytes."""

_NAME = re.compile(
    r"tess(?P<stamp>\d{13})-s(?P<sector>\d{4})-"
    r"(?:(?P<camera>[1-4])-(?P<ccd>[1-4])|(?P<tic>\d{16})|"
    r"[a-z]+-(?P<col_camera>[1-4])-(?P<col_ccd>[1-4])-[a-d])-"
    r"\d{4}-[a-z](?:_fast)?_(?:fast-)?(?P<kind>ffir|tp|col)\.fits(?:\.gz)?"
)
_TJD_ZERO = datetime(2014, 12, 8, 12, tzinfo=UTC)  # JD 2457000.0


@attrs.frozen(kw_only=True)
class RemoteFile:
    """One file of a script."""

    name: str
    url: str
    start: datetime
    sector: int
    camera: int | None
    ccd: int | None
    tic: int | None


@attrs.frozen(kw_only=True)
class Choice:
    """Selection of files; None matches all."""

    camera: int | None = None
    ccd: int | None = None
    tics: tuple[int, ...] = ()
    first: int | None = None
    start: datetime | None = None
    stop: datetime | None = None


def moment(text: str) -> datetime:
    """Read a time in UTC: ISO, as in names of files (``2018349182459``), or a TJD."""
    try:
        if re.fullmatch(r"\d{13}", text):
            return datetime.strptime(text, "%Y%j%H%M%S").replace(tzinfo=UTC)
        if re.fullmatch(r"\d{3,5}(\.\d*)?", text):
            return _TJD_ZERO + timedelta(days=float(text))
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise UsageError(
            f"{text!r} is not a time: give 2018-12-15T18:24:59, 2018349182459 or a TJD, all UTC"
        ) from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def read_script(path: Path, url: str, kind: str) -> Iterator[RemoteFile]:
    """Read the files of one kind from a script; `url` is the script's address."""
    lines = 0
    with path.open(errors="replace") as stream:
        for line in stream:
            words = _words(line)
            if not words or Path(words[0]).name != "curl":
                continue
            lines += 1
            if "-o" not in words[:-1]:
                continue
            name = words[words.index("-o") + 1]
            found = _NAME.fullmatch(name)
            if found is None or found["kind"] != kind:
                continue
            address = joined(url, words[-1])
            if address is None:
                raise BadFileError(f"{url}: the address of {name} is {words[-1]}")
            try:
                start = moment(found["stamp"])
            except UsageError:
                continue
            camera, ccd = found["camera"] or found["col_camera"], found["ccd"] or found["col_ccd"]
            yield RemoteFile(
                name=name,
                url=address,
                start=start,
                sector=int(found["sector"]),
                camera=int(camera) if camera else None,
                ccd=int(ccd) if ccd else None,
                tic=int(found["tic"]) if found["tic"] else None,
            )
    if not lines:
        raise BadFileError(f"{url}: not a download script: it has no curl command")


def _words(line: str) -> list[str]:
    if not set(line) & set("\"'\\#"):  # shlex would take a minute for a sector
        return line.split()
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        return []


def choose(files: Iterable[RemoteFile], choice: Choice) -> list[RemoteFile]:
    """Choose the requested files in order of time; `first` counts per CCD or star."""
    kept = {
        one.name: one
        for one in files
        if (choice.camera is None or one.camera == choice.camera)
        and (choice.ccd is None or one.ccd == choice.ccd)
        and (not choice.tics or one.tic in choice.tics)
        and (choice.start is None or choice.start <= one.start)
        and (choice.stop is None or one.start <= choice.stop)
    }
    taken: dict[object, int] = defaultdict(int)
    chosen = []
    for one in sorted(kept.values(), key=lambda one: (one.start, one.name)):
        group = (one.camera, one.ccd, one.tic)
        taken[group] += 1
        if choice.first is None or taken[group] <= choice.first:
            chosen.append(one)
    return chosen
