"""Fetch the models of an exposure time from TICA's DVC remote, without DVC."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TextIO, TypeVar

import attrs

from tica_fn.errors import BadFileError, ModelError
from tica_fn.fits.model_origins import Origin
from tica_fn.remote.address import shown
from tica_fn.remote.cache import LARGEST_MODEL, Cache, CachedFile, Remote
from tica_fn.remote.exposures import EXPOSURES, FLAT_OUTPUT, ROLES, Exposure, Role, Wanted, wanted
from tica_fn.remote.hashes import digest_file
from tica_fn.remote.install import install, lay
from tica_fn.remote.pointers import Entry, Output, check_md5, known_outputs, read_listing
from tica_fn.remote.progress_bar import ProgressBar, show_progress

__all__ = [
    "TICA_REMOTE",
    "Listing",
    "fetch_models",
    "fetch_output",
    "fetch_parallel",
    "select_entries",
]

TICA_REMOTE = "https://tess.mit.edu/public/tica/"

T = TypeVar("T")
R = TypeVar("R")


@attrs.frozen(kw_only=True)
class Listing:
    """An output with its files."""

    output: Output
    entries: tuple[Entry, ...]

    def roles(self) -> tuple[Role, ...]:
        """Kinds of models in it, from the names of its files."""
        names = [entry.relpath for entry in self.entries]
        return tuple(
            role for role in ROLES if any(n.endswith(f"_{role.ending}.fits") for n in names)
        )


def select_entries(listing: Listing, needed: Sequence[Wanted]) -> dict[Wanted, Entry]:
    """Find the files that are needed in a listing, which may hold more."""
    by_name: dict[str, list[Entry]] = {}
    for entry in listing.entries:
        by_name.setdefault(entry.relpath.rsplit("/", 1)[-1], []).append(entry)
    chosen: dict[Wanted, Entry] = {}
    for one in needed:
        found = sorted(by_name.get(one.name, []), key=lambda e: e.relpath.count("/"))
        where = f"{listing.output.name} ({listing.output.md5}.dir)"
        if not found:
            raise ModelError(f"{where} has no {one.name} among its {len(listing.entries)} files")
        depths = [entry.relpath.count("/") for entry in found]
        if depths.count(depths[0]) > 1:
            places = ", ".join(entry.relpath for entry in found)
            raise ModelError(f"{where} has {one.name} more than once: {places}")
        chosen[one] = found[0]
    return chosen


def fetch_models(
    exposure: Exposure,
    target: Path,
    *,
    camera: int | None = None,
    ccd: int | None = None,
    remote: Remote | None = None,
    cache: Cache | None = None,
    outputs: Mapping[str, Output] | None = None,
    pins: Sequence[str] = (),
    jobs: int = 4,
    stream: TextIO | None = None,
) -> Path:
    """Download, verify and install the models of one exposure time."""
    needed = wanted(camera, ccd)
    remote = Remote(url=TICA_REMOTE) if remote is None else remote
    cache = Cache() if cache is None else cache
    outputs = known_outputs() if outputs is None else outputs
    listings = _listings(exposure, pins, outputs, remote, cache)
    chosen: dict[Wanted, tuple[Listing, Entry]] = {}
    for role in ROLES:
        listing = listings[role]
        of_role = [one for one in needed if one.role == role]
        for one, entry in select_entries(listing, of_role).items():
            chosen[one] = (listing, entry)

    folder = target / exposure.folder
    with show_progress(len(chosen), stream) as progress:

        def get(one: Wanted) -> tuple[Origin, CachedFile]:
            return _get(one, *chosen[one], remote, cache, folder / one.path, progress)

        files = fetch_parallel(get, list(chosen), jobs, remote)
    install(folder, files, cache.parts())
    return folder


def _get(
    one: Wanted,
    listing: Listing,
    entry: Entry,
    remote: Remote,
    cache: Cache,
    installed: Path,
    progress: ProgressBar,
) -> tuple[Origin, CachedFile]:
    output = listing.output
    report = progress.reporter(one.path)
    cached = _already(cache, installed, entry, output)
    if cached is None:
        limit = min(LARGEST_MODEL, output.size_bytes or LARGEST_MODEL)
        cached = cache.obtain(remote, entry.md5, legacy=output.legacy, report=report, limit=limit)
    progress.finished(one.path, cached.digest.size_bytes)
    origin = Origin(
        path=one.path,
        sha256=cached.digest.sha256,
        md5=cached.digest.md5,
        size_bytes=cached.digest.size_bytes,
        source="tica",
        remote=shown(remote.url),
        output=output.name,
        version=f"{output.md5}.dir",
        object_md5=entry.md5,
        hash_kind=cached.hash_kind,
    )
    return origin, cached


def fetch_output(
    output: Output,
    folder: Path,
    *,
    remote: Remote,
    cache: Cache,
    jobs: int = 4,
    stream: TextIO | None = None,
) -> list[Path]:
    """Download and verify all files of an output, and link them from a folder to the cache."""
    entries = _listing(output, remote, cache).entries
    for entry in entries:
        parts = PurePosixPath(entry.relpath).parts
        if not parts or PurePosixPath(entry.relpath).is_absolute() or ".." in parts:
            raise ModelError(f"{output.name}: its listing names a file {entry.relpath!r}")
    limit = output.size_bytes or LARGEST_MODEL
    with show_progress(len(entries), stream) as progress:

        def get(entry: Entry) -> CachedFile:
            report = progress.reporter(entry.relpath)
            cached = cache.obtain(
                remote, entry.md5, legacy=output.legacy, report=report, limit=limit
            )
            progress.finished(entry.relpath, cached.digest.size_bytes)
            return cached

        files = fetch_parallel(get, entries, jobs, remote)
    paths = [folder / entry.relpath for entry in entries]
    for path, cached in zip(paths, files, strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        lay(cached, path)
    return paths


def _already(cache: Cache, path: Path, entry: Entry, output: Output) -> CachedFile | None:
    """Use the file at the destination if it is right, fetched before or by DVC."""
    if not path.is_file():
        return None
    digest = digest_file(path)
    with suppress(BadFileError):
        if kind := cache.hash_kind(path, entry.md5, digest, legacy=output.legacy):
            return CachedFile(path=path, digest=digest, hash_kind=kind)
    return None


def _listings(
    exposure: Exposure,
    pins: Sequence[str],
    outputs: Mapping[str, Output],
    remote: Remote,
    cache: Cache,
) -> dict[Role, Listing]:
    """Choose the versions of bias and flat."""
    names = dict(zip(ROLES, (exposure.bias_output, FLAT_OUTPUT), strict=True))
    chosen: dict[Role, Listing] = {}
    for pin in pins:
        pinned = _pinned(check_md5(pin, "--pin"), exposure, outputs)
        listing = _listing(pinned, remote, cache)
        roles = listing.roles()
        if not roles:
            raise ModelError(
                f"pin {pinned.md5}: none of its {len(listing.entries)} files is a bias or flat "
                "model (cam1_ccd1_twoDcorrect.fits, cam1_ccd1_image.fits ...)"
            )
        for role in roles:
            if role in chosen:
                raise ModelError(f"two pins for the {role.name} models: give one")
            named = pinned if pinned.name else attrs.evolve(pinned, name=names[role])
            chosen[role] = attrs.evolve(listing, output=named)
    for role, name in names.items():
        if role not in chosen:
            if name not in outputs:
                raise ModelError(f"no pointer {name}.dvc; known are {', '.join(sorted(outputs))}")
            chosen[role] = _listing(outputs[name], remote, cache)
    return chosen


def _pinned(md5: str, exposure: Exposure, outputs: Mapping[str, Output]) -> Output:
    for output in (*outputs.values(), *known_outputs().values()):
        if output.md5 == md5:
            for other in EXPOSURES:
                if other != exposure and other.bias_output == output.name:
                    raise ModelError(
                        f"pin {md5} is {output.name}, made for {other.name} exposures, not for "
                        f"{exposure.name}"
                    )
            return output
    return Output(name="", md5=md5, size_bytes=0, files=0)


def _listing(output: Output, remote: Remote, cache: Cache) -> Listing:
    limit = 65_536 + 1_000 * output.files if output.files else None
    cached = cache.obtain(
        remote,
        output.md5,
        legacy=output.legacy,
        report=lambda *_: None,
        listing=True,
        limit=limit,
    )
    entries = read_listing(cached.path, f"{shown(remote.url)} {output.md5}.dir")
    return Listing(output=output, entries=entries)


def fetch_parallel(get: Callable[[T], R], items: Sequence[T], jobs: int, remote: Remote) -> list[R]:
    """Download files in parallel; the first failure stops the rest."""
    if jobs < 1:
        raise ValueError(f"jobs must be at least 1, not {jobs}")
    with ThreadPoolExecutor(max_workers=min(jobs, max(len(items), 1))) as pool:
        futures = [pool.submit(get, item) for item in items]
        try:
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
            failed = [f for f in futures if f in done and f.exception() is not None]
        except BaseException:
            remote.client.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
        if failed:
            remote.client.stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise failed[0].exception()  # type: ignore[misc]
    return [future.result() for future in futures]
