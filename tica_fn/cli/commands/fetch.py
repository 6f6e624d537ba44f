"""``tica-fn fetch``: raw files of a sector from MAST."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tica_fn.cli.arguments import more_than_zero, positive, whole
from tica_fn.cli.messages import say_line

if TYPE_CHECKING:
    from tica_fn.remote.cache import Remote
    from tica_fn.remote.scripts import RemoteFile

_EXAMPLES = """examples:
  tica-fn fetch raw --sector 6 --camera 2 --ccd 3 --first 20 --outdir raw
  tica-fn fetch raw --sector 6 --camera 2 --ccd 3 --from 2018-12-20 --to 2018-12-21 --list-only
  tica-fn fetch raw --sector 6 --kind tp --tic 322899250 --collateral --outdir raw

exit code: 0 every file is there and complete, 1 something failed, 2 wrong arguments."""


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("fetch")
    actions = parser.add_subparsers(title="actions", required=True, metavar="ACTION")
    raw = actions.add_parser(
        "raw",
        help="raw full frames, target pixels and collateral",
        description="Download selected files from MAST's script of a sector, several at a time. "
        "Each is verified by its FITS checksums before it gets its name. Interrupted downloads "
        "continue where they stopped; complete files are left alone.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    raw.add_argument("--sector", type=positive, required=True, metavar="S")
    raw.add_argument("--camera", type=whole(1, 4), help="this camera only")
    raw.add_argument("--ccd", type=whole(1, 4), help="this CCD only")
    raw.add_argument(
        "--kind",
        choices=("ffir", "tp", "col"),
        default="ffir",
        help="full frames (default), target pixel files, or collateral of the targets",
    )
    raw.add_argument(
        "--tic",
        type=positive,
        action="append",
        default=[],
        metavar="ID",
        help="target pixel files of this star only; can be repeated",
    )
    raw.add_argument(
        "--collateral",
        action="store_true",
        help="with target pixel files: also the collateral of their CCDs (gigabytes per file)",
    )
    raw.add_argument(
        "--first", type=positive, metavar="N", help="the first N of each CCD (or star)"
    )
    raw.add_argument("--from", dest="start", metavar="T", help="from this time on, UTC")
    raw.add_argument(
        "--to",
        dest="stop",
        metavar="T",
        help="up to this time, UTC: 2018-12-15T18:24:59, 2018349182459 as in file names, or TJD",
    )
    raw.add_argument("--list-only", action="store_true", help="print the names, download nothing")
    raw.add_argument(
        "--outdir", type=Path, default=Path(), metavar="DIR", help="output folder (default: .)"
    )
    raw.add_argument("--remote", metavar="URL", help="folder of the scripts (default: MAST's)")
    raw.add_argument("--jobs", type=positive, default=4, metavar="N", help="files at a time (4)")
    raw.add_argument(
        "--timeout", type=more_than_zero, default=30.0, metavar="S", help="seconds to wait (30)"
    )
    raw.add_argument("--tries", type=positive, default=4, metavar="N", help="attempts (4)")
    raw.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """List the files, and download them unless ``--list-only`` is given."""
    from tica_fn.errors import UsageError
    from tica_fn.remote.address import clean_url
    from tica_fn.remote.cache import Remote
    from tica_fn.remote.http import Client
    from tica_fn.remote.raw import RAW_REMOTE, list_files
    from tica_fn.remote.scripts import Choice, moment

    if args.kind == "tp" and (args.camera or args.ccd):
        raise UsageError("names of target pixel files do not give the CCD: choose stars by --tic")
    if args.tic and args.kind != "tp":
        raise UsageError("--tic goes with --kind tp")
    if (args.collateral and not (args.kind == "tp" and args.tic)) or (
        args.collateral and args.list_only
    ):
        raise UsageError("--collateral goes with --kind tp and --tic, and needs their files")
    client = Client(timeout_s=args.timeout, tries=args.tries)
    remote = Remote(url=clean_url(args.remote or RAW_REMOTE), client=client)
    choice = Choice(
        camera=args.camera,
        ccd=args.ccd,
        tics=tuple(args.tic),
        first=args.first,
        start=moment(args.start) if args.start else None,
        stop=moment(args.stop) if args.stop else None,
    )
    files = list_files(remote, args.sector, args.kind, choice)
    if args.list_only:
        for one in files:
            say_line(one.name)
        return 0
    code, paths = _load(files, args.kind, args, remote)
    if args.collateral:
        for camera, ccd in sorted({_ccd_of(path) for path in paths}):
            more = list_files(remote, args.sector, "col", Choice(camera=camera, ccd=ccd))
            code |= _load(more, "col", args, remote)[0]
    return code


def _load(
    files: list[RemoteFile], kind: str, args: argparse.Namespace, remote: Remote
) -> tuple[int, list[Path]]:
    """Download, and report failures and counts; the exit code and the complete files."""
    from collections import Counter

    from tica_fn.errors import describe
    from tica_fn.remote.raw import fetch_files

    states: Counter[str] = Counter()
    paths = []
    for found in fetch_files(files, kind, args.outdir, remote, args.jobs):
        states[found.state] += 1
        if found.error is not None:
            print(f"tica-fn: {found.file.name}: {describe(found.error)}", file=sys.stderr)
        elif found.state != "not begun":
            paths.append(found.path)
    told = [f"{states[state]} {state}" for state in ("fetched", "there already", "failed")]
    if states["not begun"]:
        told.append(f"{states['not begun']} not begun, because no download succeeded")
    say_line(f"{args.outdir}: {', '.join(told)}")
    return int(bool(states["failed"] or states["not begun"])), paths


def _ccd_of(path: Path) -> tuple[int, int]:
    """Camera and CCD in the header of a target pixel file."""
    from tica_fn.errors import BadFileError
    from tica_fn.remote.first_sight import check_whole

    header = check_whole(path)[0].header
    try:
        return int(header["CAMERA"]), int(header["CCD"])
    except (KeyError, ValueError, TypeError):
        raise BadFileError(f"{path}: its header lacks CAMERA or CCD") from None
