"""Machine code is taken only from folders that nobody else can write, and never fails a run."""

import hashlib
import json
import os
import pickle
import shutil
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import numba
import numpy as np
import pytest

import tica_fn
from tica_fn.kernels import code_cache
from tica_fn.kernels.code_cache import CodeCache

CALL = """
import numpy as np
from tica_fn.kernels.compile import kernel
@kernel
def twice(out):
    for i in range(out.size):
        out[i] *= 2
out = np.full(1, 4.5)
twice(out)
print(out[0], sum(twice.stats.cache_hits.values()))
"""
MINE, THEIRS = 54321, 54322
"""Users that the system does not know."""


def as_user(uid, *command):
    who = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid else []
    return [*who, *command]


def can_be_others():
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        return False
    tried = subprocess.run(as_user(MINE, sys.executable, "-c", ""), capture_output=True)
    return tried.returncode == 0


needs_users = pytest.mark.skipif(not can_be_others(), reason="only root can act as other users")


class Planted:
    """Writes a file when unpickled."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


FORKS = """
import json, os, runpy, sys, tempfile
import numba
numba.njit(lambda x: x)(1)
for line in sys.stdin:
    root, environment = json.loads(line)
    child = os.fork()
    if child == 0:
        for number in (1, 2):
            os.dup2(os.open(f"{root}/{number}", os.O_WRONLY | os.O_TRUNC), number)
        os.environ.clear()
        os.environ.update(environment)
        numba.core.config.reload_config()
        tempfile.tempdir = None
        os.chdir(f"{root}/site")
        sys.path.insert(0, os.getcwd())
        runpy.run_path(f"{root}/site/script.py", run_name="__main__")
        sys.stdout.flush()
        os._exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def forks():
    """Gives a process of a user that has read numba, which is slow, and forks for every script."""
    running = {}

    def of(uid):
        if uid not in running:
            running[uid] = subprocess.Popen(
                as_user(uid, sys.executable, "-c", FORKS), env={"PATH": os.environ["PATH"]},
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/",
            )  # fmt: skip
        return running[uid]

    yield of
    for process in running.values():
        process.communicate()


class Machine:
    """A read-only installation and a temporary folder that all users share."""

    def __init__(self, root, forks):
        self.root = root
        self.forks = forks
        root.chmod(0o755)
        ignored = shutil.ignore_patterns("__pycache__", "example")
        shutil.copytree(Path(tica_fn.__file__).parent, root / "site" / "tica_fn", ignore=ignored)
        (root / "site/tica_fn/kernels/__pycache__").write_text("no folder")
        self.shared = self.folder("tmp", 0o1777)
        self.ran = self.folder("ran", 0o1777) / "planted"

    def folder(self, name, mode, uid=0):
        path = self.root / name
        path.mkdir(parents=True)
        os.chown(path, uid, uid)
        path.chmod(mode)
        return path

    def call(self, uid=0, code=CALL, *, anew=False, **environment):
        """How often code was found, and what was said; by a process that is forked, or begins."""
        script = self.root / "site" / "script.py"
        script.write_text(code)
        known = (
            {"PATH": os.environ["PATH"], "TMPDIR": str(self.shared)}
            | ({} if uid else {"HOME": "/dev/null"})  # root has one without it too
            | {name: str(value) for name, value in environment.items()}
        )
        if anew:
            done = subprocess.run(
                as_user(uid, sys.executable, script),
                capture_output=True, text=True, cwd=script.parent, env=known,
            )  # fmt: skip
            code, printed, said = done.returncode, done.stdout, done.stderr
        else:
            for name in "12":
                (self.root / name).touch()
                (self.root / name).chmod(0o666)
            process = self.forks(uid)
            print(json.dumps([str(self.root), known]), file=process.stdin, flush=True)
            code = int(process.stdout.readline())
            printed, said = ((self.root / name).read_text() for name in "12")
        assert code == 0, said
        assert not self.ran.exists(), "planted code was run"
        value, hits = printed.split()
        assert float(value) == 9.0
        return int(hits), said

    def plant(self, folder, uid=THEIRS):
        """Put code into every entry below a folder, of the right form."""
        entries = [path for path in folder.rglob("*") if path.is_file()]
        assert entries
        code = pickle.dumps(Planted(self.ran))
        for path in entries:
            start = path.read_bytes().index(b"\n") + 1
            mark = path.read_bytes()[:start]
            path.write_bytes(mark + hashlib.sha256(code).digest() + code)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, uid, uid)


@pytest.fixture
def machine(forks):
    root = Path(tempfile.mkdtemp())  # pytest's own folders are closed to other users
    yield Machine(root, forks)
    shutil.rmtree(root)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


@needs_users
def test_two_users_without_a_home_keep_their_code_apart(machine):
    for uid in (MINE, THEIRS):
        assert machine.call(uid) == (0, "")
        assert machine.call(uid, anew=True) == (1, "")
        folder = machine.shared / f"tica-fn-{uid}"
        (inner,) = folder.iterdir()
        assert [mode(folder), mode(inner)] == [0o700, 0o700]
        assert {path.stat().st_uid for path in folder.rglob("*")} == {uid}


@needs_users
def test_a_user_without_a_home_can_read_files(machine):
    """The astropy of 2026 alone can't be imported by such a user."""
    code = "import tica_fn, astropy.io.fits; tica_fn.read; print(9.0, 0)"
    assert machine.call(MINE, code=code, anew=True) == (0, "")


@needs_users
@pytest.mark.parametrize("name", ["NUMBA_CACHE_DIR", "XDG_CACHE_HOME"])
def test_a_named_folder_serves_a_user_that_the_system_does_not_know(machine, name):
    folder = machine.folder("mine", 0o755, MINE)
    assert machine.call(MINE, **{name: folder}) == (0, "")
    assert machine.call(MINE, **{name: folder}) == (1, "")
    assert list(folder.rglob("*.nbc"))
    assert list(machine.shared.iterdir()) == []


@needs_users
@pytest.mark.parametrize(
    ("uid", "how"),
    [(0, "theirs"), (0, "link"), (MINE, "open"), (MINE, "link to mine"), (MINE, "inner link")],
)
def test_a_folder_that_another_user_laid_is_not_used(machine, uid, how):
    """The attacker knows all names: he has run the program himself."""
    assert machine.call(THEIRS) == (0, "")
    made = machine.shared / f"tica-fn-{THEIRS}"
    planted = machine.shared / f"tica-fn-{uid}"
    made.rename(planted)
    machine.plant(planted)
    aside = machine.shared / "aside"
    if how == "open":
        for path in (planted, *planted.iterdir()):
            path.chmod(0o777)
    elif how == "link":
        planted.rename(aside)
        planted.symlink_to(aside)
        os.chown(planted, THEIRS, THEIRS, follow_symlinks=False)
    elif how == "link to mine":  # the folder is the user's, the link to it is not
        planted.rename(aside)
        for path in (aside, *aside.rglob("*")):
            os.chown(path, uid, uid)
        planted.symlink_to(aside)
        os.chown(planted, THEIRS, THEIRS, follow_symlinks=False)
    elif how == "inner link":
        (inner,) = planted.iterdir()
        inner.rename(aside)
        inner.symlink_to(aside)
        os.chown(planted, uid, uid)
        planted.chmod(0o700)
    hits, said = machine.call(uid)
    assert hits == 0
    assert said.count("compiled kernels are kept in memory only") == 1
    assert str(planted) in said


@needs_users
@pytest.mark.parametrize("others", [0o775, 0o1777])
def test_a_named_folder_that_others_may_write_is_passed_over(machine, others):
    shared = machine.folder("shared", 0o777)
    assert machine.call(THEIRS, NUMBA_CACHE_DIR=machine.folder("theirs", 0o755, THEIRS)) == (0, "")
    (inner,) = (machine.root / "theirs").iterdir()
    machine.plant(inner)
    inner.rename(shared / inner.name)
    (shared / inner.name).chmod(0o777)
    shared.chmod(others)
    hits, said = machine.call(0, NUMBA_CACHE_DIR=shared)
    assert hits == 0
    assert said.count("NUMBA_CACHE_DIR is not used") == 1
    assert machine.call(0, NUMBA_CACHE_DIR=shared)[0] == 1  # from the folder of its own


@needs_users
def test_a_folder_below_one_that_others_may_write_is_passed_over(machine):
    """They could put another in its place at any time."""
    machine.folder("open", 0o777)
    mine = machine.folder("open/mine", 0o700, MINE)
    said = machine.call(MINE, NUMBA_CACHE_DIR=mine)[1]
    assert f"NUMBA_CACHE_DIR is not used ({machine.root / 'open'}: another user" in said
    assert list(mine.iterdir()) == []


@needs_users
def test_an_entry_of_another_user_in_a_safe_folder_is_not_used(machine):
    folder = machine.folder("mine", 0o700, MINE)
    machine.call(MINE, NUMBA_CACHE_DIR=folder)
    for path in folder.rglob("*.nbc"):
        machine.plant(path.parent, MINE)
        os.chown(path, THEIRS, THEIRS)
    assert machine.call(MINE, NUMBA_CACHE_DIR=folder) == (0, "")
    assert machine.call(MINE, NUMBA_CACHE_DIR=folder) == (1, "")


def flipped(content, where):
    place = int(where * (len(content) - 1))
    return content[:place] + bytes([content[place] ^ 0x10]) + content[place + 1 :]


DAMAGE = {
    "empty": lambda content: b"",
    "first": lambda content: flipped(content, 0),
    "early": lambda content: flipped(content, 0.01),
    "middle": lambda content: flipped(content, 0.5),
    "last": lambda content: flipped(content, 1),
    "cut": lambda content: content[: len(content) // 2],
    "longer": lambda content: content + b"\0",
    "text": lambda content: b"# not code\n",
    "zeros": lambda content: bytes(len(content)),
    "another pickle": lambda content: pickle.dumps({"numba": 1}),
}


def twice(out):
    for i in range(out.size):
        out[i] *= 2


def found_in(folder):
    """Whether code of a kernel was found in a folder, by a process that does not know it yet."""
    fresh = numba.njit(twice)
    fresh._cache = CodeCache(twice, lambda: folder)
    out = np.full(1, 4.5)
    fresh(out)
    assert out[0] == 9.0
    return sum(fresh.stats.cache_hits.values())


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_damaged_entries_are_made_anew(damage, tmp_path):
    assert found_in(tmp_path) == 0
    (entry,) = tmp_path.iterdir()
    entry.write_bytes(damage(entry.read_bytes()))
    assert [found_in(tmp_path), found_in(tmp_path)] == [0, 1]


def test_an_entry_that_holds_no_code_is_made_anew(tmp_path):
    found_in(tmp_path)
    (entry,) = tmp_path.iterdir()
    mark = entry.read_bytes()[: entry.read_bytes().index(b"\n") + 1]
    for content in (pickle.dumps(("key", ())), b"no pickle"):
        entry.write_bytes(mark + hashlib.sha256(content).digest() + content)
        assert [found_in(tmp_path), found_in(tmp_path)] == [0, 1]


@needs_users
def test_unreadable_entries_are_made_anew(machine):
    folder = machine.folder("mine", 0o700, MINE)
    machine.call(MINE, NUMBA_CACHE_DIR=folder)
    for path in folder.rglob("*.nbc"):
        path.chmod(0)
    assert machine.call(MINE, NUMBA_CACHE_DIR=folder) == (0, "")
    assert machine.call(MINE, NUMBA_CACHE_DIR=folder) == (1, "")
    for path in folder.rglob("*.nbc"):
        path.unlink()
        path.mkdir(mode=0o700)
    hits, said = machine.call(MINE, NUMBA_CACHE_DIR=folder)
    assert hits == 0
    assert "compiled kernels can't be kept" in said


@needs_users
def test_a_full_disk_is_said_once_and_no_failure(machine):
    folder = machine.folder("full", 0o700)
    mounted = ["mount", "-t", "tmpfs", "-o", "size=4k,mode=700", "none", str(folder)]
    if subprocess.run(mounted, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        hits, said = machine.call(NUMBA_CACHE_DIR=folder)
        assert hits == 0
        assert said.count("compiled kernels can't be kept") == 1
        assert "No space left" in said
        assert [path for path in folder.rglob("*") if path.is_file()] == []  # nothing half-written
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_kernel_of_the_users_own_is_kept_until_its_text_changes(machine):
    place = {"NUMBA_CACHE_DIR": machine.folder("mine", 0o700, os.geteuid())}
    assert machine.call(**place) == (0, "")
    assert machine.call(**place) == (1, "")
    # The same byte code but for a constant.
    assert machine.call(code=CALL.replace("*= 2", "*= 4 / 2"), **place) == (0, "")
    typed = f"exec(compile({CALL!r}, '<typed in>', 'exec'))"
    assert machine.call(code=typed, **place) == (0, "")


def test_a_numba_that_keeps_its_runtime_elsewhere_is_asked_to_load_it(monkeypatch):
    asked = []

    class Context:
        def refresh(self):
            asked.append(self)

    context = Context()
    monkeypatch.setattr(code_cache, "nrt", object())
    code_cache._know_runtime(context)
    assert asked == [context]
