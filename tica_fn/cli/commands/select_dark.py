"""``tica-fn select-dark``: bad calibrations, dark time and reference frames of a run."""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tica_fn.cli.arguments import (
    add_list,
    listed_files,
    more_than_zero,
    not_negative,
    positive,
    within,
)
from tica_fn.cli.messages import say_line
from tica_fn.errors import UsageError

if TYPE_CHECKING:
    from tica_fn.run.choice_files import CameraChoices

_OPTIONS = {
    "pedestal_sigmas": ("X", more_than_zero, "robust sigmas beyond which a pedestal is bad"),
    "dark_factor": ("X", within(0, math.inf), "dark is below lowest mode + X sqrt(lowest mode)"),
    "gap": ("N", not_negative, "fill gaps shorter than N frames"),
    "fewest_dark": ("N", not_negative, "with fewer dark frames use --dark-share instead"),
    "dark_share": (
        "X",
        within(0, math.inf),
        "then frames below X times the lowest mode are dark",
    ),
    "levels": ("N", positive, "take the N lowest modes for the reference list"),
    "fewest_references": ("N", not_negative, "take more modes until there are N frames"),
    "references": ("N", positive, "length of the reference list"),
    "ends": (
        "X",
        within(0, 0.49),
        "fraction of the reference stretch to leave out at each end",
    ),
    "frames_per_day": (
        "X",
        more_than_zero,
        "frames per day (default: from the exposure time; for a file, 432)",
    ),
}


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "select-dark",
        description="Choose frames by TICA's rules from the record of a run, or from TICA's own "
        "cal_timeseries.txt. Writes one ECSV table, or TICA's files with --tica.",
    )
    parser.add_argument("out", nargs="?", type=Path, metavar="OUT", help="folder of a run")
    parser.add_argument(
        "--timeseries",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="cal_timeseries.txt files, one per camera, instead of OUT",
    )
    add_list(parser)
    parser.add_argument("--tica", type=Path, metavar="DIR", help="write TICA's files into DIR")
    parser.add_argument(
        "-o", "--output", type=Path, metavar="FILE", help="table to write (OUT/select_dark.ecsv)"
    )
    parser.add_argument("--picture", type=Path, metavar="DIR", help="draw each camera into DIR")
    parser.add_argument(
        "--one-list",
        action="store_true",
        help="use camera 1, CCD 1's reference list for every CCD (with --tica)",
    )
    rules = parser.add_argument_group("rules")
    for name, (what, kind, text) in _OPTIONS.items():
        rules.add_argument(f"--{name.replace('_', '-')}", type=kind, metavar=what, help=text)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Choose, write, and print the choices."""
    from tica_fn.run.choice_files import choices_table, draw_choices, write_tica_files
    from tica_fn.run.choices import Rules

    listed = () if args.list is None else listed_files(args.list)
    files = [*(args.timeseries or ()), *listed]
    if (args.out is None) == (not files):
        raise UsageError("give the folder OUT of a run, or --timeseries FILE, or --list FILE")
    if args.one_list and not args.tica:
        raise UsageError("--one-list goes with --tica")
    given = {name: getattr(args, name) for name in _OPTIONS if getattr(args, name) is not None}
    if files:
        cameras = _of_files(files, Rules(**given))
    else:
        from tica_fn.run.record import open_record
        from tica_fn.run.summary import choices_of_record

        cameras = choices_of_record(open_record(args.out), given)
        if not cameras:
            raise ValueError(f"{args.out}: the record of the run has no frames yet")
    if args.tica:
        for path in write_tica_files(cameras, args.tica, one_list=args.one_list):
            say_line(path)
    if args.output or not args.tica:
        from tica_fn.fits.whole_files import save_table

        output = args.output or (args.out or Path()) / "select_dark.ecsv"
        save_table(choices_table(cameras), output)
        say_line(output)
    pictures = args.picture or args.tica
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
        for one in cameras:
            say_line(draw_choices(one, pictures / f"cam{one.camera}_dark_time.png"))
    for one in cameras:
        _tell(one)
    return 0


def _of_files(paths: list[Path], rules: Any) -> list[CameraChoices]:
    from tica_fn.run.choice_files import choose_of_camera
    from tica_fn.run.time_series import camera_of_name, read_time_series

    found: dict[int, Any] = {}
    for path in paths:
        series = read_time_series(path)
        cameras = {camera_of_name(name) for name in series.names}
        if len(cameras) != 1 or None in cameras:
            raise ValueError(f"{path}: the names in it are not of one camera")
        camera = cameras.pop()
        if camera in found:
            raise ValueError(f"{path}: camera {camera} was given already")
        found[camera or 0] = series
    return [choose_of_camera(camera, found[camera], rules) for camera in sorted(found)]


def _tell(one: CameraChoices) -> None:
    for ccd, chosen in one.by_ccd.items():
        count = int((one.series.modes[:, ccd - 1] == one.series.modes[:, ccd - 1]).sum())
        line = f"camera {one.camera} CCD {ccd}: {count} frames, "
        if chosen.reference < 0:
            print(f"{line}none good")
            continue
        cadence = int(one.series.cadences[chosen.reference])
        name = f"cadence {cadence}" if cadence >= 0 else one.files(ccd, [chosen.reference])[0]
        say_line(
            f"{line}{int(chosen.bad.sum())} bad, {int(chosen.dark.sum())} dark in "
            f"{len(chosen.dark_intervals())} intervals under {chosen.threshold:.2f} e-, "
            f"{chosen.references.size} in the reference list, reference {name}"
        )
