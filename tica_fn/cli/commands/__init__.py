"""The subcommands of ``tica-fn``, one module each: parse, call, print.

A module here offers ``add(subparsers)``, which declares its arguments and names the function to
run with ``parser.set_defaults(run=...)``; that function takes the parsed arguments and returns
the exit code.  Modules import what they need inside that function, so that ``--help`` is fast.
"""

__all__ = ["NAMES"]

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
"""Names of the modules, in the order of ``tica-fn --help``."""
