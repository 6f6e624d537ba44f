"""The command line: parse, call, print.

Exit codes: 0 when everything asked was done, 1 when something failed, 2 for wrong arguments.
A failure is one line on standard error that names the file and the cause; ``--debug`` shows the
traceback.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
import warnings
from collections.abc import Sequence
from typing import Any

from tica_fn.commands import NAMES
from tica_fn.errors import describe

__all__ = ["main", "make_parser"]


def make_parser() -> argparse.ArgumentParser:
    """Build the parser of all commands."""
    parser = argparse.ArgumentParser(
        prog="tica-fn",
        description="Calibrate TESS full-frame images and target pixels, and fit their WCS.",
    )
    parser.add_argument("--version", action=_Version, nargs=0, help="print the version and exit")
    parser.add_argument("--debug", action="store_true", help="show tracebacks of errors")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name in NAMES:
        importlib.import_module(f"tica_fn.commands.{name}").add(subparsers)
    _take_debug_anywhere(subparsers)
    return parser


def _take_debug_anywhere(subparsers: Any) -> None:
    """Let ``--debug`` stand after the command's name as well as before it."""
    for parser in subparsers.choices.values():
        parser.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                _take_debug_anywhere(action)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # Names of files may be any bytes.
    args = make_parser().parse_args(argv)
    warnings.formatwarning = lambda message, *_args, **_more: f"tica-fn: {message}\n"
    # The commands' linear algebra is small: its own threads would only wait, and busily.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        return int(args.run(args))
    except KeyboardInterrupt:
        print("tica-fn: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not an error of ours, and nothing to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if args.debug:
            raise
        print(f"tica-fn: {describe(error)}", file=sys.stderr)
        return 1


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"tica-fn {version('tica-fn')}")
        parser.exit()


if __name__ == "__main__":
    raise SystemExit(main())
