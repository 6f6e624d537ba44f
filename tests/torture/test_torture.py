"""A part of the torture that fits into the tests: `make torture` does all of it."""

import subprocess
import sys
from pathlib import Path

from tests.torture.__main__ import PREFIX


def test_part_of_the_torture():
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture", "--seconds", "20", "--files", "60", "--jobs", "1",
         "--parts", "kills", "disk", "files"], capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["kills", "disk", "files"]
    assert all("held" in line for line in lines[:4])
    assert int(lines[2].split()[1]) > 50
    assert not list(Path("/dev/shm").glob(PREFIX + "*"))  # memory of the machine
