"""The command line: parse, call, print.

Exit codes: 0 when everything asked was done, 1 when something failed, 2 for wrong arguments,
128 + n when stopped by signal n.  A failure is one line on standard error that names the file and
the cause; ``--debug`` shows the traceback.
"""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

from tica_fn.cli.commands import NAMES
from tica_fn.cli.examples import EXAMPLES
from tica_fn.cli.messages import say_no_more
from tica_fn.cli.parser import Parser, subparsers_of
from tica_fn.cli.signals import StoppedError, signals_raised
from tica_fn.errors import UsageError, describe

__all__ = ["main", "make_parser"]

_SAID = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up"}


def make_parser(command: str | None = None) -> argparse.ArgumentParser:
    """Build the parser of all commands, or of one."""
    parser = Parser(
        prog="tica-fn",
        description="Calibrate TESS full-frame images and target pixels, and fit their WCS.",
    )
    parser.add_argument(
        "-V", "--version", action=_Version, nargs=0, help="print the version and exit"
    )
    parser.add_argument("--debug", action="store_true", help="show tracebacks of errors")
    parser.add_argument(
        "--print-completion",
        action=_Completion,
        choices=("bash", "zsh", "tcsh"),
        help="print a script that lets a shell complete commands and options, and exit",
    )
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name in NAMES if command is None else (command,):
        importlib.import_module(f"tica_fn.cli.commands.{name}").add(subparsers)
    _finish(parser)
    return parser


def _command_of(words: Sequence[str]) -> str | None:
    """Find the command that is asked for; None where the parser of all has to say something."""
    first = next((word for word in words if word != "--debug"), "")
    return {name.replace("_", "-"): name for name in NAMES}.get(first)


def _finish(parser: argparse.ArgumentParser) -> None:
    """Show examples below every help, and let ``--debug`` stand after a command's name too."""
    examples = EXAMPLES.get(parser.prog, ())
    if examples and "example" not in (parser.epilog or ""):
        said = [*filter(None, [parser.epilog]), "\n".join(["examples:", *examples])]
        parser.epilog = "\n\n".join(said)
    for _, one in subparsers_of(parser):
        one.set_defaults(parser=one)
        one.add_argument(
            "--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
        )
        _finish(one)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command."""
    debug = False
    try:
        with signals_raised():
            _open_streams()
            for stream in (sys.stdout, sys.stderr):
                if isinstance(stream, io.TextIOWrapper):
                    stream.reconfigure(errors="backslashreplace")  # File names may be any bytes.
            words = sys.argv[1:] if argv is None else argv
            # Declaring the options of all commands takes longer than those of one.
            parser = make_parser(_command_of(words))
            if not words:
                parser.print_help(sys.stderr)
                return 2
            args = parser.parse_args(words)
            debug = args.debug
            # The linear algebra of commands is small: BLAS threads would only burn processor time.
            os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
            return int(args.run(args))
    except StoppedError as stopped:
        print(f"tica-fn: {_SAID[stopped.signal.name]}", file=sys.stderr)
        return 128 + stopped.signal
    except KeyboardInterrupt:
        print("tica-fn: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`| head`): not an error of ours, and nothing to say.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if debug:
            raise
        print(f"tica-fn: {describe(error)}", file=sys.stderr)
        return 2 if isinstance(error, UsageError) else 1
    finally:
        say_no_more()


def _open_streams() -> None:
    """Give closed streams (``>&-``) a place, so that no file that is opened takes theirs."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            while os.open(os.devnull, os.O_RDWR) < number:
                pass
        if getattr(sys, name) is None:
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115


class _Version(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"tica-fn {version('tica-fn')}")
        parser.exit()


class _Completion(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, _: object, shell: Any, *__: object) -> None:
        import shtab

        print(shtab.complete(parser, shell))
        parser.exit()


if __name__ == "__main__":
    raise SystemExit(main())
