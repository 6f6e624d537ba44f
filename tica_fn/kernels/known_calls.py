"""What numba finds out about a call, kept: it would look for it again at every ``a + b``.

A kernel of a page adds and compares a hundred times, numba asks for the type of each several times,
and each time tries all it has for ``+``: a tenth of the time of compiling.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from numba.core import types

__all__ = ["knowing"]


@cache
def knowing(context: Any) -> _Knowing:
    """Give a typing context that remembers what this one says of functions and operators."""
    return _Knowing(context)


class _Knowing:
    """Numba's typing context; of functions that numba compiles for themselves it asks each time."""

    def __init__(self, context: Any) -> None:
        self._context = context
        self._known: dict[Any, tuple[Any, Any]] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def resolve_function_type(self, function: Any, args: Any, keywords: Any) -> Any:
        """Signature of a function for types of arguments."""
        chosen = getattr(function, "_impl_keys", None)
        if chosen is None or keywords or not isinstance(function, types.Function):
            return self._context.resolve_function_type(function, args, keywords)
        key = function, tuple(args)
        if key in self._known:
            signature, code = self._known[key]
            chosen[signature.args] = code  # another caller's options may have put another here
            return signature
        signature = self._context.resolve_function_type(function, args, keywords)
        if signature is not None and signature.args in chosen:
            self._known[key] = signature, chosen[signature.args]
        return signature
