"""DVC remotes made by DVC itself, and a server on the loopback address with faults on demand."""

import io
import json
import os
import subprocess
import sys
import threading
from functools import cache, lru_cache
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits

CCDS = ((1, 1), (1, 2), (4, 3))


def fits_bytes(seed, blocks=40, *, summed=True):
    """A FITS file of random data, with CR LF pairs in it as any float image has them."""
    data = np.random.default_rng(seed).integers(0, 256, blocks * 2880, dtype=np.uint8)
    data[100:102] = data[2001:2003] = 13, 10
    data[102] = 200
    if blocks * 2880 > 2**20:
        data[2**20 - 2881 : 2**20 - 2879] = 13, 10
    hdu = fits.PrimaryHDU(data)
    if summed:
        hdu.add_datasum()
    hdu.header["COMMENT"] = "so that the first 512 bytes are more than a few short cards"
    written = io.BytesIO()
    hdu.writeto(written)
    assert len(written.getvalue()) == (1 + blocks) * 2880
    return written.getvalue()


@cache
def waves():
    return np.sin(np.arange(2078)[:, None] + np.arange(2136))


@lru_cache(maxsize=8)  # 18 MB each
def model_bytes(kind, camera, ccd, value):
    """A model as MAST has them: value and error, camera and CCD, sums."""
    image = (value * (1 + 1e-4 * waves())).astype(np.float32)
    primary, number = fits.PrimaryHDU(), {"CAMERA": camera, "CCD": ccd}
    planes = [fits.ImageHDU(image, name=f"{kind}_DATA")]
    for hdu in (primary, *planes):
        hdu.header.update(number)
        hdu.add_checksum()
    written = io.BytesIO()
    fits.HDUList([primary, *planes]).writeto(written)
    return written.getvalue()


def dvc(folder, *args):
    """Run DVC in a folder."""
    pytest.importorskip("dvc")
    environment = os.environ | {
        "DVC_NO_ANALYTICS": "1",
        "DVC_SITE_CACHE_DIR": str(folder / ".site"),
        "DVC_GLOBAL_CONFIG_DIR": str(folder / ".global"),
        "DVC_SYSTEM_CONFIG_DIR": str(folder / ".system"),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "dvc", *args],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def write_models(folder, seed, *, summed=True):
    """Files of the bias and the flat output, as TICA's repository has them, and others."""
    content = {}
    for number, (camera, ccd) in enumerate(CCDS):
        name = f"cam{camera}_ccd{ccd}"
        blocks = 400 if number == 0 else 30
        here = f"twodbias_10min/{name}_twoDcorrect.fits"
        content[here] = fits_bytes(seed + 10 * number, blocks, summed=summed)
        content[f"twodbias_10min/{name}_twoDcorrect_raw.fits"] = fits_bytes(seed + 10 * number + 1)
        content[f"twodbias_10min/old/{name}_twoDcorrect.fits"] = fits_bytes(seed + 10 * number + 2)
        content[f"flat_combine/780nm/{name}_image.fits"] = fits_bytes(seed + 10 * number + 3, 30)
    for name, data in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return content


class RemoteRepository:
    """A DVC repository, its remote folder, and what the models in it are."""

    def __init__(self, repository, remote, content, legacy):
        self.repository, self.remote, self.content, self.legacy = (
            repository,
            remote,
            content,
            legacy,
        )

    @property
    def pointers(self):
        return self.repository / "calibration_models"

    def version(self, output="twodbias_10min"):
        from tica_fn.remote.pointers import read_pointers

        return read_pointers(self.pointers)[output].md5

    def expected(self, camera, ccd):
        name = f"cam{camera}_ccd{ccd}"
        return {
            f"twodbias/{name}_twoDcorrect.fits": self.content[
                f"twodbias_10min/{name}_twoDcorrect.fits"
            ],
            f"flatfields/{name}_image.fits": self.content[f"flat_combine/780nm/{name}_image.fits"],
        }


def _initialise(folder):
    repository, remote = folder / "repository", folder / "remote"
    (repository / ".dvc" / "tmp").mkdir(parents=True)
    # What `dvc init --no-scm` and `dvc remote add -d store` write, each in a second.
    (repository / ".dvc" / "config").write_text(
        f"[core]\n    no_scm = True\n    remote = store\n['remote \"store\"']\n    url = {remote}\n"
    )
    return repository, remote


def make_new(folder, seed):
    """Add and push with DVC 3."""
    repository, remote = _initialise(folder)
    content = write_models(repository / "calibration_models", seed)
    outputs = ("calibration_models/twodbias_10min", "calibration_models/flat_combine/780nm")
    dvc(repository, "add", "-q", *outputs)
    dvc(repository, "push", "-q")
    assert (remote / "files" / "md5").is_dir()
    return RemoteRepository(repository, remote, content, legacy=False)


def make_legacy(folder, seed, *, summed=True):
    """Lay a DVC 2 cache and pointers, hashed by DVC's own functions, and push with DVC."""
    pytest.importorskip("dvc_data")
    from dvc_data.hashfile.hash import file_md5

    repository, remote = _initialise(folder)
    models = repository / "calibration_models"
    content = write_models(models, seed, summed=summed)
    cache = repository / ".dvc" / "cache"
    for output in ("twodbias_10min", "flat_combine/780nm"):
        entries, size = [], 0
        for path in sorted((models / output).rglob("*.fits")):
            md5 = file_md5(str(path), name="md5-dos2unix")
            entries.append({"md5": md5, "relpath": path.relative_to(models / output).as_posix()})
            target = cache / md5[:2] / md5[2:]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
            size += path.stat().st_size
        aside = folder / "listing"
        aside.write_text(json.dumps(entries, sort_keys=True))
        md5 = file_md5(str(aside), name="md5-dos2unix")
        target = cache / md5[:2] / f"{md5[2:]}.dir"
        target.parent.mkdir(parents=True, exist_ok=True)
        aside.rename(target)
        (models / f"{output}.dvc").write_text(
            f"outs:\n- md5: {md5}.dir\n  size: {size}\n  nfiles: {len(entries)}\n"
            f"  path: {Path(output).name}\n"
        )
    dvc(repository, "push", "-q")
    assert not (remote / "files").exists()
    return RemoteRepository(repository, remote, content, legacy=True)


@pytest.fixture(scope="session")
def dvc3(tmp_path_factory):
    return make_new(tmp_path_factory.mktemp("dvc3"), seed=1)


@pytest.fixture(scope="session")
def dvc2(tmp_path_factory):
    return make_legacy(tmp_path_factory.mktemp("dvc2"), seed=2)


@pytest.fixture(params=["dvc2", "dvc3"])
def store(request):
    return request.getfixturevalue(request.param)


class FaultyHandler(SimpleHTTPRequestHandler):
    """Serves a folder; understands ranges unless told not to, and does harm when told to."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def do_HEAD(self):
        path = self.server.root / self.path.lstrip("/")
        self.send_response(200 if path.is_file() else 404)
        self.send_header("Content-Length", str(path.stat().st_size if path.is_file() else 0))
        self.end_headers()

    def do_GET(self):
        server = self.server
        path = server.root / self.path.lstrip("/")
        asked = self.headers.get("Range")
        server.log.append((self.path, asked))
        if server.always:
            self.send_error(server.always)
            return
        if server.failures > 0:
            server.failures -= 1
            self.send_error(503)
            return
        if not path.is_file():
            self.send_error(404)
            return
        data = path.read_bytes()
        if self.path in server.corrupt:
            data = data[:50] + bytes([data[50] ^ 1]) + data[51:]
        etag = server.etags.get(self.path)
        start, stop = 0, len(data)
        current = self.headers.get("If-Range") in (None, etag)
        if asked and server.ranges and current:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            start, stop = int(first), min(int(last) + 1, stop) if last else stop
            if start >= len(data):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(data)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header(
                "Content-Range", f"bytes {start + server.shift}-{stop - 1}/{len(data)}"
            )
        else:
            self.send_response(200)
        if etag:
            self.send_header("ETag", etag)
        body = data[start:stop]
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        limit = len(body) if server.break_after is None else server.break_after
        for first in range(0, min(limit, len(body)), server.piece):
            try:
                self.wfile.write(body[first : min(first + server.piece, limit)])
            except OSError:
                break
            if server.delay_s:
                server.pause.wait(server.delay_s)
        if limit < len(body):
            self.close_connection = True


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, root):
        super().__init__(("127.0.0.1", 0), FaultyHandler)
        self.root = Path(root)
        self.log, self.corrupt, self.etags = [], set(), {}
        self.ranges, self.break_after, self.delay_s, self.piece = True, None, 0.0, 2**16
        self.failures, self.always, self.shift = 0, 0, 0
        self.pause = threading.Event()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, request, client_address):
        pass


@pytest.fixture
def serve():
    """Start servers of folders; they end with the test."""
    running = []

    def start(root):
        server = Server(root)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        running.append((server, thread))
        return server

    yield start
    for server, thread in running:
        server.pause.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def models(tmp_path, monkeypatch, capsys):
    """Run ``tica-fn models`` with a cache of its own; exit code, output, errors."""
    from tica_fn.cli import main

    monkeypatch.setenv("TICA_FN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    def run(*args):
        code = main(["models", *map(str, args)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def installed(folder):
    """Content of every file in a model folder but the record, hidden names included."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file() and path.name != "provenance.json"
    }


@pytest.fixture(scope="session")
def kit():
    """Functions of this file that tests call."""
    return SimpleNamespace(
        dvc=dvc,
        fits_bytes=fits_bytes,
        installed=installed,
        make_legacy=make_legacy,
        make_new=make_new,
        model_bytes=model_bytes,
    )
