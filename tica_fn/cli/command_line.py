"""The command line: parse, call, print.

Exit codes: 0 when everything asked was done, 1 when something failed, 2 for wrong arguments,
128 + n when stopped by signal n.  A failure is one line on standard error that names the file and
the cause; ``--debug`` shows the traceback.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any

from tica_fn.cli.commands import NAMES
from tica_fn.cli.examples import EXAMPLES
from tica_fn.cli.loading import uncollected
from tica_fn.cli.messages import say_no_more
from tica_fn.cli.parser import Parser, subparsers_of
from tica_fn.cli.signals import StoppedError, signals_raised
from tica_fn.errors import UsageError, describe
from tica_fn.fits.version import __version__

__all__ = ["main", "make_parser"]

_SAID = {"SIGINT": "interrupted", "SIGTERM": "terminated", "SIGHUP": "hung up"}


def make_parser(*, complete: bool = True) -> argparse.ArgumentParser:
    """Build the parser of all commands; or one that declares a command's options once it is asked.

    Declaring the options of all commands takes longer than everything else that ``--help`` does.
    """
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
    commands: Any = parser.add_subparsers(
        title="commands", required=True, metavar="COMMAND", action=_Commands
    )
    for name, what in NAMES.items():
        commands.announce(name, what)
        if complete:
            commands.declare(name)
    _show_examples(parser)
    return parser


class _Commands(argparse._SubParsersAction):  # type: ignore[type-arg]
    """Commands that are listed, and whose options are declared when they are needed."""

    def announce(self, module: str, what: str) -> None:
        """List a command."""
        name = module.replace("_", "-")
        self._name_parser_map[name] = None
        self._choices_actions.append(self._ChoicesPseudoAction(name, (), what))

    def declare(self, module: str) -> None:
        """Declare the options of a command."""
        name = module.replace("_", "-")
        del self._name_parser_map[name]
        importlib.import_module(f"tica_fn.cli.commands.{module}").add(self)
        _finish(self._name_parser_map[name])

    def __call__(self, *words: Any, **how: Any) -> None:
        """Parse the words of a command."""
        name = words[2][0]
        if self._name_parser_map.get(name, self) is None:
            self.declare(name.replace("-", "_"))
        super().__call__(*words, **how)


def _finish(parser: argparse.ArgumentParser) -> None:
    """Show examples below every help, and let ``--debug`` stand after a command's name too."""
    parser.set_defaults(parser=parser)
    parser.add_argument(
        "--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS
    )
    _show_examples(parser)
    for _, one in subparsers_of(parser):
        _finish(one)


def _show_examples(parser: argparse.ArgumentParser) -> None:
    examples = EXAMPLES.get(parser.prog, ())
    if examples and "example" not in (parser.epilog or ""):
        said = [*filter(None, [parser.epilog]), "\n".join(["examples:", *examples])]
        parser.epilog = "\n\n".join(said)


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
            with uncollected():
                parser = make_parser(complete=False)
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
        if argv is not None:  # The process goes on, and needs the memory of what is garbage.
            gc.unfreeze()


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
        print(f"tica-fn {__version__}")
        parser.exit()


class _Completion(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, _: object, shell: Any, *__: object) -> None:
        import shtab

        print(shtab.complete(make_parser(), shell))
        parser.exit()


if __name__ == "__main__":
    raise SystemExit(main())
