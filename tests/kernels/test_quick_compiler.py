"""Kernels are compiled without what they don't need, and nothing else changes."""

import gc
import sys

import numba
import numpy as np
import pytest
from numba.core import codegen, compiler, registry, types
from numba.core.runtime import _nrt_python, rtsys

from tica_fn.kernels import compile as decorators
from tica_fn.kernels import quick_compiler
from tica_fn.kernels.known_calls import knowing

DECORATORS = [decorators.kernel, decorators.plain_kernel, decorators.thorough_kernel]


def doubled(values, out):
    for k in range(values.size):
        out[k] = 2.0 * values[k]


class Usual(compiler.Compiler):
    """Numba's own passes, told."""

    names: set[str]

    def define_pipelines(self):
        pipelines = super().define_pipelines()
        Usual.names = {one[0].__name__ for one in pipelines[0].passes}
        return pipelines


def test_this_numba_has_what_is_left_out():
    numba.njit("void(float64[::1], float64[::1])", pipeline_class=Usual)(doubled)
    assert Usual.names >= quick_compiler._NEEDLESS
    assert hasattr(codegen.JITCodeLibrary, "_optimize_functions")


@pytest.mark.parametrize("decorator", DECORATORS)
@pytest.mark.parametrize("collects", [True, False])
def test_garbage_is_collected_afterwards_if_it_was_before(decorator, collects):
    (gc.enable if collects else gc.disable)()
    seen = []
    gc.callbacks.append(lambda phase, _: seen.append(phase))
    try:
        kernel = decorator(doubled)
        kernel._cache = numba.core.caching.NullCache()
        seen.clear()
        kernel.compile("void(float64[::1], float64[::1])")
        found, during = gc.isenabled(), list(seen)
    finally:
        gc.callbacks.pop()
        gc.enable()
    assert found is collects
    assert len(during) <= 4  # Outside the passes; hundreds otherwise.
    out = np.empty(3)
    kernel(np.arange(3.0), out)
    assert out.tolist() == [0.0, 2.0, 4.0]


def in_memory(function, decorator=decorators.kernel):
    kernel = decorator(function)
    kernel._cache = numba.core.caching.NullCache()
    return kernel


def code_of(kernel):
    (result,) = kernel.overloads.values()
    return result.library.get_llvm_str()


def rows_doubled(table, out):
    for r in range(len(table)):
        row = table[r]
        for c in range(row.size):
            out[r, c] = 2.0 * row[c]


def gathered(table, places, out):
    some = table[places]
    for k in range(some.size):
        out[k] = some[k]


def summed(table):
    room = np.empty(table.shape[1])
    for c in range(room.size):
        room[c] = table[0, c]
    return room.sum()


def its_row(table, r):
    return table[r]


ROWS = np.arange(6.0).reshape(2, 3)


@pytest.mark.parametrize("decorator", DECORATORS)
def test_references_are_not_counted_where_nothing_is_made(decorator):
    out = np.empty_like(ROWS)
    kernel = in_memory(rows_doubled, decorator)
    before = [sys.getrefcount(one) for one in (ROWS, out)]
    kernel(ROWS, out)
    assert np.array_equal(out, 2.0 * ROWS)
    assert [sys.getrefcount(one) for one in (ROWS, out)] == before
    assert "NRT_" not in code_of(kernel)


def test_loops_become_vectors_but_for_plain_kernels():
    def is_vector(decorator):
        kernel = in_memory(doubled, decorator)
        kernel.compile("void(float64[::1], float64[::1])")
        return " x double>" in code_of(kernel)

    assert [is_vector(one) for one in DECORATORS] == [True, False, True]


def test_references_are_counted_where_arrays_are_made_copied_or_given():
    some, out = np.array([2, 0]), np.empty(2)
    made, copied, given = in_memory(summed), in_memory(gathered), in_memory(its_row)
    assert made(ROWS) == 3.0
    copied(ROWS[0], some, out)
    assert out.tolist() == [2.0, 0.0]
    row = given(ROWS + 0.0, 1)  # of an array that only this one keeps alive
    gc.collect()
    assert row.tolist() == [3.0, 4.0, 5.0]
    assert all("NRT_" in code_of(one) for one in (made, copied, given))


def test_a_kernel_that_counts_nothing_calls_one_that_does():
    inner = in_memory(summed)

    def outer(tables, out):
        for k in range(len(tables)):
            out[k] = inner(tables[k])

    kernel, out = in_memory(outer), np.empty(2)
    tables = np.stack([ROWS, 2.0 * ROWS])
    _nrt_python.memsys_enable_stats()
    try:
        before = rtsys.get_allocation_stats()
        kernel(tables, out)
        after = rtsys.get_allocation_stats()
    finally:
        _nrt_python.memsys_disable_stats()
    assert out.tolist() == [3.0, 6.0]
    assert after.alloc - before.alloc == after.free - before.free > 0


def test_a_call_is_looked_up_once_and_has_the_code_of_the_first():
    context = registry.cpu_target.typing_context
    known, asked = knowing(context), []
    absolute = context.resolve_value_type(abs)
    args = (types.float64,)

    class Asked:
        def resolve_function_type(self, *words):
            asked.append(words)
            return context.resolve_function_type(*words)

    mine = type(known)(Asked())
    first = mine.resolve_function_type(absolute, args, {})
    code = absolute.get_impl_key(first)
    absolute._impl_keys[first.args] = "of another caller"
    assert mine.resolve_function_type(absolute, args, {}) == first
    assert absolute.get_impl_key(first) is code
    assert len(asked) == 1
    assert first == context.resolve_function_type(absolute, args, {})


def test_a_numba_with_other_names_compiles_as_usual(monkeypatch):
    name = "tica_fn.kernels.quick_compiler"
    monkeypatch.delitem(sys.modules, name)
    monkeypatch.delattr("tica_fn.kernels.quick_compiler")
    monkeypatch.delattr(codegen, "JITCodeLibrary")
    assert decorators._compiler("QuickCompiler") == {}
    out = np.empty_like(ROWS)
    kernel = in_memory(rows_doubled)
    monkeypatch.undo()
    kernel(ROWS, out)
    assert np.array_equal(out, 2.0 * ROWS)
    assert decorators._compiler("QuickCompiler") == {"pipeline_class": quick_compiler.QuickCompiler}
