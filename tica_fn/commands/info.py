"""``tica-fn info``: versions, processors, and where things are kept."""

from __future__ import annotations

import argparse
from typing import Any


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser("info", help="versions, processors, folders")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:  # noqa: ARG001
    """Print what a bug report needs."""
    import os
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from tica_fn.kernels.compile import cache_folder

    print(f"tica-fn       {version('tica-fn')}")
    print(f"Python        {platform.python_version()} on {platform.platform()}")
    for package in ("numpy", "numba", "astropy", "gwcs", "tess-point", "isal"):
        try:
            found = version(package)
        except PackageNotFoundError:
            found = "not installed"
        print(f"{package:13s} {found}")
    print(f"processors    {os.cpu_count()}")
    print(f"kernels       {cache_folder() or 'in memory only'}")
    return 0
