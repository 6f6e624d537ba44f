"""Arguments that commands share: input files, folders, lists, and the number of jobs."""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tica_fn.errors import BadFileError, UsageError

if TYPE_CHECKING:
    from tica_fn.fits.kinds import Kind

__all__ = [
    "Inputs",
    "add_files",
    "add_jobs",
    "add_list",
    "add_log",
    "add_outdir",
    "all_inputs_of",
    "exposure_name",
    "inputs_of",
    "listed_files",
    "local",
    "more_than_zero",
    "not_negative",
    "number",
    "positive",
    "synonym",
    "whole",
    "within",
]

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_ENDINGS = (".fits", ".fit", ".fits.gz", ".fit.gz", ".fits.fz", ".fit.fz")


def positive(text: str) -> int:
    """Number of things, at least one."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive whole number")
    return int(text)


def not_negative(text: str) -> int:
    """Whole number, zero or more."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text} is not a whole number, zero or more")
    return int(text)


def number(text: str) -> float:
    """Finite number."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"'{text}' is not a finite number")
    return value


def whole(low: int, high: int) -> Callable[[str], int]:
    """Whole number from `low` to `high`."""

    def parse(text: str) -> int:
        if not re.fullmatch(r"[-+]?\d{1,18}", text) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"{text} is not a whole number from {low} to {high}")
        return int(text)

    return parse


def within(low: float, high: float) -> Callable[[str], float]:
    """Finite number from `low` to `high`, which may be infinite."""

    def parse(text: str) -> float:
        value = number(text)
        if not low <= value <= high:
            limits = f"from {low:g} to {high:g}" if math.isfinite(high) else f"{low:g} or more"
            raise argparse.ArgumentTypeError(f"{text} is not a number {limits}")
        return value

    return parse


def more_than_zero(text: str) -> float:
    """Finite number above zero."""
    value = number(text)
    if value <= 0:
        raise argparse.ArgumentTypeError(f"{text} is not more than zero")
    return value


def exposure_name(text: str) -> str:
    """Name of an exposure time that has models."""
    from tica_fn.errors import ModelError
    from tica_fn.remote.exposures import exposure

    try:
        return exposure(text).name
    except ModelError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def local(text: str) -> Path:
    """Path of a file or folder on a disk."""
    if _ADDRESS.match(text):
        raise argparse.ArgumentTypeError(
            f"{text} is an address, but only files on disk are read: download it first"
        )
    return Path(text)


def add_jobs(parser: Any, what: str = "files") -> None:
    """Declare ``--jobs``."""
    parser.add_argument(
        "--jobs",
        type=positive,
        default=_processors(),
        metavar="N",
        help=f"{what} at a time (default: all available processors, {_processors()})",
    )


def add_log(parser: Any) -> None:
    """Declare ``--log``."""
    parser.add_argument(
        "--log",
        type=Path,
        metavar="FILE",
        help="append start, environment, every outcome and end, one JSON object per line",
    )


def add_outdir(parser: argparse.ArgumentParser) -> None:
    """Declare the folder of a command's outputs."""
    parser.add_argument(
        "--outdir", type=Path, default=Path(), metavar="DIR", help="folder of the outputs (here)"
    )


def synonym(parser: Any, old: str, dest: str, **how: Any) -> None:
    """Accept an older name of an option, hidden from the help."""
    parser.add_argument(old, dest=dest, default=argparse.SUPPRESS, help=argparse.SUPPRESS, **how)


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def add_files(parser: Any, what: str, *, metavar: str = "FILE") -> None:
    """Declare input files and ``--list``."""
    parser.add_argument(
        "files", nargs="*", type=local, metavar=metavar, help=f"{what}, or folders of them"
    )
    add_list(parser)


def add_list(parser: Any) -> None:
    """Declare ``--list``."""
    parser.add_argument(
        "--list",
        metavar="FILE",
        help="text file with more file names, one per line or separated by NUL; - for standard "
        "input",
    )


class Inputs(NamedTuple):
    """Files that a command processes, and folders without any such file."""

    paths: tuple[Path, ...]
    empty: tuple[tuple[Path, Exception], ...] = ()

    @property
    def total(self) -> int:
        """Number of both."""
        return len(self.paths) + len(self.empty)


def inputs_of(
    args: argparse.Namespace,
    what: str,
    chosen: Callable[[Kind], bool],
    known: Callable[[Path], bool] = lambda _: False,
    otherwise: Callable[[Kind], bool] | None = None,
) -> Inputs:
    """Input files of a command, each once; a folder stands for its files of the `chosen` kinds.

    `what` names them in messages, such as "raw files"; headers of `known` files are not read.  A
    folder without the `chosen` kinds stands for its files of the kinds `otherwise`.
    """
    named = [*args.files, *(listed_files(args.list) if args.list is not None else ())]
    if not named:
        raise UsageError("no input files: name some, or give --list")
    outdir = getattr(args, "outdir", None)
    paths: dict[Path, None] = {}
    empty: list[tuple[Path, Exception]] = []
    for path in dict.fromkeys(named):
        if not path.is_dir():
            paths[path] = None
            continue
        aside = None if outdir is None else outdir.resolve()
        held = list(_held(path, chosen, known, aside))
        if not held and otherwise is not None:
            held = list(_held(path, otherwise, known, aside))
        paths.update(dict.fromkeys(held))
        if not held:
            empty.append((path, BadFileError(f"{path}: a directory without {what}")))
    return Inputs(tuple(paths), tuple(empty))


def all_inputs_of(
    args: argparse.Namespace, what: str, chosen: Callable[[Kind], bool]
) -> list[Path]:
    """Input files of a command with one output for all; a folder without any is refused."""
    inputs = inputs_of(args, what, chosen)
    for _, error in inputs.empty:
        raise error
    return list(inputs.paths)


def _held(
    folder: Path,
    chosen: Callable[[Kind], bool],
    known: Callable[[Path], bool],
    outdir: Path | None,
) -> Iterator[Path]:
    """Files under a folder of the `chosen` kinds, and those whose headers can't be read.

    Hidden files, other FITS files and the output folder are left out.
    """
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".") and Path(place, name).resolve() != outdir
        )
        for name in sorted(names):
            if name.startswith(".") or not name.lower().endswith(_ENDINGS):
                continue
            path = Path(place, name)
            if known(path):
                yield path
                continue
            from tica_fn.fits.kinds import kind_by_headers

            try:
                kind = kind_by_headers(path)
            except OSError:
                yield path  # Unreadable: the error comes when it is processed.
            else:
                if kind is not None and chosen(kind):
                    yield path


def listed_files(source: str | Path) -> list[Path]:
    """Read the file names in a list; blank lines and comments are left out.

    A comment starts with # at the beginning of a line or after a space, since names may contain
    #.  Names are bytes, in whatever encoding the file system uses.
    """
    here = str(source) == "-"
    shown = "standard input" if here else source
    data = sys.stdin.buffer.read() if here else Path(source).read_bytes()
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):  # Lists made on Windows.
        try:
            data = data.decode("utf-16").encode()
        except UnicodeDecodeError as error:
            raise OSError(f"{shown}: not a text file with one file name per line") from error
    data = data.removeprefix(b"\xef\xbb\xbf")
    if data.endswith(b"\0") or (b"\0" in data and b"\n" not in data):
        names = data.split(b"\0")  # Output of `find -print0`.
    elif b"\0" in data:
        line = data[: data.index(b"\0")].count(b"\n") + 1
        raise OSError(f"{shown}: line {line} contains a NUL, which no file name can contain")
    else:
        lines = (re.split(rb"(?:^|\s)#", line, maxsplit=1)[0] for line in data.splitlines())
        names = [line.strip() for line in lines]
    try:
        return [local(os.fsdecode(name)) for name in names if name]
    except argparse.ArgumentTypeError as error:
        raise UsageError(f"{shown}: {error}") from error
