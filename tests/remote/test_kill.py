"""A fetch killed at random moments leaves whole files only, and the next one completes it."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tica_fn.fits.model_origins import find_origin
from tica_fn.remote.hashes import digest_file

KILLS = 10 if os.environ.get("TICA_FN_TORTURE") else 4


def command(store, server, tmp_path, *pins):
    return [
        sys.executable, "-m", "tica_fn", "models", "fetch", "10min",
        "--camera", "1", "--ccd", "1", "--remote", server.url,
        "--pointers", str(store.pointers), "--output", str(tmp_path / "m"), *pins,
    ]  # fmt: skip


def visible(tmp_path):
    """Model files that a reader would find, by their place."""
    folder = tmp_path / "m" / "calibration_10min"
    names = ("twodbias/cam1_ccd1_twoDcorrect.fits", "flatfields/cam1_ccd1_image.fits")
    return {name: folder / name for name in names if (folder / name).exists()}


def test_killed_at_random_points_and_completed(kit, dvc2, serve, tmp_path):
    rng = random.Random(20)
    old = kit.make_legacy(tmp_path / "old", seed=40)
    server = serve(dvc2.remote)
    older = serve(old.remote)
    environment = os.environ | {"TICA_FN_CACHE": str(tmp_path / "cache"), "NO_PROXY": "127.0.0.1"}
    pins = ["--pin", old.version(), "--pin", old.version("flat_combine/780nm")]
    good = {name: [data] for name, data in dvc2.expected(1, 1).items()}
    for name, data in old.expected(1, 1).items():
        good[name].append(data)

    def run(remote, *args, kill_after=None):
        """Fetch; killed so many seconds after the first model file was asked for."""
        remote.log.clear()
        process = subprocess.Popen(
            command(dvc2, remote, tmp_path, *args), env=environment, stderr=subprocess.DEVNULL
        )
        if kill_after is not None:
            while process.poll() is None and all(path.endswith(".dir") for path, _ in remote.log):
                time.sleep(0.005)
        try:
            process.wait(kill_after)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        return process.returncode

    assert run(older, *pins) == 0
    # The old version is installed; now one and the other by turns, slowly, and killed.  Finished
    # objects are taken out of the cache, so that each turn downloads; parts stay.
    for one in (server, older):
        one.delay_s, one.piece = 0.004, 2**13
    killed, resumed = 0, 0
    for round_ in range(KILLS):
        turn = (older, *pins) if round_ % 2 else (server,)
        killed += run(*turn, kill_after=rng.uniform(0, 0.5)) == -signal.SIGKILL
        resumed += any(asked for _, asked in turn[0].log)
        assert len(visible(tmp_path)) == 2
        for name, path in visible(tmp_path).items():
            assert path.read_bytes() in good[name]
            assert find_origin(tmp_path / "m" / "calibration_10min", name, digest_file(path).sha256)
        for folder in (tmp_path / "cache").iterdir():
            if folder.name != "parts":
                shutil.rmtree(folder)
    assert killed > 0
    assert resumed > 0
    for one in (server, older):
        one.delay_s, one.piece = 0.0, 2**16
    assert run(server) == 0
    assert kit.installed(tmp_path / "m" / "calibration_10min") == dvc2.expected(1, 1)


STEPS = '''
"""Fetch in child processes, each killed at a later step that changes a file; report the rest."""
import os, shutil, signal, sys
from pathlib import Path

from tica_fn.remote.cache import Cache, Remote
from tica_fn.remote.exposures import exposure
from tica_fn.remote.fetch import fetch_models
from tica_fn.remote.hashes import digest_file
from tica_fn.remote.http import Client
from tica_fn.remote.pointers import read_pointers
from tica_fn.fits.model_origins import find_origin
from tica_fn.remote.installed import verify_folder
import requests, json

place, url, pointers, old_models = Path(sys.argv[1]), sys.argv[2], Path(sys.argv[3]), sys.argv[4]
EVENTS = {"open", "os.rename", "os.link", "os.remove", "os.mkdir", "os.chmod", "os.truncate"}

def fetch():
    fetch_models(exposure("10min"), place / "m", camera=1, ccd=1, jobs=1,
                 remote=Remote(url=url, client=Client(tries=1)), cache=Cache(folder=place / "c"),
                 outputs=read_pointers(pointers), stream=open(os.devnull, "w"))

def child(fatal):
    count = 0
    def watch(event, arguments):
        nonlocal count
        reading = event == "open" and arguments[1] in ("r", "rb", "br")
        if event in EVENTS and not reading and str(place) in str(arguments):
            count += 1
            if count == fatal:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(watch)
    fetch()

fatal = 0
while True:
    fatal += 1
    shutil.rmtree(place, ignore_errors=True)
    shutil.copytree(old_models, place / "m")
    process = os.fork()
    if process == 0:
        child(fatal)
        os._exit(0)
    status = os.waitpid(process, 0)[1]
    folder = place / "m" / "calibration_10min"
    models = sorted(p for p in folder.rglob("cam*.fits"))
    assert len(models) == 2, (fatal, models)
    for path in models:
        sha256 = digest_file(path).sha256
        origin = find_origin(folder, path.relative_to(folder).as_posix(), sha256)
        assert origin is not None, (fatal, path)
    fetch()
    assert {check.verdict for check in verify_folder(folder)} == {"ok"}, fatal
    files = {p.name for p in folder.rglob("*") if p.is_file()}
    assert files == {p.name for p in models} | {"provenance.json"}, (fatal, files)
    if status == 0:
        break
print(fatal)
'''


def test_killed_at_each_step_that_changes_a_file(kit, dvc3, serve, models, tmp_path):
    old = kit.make_new(tmp_path / "old", seed=41)
    code, _, err = models(
        "fetch", "10min", "--camera", 1, "--ccd", 1, "--remote", serve(old.remote).url,
        "--pointers", old.pointers, "--output", tmp_path / "before",
    )  # fmt: skip
    assert code == 0, err
    # In memory where that can be: each of the many fetches waits for the disk some ten times.
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tmp_path
    with tempfile.TemporaryDirectory(dir=memory) as place:
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-c", STEPS, f"{place}/p",
             serve(dvc3.remote).url, str(dvc3.pointers), str(tmp_path / "before")],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert int(done.stdout) > 20
        folder = Path(place) / "p" / "m" / "calibration_10min"
        assert kit.installed(folder) == dvc3.expected(1, 1)


def test_control_c_is_one_line_and_keeps_what_came(kit, dvc3, serve, tmp_path):
    server = serve(dvc3.remote)
    server.delay_s, server.piece = 0.02, 2**13
    environment = os.environ | {"TICA_FN_CACHE": str(tmp_path / "cache"), "NO_PROXY": "127.0.0.1"}
    process = subprocess.Popen(
        command(dvc3, server, tmp_path), env=environment, stderr=subprocess.PIPE, text=True
    )
    while len(server.log) < 4:
        time.sleep(0.02)
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=20)[1]
    assert process.returncode == 130
    assert error.splitlines()[-1] == "tica-fn: interrupted"
    assert "Traceback" not in error
    assert visible(tmp_path) == {}
    parts = list((tmp_path / "cache" / "parts").glob("*.part"))
    assert sum(path.stat().st_size for path in parts) > 0
    server.delay_s = 0.0
    assert subprocess.run(command(dvc3, server, tmp_path), env=environment).returncode == 0
    assert kit.installed(tmp_path / "m" / "calibration_10min") == dvc3.expected(1, 1)
