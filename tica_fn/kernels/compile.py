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
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import numba
from numba.core import event
from numba.extending import overload, register_jitable

from tica_fn.kernels.code_cache import CodeCache, safe_folder, say_once

__all__ = [
    "before_compiling",
    "cache_folder",
    "chosen_by_type",
    "formula",
    "kernel",
    "plain_kernel",
    "thorough_kernel",
]

F = TypeVar("F", bound=Callable[..., Any])


def _compiler(name: str) -> dict[str, Any]:
    """Name one of the project's compilers; none where numba's parts have other names.

    Numba then compiles as it always does, which only takes longer.
    """
    try:
        from tica_fn.kernels import quick_compiler
    except (ImportError, AttributeError):
        return {}
    return {"pipeline_class": getattr(quick_compiler, name)}


_OPTIONS: dict[str, Any] = {
    "nogil": True,
    "error_model": "numpy",
    "fastmath": False,
    "no_cfunc_wrapper": True,  # the one for numba.cfunc and for tables of functions
}
_ABSORBED = {**_OPTIONS, **_compiler("AbsorbedCompiler")}


def kernel(function: F) -> F:
    """Compile a function of arrays and numbers with the project's options, cached on disk."""
    return _compiled(function, "QuickCompiler")


def thorough_kernel(function: F) -> F:
    """Do the same for a function whose loops become vectors only if each function is optimised."""
    return _compiled(function, "ThoroughCompiler")


def plain_kernel(function: F) -> F:
    """Do the same for a function that is as fast without vectors and unrolled loops."""
    return _compiled(function, "PlainCompiler")


def _compiled(function: F, compiler: str) -> F:
    compiled: Any = numba.njit(**_OPTIONS, **_compiler(compiler))(function)
    compiled._cache = CodeCache(function, cache_folder)
    return compiled  # type: ignore[no-any-return]


def formula(function: F) -> F:
    """Mark a function of numbers for use inside kernels, which absorb it.

    Each formula is written once in this way and serves the kernel of its own step and the sweep
    that does all steps at once.  Called from Python it is the plain function.
    """
    absorbed: F = register_jitable(**_ABSORBED)(function)
    return absorbed


def chosen_by_type(function: Callable[..., Any]) -> Callable[[F], F]:
    """Mark a function that gives a formula's compiled form by the types of its arguments."""
    options: Any = _ABSORBED
    decorator: Callable[[F], F] = overload(function, jit_options=options)
    return decorator


@cache
def cache_folder() -> Path | None:
    """Folder of the machine code that belongs to exactly these kernel sources.

    It lies in ``NUMBA_CACHE_DIR`` where that is set, else in the package's ``__pycache__``, in the
    user's cache folder or in one of the user's own under the temporary folder: in the first that
    is safe.  None where no folder is: kernels then live in memory only, which is said once.
    """
    refused = []
    for place, own in _places():
        try:
            folder = safe_folder(place, (*own, f"numba-{_source_hash()}"))
        except OSError as error:
            refused.append(f"{error.filename}: {error.strerror}")
            continue
        if refused and os.environ.get("NUMBA_CACHE_DIR"):
            say_once(f"NUMBA_CACHE_DIR is not used ({refused[0]}); compiled kernels go to {folder}")
        return folder
    say_once(
        f"compiled kernels are kept in memory only, as no folder is safe ({'; '.join(refused)})"
    )
    return None


def _places() -> list[tuple[Path, tuple[str, ...]]]:
    """Folders to try, each with the folders of ours below it."""
    places: list[tuple[Path, tuple[str, ...]]] = []
    if named := os.environ.get("NUMBA_CACHE_DIR"):
        places.append((Path(named), ()))
    places.append((Path(__file__).parent / "__pycache__", ()))
    home = os.environ.get("XDG_CACHE_HOME", "")
    if not Path(home).is_absolute():  # The standard says to ignore such a one.
        try:
            home = str(Path.home() / ".cache")
        except RuntimeError:  # HOME is not set, and the system does not know the user.
            home = ""
    if home:
        places.append((Path(home), ("tica-fn",)))
    places.append((Path(tempfile.gettempdir()), (f"tica-fn-{os.geteuid()}",)))
    return places


def before_compiling(tell: Callable[[], None]) -> Callable[[], None]:
    """Have a function called when a kernel is about to be compiled, which takes seconds.

    What is returned ends that.
    """
    cache_folder()  # Says here, in the main process, where nothing can be kept.
    listener = _Once(tell)
    event.register(_COMPILING, listener)  # type: ignore[no-untyped-call]
    return listener.stop


_COMPILING = "numba:compile"


class _Once(event.Listener):
    """Calls a function at the first compilation, and then listens no more."""

    def __init__(self, tell: Callable[[], None]) -> None:
        self.tell = tell

    def stop(self) -> None:
        """Listen no more."""
        with suppress(ValueError):  # told already
            event.unregister(_COMPILING, self)  # type: ignore[no-untyped-call]

    def on_start(self, _: Any) -> None:
        self.stop()
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
