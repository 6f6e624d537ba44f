"""Solutions for many files: one after the other or in several processes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from pathlib import Path

from tica_fn.errors import FrameError
from tica_fn.wcs.ephemeris import Ephemeris, LkSpacecraft, read_ephemeris
from tica_fn.wcs.frame_fit import FrameSolution, fit_frame
from tica_fn.wcs.refstars import ReferenceStars

__all__ = ["describe_solution", "fit_file", "fit_files", "solve_file"]

Result = tuple[str, str, Exception | None]
Task = tuple[str, str, str | None, str, str | None]


def fit_files(
    paths: Sequence[str | os.PathLike[str]],
    refstars: str | os.PathLike[str],
    jobs: int = 1,
    output_dir: str | os.PathLike[str] | None = None,
    method: str = "precise",
    ephemeris: str | os.PathLike[str] | None = None,
) -> Iterator[Result]:
    """Fit and write the solution of each of many files.

    Parameters
    ----------
    paths : sequence of path-like
        Images; updated in place unless `output_dir` is given.
    refstars : path-like
        Reference stars.
    jobs : int
        Number of processes.
    output_dir : path-like, optional
        Folder that updated copies are written to.
    method : str
        ``"precise"`` or ``"tica"``.
    ephemeris : path-like, optional
        Table of the spacecraft's positions, or the word ``lkspacecraft``.

    Yields
    ------
    path : str
        The file.
    line : str
        What was found, in one line.
    error : Exception or None
        What went wrong with it; the others go on.

    Raises
    ------
    OSError
        If the reference stars or the ephemeris can't be read.
    """
    _stars(os.fspath(refstars))
    if ephemeris is not None:
        _ephemeris(os.fspath(ephemeris))
    folder = None if output_dir is None else os.fspath(output_dir)
    if folder is not None:
        Path(folder).mkdir(parents=True, exist_ok=True)
    names = list(dict.fromkeys(os.fspath(path) for path in paths))
    options = (
        os.fspath(refstars),
        folder,
        method,
        None if ephemeris is None else os.fspath(ephemeris),
    )
    tasks = [(name, *options) for name in names]
    if jobs <= 1 or len(names) == 1:
        yield from _one_by_one(tasks)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(min(jobs, len(names)), mp_context=get_context("spawn")) as pool:
        yield from pool.map(_attempt, tasks, chunksize=max(1, min(8, len(tasks) // jobs)))


def _one_by_one(tasks: Sequence[Task]) -> Iterator[Result]:
    """Fit one frame while the one before is written: the disk and the processor both work."""
    with ThreadPoolExecutor(1, thread_name_prefix="wcs-writer") as writer:
        waiting: tuple[str, FrameSolution, Future[Path]] | None = None
        for task in tasks:
            try:
                found, write = _solve(task)
            except (OSError, ValueError) as error:
                if waiting is not None:
                    yield _written(*waiting)
                    waiting = None
                yield task[0], "", error
                continue
            if waiting is not None:
                yield _written(*waiting)
            waiting = task[0], found, writer.submit(write)
        if waiting is not None:
            yield _written(*waiting)


def _written(name: str, found: FrameSolution, writing: Future[Path]) -> Result:
    """Wait for a file to be written."""
    try:
        writing.result()
    except (OSError, ValueError) as error:
        return name, "", error
    return name, describe_solution(found), None


def _solve(task: Task) -> tuple[FrameSolution, Callable[[], Path]]:
    """Solution of one file, and what writes it."""
    name, refstars, folder, method, ephemeris = task
    table = None if ephemeris is None else _ephemeris(ephemeris)
    target = None if folder is None else Path(folder) / Path(name).name
    return solve_file(name, _stars(refstars), method, table, target)


def _attempt(task: Task) -> Result:
    try:
        found, write = _solve(task)
        write()
    except (OSError, ValueError) as error:
        return task[0], "", error
    return task[0], describe_solution(found), None


def describe_solution(found: FrameSolution) -> str:
    """Put a solution in one line.

    Parameters
    ----------
    found : FrameSolution
        The solution.

    Returns
    -------
    str
        Good stars, residual, shift, and a warning when the frame is not a good one.
    """
    good, total = int((found.valid == 1).sum()), found.valid.size
    line = (
        f"{good} of {total} stars, residual {found.rms['RMSA']:.4f} arcsec, "
        f"shift {found.shift[0]:+.3f} {found.shift[1]:+.3f} pixel"
    )
    if found.good_fraction == 0.0:
        return "no star can be measured: the pointing of the reference image is kept"
    if found.bad_blocks:
        line += f", {found.bad_blocks} bad blocks"
    return line


def fit_file(
    path: str | os.PathLike[str],
    stars: ReferenceStars,
    method: str = "precise",
    ephemeris: Ephemeris | LkSpacecraft | None = None,
    target: str | os.PathLike[str] | None = None,
) -> FrameSolution:
    """Fit the solution of one file and write it there.

    Parameters
    ----------
    path : path-like
        Image; updated in place unless `target` is given.
    stars : ReferenceStars
        Reference stars.
    method : str
        ``"precise"`` or ``"tica"``.
    ephemeris : Ephemeris or LkSpacecraft, optional
        Positions of the spacecraft.
    target : path-like, optional
        File to write instead.

    Returns
    -------
    FrameSolution
        What was found.

    Raises
    ------
    ValueError
        If the image can't be solved.
    OSError
        If a file can't be read or written.
    """
    found, write = solve_file(path, stars, method, ephemeris, target)
    write()
    return found


def solve_file(
    path: str | os.PathLike[str],
    stars: ReferenceStars,
    method: str = "precise",
    ephemeris: Ephemeris | LkSpacecraft | None = None,
    target: str | os.PathLike[str] | None = None,
) -> tuple[FrameSolution, Callable[[], Path]]:
    """Fit the solution of one file, to be written later.

    Parameters
    ----------
    path : path-like
        Image.
    stars : ReferenceStars
        Reference stars.
    method : str
        ``"precise"`` or ``"tica"``.
    ephemeris : Ephemeris or LkSpacecraft, optional
        Positions of the spacecraft.
    target : path-like, optional
        File to write instead of the image's own.

    Returns
    -------
    found : FrameSolution
        The solution.
    write : callable
        Writes it and returns the path; may be called in another thread.

    Raises
    ------
    ValueError
        If the image can't be solved.
    OSError
        If the file can't be read.
    """
    from tica_fn.wcs.files import read_image
    from tica_fn.wcs.header import solution_cards, star_columns
    from tica_fn.wcs.update import update_image

    image = read_image(path, anonymous=True)
    try:
        found = fit_frame(image.frame, stars, method)
        state = None
        if ephemeris is not None:
            if image.frame.times is None:
                raise FrameError("the header has no time to look up in the ephemeris")
            state = ephemeris.state(image.frame.times.mid + image.frame.times.zero)
    except ValueError as error:
        raise type(error)(f"{path}: {error}") from error
    history = [
        f"version {_version()}, centroid {method}, degree {found.degree}",
        f"reference stars of {stars.name}"[:50],
    ]
    cards = solution_cards(found, image.frame, state)
    columns = star_columns(found)
    return found, lambda: update_image(image, cards, columns, history, target)


@cache
def _version() -> str:
    from importlib.metadata import version

    return version("tica-fn")


@cache
def _stars(path: str) -> ReferenceStars:
    from tica_fn.wcs.refstars_file import read_reference_stars

    return read_reference_stars(path)


@cache
def _ephemeris(path: str) -> Ephemeris | LkSpacecraft:
    return LkSpacecraft() if path == "lkspacecraft" else read_ephemeris(path)
