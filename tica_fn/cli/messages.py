"""What commands print besides their results: single lines, and a note about compiling."""

import gc
import sys
from collections.abc import Callable
from typing import TextIO

from tica_fn.errors import one_line

__all__ = ["load_numba", "say_line", "say_no_more", "say_when_compiling"]


def say_line(what: object, file: TextIO | None = None) -> None:
    """Print one line, whatever characters the names in it contain."""
    print(one_line(str(what)), file=file)


_listening: list[Callable[[], None]] = []


_NOT_FOR_KERNELS = ("scipy", "cffi", "yaml", "colorama")
"""Packages that numba looks for when it is loaded but that kernels do not need."""


def load_numba() -> None:
    """Load numba in half the time by hiding optional packages from it."""
    hidden = [name for name in _NOT_FOR_KERNELS if name not in sys.modules]
    if "numba" in sys.modules:
        return
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    collecting = gc.isenabled()
    gc.disable()  # Hardly anything that is made meanwhile goes again.
    try:
        import numba  # noqa: F401
    finally:
        if collecting:
            gc.enable()
        for name in hidden:
            del sys.modules[name]


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
