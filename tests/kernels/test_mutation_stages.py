"""The tests that mutants are run against: of every kernel module, and there."""

from pathlib import Path

from benchmarks.mutants import KERNELS, path_of
from benchmarks.mutate import ROOT, STAGES

NO_KERNELS = {
    "__init__",
    "code_cache",
    "compile",
    "known_calls",
    "quick_compiler",
    "stars.__init__",
    "types",
}


def test_every_kernel_module_has_its_tests():
    found = {
        ".".join(path.relative_to(KERNELS).with_suffix("").parts) for path in KERNELS.rglob("*.py")
    }
    assert set(STAGES) == found - NO_KERNELS
    assert all(path_of(module).is_file() for module in STAGES)


def test_the_tests_exist():
    named = {word for stages in STAGES.values() for stage in stages for word in stage}
    files = {word for word in named if word.endswith(".py")}
    assert len(files) > 10
    assert [word for word in files if not (ROOT / Path(word)).is_file()] == []
