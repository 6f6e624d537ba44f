"""The command line: parse, call, print."""

from tica_fn.cli.command_line import main, make_parser

__all__ = ["main", "make_parser"]
