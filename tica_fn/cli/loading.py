"""Loading what commands need, in half the time."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

__all__ = ["load_numba", "uncollected"]

_NOT_FOR_KERNELS = ("scipy", "cffi", "yaml", "colorama")
"""Packages that numba looks for when it is loaded but that kernels do not need."""
_HARDLY_USED = ("importlib.metadata", "zipfile", "html")
"""Modules that numba imports, but uses only for what kernels do not need."""


@contextmanager
def uncollected() -> Iterator[None]:
    """Don't look for garbage meanwhile: imports make many objects and hardly any garbage."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


class _Later(ModuleType):
    """A module that is imported when something in it is asked for."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        __import__(self.__name__)
        return getattr(sys.modules[self.__name__], name)


def load_numba() -> None:
    """Load numba without optional packages and other packages' extensions of it."""
    if "numba" in sys.modules:
        return
    hidden: dict[str, Any] = dict.fromkeys(_NOT_FOR_KERNELS)
    hidden |= {name: _Later(name) for name in _HARDLY_USED}
    hidden = {name: module for name, module in hidden.items() if name not in sys.modules}
    sys.modules.update(hidden)
    try:
        with uncollected():
            from numba.core import entrypoints
    finally:
        for name, module in hidden.items():
            if sys.modules.get(name, hidden) is module:
                del sys.modules[name]
    extensions: Any = entrypoints
    if hasattr(extensions, "_already_initialized"):  # Looking for them takes 10 ms and more.
        extensions._already_initialized = True
