"""Files appear whole or not at all, with the permissions of any new file."""

import errno
import os
import stat

import pytest

from tica_fn.errors import BadFileError
from tica_fn.fits import atomic
from tica_fn.fits.atomic import write_whole

PARTS = [b"abc", bytearray(b"def"), memoryview(b"ghi"), b""]


def names_in(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(params=[True, False], ids=["without a name", "with a name"])
def nameless(request, monkeypatch):
    """Both ways of writing aside: not every file system knows files without a name."""
    if request.param and not atomic._NAMELESS:
        pytest.skip("files without a name are not known here")
    monkeypatch.setattr(atomic, "_NAMELESS", request.param)
    return request.param


def test_a_file_is_made_and_replaced(nameless, tmp_path):
    path = tmp_path / "file"
    write_whole(path, PARTS)
    assert path.read_bytes() == b"abcdefghi"
    write_whole(path, [b"new"])
    assert path.read_bytes() == b"new"
    assert names_in(tmp_path) == ["file"]


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
def test_permissions_are_those_of_any_new_file(nameless, tmp_path, umask):
    before = os.umask(umask)
    try:
        write_whole(tmp_path / "file", PARTS)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~umask


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
def test_what_fails_midway_leaves_what_was_there(nameless, tmp_path, error):
    def parts():
        yield b"half"
        raise error

    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(type(error)):
        write_whole(path, parts())
    assert path.read_bytes() == b"old"
    assert names_in(tmp_path) == ["file"]


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_disk_that_fails_at_any_call(nameless, tmp_path, monkeypatch, call):
    def fail(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device")

    owner = atomic.Path if call == "replace" else os
    monkeypatch.setattr(owner, call, fail)
    with pytest.raises(OSError, match="No space") as failed:
        write_whole(tmp_path / "file", PARTS)
    assert failed.value.filename == str(tmp_path / "file")
    assert names_in(tmp_path) == []


def test_short_writes_are_carried_on(nameless, tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, data[:2]))
    write_whole(tmp_path / "file", PARTS)
    assert (tmp_path / "file").read_bytes() == b"abcdefghi"


def test_a_folder_that_is_not_there_is_named(nameless, tmp_path):
    with pytest.raises(FileNotFoundError) as failed:
        write_whole(tmp_path / "nowhere" / "file", PARTS)
    assert failed.value.filename == str(tmp_path / "nowhere")


def test_a_file_has_a_name_where_one_without_can_not_be_made(tmp_path, monkeypatch):
    before = os.open

    def refuse(path, flags, *args, **kwargs):
        if flags & getattr(os, "O_TMPFILE", 0) == getattr(os, "O_TMPFILE", -1):
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        return before(path, flags, *args, **kwargs)

    monkeypatch.setattr(os, "open", refuse)
    write_whole(tmp_path / "file", PARTS)
    assert (tmp_path / "file").read_bytes() == b"abcdefghi"
    assert names_in(tmp_path) == ["file"]


def test_content_that_reads_back_differently_is_refused(nameless, tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(os, "write", lambda handle, data: write(handle, bytes(data).swapcase()))
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(BadFileError, match="reads back differently from byte 0 on"):
        write_whole(tmp_path / "file", PARTS, verify=True)
    assert (tmp_path / "file").read_bytes() == b"old"
    assert names_in(tmp_path) == ["file"]


def test_a_file_that_came_out_longer_is_refused(nameless, tmp_path, monkeypatch):
    write = os.write

    def write_more(handle, data):
        write(handle, data)
        os.pwrite(handle, b"!", 20)
        return len(data)

    monkeypatch.setattr(os, "write", write_more)
    with pytest.raises(BadFileError, match="21 bytes were written instead of 9"):
        write_whole(tmp_path / "file", PARTS, verify=True)
    assert names_in(tmp_path) == []


def test_large_content_is_verified_and_takes_the_permissions_asked_for(nameless, tmp_path):
    parts = [os.urandom(2880), os.urandom(3_000_001)]
    write_whole(tmp_path / "file", parts, verify=True, mode=0o640)
    assert (tmp_path / "file").read_bytes() == b"".join(parts)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.ENOSYS])
def test_a_folder_that_can_not_be_made_durable_is_no_failure(tmp_path, monkeypatch, number):
    sync = os.fsync

    def refuse(handle):
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(number, os.strerror(number))
        sync(handle)

    monkeypatch.setattr(os, "fsync", refuse)
    write_whole(tmp_path / "file", PARTS)
    assert (tmp_path / "file").read_bytes() == b"abcdefghi"
    number = errno.EIO
    with pytest.raises(OSError, match=r"[Ii]nput/output"):
        write_whole(tmp_path / "file", PARTS)


def test_a_folder_that_may_not_be_looked_into_is_no_failure(tmp_path, monkeypatch):
    look = os.open

    def refuse(path, flags, *more):
        if flags == os.O_RDONLY:
            raise PermissionError(errno.EACCES, "Permission denied")
        return look(path, flags, *more)

    monkeypatch.setattr(atomic, "_NAMELESS", False)
    monkeypatch.setattr(os, "open", refuse)
    write_whole(tmp_path / "file", PARTS)
    assert (tmp_path / "file").read_bytes() == b"abcdefghi"
