"""Machine code of kernels on disk: in folders that nobody else can write, checked before use.

Loading an entry means unpickling it and running what is in it.  So a folder is used only if it and
every folder above it belong to the user or to root and nobody else may write there, and an entry
only if its SHA-256 agrees.  Whatever is wrong with an entry, the kernel is compiled anew.
"""

from __future__ import annotations

import hashlib
import inspect
import io
import multiprocessing
import os
import pickle
import stat
import sys
import tempfile
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from types import CodeType
from typing import Any

import numba
from numba.core import caching, compiler, environment
from numba.core.runtime import nrt
from numba.core.serialize import dumps

__all__ = ["CodeCache", "safe_folder", "say_once"]

_MARK = b"tica-fn kernel 1\n"
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class CodeCache(caching.FunctionCache):
    """Keeps compiled versions of one function; never fails, but then compiles more often."""

    def __init__(self, function: Callable[..., Any], folder: Callable[[], Path | None]) -> None:
        self._folder = folder
        self._py_func = function  # numba's key of a version hashes its byte code
        self._name = f"{function.__module__}.{function.__qualname__}"
        self._enabled = True

    @property
    def cache_path(self) -> str | None:
        """Folder of the code."""
        folder = self._folder()
        return None if folder is None else str(folder)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Give the compiled version of a signature, or None."""
        _know_runtime(target_context)
        folder = self._folder() if self._enabled else None
        if folder is None:
            return None
        key = self._key(sig, target_context.codegen())
        try:
            content = _read(self._path(folder, key))
            if content is None:
                return None
            known, code = _Unpickler(io.BytesIO(content)).load()
            rebuild: Any = compiler.CompileResult._rebuild
            return rebuild(target_context, *code) if known == key else None
        except Exception:
            return None  # Whatever is wrong with it: save_overload puts a good one in its place.

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled version, unless its code holds addresses of this process."""
        folder = self._folder() if self._enabled else None
        if folder is None or data.lifted or data.library.has_dynamic_globals:
            return
        key = self._key(sig, data.codegen)
        try:
            content = dumps((key, data._reduce()))  # type: ignore[no-untyped-call]
            _write(self._path(folder, key), content)
        except OSError as error:
            say_once(f"compiled kernels can't be kept in {folder} ({error.strerror})")

    def flush(self) -> None:
        """Forget what is kept of this function."""
        folder = self._folder()
        for path in () if folder is None else folder.glob(f"{self._name}-*.nbc"):
            path.unlink(missing_ok=True)

    def _key(self, sig: Any, codegen: Any) -> tuple[Any, ...]:
        known = self._index_key(sig, codegen)  # type: ignore[no-untyped-call]
        return (*known, _source_of(self._py_func.__code__), numba.__version__, sys.version)

    def _path(self, folder: Path, key: tuple[Any, ...]) -> Path:
        return folder / f"{self._name}-{hashlib.sha256(repr(key).encode()).hexdigest()[:24]}.nbc"


@cache
def _know_runtime(target_context: Any) -> None:
    """Tell the linker where numba's runtime is, which compiled code calls, without compiling it."""
    runtime: Any = nrt  # It names llvmlite and numba's own functions in C.
    if not (hasattr(runtime, "ll") and hasattr(getattr(runtime, "_nrt", None), "c_helpers")):
        target_context.refresh()  # A numba that keeps them elsewhere: its own way, which is slower.
        return
    for name, address in runtime._nrt.c_helpers.items():
        runtime.ll.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)


class _Unpickler(pickle.Unpickler):
    """Reads an entry without importing the parts of numba that its helpers were compiled from."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == (environment.__name__, environment._rebuild_env.__name__):
            return _environment
        return super().find_class(module, name)


def _environment(module: str, constants: Any, name: str) -> Any:
    """Constants of a compiled function; compiled code does not look at the module's names."""
    found: Any = environment.lookup_environment(name)  # type: ignore[no-untyped-call]
    if found is None:
        found = environment.Environment({"__name__": module})
        found.consts[:] = constants
        found.env_name = name
        environment.Environment._memo[name] = found
    return found


@cache
def _source_of(code: CodeType) -> str:
    """Hash of the file that a function stands in; of its own text where it was typed in."""
    try:
        text = Path(code.co_filename).read_bytes()
    except OSError:
        try:
            text = inspect.getsource(code).encode()
        except OSError:
            text = repr(code.co_consts).encode()
    return hashlib.sha256(text).hexdigest()


def _read(path: Path) -> bytes | None:
    """Content of an entry that the user or root wrote, and that is as it was written."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as stream:
        found = os.fstat(handle)
        if not (stat.S_ISREG(found.st_mode) and _is_safe(found)):
            return None
        content = stream.read()
    start = len(_MARK) + hashlib.sha256().digest_size
    good = _MARK + hashlib.sha256(content[start:]).digest()
    return content[start:] if content[:start] == good else None


def _write(path: Path, content: bytes) -> None:
    """Put an entry in place, whole or not at all."""
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(_MARK + hashlib.sha256(content).digest() + content)
        os.replace(aside, path)  # noqa: PTH105
    except BaseException:
        os.unlink(aside)  # noqa: PTH108
        raise


def safe_folder(place: Path, own: tuple[str, ...]) -> Path:
    """Make a folder that nobody else can write or exchange; OSError where that can't be.

    Links above our own folders are followed first; what they lead to is what is checked.
    """
    start = Path(os.path.realpath(place))
    folder = start.joinpath(*own)
    for path in (*reversed(folder.parents), folder):
        ours = path != start and path.is_relative_to(start)
        try:
            found = path.lstat()
        except FileNotFoundError:
            path.mkdir(mode=0o755 if path.name == "__pycache__" else 0o700, exist_ok=True)
            found = path.lstat()
        if not stat.S_ISDIR(found.st_mode):
            raise NotADirectoryError(20, "is no folder", str(path))
        if not _is_safe(found, sticky=not ours):
            raise PermissionError(1, "another user can write there", str(path))
    if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        raise PermissionError(13, "can't be written", str(folder))
    return folder


def _is_safe(found: os.stat_result, *, sticky: bool = False) -> bool:
    """Tell whether a file or folder can be changed by the user and root alone.

    In a sticky folder others can make files, but not touch ours.
    """
    alone = not found.st_mode & _OTHERS_WRITE or (sticky and bool(found.st_mode & stat.S_ISVTX))
    return alone and found.st_uid in (0, os.geteuid())


@cache
def say_once(text: str) -> None:
    """Warn once, and not from every process of a pool."""
    if multiprocessing.parent_process() is None:
        warnings.warn_explicit(text, RuntimeWarning, "tica_fn", 1)
