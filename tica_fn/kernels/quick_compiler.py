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

from numba.core import codegen, compiler, ir
from numba.core.compiler_machinery import AnalysisPass, register_pass
from numba.core.runtime.nrt import rtsys
from numba.core.typed_passes import NopythonTypeInference

from tica_fn.kernels.known_calls import knowing

__all__ = ["AbsorbedCompiler", "PlainCompiler", "QuickCompiler", "ThoroughCompiler"]

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


_VIEWS = frozenset(
    {
        "build_tuple",
        "cast",
        "exhaust_iter",
        "getattr",
        "getitem",
        "getiter",
        "iternext",
        "pair_first",
        "pair_second",
        "phi",
        "static_getitem",
    }
)
"""Expressions that take no memory: an array that they give lies in another."""


@register_pass(mutates_CFG=False, analysis_only=True)  # type: ignore[no-untyped-call]
class _CountReferences(AnalysisPass):
    """Count references only in functions that make arrays; others have the caller's."""

    _name = "tica_fn_count_references"

    def __init__(self) -> None:
        AnalysisPass.__init__(self)  # type: ignore[no-untyped-call]

    def run_pass(self, state: Any) -> bool:
        """Have the rest of the compiler leave them out where nothing is made."""
        if hasattr(state.targetctx, "enable_nrt") and not _makes_arrays(state):
            state.targetctx = state.targetctx.subtarget(enable_nrt=False)
            state.library.counts_references = False
        return False


def _makes_arrays(state: Any) -> bool:
    """Tell whether a function makes, gives or copies something whose references are counted."""
    models, kinds = state.targetctx.data_model_manager, state.typemap

    def is_counted(kind: Any) -> bool:
        return bool(models[kind].contains_nrt_meminfo())

    if state.func_ir.is_generator or is_counted(state.return_type):
        return True
    for block in state.func_ir.blocks.values():
        for one in block.find_insts((ir.Assign, ir.SetItem)):
            value = one.value
            if isinstance(one, ir.SetItem):
                made = is_counted(kinds[value.name])
            elif not isinstance(value, ir.Expr):
                continue
            elif value.op == "getitem":
                made = is_counted(kinds[value.index.name])  # else it is a part, no copy
            else:
                made = value.op not in _VIEWS and is_counted(kinds[one.target.name])
            if made:
                return True
    return False


class _Library(codegen.JITCodeLibrary):
    """Machine code of one function."""

    counts_references = True

    def add_linking_library(self, library: Any) -> None:
        """Take in what is called, but not numba's runtime where it is not called."""
        if self.counts_references or library is not rtsys.library:
            super().add_linking_library(library)  # type: ignore[no-untyped-call]


class _OnceOptimised(_Library):
    """Machine code of one function, optimised with all that it calls and not before."""

    def _optimize_functions(self, ll_module: Any) -> None:
        ll_module.data_layout = self._codegen._data_layout


class _Plain(_OnceOptimised):
    """Machine code of one function whose loops stay as they are: half as much of it."""

    def _optimize_final_module(self) -> None:
        llvm: Any = getattr(codegen, "ll", None)
        machine = getattr(self._codegen, "_tm", None)
        if machine is None or not hasattr(llvm, "create_pipeline_tuning_options"):
            super()._optimize_final_module()  # type: ignore[no-untyped-call]
            return
        tuning = llvm.create_pipeline_tuning_options(speed_level=2)
        tuning.loop_vectorization = tuning.slp_vectorization = tuning.loop_unrolling = False
        builder = llvm.create_pass_builder(machine, tuning)
        passes = builder.getModulePassManager()
        passes.add_refprune_pass()
        passes.run(self._final_module, builder)


class _Absorbed(_OnceOptimised):
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

    library: ClassVar[type[_Library]] = _Library

    def __init__(self, typingctx: Any, *args: Any) -> None:
        super().__init__(knowing(typingctx), *args)  # type: ignore[no-untyped-call]

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
            if any(one[0] is NopythonTypeInference for one in pipeline.passes):
                pipeline.add_pass_after(_CountReferences, NopythonTypeInference)
            pipeline.finalize()
        return pipelines


class QuickCompiler(ThoroughCompiler):
    """Compiles a function, and optimises it once rather than twice."""

    library = _OnceOptimised


class PlainCompiler(ThoroughCompiler):
    """Compiles a function without making vectors of its loops or unrolling them."""

    library = _Plain


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
