"""``tica-fn assemble``: CCDs to camera frames."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "assemble",
        help="put the CCDs of cameras together",
        description="Put files of single CCDs, raw (<stem>_ccd<d>.fits) or calibrated "
        "(<stem>_ccd<d>.cal.fits), together to camera frames <stem>.fits and <stem>.cal.fits. "
        "All four CCDs of each are wanted.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="CCDs, any order")
    parser.add_argument(
        "--outdir", type=Path, default=Path(), metavar="DIR", help="folder of the outputs (here)"
    )
    parser.add_argument(
        "--compress", choices=("none", "gzip"), default="none", help="how outputs are packed"
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace outputs that are there already"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Assemble the files and say what became of them."""
    from tica_fn.errors import describe
    from tica_fn.products.split import assemble_camera, groups_of_cameras

    args.outdir.mkdir(parents=True, exist_ok=True)
    failed = 0
    for stem, paths in groups_of_cameras(args.files).items():
        try:
            output = assemble_camera(
                stem, paths, args.outdir, compress=args.compress, overwrite=args.overwrite
            )
        except (OSError, ValueError) as error:
            if args.debug:
                raise
            failed += 1
            print(f"tica-fn: {describe(error)}", file=sys.stderr)
        else:
            print(output)
    return int(failed > 0)
