"""``tica-fn demo``: calibrate real and simulated pixels and show the results."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tica_fn.cli.arguments import not_negative, synonym
from tica_fn.cli.messages import say_when_compiling


def add(subparsers: Any) -> None:
    """Declare the command."""
    parser = subparsers.add_parser(
        "demo",
        description="Calibrate the embedded Sirius file and compare it with the mission's result; "
        "then simulate a full frame, calibrate it, and compare it with the truth.",
    )
    parser.add_argument(
        "--outdir", type=Path, default=Path("demo"), metavar="DIR", help="output folder (demo)"
    )
    synonym(parser, "--output-dir", "outdir", type=Path)
    parser.add_argument(
        "--seed", type=not_negative, default=1, help="seed of the simulated noise (1)"
    )
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the demonstration."""
    from tica_fn.simulate.demonstration import run_demo

    say_when_compiling()
    return run_demo(args.outdir, args.seed)
