"""The parser of the command line: no abbreviations, and suggestions for mistyped words."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

__all__ = ["Parser", "subparsers_of"]


class Parser(argparse.ArgumentParser):
    """Parser of a command and its subcommands."""

    def __init__(self, **how: Any) -> None:
        how["allow_abbrev"] = False
        how.setdefault("formatter_class", _Formatter)
        super().__init__(**how)

    def parse_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> argparse.Namespace:
        """Parse; for unknown arguments, suggest what was perhaps meant."""
        found, unknown = self.parse_known_args(args, namespace)
        if unknown:
            parser: Parser = getattr(found, "parser", self)
            if parser._takes_more_files(unknown, found):
                return found
            parser.error(f"unrecognized arguments: {shlex.join(unknown)}{parser._meant(unknown)}")
        return found

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and exit with 2."""
        wrong = re.search(r"invalid choice: '(.*?)'.*\(choose from (.*)\)", message)
        if wrong:
            message += _like(wrong[1], re.findall(r"[\w.-]+", wrong[2]))
        super().error(message)

    def _takes_more_files(self, unknown: Sequence[str], found: argparse.Namespace) -> bool:
        """Add files after options to those before them."""
        action = next((a for a in self._actions if a.dest == "files" and a.nargs == "*"), None)
        if action is None or any(word.startswith("-") for word in unknown):
            return False
        try:
            files = [self._get_value(action, word) for word in unknown]
        except argparse.ArgumentError as error:
            self.error(str(error))
        found.files = [*found.files, *files]
        return True

    def _meant(self, unknown: Sequence[str]) -> str:
        known = [
            option
            for action in self._actions
            if action.help != argparse.SUPPRESS
            for option in action.option_strings
        ]
        options = [word.split("=")[0] for word in unknown if word.startswith("-")]
        return next((said for word in options if (said := _like(word, known))), "")


def _like(word: str, known: Sequence[str]) -> str:
    import difflib

    start = [name for name in known if len(word) > 2 and name.startswith(word)]
    near = start or difflib.get_close_matches(word, known, n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(near)}?" if near else ""


class _Formatter(argparse.HelpFormatter):
    """Wraps text, but not examples."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        parts = []
        for part in text.split("\n\n"):
            if part.startswith("example"):
                head, *lines = part.splitlines()
                parts.append("\n".join([indent + head, *(f"{indent}  {line}" for line in lines)]))
            else:
                parts.append(super()._fill_text(part, width, indent))
        return "\n\n".join(parts)


def subparsers_of(parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Names and parsers of the subcommands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            yield from action.choices.items()
