"""Mutation of the kernels: change one thing at a time and see whether a test notices.

    python -m benchmarks.mutate [MODULE ...] [--jobs 2] [--list]

Every operator, comparison, constant and loop bound of the named kernel modules is changed in turn.
Each mutant runs the tests of its module in a forked process that has numba and pytest loaded; only
kernels that contain the changed code are compiled anew, all others come from the cache.  A mutant
is killed when a test fails, the process dies, or it runs too long.  Survivors are listed; the exit
code is 1 when more than 5 % survive.
"""

from __future__ import annotations

import argparse
import ast
import copy
import dataclasses
import importlib
import io
import os
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
KERNELS = ROOT / "tica_fn" / "kernels"
SIX_STEPS = ("bias", "pedestal", "gain", "linearity", "smear", "flat", "sweep")
SIMULATION = ("sky", "bleed", "noise", "cosmic")
NEAR = {
    "bias": "bias", "pedestal": "pedestal or number_a_column", "gain": "number_a_column",
    "linearity": "linearity", "smear": "smear or number_a_column", "flat": "flat",
    "sweep": "sweep", "sky": "background", "bleed": "bleed", "noise": "stream or noise or digit",
    "cosmic": "tracks or deposits",
}  # fmt: skip
"""Words in the names of the tests that are the likeliest to notice."""


def stages(module: str) -> list[list[str]]:
    """Arguments of pytest, stage by stage: near tests first, wider ones for what they let live."""
    if module in SIX_STEPS:
        twins = "tests/kernels/test_twins.py"
        return [[twins, "-k", NEAR[module]], [twins], ["properties/test_steps.py"]]
    twins, sky = "tests/simulate/test_twins.py", "tests/simulate/test_sky.py"
    wide = ["tests/simulate/test_noise.py", "tests/simulate/test_frames.py"]
    first = [sky, "-k", "naive or tile or glow"] if module == "sky" else [twins, "-k", NEAR[module]]
    return [first, [twins, sky], wide]


SECONDS = (15, 30, 90)
"""Processor time after which a mutant counts as killed, stage by stage."""
ALLOWED = 0.05

BINARY = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.Pow: ast.Mult, ast.LShift: ast.RShift,
    ast.RShift: ast.LShift, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitOr,
}  # fmt: skip
BOUNDARY = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
NEGATION = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "floor": "ceil", "ceil": "floor", "cos": "sin", "sin": "cos"}


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """All mutants of one node: the same node with one thing changed."""
    if isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in BINARY:
        yield _with(node, op=BINARY[type(node.op)]())
    elif isinstance(node, ast.Compare) and len(node.ops) == 1:
        for table in (BOUNDARY, NEGATION):
            if type(node.ops[0]) in table:
                yield _with(node, ops=[table[type(node.ops[0])]()])
    elif isinstance(node, ast.Compare):
        for k, op in enumerate(node.ops):
            for table in (BOUNDARY, NEGATION):
                if type(op) in table:
                    yield _with(node, ops=[*node.ops[:k], table[type(op)](), *node.ops[k + 1 :]])
    elif isinstance(node, ast.BoolOp):
        yield _with(node, op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield node.operand
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        value = node.value
        changed = (value + 1, value - 1) if isinstance(value, int) else (value + 1.0, -value or 1.0)
        yield from (_with(node, value=new) for new in dict.fromkeys(changed))
    elif isinstance(node, ast.Call):
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        if name == "range":
            stop = len(node.args) > 1
            shorter = ast.BinOp(node.args[stop], ast.Sub(), ast.Constant(1))
            yield _with(node, args=[*node.args[:stop], shorter, *node.args[stop + 1 :]])
            if stop:
                later = ast.BinOp(node.args[0], ast.Add(), ast.Constant(1))
                yield _with(node, args=[later, *node.args[1:]])
        elif name in NAMES:
            kind = "attr" if isinstance(node.func, ast.Attribute) else "id"
            yield _with(node, func=_with(node.func, **{kind: NAMES[name]}))


def _with(node: ast.AST, **fields: object) -> ast.AST:
    new = copy.copy(node)
    for name, value in fields.items():
        setattr(new, name, value)
    return new


def _places(node: ast.AST, path: tuple = ()) -> Iterator[tuple[tuple, ast.AST]]:
    """Every node of the code proper: no docstrings, annotations, imports, or lists of names."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.arguments):
        return
    if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
        return
    yield path, node
    for name, value in ast.iter_fields(node):
        if name in ("decorator_list", "returns", "annotation", "ctx"):
            continue
        for k, child in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(child, ast.AST):
                here = (name, k) if isinstance(value, list) else (name, None)
                yield from _places(child, (*path, here))


def _replaced(tree: ast.AST, path: tuple, new: ast.AST) -> ast.AST:
    tree = copy.deepcopy(tree)
    node = tree
    for name, k in path[:-1]:
        node = getattr(node, name) if k is None else getattr(node, name)[k]
    name, k = path[-1]
    if k is None:
        setattr(node, name, new)
    else:
        getattr(node, name)[k] = new
    return ast.fix_missing_locations(tree)


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One change: where, what, and the changed module."""

    module: str
    text: str
    tree: ast.Module
    function: str


def mutants(module: str) -> Iterator[Mutant]:
    """Every mutant of a module."""
    tree = ast.parse((KERNELS / f"{module}.py").read_text())
    for path, node in _places(tree):
        for new in changes(node):
            was = " ".join(ast.unparse(node).split())[:60]
            now = " ".join(ast.unparse(ast.fix_missing_locations(copy.deepcopy(new))).split())[:60]
            top = getattr(tree, path[0][0])[path[0][1]]
            if isinstance(top, ast.FunctionDef) and not top.decorator_list:
                continue  # plain Python that stands for an overload and is never compiled
            # A changed constant of the module may stand in any of its functions.
            function = top.name if isinstance(top, ast.FunctionDef) else ""
            text = f"{module}.py:{getattr(node, 'lineno', 0)}: {was} -> {now}"
            yield Mutant(module, text, _replaced(tree, path, new), function)


def affected(mutant: Mutant) -> set[str]:
    """Names of the functions that contain the changed code, or absorb or call what does."""
    uses: dict[str, set[str]] = {}
    for path in KERNELS.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                names = {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}
                uses[node.name] = uses.get(node.name, set()) | names
    own = [n.name for n in mutant.tree.body if isinstance(n, ast.FunctionDef)]
    found = {mutant.function} if mutant.function else set(own)
    while more := {name for name, used in uses.items() if used & found} - found:
        found |= more
    return found


class _Mutated:
    """Import hook: a changed kernel module, whose affected kernels are compiled anew.

    They check the bounds of arrays: reading beyond them is found even where it does no harm.
    """

    def __init__(self, mutant: Mutant) -> None:
        plain = (KERNELS / "compile.py").read_text() + (
            f"\n_cached = kernel\n_anew = {affected(mutant)!r}\n"
            "def kernel(function):\n"
            "    if function.__name__ in _anew:\n"
            "        return numba.njit(boundscheck=True, **_OPTIONS)(function)\n"
            "    return _cached(function)\n"
        )
        # Line numbers are those of the file, by which the cache knows the other kernels.
        self.trees = {
            f"tica_fn.kernels.{mutant.module}": mutant.tree,
            "tica_fn.kernels.compile": ast.parse(plain),
        }

    def find_spec(self, name: str, *_: object) -> object:
        """Take over the import of the changed modules."""
        from importlib.util import spec_from_loader

        origin = str(KERNELS / f"{name.rpartition('.')[2]}.py")
        return spec_from_loader(name, self, origin=origin) if name in self.trees else None

    def create_module(self, *_: object) -> None:
        """Leave it to Python."""

    def exec_module(self, module) -> None:
        """Run the changed code."""
        module.__file__ = str(KERNELS / f"{module.__name__.rpartition('.')[2]}.py")
        exec(compile(self.trees[module.__name__], module.__file__, "exec"), module.__dict__)


def run_tests(mutant: Mutant, tests: list[str]) -> int:
    """Run tests on a mutant in this process; 0 when none of them notices."""
    import pytest

    for name in [n for n in sys.modules if n.split(".")[0] in ("tica_fn", "tests")]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Mutated(mutant))
    options = [
        "-x",
        "-q",
        "--assert=plain",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:randomly",
        "--no-header",
    ]
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        return int(pytest.main([*options, *tests]))


def in_a_fork(mutant: Mutant, stage: int) -> int:
    """Start the tests of a mutant; the number of the process."""
    child = os.fork()
    if child:
        return child
    # Of the processor's time, not of the clock: a busy machine kills no mutant.
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS[stage], SECONDS[stage]))
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    code = 1
    try:
        code = run_tests(mutant, stages(mutant.module)[stage])
    finally:
        os._exit(code)
    return 0


def survivors(queue: list[Mutant], stage: int, jobs: int) -> list[Mutant]:
    """Mutants that the tests of a stage let live."""
    running: dict[int, Mutant] = {}
    alive, waiting = [], list(queue)
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant = waiting.pop(0)
            running[in_a_fork(mutant, stage)] = mutant
        child, status = os.wait()
        mutant = running.pop(child)
        if status == 0:
            alive.append(mutant)
            print(f"  lives after stage {stage + 1}: {mutant.text}", flush=True)
    return alive


def main() -> int:
    """Mutate, test, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", default=[*SIX_STEPS], metavar="MODULE")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--list", action="store_true", help="list the mutants and stop")
    parser.add_argument("--only", default="", help="only mutants whose description has this in it")
    args = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    queue = [m for module in args.modules for m in mutants(module) if args.only in m.text]
    if args.list:
        print(*(mutant.text for mutant in queue), sep="\n")
        return 0
    # What every child needs, loaded once.
    for name in ("astropy.io.fits", "hypothesis.extra.numpy", "numba", "pytest", "scipy.stats"):
        importlib.import_module(name)
    started = time.monotonic()
    alive = queue
    for stage in range(3):
        needed = {str(stages(m.module)[stage]): m.module for m in alive}
        for module in needed.values():
            tree = ast.parse((KERNELS / f"{module}.py").read_text())
            if not survivors([Mutant(module, f"{module}.py unchanged", tree, "")], stage, 1):
                print(f"{module}: {stages(module)[stage]} fail without any mutation")
                return 2
        alive = survivors(alive, stage, args.jobs)
        print(f"stage {stage + 1}: {len(alive)} of {len(queue)} mutants live", flush=True)
    share = len(alive) / max(len(queue), 1)
    minutes = (time.monotonic() - started) / 60
    print(f"{len(queue)} mutants, {len(alive)} survive ({share:.1%}), {minutes:.1f} minutes")
    print(*(f"  {mutant.text}" for mutant in alive), sep="\n")
    return int(share > ALLOWED)


if __name__ == "__main__":
    raise SystemExit(main())
