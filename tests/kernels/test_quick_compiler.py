"""Kernels are compiled without what they don't need, and nothing else changes."""

import gc

import numba
import numpy as np
import pytest
from numba.core import codegen, compiler

from tica_fn.kernels import compile as decorators
from tica_fn.kernels import quick_compiler


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


@pytest.mark.parametrize("decorator", [decorators.kernel, decorators.thorough_kernel])
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
