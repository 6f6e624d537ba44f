"""Raw files of a sector from MAST: the requested ones of its scripts, verified."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import TextIO

import attrs

from tica_fn.errors import BadFileError, RemoteError, of_the_package
from tica_fn.remote.address import shown
from tica_fn.remote.cache import Remote, Report, give_name
from tica_fn.remote.first_sight import check_whole
from tica_fn.remote.http import NotOnServerError, RefusedError
from tica_fn.remote.parts import exclusive
from tica_fn.remote.progress_bar import show_progress
from tica_fn.remote.scripts import RAW_KINDS, Choice, RemoteFile, choose, read_script

__all__ = ["RAW_REMOTE", "Fetched", "fetch_files", "list_files"]

RAW_REMOTE = "https://archive.stsci.edu/missions/tess/download_scripts/sector/"
_LARGEST_SCRIPT = 500_000_000
_GIVE_UP = 5
"""Stop after this many failures without one success."""


@attrs.frozen(kw_only=True)
class Fetched:
    """Result of one file: ``"fetched"``, ``"there already"``, ``"failed"``, ``"not begun"``."""

    file: RemoteFile
    path: Path
    state: str
    error: Exception | None = None


def list_files(remote: Remote, sector: int, kind: str, choice: Choice) -> list[RemoteFile]:
    """Find the requested files in a sector's script, in order of time."""
    url = f"{remote.url}tesscurl_sector_{sector}_{kind}.sh"
    with tempfile.NamedTemporaryFile(buffering=0) as script:
        try:
            remote.client.download(url, script, lambda *_: None, limit=_LARGEST_SCRIPT)
        except NotOnServerError as error:
            raise NotOnServerError(f"{error}: no {kind} files of sector {sector}") from None
        files = [one for one in read_script(Path(script.name), url, kind) if one.sector == sector]
    chosen = choose(files, choice)
    if not chosen:
        raise RemoteError(
            f"{shown(url)}: none of its {len(files)} {kind} files of sector {sector} matches the "
            "request"
        )
    return chosen


def fetch_files(
    files: Sequence[RemoteFile],
    kind: str,
    folder: Path,
    remote: Remote,
    jobs: int = 4,
    stream: TextIO | None = None,
) -> Iterator[Fetched]:
    """Download files into a folder, several at a time; one that fails does not stop the others."""
    folder.mkdir(parents=True, exist_ok=True)
    client = remote.client
    failures = good = 0
    with (
        show_progress(len(files), stream) as progress,
        ThreadPoolExecutor(max_workers=min(jobs, max(len(files), 1))) as pool,
    ):

        def get(one: RemoteFile) -> Fetched:
            path = folder / one.name
            if client.stop.is_set():
                return Fetched(file=one, path=path, state="not begun")
            try:
                state = _obtain(remote, one, kind, path, progress.reporter(one.name))
            except Exception as error:  # The other files go on.
                failure = of_the_package(path, error)
                return Fetched(file=one, path=path, state="failed", error=failure)
            progress.finished(one.name, path.stat().st_size)
            return Fetched(file=one, path=path, state=state)

        try:
            for future in as_completed([pool.submit(get, one) for one in files]):
                found = future.result()
                good += found.state in ("fetched", "there already")
                failures += found.state == "failed"
                if failures >= _GIVE_UP and not good:
                    client.stop.set()
                yield found
        except BaseException:
            client.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _obtain(remote: Remote, one: RemoteFile, kind: str, path: Path, report: Report) -> str:
    """Download one file unless it exists and is complete."""
    part = path.with_name(f".{path.name}.part")
    mark = path.with_name(f".{path.name}.version")
    with exclusive(part) as stream:
        if path.is_file():
            try:
                _check(path, one)
            except BadFileError:
                pass  # Incomplete or damaged: it is downloaded again.
            else:
                part.unlink()
                mark.unlink(missing_ok=True)
                return "there already"
        try:
            remote.client.download(one.url, stream, report, validator=mark, limit=RAW_KINDS[kind])
            _check(part, one)
        except (RefusedError, BadFileError) as error:
            part.unlink()
            mark.unlink(missing_ok=True)
            if isinstance(error, RefusedError):
                raise
            why = str(error).removeprefix(f"{part}: ")
            raise BadFileError(f"{shown(one.url)}: the download is not that file: {why}") from None
        mark.unlink(missing_ok=True)
        give_name(part, path)
        path.chmod(0o644)
    return "fetched"


def _check(path: Path, one: RemoteFile) -> None:
    """Check a file's checksums, and its headers against its name."""
    headers = [hdu.header for hdu in check_whole(path)]
    if not any("CHECKSUM" in header or "DATASUM" in header for header in headers):
        raise BadFileError(f"{path}: has no checksum for verification")
    said = {"CAMERA": one.camera, "CCD": one.ccd, "TICID": one.tic}
    for keyword, wanted in said.items():
        for header in headers:
            if wanted is not None and header.get(keyword, wanted) != wanted:
                raise BadFileError(
                    f"{path}: the header says {keyword} {header[keyword]}, the file name {wanted}"
                )
