"""Numba's compiler without what the kernels don't need, so that they compile in less time.

The arithmetic is the same: what is left out looks for Python that no kernel has, or optimises what
is optimised again later.  Where a version of numba names a part otherwise, that part is not left
out, and compiling takes longer.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from numba.core import codegen, compiler

__all__ = ["AbsorbedCompiler", "QuickCompiler", "ThoroughCompiler"]

_NEEDLESS = frozenset(
    {
        "DeadBranchPrune",  # branches on None
        "DumpParforDiagnostics",
        "FindLiterallyCalls",
        "InlineClosureLikes",  # functions in functions, comprehensions
        "InlineInlinables",  # functions with inline="always"
        "InlineOverloads",
        "LiteralPropagationSubPipelinePass",
        "LiteralUnroll",
        "MakeFunctionToJitFunction",
        "NopythonRewrites",  # expressions of whole arrays
        "RewriteDynamicRaises",
        "WithLifting",
    }
)
"""Passes over Python that the kernels don't use."""


class _Library(codegen.JITCodeLibrary):
    """Machine code of one function."""

    def _optimize_functions(self, ll_module: Any) -> None:
        """Leave this to the optimisation of the whole, with all that is called."""
        ll_module.data_layout = self._codegen._data_layout


class _Absorbed(_Library):
    """Code of a formula, which only those who call it optimise and translate for the machine."""

    @property
    def codegen(self) -> Any:
        """What numba tells of the formula's constants, which none has in memory of its own."""
        return _NoMemory

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()  # type: ignore[no-untyped-call]
        self._finalized = True


class _NoMemory:
    @staticmethod
    def set_env(*_: Any) -> None:
        pass


class ThoroughCompiler(compiler.Compiler):
    """Compiles a function, and optimises it as numba does."""

    library: ClassVar[type[codegen.JITCodeLibrary]] = codegen.JITCodeLibrary

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        """Compile one function for one set of types."""
        library = self.library(self.state.targetctx.codegen(), func.__qualname__)
        library.enable_object_caching()  # type: ignore[no-untyped-call]
        self.state.library = library
        with _no_collection():
            return super().compile_extra(func)  # type: ignore[no-untyped-call]

    def define_pipelines(self) -> list[Any]:
        """Give numba's passes but for those without a use."""
        pipelines: list[Any] = super().define_pipelines()  # type: ignore[no-untyped-call]
        for pipeline in pipelines:
            pipeline.passes[:] = (
                one for one in pipeline.passes if one[0].__name__ not in _NEEDLESS
            )
            pipeline.finalize()
        return pipelines


class QuickCompiler(ThoroughCompiler):
    """Compiles a function, and optimises it once rather than twice."""

    library = _Library


class AbsorbedCompiler(ThoroughCompiler):
    """Compiles a formula for those who call it."""

    library = _Absorbed


@contextmanager
def _no_collection() -> Iterator[None]:
    """Collect no garbage meanwhile, and take what is left for old: a tenth of the time.

    Else each compilation ends with a walk over all that the compiler keeps.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if gc.get_freeze_count() == 0:
            gc.freeze()
            gc.unfreeze()
        gc.enable()
