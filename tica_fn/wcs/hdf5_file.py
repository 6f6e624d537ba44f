"""HDF5 files from other sources: read only if all their data are inside the file.

Links to other files and external storage could read any file of the machine.  A dataset that was
never written takes no space in its file, but any amount of memory.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tica_fn.errors import BadFileError
from tica_fn.fits.held_file import HeldFile

__all__ = ["MAGIC", "open_hdf5"]

MAGIC = b"\x89HDF\r\n\x1a\n"
_BEST_PACKING = 1100
"""No filter compresses more bytes than this into one."""
_SMALL = 1 << 20
_LARGEST = 1 << 30
_BAD = (OSError, RuntimeError, KeyError, ValueError, TypeError, ArithmeticError)
"""Errors that h5py raises for damaged files; addresses beyond 64 bits are an OverflowError."""
_MOST_OBJECTS = 10_000


@contextmanager
def open_hdf5(path: str | os.PathLike[str]) -> Iterator[Any]:
    """Open an HDF5 file for reading, after checking that its datasets are inside it.

    It is first read into memory: if a file is truncated while it is open, HDF5 returns zeros.
    """
    import h5py

    held = HeldFile(path)
    if held.read(0, 8) != MAGIC:
        raise BadFileError(f"{path}: not an HDF5 file")
    if held.size > _LARGEST:
        raise BadFileError(f"{path}: {held.size} bytes; HDF5 files may have at most {_LARGEST}")
    try:
        opened = h5py.File(io.BytesIO(held.read(0, held.size)), "r")
    except _BAD as error:
        raise BadFileError(f"{path}: damaged HDF5 file ({error})") from error
    with opened:
        try:
            _check(path, opened, held.size)
        except _BAD as error:
            if isinstance(error, BadFileError):
                raise
            raise BadFileError(f"{path}: damaged HDF5 file ({error})") from error
        yield opened


def _check(path: str | os.PathLike[str], file: Any, size: int) -> None:
    import h5py

    total, seen = 0, 0
    todo = [file]
    groups = {h5py.h5o.get_info(file.id).addr}
    while todo:
        group = todo.pop()
        for name in group:
            seen += 1
            if seen > _MOST_OBJECTS:
                raise BadFileError(f"{path}: contains more than {_MOST_OBJECTS} objects")
            link = group.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise BadFileError(f"{path}: {name} is a link to another file, which is not read")
            if isinstance(link, h5py.SoftLink):
                continue  # Its target is checked where it is.
            kind = group.get(name, getclass=True)
            if kind is h5py.Group:
                address = h5py.h5o.get_info(group[name].id).addr
                if address not in groups:
                    groups.add(address)
                    todo.append(group[name])
            elif kind is h5py.Dataset:
                total += _checked(path, name, group)
    if total > max(_SMALL, min(_LARGEST, _BEST_PACKING * size)):
        raise BadFileError(f"{path}: {total} bytes of data in a file of {size}")


def _checked(path: str | os.PathLike[str], name: str, group: Any) -> int:
    """Size of a dataset in bytes; refuse one that is not stored in the file."""
    import h5py

    low: Any = h5py.h5d.open(group.id, name.encode("utf-8", "surrogateescape"))
    # Closed at once: HDF5 2.0 crashes at the end of a process if the property list of a virtual
    # dataset is still open, as it would be in the traceback of the error below.
    how: Any = low.get_create_plist()
    try:
        layout, outside = how.get_layout(), how.get_external_count()
    finally:
        how.close()
    if outside:
        raise BadFileError(f"{path}: {name} is stored in another file, which is not read")
    if layout == h5py.h5d.VIRTUAL:
        raise BadFileError(f"{path}: {name} is a virtual dataset, which is not read")
    dataset = group[name]
    size = int(dataset.size or 0) * int(dataset.dtype.itemsize)
    stored = int(low.get_storage_size())
    if size > _SMALL and size > _BEST_PACKING * stored:
        raise BadFileError(f"{path}: {name} announces {size} bytes, but {stored} were written")
    if h5py.check_vlen_dtype(dataset.dtype) or h5py.check_string_dtype(dataset.dtype):
        info = h5py.check_string_dtype(dataset.dtype)
        if info is None or info.length is None:
            size = max(size, _longest(dataset))
    return size


def _longest(dataset: Any) -> int:
    """Bytes of entries of variable length, counted in pieces up to the allowed limit."""
    total = 0
    flat = dataset.shape[0] if dataset.ndim else 0
    for start in range(0, flat, 256):
        total += sum(len(one) for one in dataset[start : start + 256].reshape(-1))
        if total > _LARGEST:
            break
    return total
