"""Imports go one way: every room of the house has its layer, and imports only from below."""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import version
from pathlib import Path

import pytest

import tica_fn
from tica_fn.steps.table import TABLE

PACKAGE = Path(tica_fn.__file__).parent
LAYERS = (
    ("clock", "errors", "immutable", "kernels"),
    ("detector",),
    ("models",),
    ("frame",),
    ("steps",),
    ("pipeline", "uncertainty"),
    ("quality",),
    ("build", "fits"),
    ("remote", "views", "wcs"),
    ("compare", "products"),
    ("run", "simulate"),
    ("cli", "testing"),
    ("__main__",),
)
"""Rooms of the package from the ground up.  A room imports from lower layers only."""
FLOOR = {room: floor for floor, rooms in enumerate(LAYERS) for room in rooms}
FREE_OF_FILES = FLOOR["fits"]
"""Rooms below this one, and those beside it, know neither files nor astropy."""


def imported(text: str) -> set[str]:
    """Modules that a source imports anywhere in it."""
    names = set()
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body = []  # For readers and type checkers alone.
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "tica_fn":
            names.add(f"tica_fn.{node.attr}")
        elif isinstance(node, ast.ImportFrom):
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def rooms_of_names() -> dict[str, str]:
    """Rooms that the package's public names come from."""
    tree = ast.parse((PACKAGE / "__init__.pyi").read_text())
    found = [node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module]
    return {alias.name: (node.module or "").split(".")[0] for node in found for alias in node.names}


ROOMS_OF_NAMES = rooms_of_names()


def rooms_upwards(room: str, text: str) -> set[str]:
    """Rooms of its own layer or above that a source imports from."""
    used = {name.split(".")[1] for name in imported(text) if name.startswith("tica_fn.")}
    used = {ROOMS_OF_NAMES.get(name, name) for name in used} & set(FLOOR)
    return {other for other in used if other != room and FLOOR[other] >= FLOOR[room]}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


SOURCES = [path for path in sorted(PACKAGE.rglob("*.py")) if path.parent != PACKAGE / "data"]


def test_every_room_has_its_layer():
    assert {room_of(path) for path in SOURCES} == {*FLOOR, "__init__"}


def upwards() -> set[tuple[str, str]]:
    """Files, and the rooms above that they import from."""
    return {
        (path.relative_to(PACKAGE).as_posix(), other)
        for path in SOURCES
        if path != PACKAGE / "__init__.py"
        for other in rooms_upwards(room_of(path), path.read_text())
    }


def test_only_frames_reach_up_and_only_for_their_views():
    """They do so through the package itself, which loads the room when it is first used."""
    assert upwards() == {("frame/views.py", "views")}


def modules_used() -> dict[str, set[str]]:
    """Modules of the package, and those that each imports from."""
    paths = {".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts): path
             for path in SOURCES if path.parent != PACKAGE}  # fmt: skip
    known = {name.removesuffix(".__init__"): path for name, path in paths.items()}
    used = {}
    for name, path in known.items():
        found = {
            one if one in known else one.rpartition(".")[0] for one in imported(path.read_text())
        }
        used[name] = (found & set(known)) - {name}
    return used


def test_no_files_import_each_other_in_a_circle():
    """Not even where a function imports."""
    used = modules_used()
    used["tica_fn.frame.views"].remove("tica_fn.views")  # the one way up
    assert len(used) > 300
    assert tuple(TopologicalSorter(used).static_order())
    used["tica_fn.fits.stored"].add("tica_fn.fits.files")
    with pytest.raises(CycleError):
        TopologicalSorter(used).prepare()


def test_nothing_is_loaded_by_name_but_steps_and_commands():
    found = {path.name for path in SOURCES if "import_module(" in path.read_text()}
    assert found == {"table.py", "command_line.py"}


def test_the_table_of_steps_names_one_step_above_it():
    """It loads modules by the names in its rows, which `hooks` does not see."""
    above = {row.module for row in TABLE if FLOOR[row.module.split(".")[0]] > FLOOR["steps"]}
    assert above == {"uncertainty.estimate_variance"}


def test_an_import_upwards_is_found():
    assert rooms_upwards("kernels", "from tica_fn.frame import Frame") == {"frame"}
    assert rooms_upwards("fits", "def f():\n    import tica_fn.cli") == {"cli"}
    assert rooms_upwards("remote", "from tica_fn.wcs import sphere") == {"wcs"}
    assert rooms_upwards("fits", "from tica_fn import remote") == {"remote"}
    assert rooms_upwards("fits", "from tica_fn import cutout") == {"products"}
    assert rooms_upwards("steps", "import tica_fn\ntica_fn.read") == {"fits"}
    assert not rooms_upwards("fits", "from tica_fn.frame import Frame")
    assert not rooms_upwards("fits", "from tica_fn import Frame")


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("kernels/**/*.py")), ids=lambda p: p.name)
def test_kernels_know_numpy_and_numba_only(path):
    allowed = {"numpy", "numba", "tica_fn", *sys.stdlib_module_names}
    for name in imported(path.read_text()):
        assert name.split(".")[0] in allowed, name
        assert not name.startswith("tica_fn.") or name.startswith("tica_fn.kernels"), name


def test_frames_and_steps_know_no_files():
    free = {room for room, floor in FLOOR.items() if floor <= FREE_OF_FILES} - {"fits"}
    below = [path for path in SOURCES if room_of(path) in free]
    assert len(below) > 60
    for path in below:
        for name in imported(path.read_text()):
            assert not name.startswith("astropy"), (path, name)


def test_help_imports_nothing_heavy():
    """What takes long to import is imported where it is used."""
    code = "import sys; from tica_fn.cli import make_parser; make_parser(); print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(said.stdout.split())
    assert "tica_fn.cli" in loaded
    assert not loaded & {"numpy", "numba", "astropy", "scipy", "matplotlib", "gwcs", "rich"}


def test_help_of_all_commands_declares_no_options():
    """Declaring the options of all commands would take most of its time."""
    code = "import sys; sys.argv = ['', '--help']; from tica_fn.cli import main\ntry: main()\n"
    code += "finally: print(*sys.modules)"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    loaded = set(said.stdout.split())
    assert "tica_fn.cli" in loaded
    assert not loaded & {"tica_fn.cli.commands.run", "attr", "importlib.metadata", "numpy"}


def test_what_numba_does_not_find_is_there_later():
    code = """if True:
        import sys
        from tica_fn.cli.loading import load_numba
        load_numba()
        absent = ("scipy", "cffi", "yaml", "importlib.metadata", "zipfile")
        print(*(name for name in absent if name in sys.modules))
        from numba.core import caching, entrypoints
        print(entrypoints.importlib_metadata.version("numba"))
        import zipfile
        print(caching.zipfile.ZipFile is zipfile.ZipFile, caching.zipfile is not zipfile)
        import numba
        print(numba.njit(lambda x: x + 1)(1))
    """
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert said.stdout.splitlines() == ["", version("numba"), "True True", "2"]


REACHABLE = """
import ast, importlib, pkgutil, sys, types
from pathlib import Path
import tica_fn
from {first} import {name}
for room in {rooms}:  # none is imported by hand
    assert isinstance(getattr(tica_fn, room), types.ModuleType), room
modules = [m.name for m in pkgutil.walk_packages(tica_fn.__path__, "tica_fn.")]
for module in modules:
    module.endswith("__main__") or importlib.import_module(module)
for package in (tica_fn, tica_fn.wcs):
    tree = ast.parse(Path(package.__file__).with_suffix(".pyi").read_text())
    for line in (node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module):
        module = sys.modules[package.__name__ + "." + line.module]
        for alias in line.names:
            assert getattr(package, alias.name) is getattr(module, alias.name), alias.name
public = {{"tica_fn.kernels." + name for name in tica_fn.kernels.__all__}}
for module in set(modules) - public - {{"tica_fn.__main__"}}:
    value = tica_fn
    for part in module.split(".")[1:]:
        value = getattr(value, part)
    assert value is sys.modules[module], module
print("reached", len(modules))
"""


@pytest.mark.parametrize(
    ("first", "name"),
    [("tica_fn.pipeline.compose", "Pipeline"), ("tica_fn.wcs.refstars", "ReferenceStars")],
)
def test_no_module_hides_a_function_and_all_are_reached(first, name):
    """Importing a module binds its name in its package; no public name is lost to that."""
    rooms = sorted(set(FLOOR) - {"cli", "__main__"})
    code = REACHABLE.format(first=first, name=name, rooms=rooms)
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert said.returncode == 0, said.stderr
    assert int(said.stdout.split()[1]) > 200
