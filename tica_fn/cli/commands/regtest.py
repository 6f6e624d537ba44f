"""``tica-fn regtest``: TICA's regression test, from downloading its set to one verdict."""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tica_fn.cli.arguments import (
    add_jobs,
    exposure_name,
    more_than_zero,
    positive,
    whole,
    within,
)
from tica_fn.cli.messages import say_when_compiling

if TYPE_CHECKING:
    from tica_fn.compare import Comparison, Rules

_EXIT = """example:
  tica-fn regtest --outdir regression --jobs 2

exit code: 0 passed, 1 failed or could not be done, 2 wrong arguments."""


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "regtest",
        description="Download TICA's regression set (raw files, gold products, reference stars) "
        "and the models that it needs, calibrate with the models of the right exposure time, fit "
        "the WCS, compare the results with the gold products, and check that models of another "
        "exposure time are refused. The first run downloads about 1.7 GB.",
        epilog=_EXIT,
    )
    parser.add_argument(
        "--remote", metavar="URL", help="DVC remote or a copy of it (default: TICA's)"
    )
    parser.add_argument(
        "--pointers",
        type=Path,
        metavar="DIR",
        help="folder of input.dvc, output_checks.dvc, ref_stars.dvc (default: reg_test in the "
        "current folder if it has them, else built-in pointers)",
    )
    parser.add_argument(
        "--model-pointers",
        type=Path,
        metavar="DIR",
        help="folder of the models' .dvc files (default: calibration_models in the same way)",
    )
    parser.add_argument(
        "--right",
        type=exposure_name,
        default="10min",
        metavar="EXPOSURE",
        help="exposure time of the set (10min)",
    )
    parser.add_argument(
        "--wrong",
        type=exposure_name,
        default="30min",
        metavar="EXPOSURE",
        help="exposure time of models that must be refused (30min)",
    )
    parser.add_argument(
        "--degree", type=whole(1, 9), default=6, metavar="N", help="degree of the fit (6)"
    )
    parser.add_argument(
        "--sky",
        type=within(0, math.inf),
        default=1.0,
        metavar="ARCSEC",
        help="largest allowed distance on the sky between a solution and the gold one (1.0, a "
        "twentieth of a pixel); 0: they must be equal",
    )
    parser.add_argument(
        "--outdir", type=Path, metavar="DIR", help="keep the set and the results in this folder"
    )
    parser.add_argument(
        "--table", type=Path, metavar="FILE", help="write the differences as .ecsv or .csv"
    )
    add_jobs(parser)
    parser.add_argument(
        "--timeout", type=more_than_zero, default=30.0, metavar="S", help="seconds to wait (30)"
    )
    parser.add_argument("--tries", type=positive, default=4, metavar="N", help="attempts (4)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Download, calibrate, fit and compare; print one verdict."""
    import tempfile
    from contextlib import ExitStack

    from rich.console import Console

    from tica_fn.compare import EXCEPTED, Rules, print_table, write_table

    say_when_compiling()
    rules = Rules(excepted=EXCEPTED, sky_arcsec=args.sky or None)
    with ExitStack() as stack:
        place = args.outdir
        if place is None:
            place = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        found = _test(args, place, rules)
    print_table(found, Console() if sys.stdout.isatty() else Console(width=240))
    if args.table:
        write_table(found, args.table)
    failed = sum(comparison.failed for comparison in found)
    verdict = f"FAILED in {failed} of" if failed else "passed in all"
    print(f"regression test: {verdict} {len(found)} comparisons")
    return int(bool(failed))


def _test(args: argparse.Namespace, place: Path, rules: Rules) -> list[Comparison]:
    """Run the test in a folder; all comparisons."""
    from tica_fn.cli.commands.compare import tell_comparisons
    from tica_fn.compare.folders import each_of, match
    from tica_fn.compare.rerun import calibrate_anew, expect_refusal, fit_anew

    raw, gold, stars, right, wrong = _fetch(args, place)
    results = place / "results"
    if results.exists():
        raise FileExistsError(17, "contains results of an earlier test; remove it", str(results))
    print(f"calibrating {len(raw)} raw files", file=sys.stderr, flush=True)
    failed = calibrate_anew(raw, right, results, args.jobs)
    print("fitting their WCS", file=sys.stderr, flush=True)
    failed += fit_anew(results, stars, args.degree, args.jobs)
    print("comparing, and trying the wrong models", file=sys.stderr, flush=True)
    matched = match(gold, results)
    found = tell_comparisons(failed, len(failed), args)
    found += tell_comparisons(each_of(matched, rules, args.jobs), len(matched), args)
    return found + expect_refusal(raw, wrong)


def _fetch(args: argparse.Namespace, place: Path) -> tuple[list[Path], Path, Path, Path, Path]:
    """Download the set: raw files; folders of gold, stars, right and wrong models."""
    from tica_fn.remote.address import clean_url
    from tica_fn.remote.cache import Cache, Remote
    from tica_fn.remote.exposures import exposure
    from tica_fn.remote.fetch import TICA_REMOTE, fetch_models, fetch_output
    from tica_fn.remote.http import Client
    from tica_fn.remote.pointers import known_outputs

    client = Client(timeout_s=args.timeout, tries=args.tries)
    remote, cache = Remote(url=clean_url(args.remote or TICA_REMOTE), client=client), Cache()
    outputs = _pointers(args.pointers, Path("reg_test"), "input.dvc")
    known = known_outputs("regression_outputs")
    parts = {}
    for name in ("input", "output_checks", "ref_stars"):
        output = outputs.get(name, known[f"reg_test/{name}"])
        folder = place / name
        parts[name] = fetch_output(output, folder, remote=remote, cache=cache)
        if not parts[name]:
            raise FileNotFoundError(2, "the set contains no files", output.name)
    raw = sorted(parts["input"])
    ccds = _ccds(raw)
    models = _pointers(args.model_pointers, Path("calibration_models"), "*.dvc") or None
    for name in (args.right, args.wrong):
        for camera, ccd in [(None, None)] if len(ccds) == 16 else sorted(ccds):
            fetch_models(
                exposure(name),
                place / "models",
                camera=camera,
                ccd=ccd,
                remote=remote,
                cache=cache,
                outputs=models,
            )
    folders = [place / "models" / exposure(name).folder for name in (args.right, args.wrong)]
    return raw, place / "output_checks", place / "ref_stars", folders[0], folders[1]


def _pointers(given: Path | None, here: Path, pattern: str) -> dict[str, Any]:
    from tica_fn.remote.pointers import read_pointers

    if given is None and not any(here.glob(pattern)):
        return {}
    return read_pointers(here if given is None else given)


def _ccds(raw: list[Path]) -> set[tuple[int, int]]:
    """Cameras and CCDs of raw files, by their names or else their headers."""
    import re

    import tica_fn

    found = set()
    for path in raw:
        named = re.search(r"-s\d{4}-([1-4])-([1-4])-", path.name)
        if named:
            found.add((int(named[1]), int(named[2])))
        else:
            frame = tica_fn.read(path)
            found.add((frame.camera, frame.ccd))
    return found
