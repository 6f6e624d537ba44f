"""Machine code is found by the next process, and never outlives a change of any kernel source."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tica_fn

CALL = """
import numpy as np
from tica_fn.kernels.pedestal import measure_pedestals
pixels, out = np.full((4, 4), 10.0), np.empty(1)
bias = np.full((4, 4), 1.0, dtype=np.float32)
measure_pedestals(pixels, bias, 1.0, 0, np.array([[0, 4]]), out)
print(out[0], sum(measure_pedestals.stats.cache_hits.values()))
"""


@pytest.fixture
def package(tmp_path):
    """A copy of the package, to be changed."""
    source = Path(tica_fn.__file__).parent
    ignored = shutil.ignore_patterns("__pycache__", "example")
    shutil.copytree(source, tmp_path / "tica_fn", ignore=ignored)
    return tmp_path / "tica_fn"


def called(package):
    """Pedestal of tens less a bias of one, and whether compiled code was found, anew."""
    said = subprocess.run(
        [sys.executable, "-c", CALL],
        check=True,
        capture_output=True,
        text=True,
        cwd=package.parent,  # first of all places that modules are taken from
        env={"PATH": "", "HOME": str(package.parent)},
    )
    value, hits = said.stdout.split()
    return float(value), int(hits)


def test_the_next_process_finds_the_code_and_a_changed_helper_makes_it_anew(package):
    assert called(package) == (9.0, 0)
    assert called(package) == (9.0, 1)
    # The formula lives in another file than the kernel: numba's own cache would not notice.
    helper = package / "kernels" / "bias.py"
    text = helper.read_text()
    assert "return value - bias * factor" in text
    helper.write_text(
        text.replace("return value - bias * factor", "return value - 3.0 * bias * factor")
    )
    assert called(package) == (7.0, 0)
    assert called(package) == (7.0, 1)


def test_a_read_only_installation_keeps_its_code_elsewhere(package, monkeypatch):
    from tica_fn.kernels import compile as compiling

    # Where the folder beside the sources can't be made, the user's cache folder serves.
    beside = package / "kernels" / "__pycache__"
    beside.write_text("a file stands where the folder should")
    monkeypatch.setattr(compiling, "__file__", str(package / "kernels" / "compile.py"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(package.parent / "cache"))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    folder = compiling.cache_folder.__wrapped__()
    assert folder.parent == package.parent / "cache" / "tica-fn"
    assert folder.is_dir()


TOLD = """
import numpy as np
from tica_fn.kernels.compile import before_compiling
from tica_fn.kernels.bias import subtract_bias
before_compiling(lambda: print("compiling"))
for kind in (np.int32, np.float64):
    subtract_bias(np.ones((4, 4), kind), np.ones((4, 4), np.float32), 1.0, np.empty((4, 4)))
print("done")
"""


def test_compiling_is_told_once_and_not_at_all_when_the_code_is_there(package):
    def told():
        done = subprocess.run(
            [sys.executable, "-c", TOLD],
            check=True,
            capture_output=True,
            text=True,
            cwd=package.parent,
            env={"PATH": "", "HOME": str(package.parent)},
        )
        return done.stdout.split()

    assert told() == ["compiling", "done"]
    assert told() == ["done"]


def test_what_is_compiled_after_a_command_is_not_told(capsys):
    from numba.core import event

    from tica_fn.cli import main
    from tica_fn.cli.messages import say_when_compiling

    say_when_compiling()
    assert main(["split", "no-such-file.fits"]) == 1
    with event.trigger_event("numba:compile"):
        pass
    assert "compiling" not in capsys.readouterr().out
