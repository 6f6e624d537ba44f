"""The command line's parser for its page, with the examples of each command as code."""

import argparse
import re
import textwrap

from tica_fn.cli import make_parser


def documented_parser():
    """Make the parser of the command line."""
    parser = make_parser()
    _set_examples(parser)
    return parser


def _set_examples(parser):
    if parser.epilog:
        lines = re.sub(r"^examples?:\s*", "examples:\n", parser.epilog, flags=re.M).split("\n")
        parts = []
        for line in map(str.strip, lines):
            if line.startswith("tica-fn "):
                parts.append(textwrap.indent(line, "   "))
            elif line == "examples:":
                parts += ["", "Examples::", ""]
            else:
                parts += ["", line.capitalize() if line[:4] == "exit" else line]
        parser.epilog = "\n".join(parts).strip("\n")
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in set(action.choices.values()):
                _set_examples(command)
