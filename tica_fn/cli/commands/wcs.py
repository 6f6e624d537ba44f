"""``tica-fn wcs``: reference stars, solutions, their comparison and diagnostics."""

from __future__ import annotations

import argparse
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from tica_fn.cli.arguments import (
    Inputs,
    add_files,
    add_jobs,
    add_log,
    inputs_of,
    local,
    more_than_zero,
    positive,
    synonym,
    whole,
    within,
)
from tica_fn.cli.messages import say_line, say_when_compiling
from tica_fn.cli.outcomes import refused, tell_outcomes, work_through
from tica_fn.errors import UsageError, keep_notes

if TYPE_CHECKING:
    from tica_fn.fits.batch import Outcome


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("wcs")
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")

    stars = actions.add_parser("refstars", help="find the reference stars of dark images")
    add_files(stars, "calibrated full readouts, one per CCD", metavar="IMAGE")
    add_jobs(stars, "images")
    stars.add_argument("--sector", type=positive, help="sector, if the header lacks it")
    stars.add_argument("--camera", type=whole(1, 4), help="camera, if the header lacks it")
    stars.add_argument("--ccd", type=whole(1, 4), help="CCD, if the header lacks it")
    stars.add_argument(
        "--catalog",
        metavar="FILE",
        help="table of stars, or tic or gaia over the network (default: built in)",
    )
    stars.add_argument(
        "--epoch", type=within(1900, 2200), metavar="YEAR", help="epoch of the table's positions"
    )
    stars.add_argument(
        "-o",
        "--output",
        metavar="REF.h5|FOLDER",
        required=True,
        help="file to write; for many images a folder, with one file per CCD named as at MAST",
    )
    stars.add_argument(
        "--ecsv",
        metavar="FILE|FOLDER",
        help="also write the stars as ECSV; for many images into a folder",
    )
    stars.add_argument(
        "--wing",
        "-w",
        type=more_than_zero,
        default=0.9,
        help="up to 1: limit of a star's wings relative to its peak; from 3 to 11: half the side "
        "of the square in which the star must be alone (default 0.9, in a square of 5)",
    )
    stars.add_argument(
        "--contrast",
        "-c",
        type=more_than_zero,
        default=3.5,
        help="smallest ratio of a star's peak to its wings (default 3.5)",
    )
    stars.add_argument("--picture", metavar="DIR", help="draw the stars on the image into DIR")
    synonym(stars, "--plot", "picture")
    _add_centroid(stars)
    stars.set_defaults(run=run_refstars)

    fit = actions.add_parser("fit", help="fit a solution to every image and write it into its file")
    add_files(fit, "calibrated frames, updated in place", metavar="IMAGE")
    fit.add_argument(
        "--refstars",
        metavar="REF.h5|FOLDER",
        required=True,
        help="reference stars; from a folder, each image uses the file of its own CCD",
    )
    add_jobs(fit, "frames")
    fit.add_argument(
        "--outdir", type=local, metavar="DIR", help="write copies into DIR, leave the images alone"
    )
    synonym(fit, "--output-dir", "outdir", type=local)
    _add_centroid(fit)
    fit.add_argument(
        "--degree",
        "-fd",
        type=whole(1, 9),
        default=7,
        metavar="N",
        help="degree of the polynomials, 1 to 9 (default 7)",
    )
    fit.add_argument("--ephemeris", metavar="FILE", help="table of positions, or lkspacecraft")
    add_log(fit)
    fit.set_defaults(run=run_fit)

    compare = actions.add_parser("compare", help="measure how far apart two solutions are")
    compare.add_argument("first", metavar="A", help="image with a solution")
    compare.add_argument("second", metavar="B", help="another image of the same field")
    compare.add_argument(
        "--stars", metavar="REF.h5", help="compare at these stars instead of on a grid"
    )
    compare.add_argument("--table", metavar="FILE", help="write the differences as ECSV")
    compare.add_argument("--picture", metavar="DIR", help="draw arrows and a map into DIR")
    synonym(compare, "--plot", "picture")
    compare.set_defaults(run=run_compare)

    diagnose = actions.add_parser("diagnose", help="table of residuals and drift of many solutions")
    add_files(diagnose, "frames with a solution", metavar="IMAGE")
    diagnose.add_argument(
        "-o", "--output", metavar="TABLE.ecsv", required=True, help="table to write"
    )
    diagnose.add_argument("--picture", metavar="DIR", help="draw them against time into DIR")
    synonym(diagnose, "--plot", "picture")
    diagnose.set_defaults(run=run_diagnose)


def _add_centroid(parser: Any) -> None:
    parser.add_argument(
        "--centroid",
        choices=("precise", "tica"),
        default="precise",
        help="precise: windowed, tied to the flux centroid (default); tica: TICA's 5 x 5 mean",
    )


def run_refstars(args: argparse.Namespace) -> int:
    """Find and write the reference stars of every image; a failure does not stop the others."""
    from tica_fn.fits.outcome import DONE, Outcome

    inputs = inputs_of(args, "calibrated frames", lambda kind: not (kind.raw or kind.ccds))
    single = Path(args.output)
    many = len(inputs.paths) != 1 or single.is_dir() or not single.suffix
    if many and single.is_file():
        raise UsageError(f"{single} is a file; for {len(inputs.paths)} images give a folder")
    say_when_compiling()
    made: dict[Path, Path] = {}
    lock = Lock()

    def find(path: Path) -> Outcome:
        from tica_fn.fits.image_file import read_image
        from tica_fn.fits.whole_files import save_table
        from tica_fn.wcs.refstars_file import reference_stars_table, write_reference_stars
        from tica_fn.wcs.star_folder import stars_name

        image = read_image(path, args.camera, args.ccd)
        frame = image.frame
        sector = args.sector if args.sector is not None else frame.sector
        if sector is None:
            raise UsageError(f"{path}: its header lacks the sector: give --sector")
        name = stars_name(sector, frame.camera, frame.ccd)
        target = single / name if many else single
        with lock:
            if target in made:
                raise UsageError(
                    f"{path}: {made[target]} is of camera {frame.camera}, CCD {frame.ccd} too: "
                    "give one image per CCD"
                )
            made[target] = path
        stars = _stars_of(image, sector, args)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_reference_stars(stars, target)
        if args.ecsv:
            table = Path(args.ecsv) / f"{Path(name).stem}.ecsv" if many else Path(args.ecsv)
            table.parent.mkdir(parents=True, exist_ok=True)
            save_table(reference_stars_table(stars), table)
        if args.picture:
            from tica_fn.wcs.pictures import draw_reference_stars
            from tica_fn.wcs.refstars import whole_readout

            ccd = f"cam{frame.camera}-ccd{frame.ccd}"
            whole = whole_readout(frame).pixels
            draw_reference_stars(whole, stars, args.picture, ccd if many else "")
        return Outcome(
            source=path, state=DONE, outputs=(target,), frames=1, lines=_found(target, stars)
        )

    return work_through(
        inputs, find, "looking for stars", jobs=args.jobs, debug=args.debug, summary=False
    )


def _stars_of(image: Any, sector: int, args: argparse.Namespace) -> Any:
    """Reference stars of one image, with the requested catalogue."""
    from tica_fn.wcs.refstars import find_reference_stars

    frame, catalog = image.frame, None
    if args.catalog:
        from tica_fn.wcs.catalog_tables import read_catalog
        from tica_fn.wcs.online import SOURCES, fetch_catalog
        from tica_fn.wcs.pointing import predict_pointing

        if args.catalog in SOURCES:
            ra, dec = predict_pointing(sector, frame.camera, frame.ccd).sky(1069.0, 1024.0)
            catalog = fetch_catalog(args.catalog, float(ra[0]), float(dec[0]))
        else:
            catalog = read_catalog(args.catalog, epoch=args.epoch)
    name = image.path.name if frame.cadence is None else f"{frame.cadence:08d}"
    try:
        return find_reference_stars(
            frame, sector, catalog, args.centroid, name, args.wing, args.contrast
        )
    except ValueError as error:
        raise type(error)(f"{image.path}: {error}") from error


def _found(target: Path, stars: Any) -> tuple[str]:
    import numpy as np

    few = int(np.sum(np.bincount(stars.blocks, minlength=25) < 5))
    warning = f"; {few} of 25 blocks have fewer than 5 and are extrapolated" if few else ""
    return (f"{target}: {len(stars)} reference stars{warning}",)


def _solvable(args: argparse.Namespace) -> Inputs:
    """Images that can have a solution; of a folder SPOC's raw ones only if it has no others."""
    return inputs_of(
        args,
        "frames of a CCD",
        lambda kind: not (kind.raw or kind.ccds),
        otherwise=lambda kind: not kind.ccds,
    )


def run_fit(args: argparse.Namespace) -> int:
    """Fit every image; a failure does not stop the others."""
    import gc

    import attrs

    from tica_fn.wcs.fit_many import fit_outcomes

    inputs = _solvable(args)
    say_when_compiling()
    gc.freeze()  # Objects from imports stay; the collector need not scan them for each frame.
    outcomes = fit_outcomes(
        inputs.paths,
        args.refstars,
        jobs=args.jobs,
        output_dir=args.outdir,
        method=args.centroid,
        ephemeris=args.ephemeris,
        degree=args.degree,
    )
    named = (attrs.evolve(one, lines=_named(one)) for one in outcomes)
    return tell_outcomes(
        chain(refused(inputs), named),
        inputs.total,
        "fitting",
        debug=args.debug,
        summary=False,
        log=args.log,
    )


def _named(outcome: Outcome) -> tuple[str, ...]:
    return tuple(f"{outcome.source}: {line}" for line in outcome.lines or ())


def run_compare(args: argparse.Namespace) -> int:
    """Print how far apart two solutions are."""
    from tica_fn.fits.whole_files import save_table
    from tica_fn.wcs.comparison import compare_solutions, comparison_table, read_solution
    from tica_fn.wcs.refstars_file import read_reference_stars

    with keep_notes() as notes:
        first, second = read_solution(args.first), read_solution(args.second)
    for note in notes:
        say_line(f"note: {note}")
    places: tuple[Any, ...] = ()
    if args.stars:
        stars = read_reference_stars(args.stars)
        places = stars.columns, stars.rows
    found = compare_solutions(first, second, *places)
    numbers = found.numbers
    where = "stars" if args.stars else "grid points of the science area"
    say_line(f"{args.second} minus {args.first} at {int(numbers['places'])} {where}")
    print(f"{'':8}{'arcsec':>12}{'pixel':>12}")
    for name in ("rms", "median", "max"):
        arcsec, pixel = numbers[f"{name}_arcsec"], numbers[f"{name}_pixel"]
        print(f"{name:8}{arcsec:12.4f}{pixel:12.5f}")
    shift = f"{numbers['mean_columns']:+.5f} columns {numbers['mean_rows']:+.5f} rows"
    print(f"{'mean':8}{shift:>36} [pixel]")
    if args.table:
        save_table(comparison_table(found), args.table)
    if args.picture:
        from tica_fn.wcs.pictures import draw_comparison

        names = Path(args.first).name, Path(args.second).name
        for path in draw_comparison(found, args.picture, names):
            say_line(path)
    return 0


def run_diagnose(args: argparse.Namespace) -> int:
    """Write a table of many solutions."""
    import numpy as np

    from tica_fn.fits.batch import DONE, Outcome
    from tica_fn.fits.whole_files import save_table
    from tica_fn.wcs.diagnostics import header_of_solution, table_of_headers
    from tica_fn.wcs.expected_error import MUCH_ARCSEC

    inputs = _solvable(args)
    headers: dict[str, Any] = {}

    def work(path: Path) -> Outcome:
        headers[str(path)] = header_of_solution(path)
        return Outcome(source=path, state=DONE, frames=1, lines=())

    code = work_through(inputs, work, "reading", debug=args.debug, summary=False)
    if not headers:
        return code
    table = table_of_headers(list(headers.values()), list(headers))
    save_table(table, args.output, "ascii.ecsv")
    residual, good = (np.asarray(table[key], float) for key in ("RMSA", "WCSGDF"))
    known = np.isfinite(residual)
    middle = f"{np.median(residual[known]):.4f} arcsec" if known.any() else "not known"
    stars = f"{np.nanmin(good):.3f}" if np.isfinite(good).any() else "not known"
    say_line(
        f"{args.output}: {len(table)} frames, median residual {middle}, lowest good-star fraction "
        f"{stars}, {int(np.sum(table['flagged']))} flagged"
    )
    uncertain = np.asarray(table["ERRMAX"], float) > MUCH_ARCSEC
    if uncertain.any():
        worst = np.nanmax(np.asarray(table["ERRMAX"], float))
        say_line(
            f"{int(uncertain.sum())} of them are extrapolated where there are no stars, and may be "
            f"off by {worst:.1f} arcsec there (ERRX0 to ERRMAX)"
        )
    if args.picture:
        from tica_fn.wcs.pictures import draw_diagnostics

        for path in draw_diagnostics(table, args.picture):
            say_line(path)
    return code
