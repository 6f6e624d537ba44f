"""The subcommands of ``tica-fn``, one module each: parse, call, print.

A module here offers ``add(subparsers)``, which declares its arguments and names the function to
run with ``parser.set_defaults(run=...)``; that function takes the parsed arguments and returns
the exit code.  Modules import what they need inside that function, so that ``--help`` is quick.
"""

from collections.abc import Callable

__all__ = ["NAMES", "say_no_more", "say_when_compiling"]

NAMES = (
    "calibrate",
    "run",
    "status",
    "split",
    "assemble",
    "convert",
    "cutout",
    "wcs",
    "models",
    "fetch",
    "compare",
    "regtest",
    "select_dark",
    "stage",
    "check",
    "report",
    "simulate",
    "demo",
    "info",
)
"""Order in which ``tica-fn --help`` lists them."""


_listening: list[Callable[[], None]] = []


def say_when_compiling() -> None:
    """Say once what takes so long, when kernels are compiled that this machine has not seen."""
    from tica_fn.kernels.compile import before_compiling

    say_no_more()
    _listening.append(
        before_compiling(
            lambda: print("compiling kernels for this machine, which is done once ...", flush=True)
        )
    )


def say_no_more() -> None:
    """End that with the command: what a program compiles after it is not the command's."""
    while _listening:
        _listening.pop()()
