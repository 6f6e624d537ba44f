"""A part of the torture that fits into the tests: `make torture` does all of it."""

import subprocess
import sys


def test_two_minutes_of_torture():
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture", "--seconds", "120", "--files", "600", "--parts",
         "files", "kills", "disk"], capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["files", "kills", "disk"]
    assert all("held" in line for line in lines[:4])
    assert int(lines[0].split()[1]) > 50
