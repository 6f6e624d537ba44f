"""What goes wrong with servers and disks: one clear line, nothing half-installed, a rerun heals."""

import contextlib
import errno
import io
import os
import socket
import subprocess
import sys
import threading

import pytest

from tica_fn.errors import RemoteError
from tica_fn.fits.model_origins import read_origins
from tica_fn.remote.cache import Cache, Remote
from tica_fn.remote.exposures import exposure
from tica_fn.remote.fetch import fetch_models
from tica_fn.remote.http import Client
from tica_fn.remote.pointers import read_pointers

BIAS = "twodbias/cam1_ccd1_twoDcorrect.fits"


def object_path(store, relpath="cam1_ccd1_twoDcorrect.fits"):
    """Address of the object of one bias file, as the remote's own listing has it."""
    import json

    prefix = "" if store.legacy else "files/md5/"
    version = store.version()
    listing = store.remote / f"{prefix}{version[:2]}" / f"{version[2:]}.dir"
    md5 = next(e["md5"] for e in json.loads(listing.read_text()) if e["relpath"] == relpath)
    return f"/{prefix}{md5[:2]}/{md5[2:]}"


@pytest.fixture
def fetch(models, tmp_path):
    """Fetch camera 1 CCD 1 without waiting between tries; exit code and the error line."""

    def run(store, url, *more):
        code, _, err = models(
            "fetch", "10min", "--camera", 1, "--ccd", 1, "--jobs", 1, "--tries", 1,
            "--remote", url, "--pointers", store.pointers, "--output", tmp_path / "m", *more,
        )  # fmt: skip
        lines = [line for line in err.splitlines() if line.startswith("tica-fn: ")]
        assert len(lines) == (code != 0)
        return code, lines[-1] if lines else ""

    return run


def nothing_installed(tmp_path):
    return not list((tmp_path / "m").rglob("*.fits"))


def test_a_dead_server_is_named(store, fetch, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    code, error = fetch(store, f"http://127.0.0.1:{port}/")
    assert code == 1
    assert f"http://127.0.0.1:{port}/" in error
    assert "Connection refused" in error
    assert nothing_installed(tmp_path)


def test_a_server_that_never_answers_is_given_up(dvc3, fetch, tmp_path):
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        code, error = fetch(dvc3, f"http://127.0.0.1:{mute.getsockname()[1]}/", "--timeout", "0.2")
    assert code == 1
    assert "no answer within 0.2 s" in error


def test_a_missing_object_is_named_in_both_layouts(dvc3, serve, fetch, tmp_path):
    server = serve(tmp_path)
    code, error = fetch(dvc3, server.url)
    assert code == 1
    md5 = dvc3.version()
    assert f"files/md5/{md5[:2]}/{md5[2:]}.dir nor {md5[:2]}/{md5[2:]}.dir (404)" in error


def test_wrong_content_is_thrown_away_and_a_rerun_completes(kit, store, serve, fetch, tmp_path):
    server = serve(store.remote)
    server.corrupt.add(object_path(store))
    code, error = fetch(store, server.url)
    assert code == 1
    assert object_path(store) in error
    assert "wrong content" in error
    assert nothing_installed(tmp_path)
    md5 = "".join(object_path(store).split("/")[-2:])
    assert not (tmp_path / "cache" / "parts" / f"{md5}.part").exists()
    server.corrupt.clear()
    assert fetch(store, server.url) == (0, "")
    assert kit.installed(tmp_path / "m" / "calibration_10min") == store.expected(1, 1)


def test_a_corrupt_listing_is_refused(store, serve, fetch, tmp_path):
    server = serve(store.remote)
    md5 = store.version()
    prefix = "" if store.legacy else "files/md5/"
    server.corrupt.add(f"/{prefix}{md5[:2]}/{md5[2:]}.dir")
    code, error = fetch(store, server.url)
    assert code == 1
    assert "wrong content" in error


def test_a_half_file_is_completed_from_where_it_broke_off(kit, store, serve, fetch, tmp_path):
    server = serve(store.remote)
    server.break_after = 2**18
    code, error = fetch(store, server.url)
    # Each try brings some bytes, so trying goes on until all of them are there.
    assert (code, error) == (0, "")
    ranges = [asked for path, asked in server.log if path == object_path(store)]
    assert ranges == [None, *(f"bytes={n * 2**18}-" for n in (1, 2, 3, 4))]
    assert kit.installed(tmp_path / "m" / "calibration_10min") == store.expected(1, 1)


def test_a_rerun_goes_on_with_the_half_file(kit, dvc3, serve, fetch, tmp_path):
    server = serve(dvc3.remote)
    server.break_after, server.ranges = 2**18, False
    code, error = fetch(dvc3, server.url)
    assert code == 1
    assert "the transfer broke off (failed attempts: 1; bytes kept: 262144; run it again" in error
    assert nothing_installed(tmp_path)
    server.break_after, server.ranges = None, True
    server.log.clear()
    assert fetch(dvc3, server.url) == (0, "")
    assert (object_path(dvc3), f"bytes={2**18}-") in server.log
    assert kit.installed(tmp_path / "m" / "calibration_10min") == dvc3.expected(1, 1)


def test_a_half_file_is_taken_anew_from_a_server_without_ranges(kit, dvc3, serve, fetch, tmp_path):
    server = serve(dvc3.remote)
    server.ranges = False
    part = tmp_path / "cache" / "parts" / f"{object_path(dvc3)[11:].replace('/', '')}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"SIMPLE but not this file's")
    assert fetch(dvc3, server.url) == (0, "")
    assert kit.installed(tmp_path / "m" / "calibration_10min") == dvc3.expected(1, 1)


@pytest.mark.parametrize("size", [5, 2**21], ids=["shorter", "longer"])
def test_a_part_of_something_else_is_found_out_and_replaced(
    kit, dvc3, serve, fetch, tmp_path, size
):
    server = serve(dvc3.remote)
    part = tmp_path / "cache" / "parts" / f"{object_path(dvc3)[11:].replace('/', '')}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(size))
    assert fetch(dvc3, server.url) == (0, "")
    assert (object_path(dvc3), f"bytes={size}-") in server.log
    assert kit.installed(tmp_path / "m" / "calibration_10min") == dvc3.expected(1, 1)


def test_passing_errors_of_the_server_are_tried_again(dvc3, serve, fetch):
    server = serve(dvc3.remote)
    server.failures = 1
    code, error = fetch(dvc3, server.url)
    assert code == 1
    assert "503" in error
    server.failures = 1
    assert fetch(dvc3, server.url, "--tries", "2") == (0, "")


def test_a_damaged_object_in_the_cache_is_replaced(kit, dvc3, serve, fetch, tmp_path):
    server = serve(dvc3.remote)
    fetch(dvc3, server.url)
    place = tmp_path / "cache" / object_path(dvc3).lstrip("/")
    place.chmod(0o644)
    with place.open("r+b") as stream:
        stream.write(b"X")
    # The installed file is the same file: both are mended.
    server.log.clear()
    assert fetch(dvc3, server.url) == (0, "")
    assert (object_path(dvc3), None) in server.log
    assert kit.installed(tmp_path / "m" / "calibration_10min") == dvc3.expected(1, 1)


def test_copies_are_made_where_links_cannot_be(kit, dvc3, serve, fetch, tmp_path, monkeypatch):
    link = os.link

    def refuse(source, target, **more):
        if str(target).endswith(".tica-fn-tmp"):
            raise OSError(errno.EXDEV, "Invalid cross-device link")
        link(source, target, **more)

    monkeypatch.setattr("tica_fn.remote.install.os.link", refuse)
    assert fetch(dvc3, serve(dvc3.remote).url) == (0, "")
    folder = tmp_path / "m" / "calibration_10min"
    assert kit.installed(folder) == dvc3.expected(1, 1)
    assert (folder / BIAS).stat().st_nlink == 1


@contextlib.contextmanager
def small_disk(folder, size):
    """A file system of a few bytes."""
    folder.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(["mount", *options], check=False).returncode:
        pytest.skip("mounting a small file system is not permitted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_under_the_cache(kit, dvc3, serve, fetch, tmp_path, monkeypatch):
    disk = tmp_path / "disk"
    with small_disk(disk, 600_000):
        monkeypatch.setenv("TICA_FN_CACHE", str(disk / "cache"))
        code, error = fetch(dvc3, serve(dvc3.remote).url)
        assert code == 1
        assert "disk full" in error
        assert ".part" in error
        assert nothing_installed(tmp_path)
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        assert fetch(dvc3, serve(dvc3.remote).url) == (0, "")
    assert set(kit.installed(tmp_path / "m" / "calibration_10min")) == set(dvc3.expected(1, 1))


def test_a_disk_that_fills_while_writing(dvc3, serve, fetch, tmp_path, monkeypatch):
    disk = tmp_path / "disk"
    # The room is not looked at beforehand: another program may take it meanwhile.
    monkeypatch.setattr("tica_fn.remote.http.check_room", lambda *args: None)
    with small_disk(disk, 600_000):
        monkeypatch.setenv("TICA_FN_CACHE", str(disk / "cache"))
        code, error = fetch(dvc3, serve(dvc3.remote).url)
        assert code == 1
        assert "disk full; the part downloaded so far is kept" in error
        assert nothing_installed(tmp_path)
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        assert fetch(dvc3, serve(dvc3.remote).url) == (0, "")


def test_a_full_disk_under_the_model_folder(kit, dvc3, serve, fetch, tmp_path):
    server = serve(dvc3.remote)
    with small_disk(tmp_path / "m", 1_200_000):
        code, error = fetch(dvc3, server.url)
        assert code == 1
        assert "disk full" in error
        left = [path.name for path in (tmp_path / "m").rglob("*") if path.is_file()]
        assert left == []
        subprocess.run(["mount", "-o", "remount,size=4m", str(tmp_path / "m")], check=True)
        server.log.clear()
        assert fetch(dvc3, server.url) == (0, "")
        assert server.log == []
        assert kit.installed(tmp_path / "m" / "calibration_10min") == dvc3.expected(1, 1)


def test_the_first_failure_stops_the_other_downloads(dvc3, serve, tmp_path):
    server = serve(dvc3.remote)
    server.corrupt.add(object_path(dvc3))
    server.delay_s, server.piece = 0.002, 2**12
    client = Client(tries=1)
    with pytest.raises(RemoteError, match="wrong content"):
        fetch_models(
            exposure("10min"),
            tmp_path / "m",
            camera=1,
            ccd=1,
            remote=Remote(url=server.url, client=client),
            cache=Cache(folder=tmp_path / "c"),
            outputs=read_pointers(dvc3.pointers),
        )
    assert client.stop.is_set()
    assert nothing_installed(tmp_path)


def test_two_fetches_at_once_download_each_object_once(kit, dvc3, serve, tmp_path):
    server = serve(dvc3.remote)
    server.delay_s = 0.005
    failures = []

    def run():
        try:
            fetch_models(
                exposure("10min"),
                tmp_path / "m",
                camera=1,
                ccd=1,
                remote=Remote(url=server.url),
                cache=Cache(folder=tmp_path / "c"),
                outputs=read_pointers(dvc3.pointers),
                stream=io.StringIO(),
            )
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(server.log) == 4
    assert kit.installed(tmp_path / "m" / "calibration_10min") == dvc3.expected(1, 1)


def test_fetches_of_several_ccds_at_once_are_all_recorded(kit, dvc3, serve, tmp_path):
    server = serve(dvc3.remote)

    def run(camera, ccd):
        fetch_models(
            exposure("10min"),
            tmp_path,
            camera=camera,
            ccd=ccd,
            remote=Remote(url=server.url),
            cache=Cache(folder=tmp_path / "c"),
            outputs=read_pointers(dvc3.pointers),
            stream=io.StringIO(),
        )

    ccds = [(1, 1), (1, 2), (4, 3)]
    threads = [threading.Thread(target=run, args=one) for one in ccds]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    folder = tmp_path / "calibration_10min"
    assert kit.installed(folder) == {k: v for one in ccds for k, v in dvc3.expected(*one).items()}
    assert len(read_origins(folder)) == 6


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://host/models", "must begin with http"),
        ("tess.mit.edu/public", "must begin with http"),
        ("http://host:nine/", "Port could not be cast"),
    ],
)
def test_addresses_that_are_none(dvc3, fetch, url, message):
    code, error = fetch(dvc3, url)
    assert code == 1
    assert message in error


def test_passwords_in_addresses_are_not_shown(dvc3, serve, fetch, tmp_path):
    url = serve(tmp_path).url.replace("http://", "http://me:secret@")
    code, error = fetch(dvc3, url)
    assert code == 1
    assert "secret" not in error
