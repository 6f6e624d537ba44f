"""``tica-fn compare``: compare products with gold ones."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tica_fn.cli.arguments import (
    add_jobs,
    add_list,
    all_inputs_of,
    local,
    not_negative,
    whole,
    within,
)
from tica_fn.cli.messages import say_when_compiling
from tica_fn.cli.outcomes import show_outcomes, tell_outcomes
from tica_fn.errors import UsageError

if TYPE_CHECKING:
    from tica_fn.compare import Comparison, Rules
    from tica_fn.fits.outcome import Outcome

_MOST = 20
"""Differences printed for many files, without ``--all``."""
_EXIT = """exit code: 0 no failures, 1 a forbidden difference or a file that could not be read."""


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "compare",
        description="Compare two FITS files, two files of reference stars (.h5), or all files of "
        "two folders. Pixels and table columns must be equal (NaN equals NaN) or within --ulp. "
        "Numbers in headers must be equal; differences up to --relative give a warning. Dates, "
        "checksums and versions may differ.",
        epilog=_EXIT,
    )
    parser.add_argument("gold", metavar="GOLD", type=local, help="the correct file or folder")
    parser.add_argument(
        "test", metavar="TEST", type=local, nargs="?", help="the file or folder to test"
    )
    parser.add_argument(
        "--ulp",
        type=not_negative,
        default=0,
        metavar="N",
        help="floating-point steps allowed (default 0)",
    )
    parser.add_argument(
        "--relative",
        type=within(0, math.inf),
        default=1e-8,
        metavar="X",
        help="relative difference of keywords up to which there is only a warning (default 1e-8)",
    )
    parser.add_argument(
        "--except",
        dest="excepted",
        action="append",
        default=[],
        metavar="KEYWORD",
        help="another keyword that may differ; * is a wildcard; can be repeated",
    )
    parser.add_argument("--strict", action="store_true", help="treat warnings as failures")
    parser.add_argument(
        "--sky",
        type=within(0, math.inf),
        metavar="ARCSEC",
        help="accept solutions that put no pixel further apart than this on the sky",
    )
    add_jobs(parser)
    parser.add_argument(
        "--table", type=Path, metavar="FILE", help="write the differences as .ecsv or .csv"
    )
    parser.add_argument(
        "--picture",
        type=Path,
        metavar="PNG",
        help="draw where pixels differ; for folders, a folder of pictures",
    )
    parser.add_argument(
        "--mission",
        action="store_true",
        help="GOLD is the mission's calibrated frame (ffic) and TEST ours of the same raw file: "
        "report ratio, offset and scatter by amplifier and brightness; the default if GOLD's "
        "header names SPOC and TEST's does not",
    )
    parser.add_argument(
        "--all", action="store_true", help=f"for many files print all differences, not {_MOST}"
    )
    parser.add_argument(
        "--quiet", action="store_true", help="print nothing; only set the exit code"
    )
    anew = parser.add_argument_group("instead of TEST")
    anew.add_argument(
        "--calibrate",
        nargs="*",
        type=local,
        metavar="RAW",
        help="raw files to calibrate, or folders of them; the results are compared with the folder "
        "GOLD",
    )
    add_list(anew)
    anew.add_argument(
        "--refstars",
        type=Path,
        metavar="FOLDER",
        help="with --calibrate: also fit the WCS of the results with these reference stars",
    )
    anew.add_argument(
        "--degree", type=whole(1, 9), default=6, metavar="N", help="degree of that fit (6)"
    )
    anew.add_argument("--caldir", type=Path, metavar="DIR", help="models for --calibrate")
    anew.add_argument(
        "--wrong-caldir",
        type=Path,
        metavar="DIR",
        help="models of another exposure time, which must cause the raw files to be refused",
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Compare, print and draw the differences."""
    import tempfile

    from rich.console import Console

    from tica_fn.compare import EXCEPTED, Rules, print_table, write_table

    if _with_mission(args):
        return _mission(args)
    rules = Rules(
        ulp=args.ulp,
        relative=args.relative,
        excepted=(*EXCEPTED, *(name.upper() for name in args.excepted)),
        strict=args.strict,
        sky_arcsec=args.sky,
    )
    with tempfile.TemporaryDirectory() as folder:
        found = _anew(args, rules, Path(folder)) if _is_anew(args) else _given(args, rules)
        undrawn = _draw(found, args) if args.picture else 0
    if not args.quiet:
        # In files and pipes a table squeezed into 80 columns could not be searched.
        most = None if args.all or len(found) == 1 else _MOST
        print_table(found, Console() if sys.stdout.isatty() else Console(width=240), most)
    if args.table:
        write_table(found, args.table)
    return int(undrawn or any(comparison.failed for comparison in found))


def _is_anew(args: argparse.Namespace) -> bool:
    """Tell whether raw files are calibrated first."""
    return args.calibrate is not None or args.list is not None


def _with_mission(args: argparse.Namespace) -> bool:
    """Tell whether GOLD is the mission's frame and TEST ours."""
    from tica_fn.compare.mission import is_mission_product

    pair = (args.gold, args.test)
    if args.mission and args.test is None:
        raise UsageError("--mission needs two files, GOLD and TEST")
    if args.mission:
        return True
    if _is_anew(args) or not all(path is not None and path.is_file() for path in pair):
        return False
    try:
        return is_mission_product(args.gold) and not is_mission_product(args.test)
    except Exception:
        return False  # The plain comparison says what is wrong with the file.


def _mission(args: argparse.Namespace) -> int:
    from rich.console import Console

    from tica_fn.compare import compare_with_mission, draw_mission, print_mission, write_mission

    found = compare_with_mission(args.gold, args.test)
    if not args.quiet:
        print_mission(found, Console() if sys.stdout.isatty() else Console(width=240))
    if args.table:
        write_mission(found, args.table)
    if args.picture:
        draw_mission(found, args.picture)
    return 0


def _given(args: argparse.Namespace, rules: Rules) -> list[Comparison]:
    """Compare two files or two folders."""
    from tica_fn.compare import compare_files

    if args.test is None:
        raise UsageError("give TEST, or raw files by --calibrate")
    if args.caldir or args.wrong_caldir or args.refstars:
        raise UsageError("--caldir, --wrong-caldir and --refstars go with --calibrate")
    for path in (args.gold, args.test):
        if not path.exists():
            raise FileNotFoundError(f"{path}: no such file or folder")
    if args.gold.is_dir() != args.test.is_dir():
        raise UsageError(f"{args.gold} and {args.test}: give two files or two folders")
    if args.gold.is_dir():
        return _folders(args, args.test, rules)
    return tell_comparisons([compare_files(args.gold, args.test, rules)], 1, args)


def _folders(args: argparse.Namespace, test: Path, rules: Rules) -> list[Comparison]:
    """Compare two folders; files that can't be compared are reported at once."""
    from tica_fn.compare.folders import each_of, match

    matched = match(args.gold, test)
    return tell_comparisons(each_of(matched, rules, args.jobs), len(matched), args)


def tell_comparisons(
    comparisons: Iterable[Comparison], total: int, args: argparse.Namespace
) -> list[Comparison]:
    """Report files that can't be compared as they come; return all in the order of names."""
    from tica_fn.fits.outcome import DONE, FAILED, Outcome

    found = []

    def outcomes() -> Iterator[Outcome]:
        for comparison in comparisons:
            found.append(comparison)
            state = FAILED if comparison.failed else DONE
            yield Outcome(source=comparison.test, state=state, lines=(), error=comparison.error)

    if getattr(args, "quiet", False):
        found.extend(comparisons)
    else:
        show_outcomes(outcomes(), total, "comparing", args.debug)
    return sorted(found, key=lambda comparison: str(comparison.gold))


def _anew(args: argparse.Namespace, rules: Rules, folder: Path) -> list[Comparison]:
    """Calibrate raw files and compare the results."""
    from tica_fn.compare.rerun import calibrate_anew, expect_refusal, fit_anew

    if args.test is not None or args.caldir is None:
        raise UsageError("--calibrate replaces TEST, and needs --caldir")
    if not args.gold.is_dir():
        raise UsageError(f"{args.gold}: with --calibrate GOLD is a folder of products")
    args.files = args.calibrate or []
    raw = all_inputs_of(args, "raw files", lambda kind: kind.raw)
    say_when_compiling()
    failed = calibrate_anew(raw, args.caldir, folder, args.jobs)
    if args.refstars is not None:
        failed += fit_anew(folder, args.refstars, args.degree, args.jobs)
    found = tell_comparisons(failed, len(failed), args)
    found += _folders(args, folder, rules)
    if args.wrong_caldir is not None:
        found += expect_refusal(raw, args.wrong_caldir)
    return found


def _draw(found: list[Comparison], args: argparse.Namespace) -> int:
    """Draw where pixels differ, file by file; return 0 if all were drawn."""
    from tica_fn.compare import draw_differences
    from tica_fn.fits.batch import DONE, Outcome, attempt

    drawn = [c for c in found if any(d.what == "pixels" for d in c.differences)]
    if args.gold.is_dir():
        args.picture.mkdir(parents=True, exist_ok=True)

    def draw(comparison: Comparison, _: Path) -> Outcome:
        picture = args.picture
        if args.gold.is_dir():
            name = "_".join(comparison.gold.relative_to(args.gold).parts)
            picture = args.picture / f"{name}.png"
        draw_differences(comparison.gold, comparison.test, picture)
        return Outcome(source=comparison.test, state=DONE, outputs=(picture,), lines=())

    outcomes = (attempt(c.test, partial(draw, c)) for c in drawn)
    return tell_outcomes(outcomes, len(drawn), "drawing", debug=args.debug, summary=False)
