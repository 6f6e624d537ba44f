"""``tica-fn simulate``: raw files with a known truth."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tica_fn.cli.arguments import local, more_than_zero, not_negative, number, positive, whole
from tica_fn.cli.messages import say_when_compiling
from tica_fn.cli.outcomes import Bar


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "simulate",
        description="Simulate raw frames: a sky, the calibration backwards, and noise. The truth "
        "is written beside each raw file. Without --caldir, artificial models are made and written "
        "into the output folder.",
    )
    frame = parser.add_argument_group("frames")
    frame.add_argument(
        "--outdir", type=Path, default=Path(), metavar="DIR", help="output folder (default: .)"
    )
    frame.add_argument(
        "--format",
        choices=("spoc", "poc", "target"),
        default="spoc",
        help="SPOC's full frames (default), POC's camera frames, or target pixel files",
    )
    frame.add_argument("--caldir", type=local, metavar="DIR", help="folder of calibration models")
    frame.add_argument("--sector", type=positive, default=6, help="sector (6)")
    frame.add_argument("--camera", type=whole(1, 4), default=2, help="camera (2)")
    frame.add_argument(
        "--ccd", type=whole(1, 4), default=3, help="CCD (3); not for camera frames (poc)"
    )
    frame.add_argument(
        "--exposure",
        type=more_than_zero,
        metavar="S",
        help="exposure time in seconds (default: the models', else 1800, for targets 120)",
        default=None,
    )
    frame.add_argument("--frames", type=positive, default=1, metavar="N", help="number of frames")
    frame.add_argument(
        "--seed", type=not_negative, default=0, help="the same seed gives the same files (0)"
    )
    frame.add_argument(
        "--compress", choices=("none", "gzip"), default="none", help="compression of raw files"
    )
    frame.add_argument(
        "--gzip", dest="compress", action="store_const", const="gzip",
        default=argparse.SUPPRESS, help=argparse.SUPPRESS,
    )  # fmt: skip
    frame.add_argument("--no-truth", action="store_true", help="write raw files only")
    frame.add_argument(
        "--stamp",
        type=_numbers(int, 2, 4),
        metavar="ROW,COLUMN[,HEIGHT,WIDTH]",
        help="pixels of a target, 0-based (default: 11 x 11 around the brightest star)",
    )
    sky = parser.add_argument_group("sky")
    sky.add_argument(
        "--stars",
        default="catalog",
        metavar="WHICH",
        help="'catalog', 'none', 'random:N', or a table with tmag and ra, dec or column, row",
    )
    sky.add_argument("--wcs", type=Path, metavar="FITS", help="place the stars by this file's WCS")
    _knobs(
        sky,
        psf_sigma="width of the stars' core, pixels",
        psf_growth="fraction by which stars widen to the far corner",
        psf_coma="asymmetry in the far corner, pixels",
        background="uniform sky, e-/s per pixel",
        glow="brightest earthshine, e-/s per pixel",
        glow_direction="direction it comes from, degrees from columns to rows",
        glow_scale="length over which it falls to 1/e, pixels",
    )
    detector = parser.add_argument_group("detector")
    _knobs(
        detector,
        hot="fraction of hot pixels",
        dead="fraction of dead pixels",
        straps="extra sensitivity above the straps, as a fraction",
        full_well="electrons that a pixel holds in one read; inf for no saturation",
        smear="fraction of a row's light that each other row collects during transfer",
        cosmic_rays="particles per second on the CCD",
    )
    detector.add_argument(
        "--read-noise",
        type=_numbers(number, 1, 4),
        metavar="E[,E,E,E]",
        help="noise of one read, e-, for all amplifiers or each",
    )
    detector.add_argument(
        "--no-mitigation", action="store_true", help="without on-board cosmic-ray trimming"
    )
    detector.add_argument("--no-noise", action="store_true", help="expected electrons, no noise")
    motion = parser.add_argument_group("pointing")
    _knobs(
        motion,
        jitter="standard deviation from frame to frame, pixels",
        blur="standard deviation within an exposure, pixels",
        roll="rotation from one frame to the next, degrees",
    )
    motion.add_argument(
        "--drift",
        type=_numbers(number, 2, 2),
        metavar="C,R",
        help="motion from frame to frame in columns, rows, pixels",
    )
    parser.set_defaults(run=run)


def _knobs(group: Any, **knobs: str) -> None:
    for name, text in knobs.items():
        kind = _any_number if "inf" in text else number
        group.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar="X", help=text)


def _any_number(text: str) -> float:
    return float("inf") if text.strip().lower() in ("inf", "infinity") else number(text)


def _numbers(kind: Callable[[str], Any], fewest: int, most: int) -> Any:
    def parse(text: str) -> list[Any]:
        try:
            found = [kind(part) for part in text.split(",")]
        except (ValueError, argparse.ArgumentTypeError) as error:
            raise argparse.ArgumentTypeError(
                f"'{text}' is not a list of numbers separated by commas"
            ) from error
        if len(found) not in {fewest, most}:
            counts = f"{fewest}" if fewest == most else f"{fewest} or {most}"
            raise argparse.ArgumentTypeError(f"'{text}': give {counts} numbers")
        return found

    return parse


def run(args: argparse.Namespace) -> int:
    """Simulate and write."""
    from tica_fn.errors import one_line
    from tica_fn.simulate.command import simulate_files

    say_when_compiling()
    with Bar(args.frames, "simulating") as (say, step):
        for path in simulate_files(args):
            say(one_line(str(path)))
            if path.is_file() and not path.name.endswith("_truth.fits"):
                step()
    return 0
