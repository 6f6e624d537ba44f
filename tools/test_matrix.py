"""Run the tests on every installed Python, with the newest and the oldest allowed packages.

    python tools/test_matrix.py [--leg 3.11-lowest] [pytest's arguments]

A leg is a Python and a set of packages: the newest that pip finds, or (on the oldest Python only)
the lower bounds of pyproject.toml, without the optional test tools, whose tests are skipped. Each
leg has its own environment under .venv-matrix/. Pythons that are not installed are listed; the exit
code is 1 if a leg failed or none could be run.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

PYTHONS = ("3.11", "3.12", "3.13")
LEGS = [(PYTHONS[0], "lowest"), *((python, "newest") for python in PYTHONS)]
ROOT = Path(__file__).resolve().parent.parent
TESTS = ("-q", "-n", "2", "tests", "properties")


def lower_bounds():
    """Requirements of the package and of its extras for users, each at its lower bound."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    asked = [
        *project["dependencies"],
        *(one for name, extra in extras.items() if name != "test" for one in extra),
    ]
    bounds = (re.fullmatch(r"([\w.-]+)>=([\w.]+)", one) for one in asked)
    return [f"{bound[1]}=={bound[2]}" for bound in bounds if bound]


def run(python, packages, tests):
    """Install and test; return the result in a word or two."""
    found = shutil.which(f"python{python}")
    # A version manager's shim is found, but fails if that Python is not enabled.
    if (
        not found
        or subprocess.run([found, "--version"], capture_output=True, check=False).returncode
    ):
        return "not run: no such Python here"
    place = ROOT / ".venv-matrix" / f"{python}-{packages}"
    pip = [str(place / "bin/python"), "-m", "pip", "install", "--quiet"]
    more, asked = [], [f"{ROOT}[test]"]
    if packages == "lowest":
        place.parent.mkdir(exist_ok=True)
        constraints = place.parent / "lowest.txt"
        constraints.write_text("\n".join(lower_bounds()) + "\n")
        more = ["--constraint", str(constraints)]
        asked = [f"{ROOT}[cluster,report,testing]", "pytest", "pytest-xdist"]
    for words in (
        [found, "-m", "venv", str(place)],
        [*pip, "--upgrade", "pip"],
        [*pip, *more, "--editable", *asked],
    ):
        if subprocess.run(words, check=False).returncode:
            return "FAILED to install"
    words = [str(place / "bin/python"), "-m", "pytest", *tests]
    return "FAILED" if subprocess.run(words, cwd=ROOT, check=False).returncode else "passed"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--leg", action="append", help="run only this leg, such as 3.11-lowest")
    args, tests = parser.parse_known_args()
    chosen = [leg for leg in LEGS if not args.leg or "-".join(leg) in args.leg]
    results = {"-".join(leg): run(*leg, tests or TESTS) for leg in chosen}
    for leg, result in results.items():
        print(f"{leg:<12} {result}")
    return int(not any(r == "passed" for r in results.values()) or "FAILED" in str(results))


if __name__ == "__main__":
    sys.exit(main())
