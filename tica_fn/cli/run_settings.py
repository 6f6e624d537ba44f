"""Options of ``tica-fn run``, given on the command line or in a configuration file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tica_fn.cli.arguments import add_files, add_log, whole
from tica_fn.cli.commands.calibrate import add_batch_options
from tica_fn.cli.product_options import add_options

__all__ = ["declare", "settings_of"]

_ACTIONS: dict[str, argparse.Action] = {}
_DEFAULTS: dict[str, Any] = {}


def declare(subparsers: Any) -> argparse.ArgumentParser:
    """Declare ``tica-fn run`` and its options."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "run",
        description="Calibrate raw files (CCD frames, camera frames, target pixel files), choose "
        "each CCD's reference frame, find its reference stars, and fit the WCS of every frame. "
        "Repeat the command to resume a run. Products are in OUT/cam<c>-ccd<d>/, reference stars "
        "in OUT/ref-stars/, the record is OUT/run.sqlite, the report OUT/report.html.",
        epilog="exit code: 0 everything was done, 1 something failed, 2 wrong arguments, 128 + n "
        "stopped by signal n (130 for Ctrl-C)",
    )
    add_files(parser, "raw files")
    parser.add_argument("--outdir", type=Path, metavar="OUT", help="output folder of the run")
    parser.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="TOML file with options; the command line overrides it, and --no-FLAG (--wcs for "
        "no-wcs) turns off a flag in it",
    )
    add_batch_options(parser)
    goes = parser.add_argument_group("run")
    goes.add_argument("--no-wcs", action="store_true", help="calibrate only")
    goes.add_argument("--dry-run", action="store_true", help="print what would be done, do nothing")
    goes.add_argument("--retry-failed", action="store_true", help="retry files that failed before")
    goes.add_argument("--no-report", action="store_true", help="do not write OUT/report.html")
    goes.add_argument(
        "--transients",
        action="store_true",
        help="flag cosmic rays: pixels that are bright in one frame but not in those before and "
        "after it; implies --quality",
    )
    add_log(goes)
    wcs = parser.add_argument_group("solutions")
    wcs.add_argument(
        "--refstars",
        type=Path,
        metavar="FOLDER",
        help="existing reference stars: a folder (*cam<c>-ccd<d>*.h5), or the file of one CCD",
    )
    wcs.add_argument(
        "--catalog", metavar="FILE", help="table of stars, or tic or gaia (default: built in)"
    )
    wcs.add_argument(
        "--centroid",
        choices=("precise", "tica"),
        default="precise",
        help="precise: windowed, tied to the flux centroid (default); tica: TICA's 5 x 5 mean",
    )
    wcs.add_argument(
        "--degree",
        type=whole(1, 9),
        default=7,
        metavar="N",
        help="degree of the polynomials, 1 to 9 (7)",
    )
    add_options(parser)
    # A configuration file comes between defaults and command line, so the parser must show which
    # options were given.
    for action in parser._actions:
        if action.dest not in ("help", "config"):
            _ACTIONS[action.dest] = action
            _DEFAULTS[action.dest] = action.default
            action.help = (action.help or "").replace("%(default)s", str(action.default))
            action.default = argparse.SUPPRESS
            action.required = False
    _add_opposites(parser)
    return parser


def _add_opposites(parser: argparse.ArgumentParser) -> None:
    """Add the opposite of each flag, to turn off one in the file: ``--no-quality``, ``--wcs``."""
    for action in list(parser._actions):
        if not isinstance(action, argparse._StoreTrueAction):
            continue
        name = action.option_strings[0].removeprefix("--")
        opposite = name.removeprefix("no-") if name.startswith("no-") else f"no-{name}"
        parser.add_argument(
            f"--{opposite}",
            dest=action.dest,
            action="store_false",
            default=argparse.SUPPRESS,
            help=argparse.SUPPRESS,
        )


def settings_of(args: argparse.Namespace) -> argparse.Namespace:
    """Merge defaults, configuration file and command line, the last taking precedence."""
    from tica_fn.run.settings import read_settings

    config = getattr(args, "config", None)
    said = {} if config is None else read_settings(config, _ACTIONS)
    given = {name: value for name, value in vars(args).items() if name in _ACTIONS}
    if "files" in given and not given["files"]:
        del given["files"]
    if given.get("jobs") is not None and "scheduler" not in given:
        said.pop("scheduler", None)
    merged = argparse.Namespace(**{**_DEFAULTS, **said, **given})
    merged.debug = args.debug
    merged.config = config
    return merged
