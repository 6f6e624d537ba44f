"""The subcommands of ``tica-fn``, one module each: parse, call, print.

A module here offers ``add(subparsers)``, which declares its arguments and names the function to
run with ``parser.set_defaults(run=...)``; that function takes the parsed arguments and returns
the exit code.  Modules import what they need inside that function, so that ``--help`` is quick.
"""

from functools import cache

__all__ = ["NAMES", "say_when_compiling"]

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
    "select_dark",
    "stage",
    "check",
    "report",
    "simulate",
    "demo",
    "info",
)
"""Order in which ``tica-fn --help`` lists them."""


@cache
def say_when_compiling() -> None:
    """Say once what takes so long, when kernels are compiled that this machine has not seen."""
    from tica_fn.kernels.compile import before_compiling

    before_compiling(
        lambda: print("compiling kernels for this machine, which is done once ...", flush=True)
    )
