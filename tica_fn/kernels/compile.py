"""The decorators of the project's kernels, and where their machine code is kept.

Every kernel is compiled with the same options: IEEE arithmetic (fast-math off, so ``isnan`` and
the order of operations mean what they say), numpy's rules for division, and the GIL released.

Numba's own disk cache looks only at the file of the kernel itself and would go on serving the old
machine code when a helper in *another* file changes.  The cache folder is therefore named by a
hash of all the kernel sources: any change of any of them starts a new folder.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import event
from numba.extending import overload, register_jitable

__all__ = ["before_compiling", "cache_folder", "chosen_by_type", "formula", "kernel"]

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": False}


def kernel(function: F) -> F:
    """Compile a function of arrays and numbers with the project's options, cached on disk."""
    config: Any = numba.config
    before = config.CACHE_DIR
    config.CACHE_DIR = str(cache_folder())
    try:
        return numba.njit(cache=True, **_OPTIONS)(function)  # type: ignore[no-any-return]
    finally:
        config.CACHE_DIR = before


def formula(function: F) -> F:
    """Mark a function of numbers for use inside kernels, which absorb it.

    Each formula is written once in this way and serves the kernel of its own step and the sweep
    that does all steps at once.  Called from Python it is the plain function.
    """
    absorbed: F = register_jitable(**_OPTIONS)(function)
    return absorbed


def chosen_by_type(function: Callable[..., Any]) -> Callable[[F], F]:
    """Mark a function that gives a formula's compiled form by the types of its arguments."""
    options: Any = _OPTIONS
    decorator: Callable[[F], F] = overload(function, jit_options=options)
    return decorator


@cache
def cache_folder() -> Path:
    """Folder of the machine code that belongs to exactly these kernel sources.

    It lies in ``NUMBA_CACHE_DIR`` where that is set, else in the package's ``__pycache__``, else
    (a read-only installation) in the user's cache folder.
    """
    name = f"numba-{_source_hash()}"
    home = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    places = [Path(__file__).parent / "__pycache__", home / "tica-fn", Path(tempfile.gettempdir())]
    if os.environ.get("NUMBA_CACHE_DIR"):
        places.insert(0, Path(os.environ["NUMBA_CACHE_DIR"]))
    for place in places:
        folder = place / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return folder
        except OSError:
            continue
    tried = ", ".join(str(place) for place in places)
    raise OSError(f"no folder can be written to keep compiled kernels in (tried {tried})")


def before_compiling(tell: Callable[[], None]) -> None:
    """Have a function called when a kernel is about to be compiled, which takes seconds."""
    event.register(_COMPILING, _Once(tell))  # type: ignore[no-untyped-call]


_COMPILING = "numba:compile"


class _Once(event.Listener):
    """Calls a function at the first compilation, and then listens no more."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self.tell = tell

    def on_start(self, _: Any) -> None:
        event.unregister(_COMPILING, self)  # type: ignore[no-untyped-call]
        self.tell()

    def on_end(self, _: Any) -> None:
        pass


def _source_hash() -> str:
    """Hash of every kernel source beside and below this file, places included."""
    digest = hashlib.sha256()
    folder = Path(__file__).parent
    for path in sorted(folder.rglob("*.py")):
        digest.update(path.relative_to(folder).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
