"""``tica-fn info``: what files are and what was done to them, or versions and folders."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tica_fn.cli.arguments import add_files, inputs_of
from tica_fn.cli.outcomes import work_through
from tica_fn.fits.version import __version__

if TYPE_CHECKING:
    from tica_fn.fits.outcome import Outcome


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "info",
        description="Show what each FILE is, what was done to it and with what. Without a FILE, "
        "print what a bug report needs.",
    )
    add_files(parser, "FITS files")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the facts of files, or versions."""
    if not args.files and args.list is None:
        _print_versions()
        return 0
    inputs = inputs_of(args, "files of TESS", lambda _: True)
    return work_through(inputs, _told, "looking", debug=args.debug, summary=False)


def _told(path: Path) -> Outcome:
    from tica_fn.fits.outcome import DONE, Outcome
    from tica_fn.products.file_facts import facts_of_file
    from tica_fn.products.other_facts import facts_of_other

    facts = facts_of_other(path) or facts_of_file(path)
    lines = [str(path), *(f"  {name:11s} {text}" for name, text in facts.items())]
    return Outcome(source=path, state=DONE, frames=1, lines=tuple(lines))


def _print_versions() -> None:
    import os
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from tica_fn.kernels.compile import cache_folder

    print(f"tica-fn       {__version__}")
    print(f"Python        {platform.python_version()} on {platform.platform()}")
    for package in ("numpy", "numba", "astropy", "gwcs", "tess-point", "isal"):
        try:
            found = version(package)
        except PackageNotFoundError:
            found = "not installed"
        print(f"{package:13s} {found}")
    print(f"processors    {os.cpu_count()}")
    print(f"kernels       {cache_folder() or 'in memory only'}")
