"""Mutation of the kernels: change one thing at a time and see whether a test notices.

    python -m benchmarks.mutate [MODULE ...] [--jobs 2] [--share 0.2] [--list]

Every operator, comparison, constant and loop bound of the kernel modules is changed in turn, or a
random part of them drawn with a seed.  Each mutant runs the tests of its module in a forked process
with numba and pytest loaded: first the most specific tests with the kernels as plain Python, if
they pass without the change; then compiled, with only those kernels recompiled that contain the
changed code.  A mutant is killed if a test fails, the process dies, or it runs too long.  Survivors
are listed; the exit code is 1 if more than 5 % survive.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import io
import os
import random
import resource
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from benchmarks.mutants import KERNELS, Mutant, mutants, path_of

ROOT = Path(__file__).resolve().parent.parent
TWINS, SIMULATED = "tests/kernels/test_twins.py", "tests/simulate/test_twins.py"
WCS = ["tests/kernels/test_wcs_kernels.py", "tests/kernels/test_star_kernels.py"]
LAWS, OPTIONS = "properties/test_physics_steps.py", "tests/kernels/test_option_twins.py"
WIDE = ["tests/simulate/test_noise.py", "tests/simulate/test_frames.py"]
FLAGS = ["tests/kernels/test_flags.py", "tests/quality/test_quality.py"]
VARIANCE, CLIPPED = "tests/uncertainty/test_variance.py", "tests/build/test_clipped_mean.py"
PACKED, GZIPPED = "tests/fits/test_packed_tiles.py", "tests/fits/test_gzipped.py"
MISSION = "tests/kernels/test_mission_twins.py"
ROWS, SMEAR = "tests/steps/test_row_pedestal.py", "tests/steps/test_robust_smear.py"


def _six(words: str) -> list[list[str]]:
    return [[TWINS, "-k", words], [TWINS], ["properties/test_steps.py"]]


def _simulated(words: str) -> list[list[str]]:
    return [[SIMULATED, "-k", words], [SIMULATED, "tests/simulate/test_sky.py"], WIDE]


def _wcs(words: str) -> list[list[str]]:
    wide = ["tests/wcs/test_tie.py", "properties/test_wcs_solutions.py"]
    return [[*WCS, "-k", words], WCS, wide]


STAGES = {
    "bias": _six("bias"), "pedestal": _six("pedestal or number_a_column"),
    "gain": _six("number_a_column"), "linearity": _six("linearity"),
    "smear": _six("smear or number_a_column"), "flat": _six("flat"), "sweep": _six("sweep"),
    "lanes": _six("sweep"),
    "background_mode": [["tests/kernels/test_background_mode.py"]] * 3,
    "big_endian": [[TWINS, "-k", "endian or words"], [TWINS], ["tests/fits/test_checksum.py"]],
    "mission_linearity": [[MISSION, "-k", "linearity"], [MISSION], [LAWS]],
    "mission_smear": [[MISSION, "-k", "smear"], [MISSION], [LAWS]],
    "live_time": [[OPTIONS, "-k", "live_time"], [OPTIONS], [LAWS]],
    "poc_linearity": [[OPTIONS, "-k", "poc"], [OPTIONS], [LAWS, "-k", "poc"]],
    "undershoot": [[OPTIONS, "-k", "undershoot"], [OPTIONS], [LAWS]],
    "row_pedestal": [[OPTIONS, "-k", "rows or pedestal"], [ROWS], [LAWS]],
    "robust_smear": [[OPTIONS, "-k", "level or fall_off or light"], [SMEAR], [LAWS]],
    "flags": [FLAGS[:1], FLAGS[1:], ["tests/cli/test_sirius.py"]],
    "outliers": [["tests/kernels/test_outliers.py"], FLAGS[1:], ["tests/products/test_strips.py"]],
    "variance": [["tests/kernels/test_variance.py"], [VARIANCE], FLAGS],
    "clipped_mean": [
        [CLIPPED, "-k", "naive or medians"], [CLIPPED], ["tests/build/test_bias_and_flat.py"]
    ],
    "sky_light": [
        ["tests/simulate/test_sky.py", SIMULATED, "-k", "naive or tile or glow or background"],
            [SIMULATED, "tests/simulate/test_sky.py"], WIDE],
    "rice": [[PACKED, "-k", "rows"], [PACKED], ["tests/fits/test_tiled.py"]],
    "deflate": [["tests/kernels/test_deflate.py"], [GZIPPED], ["tests/products/test_strips.py"]],
    "bleed": _simulated("bleed"),
    "random_numbers": _simulated("stream or noise or digit or counts"),
    "cosmic": _simulated("tracks or deposits"),
    "stars.polynomial": _wcs("polynomials"), "medians": _wcs("median or ranked"),
    "stars.stamps": _wcs(
        "stamps or ring or isolation or summary or cell or floor or wing or alone"
    ),
    "stars.centroid": _wcs("centroid or tolerance"), "stars.stacked_boxes": _wcs("stack or peaks"),
    "stars.starlight": _wcs("starlight or star_ or half or guess"),
    "stars.cholesky": [["tests/kernels/test_cholesky.py"], *_wcs("normal")],
    "stars.normal_equations": _wcs("normal or clip"),
    "stars.chebyshev_sums": _wcs("normal"),
    "stars.smooth_field": _wcs("smooth"),
    "stars.field_evidence": [
        ["tests/kernels/test_star_kernels.py", "-k", "evidence"], ["tests/wcs/test_tie.py"], WCS
    ],
    "stars.field_and_wave": [
        ["tests/kernels/test_star_kernels.py", "-k", "together"], ["tests/wcs/test_tie.py"], WCS
    ],
    "stars.phase_wave": [
        ["tests/kernels/test_star_kernels.py", "-k", "wave"], ["tests/wcs/test_tie.py"], WCS
    ],
}  # fmt: skip
"""Arguments of pytest, stage by stage: near tests first, wider ones for what they let live."""

SECONDS = (15, 15, 30, 90)
"""Processor time after which a mutant counts as killed: as plain Python, then stage by stage."""
ALLOWED = 0.05


def affected(mutant: Mutant) -> set[str]:
    """Names of functions that contain the changed code, or inline or call one that does."""
    uses: dict[str, set[str]] = {}
    for path in KERNELS.rglob("*.py"):
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
    """Import hook for a changed kernel module, whose affected kernels are recompiled.

    They check the bounds of arrays, so reading beyond them is found even if it is harmless.
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

        if name not in self.trees:
            return None
        origin = str(path_of(name.removeprefix("tica_fn.kernels.")))
        return spec_from_loader(name, self, origin=origin)

    def create_module(self, *_: object) -> None:
        """Leave it to Python."""

    def exec_module(self, module) -> None:
        """Run the changed code."""
        module.__file__ = str(path_of(module.__name__.removeprefix("tica_fn.kernels.")))
        exec(compile(self.trees[module.__name__], module.__file__, "exec"), module.__dict__)


def run_tests(mutant: Mutant, tests: list[str], plain: bool) -> int:
    """Run tests on a mutant in this process; return 0 if none fails."""
    import numba
    import pytest

    numba.config.DISABLE_JIT = plain

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
        # Python warns of overflows that compiled code ignores.
        quiet = ["-W", "ignore::RuntimeWarning"] if plain else []
        return int(pytest.main([*options, *quiet, *tests]))


def in_a_fork(mutant: Mutant, stage: int) -> int:
    """Start the tests of a mutant; return the number of the process."""
    child = os.fork()
    if child:
        return child
    # Processor time, so that a busy machine kills no mutant.
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS[stage], SECONDS[stage]))
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    code = 1
    try:
        code = run_tests(mutant, STAGES[mutant.module][max(stage - 1, 0)], plain=stage == 0)
    finally:
        os._exit(code)
    return 0


def survivors(queue: list[Mutant], stage: int, jobs: int) -> list[Mutant]:
    """Mutants that survive the tests of a stage."""
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
            print(f"  lives after stage {stage}: {mutant.text}", flush=True)
    return alive


def main() -> int:
    """Mutate, test, report."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="default: all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--list", action="store_true", help="list the mutants and stop")
    parser.add_argument("--only", default="", help="only mutants whose description contains this")
    parser.add_argument(
        "--share",
        type=float,
        default=1.0,
        help="fraction of each module's mutants, drawn at random (1)",
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of the random choice (1)")
    args = parser.parse_args()
    os.chdir(ROOT)
    sys.path.insert(0, str(ROOT))
    queue = []
    for module in args.modules or STAGES:
        found = [m for m in mutants(module) if args.only in m.text]
        count = round(args.share * len(found))
        # The random choice depends on the module alone, not on other requested modules.
        drawn = random.Random(f"{module} {args.seed}").sample(range(len(found)), count)
        queue += [found[k] for k in sorted(drawn)]
    if args.list:
        print(*(mutant.text for mutant in queue), sep="\n")
        return 0
    # Modules that every child needs, loaded once.
    for name in ("astropy.io.fits", "hypothesis.extra.numpy", "numba", "pytest", "scipy.stats"):
        importlib.import_module(name)
    started = time.monotonic()
    alive = queue
    for stage in range(4):
        ready = set()
        for module in dict.fromkeys(m.module for m in alive):
            tree = ast.parse(path_of(module).read_text())
            if survivors([Mutant(module, f"{module} unchanged", tree, "")], stage, 1):
                ready.add(module)
            elif stage > 0:
                print(f"{module}: {STAGES[module][stage - 1]} fail without any mutation")
                return 2
        waiting = [m for m in alive if m.module not in ready]
        alive = waiting + survivors([m for m in alive if m.module in ready], stage, args.jobs)
        print(f"stage {stage}: {len(alive)} of {len(queue)} mutants live", flush=True)
    share = len(alive) / max(len(queue), 1)
    minutes = (time.monotonic() - started) / 60
    print(f"{len(queue)} mutants, {len(alive)} survive ({share:.1%}), {minutes:.1f} minutes")
    print(*(f"  {mutant.text}" for mutant in alive), sep="\n")
    return int(share > ALLOWED)


if __name__ == "__main__":
    raise SystemExit(main())
