"""Solutions for many files, several at once."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from errno import EACCES
from pathlib import Path

import attrs

from tica_fn.errors import FrameError
from tica_fn.fits.batch import DONE, Outcome, Slots, run_batch
from tica_fn.fits.blocks import Buffer
from tica_fn.fits.clocks import spacecraft_times
from tica_fn.fits.image_file import ImageFile, open_hdus, read_image
from tica_fn.fits.update import extension_name
from tica_fn.fits.version import __version__
from tica_fn.wcs.cards import solution_cards, star_columns
from tica_fn.wcs.ephemeris import Ephemeris, LkSpacecraft, read_ephemeris
from tica_fn.wcs.expected_error import MUCH_ARCSEC
from tica_fn.wcs.frame_fit import FrameSolution, fit_frame
from tica_fn.wcs.plate_stars import check_degree
from tica_fn.wcs.polynomial_fit import DEGREE
from tica_fn.wcs.refstars import ReferenceStars
from tica_fn.wcs.refstars_file import read_reference_stars
from tica_fn.wcs.solved_images import STARS_NAME, update_image
from tica_fn.wcs.star_folder import StarFolder

__all__ = [
    "describe_solution",
    "fit_file",
    "fit_files",
    "fit_outcomes",
    "solve_file",
    "solve_image",
]

Result = tuple[str, str, BaseException | None]


def fit_files(
    paths: Sequence[str | os.PathLike[str]],
    refstars: str | os.PathLike[str],
    jobs: int = 1,
    output_dir: str | os.PathLike[str] | None = None,
    method: str = "precise",
    ephemeris: str | os.PathLike[str] | None = None,
    degree: int = DEGREE,
) -> Iterator[Result]:
    """Fit and write the solution of each of many files.

    Parameters
    ----------
    paths : sequence of path-like
        Images; updated in place unless `output_dir` is given.
    refstars : path-like
        File of reference stars; or a folder of such files with names as at MAST or in TICA: each
        image uses those of its own sector, camera and CCD.
    jobs : int
        Number of frames solved at once; as many threads and one more read and write files.
    output_dir : path-like, optional
        Folder for updated copies.
    method : str
        ``"precise"`` or ``"tica"``.
    ephemeris : path-like, optional
        Table of the spacecraft's positions, or ``"lkspacecraft"``.
    degree : int
        Degree of the polynomials, 1 to 9.

    Yields
    ------
    path : str
        The file; files are yielded as they are done.
    line : str
        Summary of the solution in one line.
    error : BaseException or None
        Error of this file; the other files are solved all the same.

    Raises
    ------
    ValueError
        If copies in `output_dir` would replace their images or one another, if `jobs` is less than
        1, if there is no such degree, or if the reference stars or positions are not valid.
    OSError
        If the reference stars or the ephemeris can't be read.
    """
    if jobs < 1:
        raise ValueError(f"jobs must be 1 or more, not {jobs}")
    for outcome in fit_outcomes(paths, refstars, jobs, output_dir, method, ephemeris, degree):
        line = "; ".join((*(outcome.lines or ()), *outcome.notes))
        yield str(outcome.source), line, outcome.error


def fit_outcomes(
    paths: Sequence[str | os.PathLike[str]],
    refstars: str | os.PathLike[str],
    jobs: int = 1,
    output_dir: str | os.PathLike[str] | None = None,
    method: str = "precise",
    ephemeris: str | os.PathLike[str] | None = None,
    degree: int = DEGREE,
) -> Iterator[Outcome]:
    """Fit and write the solution of each of many files, and yield the outcomes."""
    check_degree(degree)
    names = list(dict.fromkeys(Path(path) for path in paths))
    if output_dir is not None:
        _check_targets(names, Path(output_dir))
    folder = StarFolder(refstars) if Path(refstars).is_dir() else None
    stars = None if folder else read_reference_stars(refstars)
    table = None if ephemeris is None else _ephemeris(os.fspath(ephemeris))
    if output_dir is not None:
        Path(output_dir).mkdir(parents=True, exist_ok=True)
    solving, kept = Slots(jobs), threading.local()

    def fit(path: Path, _: Callable[[], None]) -> Outcome:
        target = None if output_dir is None else Path(output_dir) / path.name
        if target is None and path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(EACCES, "is read-only; use --outdir", str(path))
        # With a single file of stars the header need not name the CCD.
        if not hasattr(kept, "buffer"):
            kept.buffer = Buffer()
        image = read_image(path, anonymous=folder is None, buffer=kept.buffer)
        own = stars
        if folder is not None:
            try:
                own = folder.stars_for(image.frame)
            except FrameError as error:
                raise FrameError(f"{path}: {error}") from error
        assert own is not None
        if target is not None:
            _check_copy(image, target)
        with solving:
            found, write = solve_image(image, own, method, table, target, degree)
        return Outcome(
            source=path,
            state=DONE,
            outputs=(write(),),
            frames=1,
            lines=(describe_solution(found),),
        )

    # More threads than `jobs`, since reading and writing is mostly waiting for the disk.
    yield from run_batch(names, fit, 2 * jobs + 1, spare=0)


def _check_targets(paths: Sequence[Path], folder: Path) -> None:
    """Refuse copies that would replace their images or one another."""
    count = Counter(path.name for path in paths)
    for path in paths:
        target = folder / path.name
        if count[path.name] > 1:
            raise ValueError(f"several images would be written to {target}; fit them separately")
        if target.resolve() == path.resolve():
            raise ValueError(f"{path}: the copy would replace the image; give another folder")


def _check_copy(image: ImageFile, target: Path) -> None:
    """Refuse to replace a file that has extensions which the copy would lack."""
    if not target.exists():
        return
    there = {extension_name(hdu) for hdu in open_hdus(target)[0][1:]}
    lost = there - {extension_name(hdu) for hdu in image.hdus} - {STARS_NAME, "COMPRESSED_IMAGE"}
    if lost:
        raise FrameError(
            f"{target}: exists already with extensions that {image.path} does not have and that "
            f"would be lost ({', '.join(sorted(lost))}); give another folder"
        )


def describe_solution(found: FrameSolution) -> str:
    """Summarise a solution in one line."""
    good, total = int((found.valid == 1).sum()), found.valid.size
    line = (
        f"{good} of {total} stars, residual {found.rms['RMSA']:.4f} arcsec, "
        f"shift {found.shift[0]:+.3f} {found.shift[1]:+.3f} pixel"
    )
    if found.good_fraction == 0.0:
        return "no star can be measured; kept the pointing of the reference image"
    if found.bad_blocks:
        line += f", {found.bad_blocks} bad blocks"
    error = found.expected_error
    if error["ERRMAX"] > MUCH_ARCSEC:
        corners = [k for k in range(4) if error[f"ERRX{k}"] > MUCH_ARCSEC]
        where = f" in corner {' '.join(map(str, corners))}" if corners else ""
        line += f"; extrapolated, off by up to {error['ERRMAX']:.1f} arcsec{where}"
    return line


def fit_file(
    path: str | os.PathLike[str],
    stars: ReferenceStars,
    method: str = "precise",
    ephemeris: Ephemeris | LkSpacecraft | None = None,
    target: str | os.PathLike[str] | None = None,
    degree: int = DEGREE,
) -> FrameSolution:
    """Fit the solution of one file and write it.

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
        File to write instead of updating the image.
    degree : int
        Degree of the polynomials, 1 to 9.

    Returns
    -------
    FrameSolution
        The solution.

    Raises
    ------
    ValueError
        If the image can't be solved.
    OSError
        If a file can't be read or written.
    """
    found, write = solve_file(path, stars, method, ephemeris, target, degree)
    write()
    return found


def solve_file(
    path: str | os.PathLike[str],
    stars: ReferenceStars,
    method: str = "precise",
    ephemeris: Ephemeris | LkSpacecraft | None = None,
    target: str | os.PathLike[str] | None = None,
    degree: int = DEGREE,
) -> tuple[FrameSolution, Callable[[], Path]]:
    """Fit the solution of one file; return it with a function that writes it."""
    image = read_image(path, anonymous=True)
    return solve_image(image, stars, method, ephemeris, target, degree)


def solve_image(
    image: ImageFile,
    stars: ReferenceStars,
    method: str,
    ephemeris: Ephemeris | LkSpacecraft | None,
    target: str | os.PathLike[str] | None,
    degree: int,
) -> tuple[FrameSolution, Callable[[], Path]]:
    """Fit the solution of an image; return it with a function that writes it."""
    try:
        found = fit_frame(image.frame, stars, method, degree)
        state = None
        if ephemeris is not None:
            if image.frame.times is None:
                raise FrameError("the header has no time to look up in the ephemeris")
            times = spacecraft_times(image.frame.times)
            state = ephemeris.state(times.mid + times.zero)
    except ValueError as error:
        raise type(error)(f"{image.path}: {error}") from error
    history = [
        f"version {__version__}, centroid {method}, degree {found.degree}"
        + f" of {degree}" * (degree != found.degree),
        f"reference stars of {stars.name}"[:50],
    ]
    shown = _counted_from(found, image.frame.column, image.frame.row)
    cards = solution_cards(shown, image.frame, state)
    columns = star_columns(shown)
    return found, lambda: update_image(image, cards, columns, history, target, fitted=found)


def _counted_from(found: FrameSolution, column: int, row: int) -> FrameSolution:
    """The solution in pixels of an image that begins at a column and row of the readout."""
    if not (column or row):
        return found
    solution = found.solution
    crpix = solution.crpix[0] - column, solution.crpix[1] - row
    return attrs.evolve(
        found,
        solution=attrs.evolve(solution, crpix=crpix),
        columns=found.columns - column,
        rows=found.rows - row,
    )


def _ephemeris(path: str) -> Ephemeris | LkSpacecraft:
    return LkSpacecraft() if path == "lkspacecraft" else read_ephemeris(path)
