"""What commands print besides their results: single lines, and a note about compiling."""

from collections.abc import Callable
from typing import TextIO

from tica_fn.cli.loading import load_numba
from tica_fn.errors import one_line

__all__ = ["say_line", "say_no_more", "say_when_compiling"]


def say_line(what: object, file: TextIO | None = None) -> None:
    """Print one line, whatever characters the names in it contain."""
    print(one_line(str(what)), file=file)


_listening: list[Callable[[], None]] = []


def say_when_compiling() -> None:
    """Print one line if kernels are compiled for the first time on this machine."""
    load_numba()
    from tica_fn.kernels.compile import before_compiling

    say_no_more()
    _listening.append(
        before_compiling(
            lambda: print("compiling kernels for this machine (only once) ...", flush=True)
        )
    )


def say_no_more() -> None:
    """Stop printing that line, so that code that runs after the command compiles silently."""
    while _listening:
        _listening.pop()()
