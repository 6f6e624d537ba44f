"""What commands print besides their results: lines whatever names hold, and why it takes long."""

import gc
import sys
from collections.abc import Callable
from typing import TextIO

from tica_fn.errors import one_line

__all__ = ["load_numba", "say_line", "say_no_more", "say_when_compiling"]


def say_line(what: object, file: TextIO | None = None) -> None:
    """Print one line, whatever the names in it hold."""
    print(one_line(str(what)), file=file)


_listening: list[Callable[[], None]] = []


_NOT_FOR_KERNELS = ("scipy", "cffi", "yaml", "colorama")
"""Packages that numba looks for as it is loaded; kernels have no use for them."""


def load_numba() -> None:
    """Load numba in half the time: without packages that it only sees whether they are there."""
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
    """Say once what takes so long, when kernels are compiled that this machine has not seen."""
    load_numba()
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
