"""Resumable downloads over HTTP into a ``.part`` file.

The part file is all the state there is: a download that is killed at any point goes on from the
part's end (a ``Range`` request) at the next call.  Nothing here decides whether the bytes are
right; the caller hashes the part before it gives it a name.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from http.client import IncompleteRead
from pathlib import Path
from typing import IO, Any

import attrs

from tica_fn.errors import RemoteError
from tica_fn.remote.address import shown
from tica_fn.remote.parts import append, check_room, restart

__all__ = ["Client", "NotOnServerError"]

_PIECE = 2**16
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class NotOnServerError(RemoteError):
    """The server answers that it has no such file."""


class _BrokenOffError(Exception):
    """A transfer stopped in a way that trying again may mend."""


@attrs.define(kw_only=True)
class Client:
    """Fetches files from one server."""

    timeout_s: float = 30.0
    tries: int = 4
    pause_s: float = 0.5
    stop: threading.Event = attrs.field(factory=threading.Event)
    _local: threading.local = attrs.field(factory=threading.local, init=False)

    def download(
        self,
        url: str,
        part: IO[bytes],
        report: Callable[[int, int | None], None],
        validator: Path | None = None,
    ) -> bool:
        """Complete a part file."""
        furthest = part.seek(0, os.SEEK_END)
        failures, kept = 0, furthest > 0
        while True:
            try:
                return self._try(url, part, report, validator) and kept
            except _BrokenOffError as broken:
                reached = part.seek(0, os.SEEK_END)
                failures = 0 if reached > furthest else failures + 1
                furthest = max(furthest, reached)
                if failures >= self.tries:
                    raise RemoteError(
                        f"{shown(url)}: {broken} (tries in a row: {failures}; bytes kept: "
                        f"{reached}; run it again to go on)"
                    ) from None
            if self.stop.wait(self.pause_s * 2 ** max(failures - 1, 0) if failures else 0):
                raise RemoteError(f"{shown(url)}: stopped")

    def _try(
        self,
        url: str,
        part: IO[bytes],
        report: Callable[[int, int | None], None],
        validator: Path | None,
    ) -> bool:
        """Make one request; whether the beginning in the part file was kept."""
        import requests

        offset = part.seek(0, os.SEEK_END)
        mark = _read_mark(validator)
        if offset and validator is not None and not mark:
            offset = restart(part)
        headers = {"Accept-Encoding": "identity"}
        if offset:
            headers["Range"] = f"bytes={offset}-"
            if mark:
                headers["If-Range"] = mark
        try:
            with self._session().get(
                url, headers=headers, stream=True, timeout=self.timeout_s
            ) as answer:
                start, total = _range_of(answer, url, offset)
                if start != offset:
                    restart(part)
                if start is None:  # what is here is no beginning of the file: anew
                    self._try(url, part, report, validator)
                    return False
                if total is not None and start == total:
                    return True
                if validator is not None:
                    _write_mark(validator, answer)
                self._receive(answer, part, start, total, report)
                return start == offset
        except requests.exceptions.Timeout:
            raise _BrokenOffError(f"no answer within {self.timeout_s:g} s") from None
        except requests.exceptions.RequestException as error:
            raise _BrokenOffError(_cause(error)) from None

    def _receive(
        self,
        answer: Any,
        part: IO[bytes],
        start: int,
        total: int | None,
        report: Callable[[int, int | None], None],
    ) -> None:
        there = start
        check_room(part, start, total)
        report(there, total)
        for piece in answer.iter_content(_PIECE):
            if self.stop.is_set():
                break
            if total is not None and there + len(piece) > total:
                raise _BrokenOffError("the server sent more than it announced")
            append(part, piece)
            there += len(piece)
            report(there, total)
        part.flush()
        if self.stop.is_set() or (total is not None and there < total):
            raise _BrokenOffError("the transfer broke off")

    def _session(self) -> Any:
        """Session of this thread, so that connections are used again."""
        import requests

        if not hasattr(self._local, "session"):
            self._local.session = requests.Session()
            self._local.session.headers["User-Agent"] = "tica-fn"
        return self._local.session


def _range_of(answer: Any, url: str, offset: int) -> tuple[int | None, int | None]:
    """First byte an answer brings (None: not what was asked for), and the whole length."""
    status = answer.status_code
    length = answer.headers.get("Content-Length")
    if answer.headers.get("Content-Encoding", "identity") != "identity":
        length = None  # it counts the packed bytes; what is read is unpacked
    if status == 200:
        return 0, int(length) if length is not None else None
    content = answer.headers.get("Content-Range", "").removeprefix("bytes").strip()
    span, _, whole = content.partition("/")
    total = int(whole) if whole.isdigit() else None
    if status == 206:
        first = span.partition("-")[0]
        if not first.isdigit() or int(first) != offset:
            return None, total
        return offset, total if total is not None or length is None else offset + int(length)
    if status == 416 and offset:
        return (offset, total) if total == offset else (None, total)
    if status in (404, 410):
        raise NotOnServerError(f"{shown(url)}: the server has no such file ({status})")
    if status in _PASSING:
        raise _BrokenOffError(f"the server answered {status} {answer.reason}")
    raise RemoteError(f"{shown(url)}: the server answered {status} {answer.reason}")


def _read_mark(validator: Path | None) -> str:
    if validator is None or not validator.is_file():
        return ""
    return validator.read_text(errors="replace").strip()


def _write_mark(validator: Path, answer: Any) -> None:
    etag = answer.headers.get("ETag", "")
    mark = etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified", "")
    validator.write_text(mark)


def _cause(error: BaseException) -> str:
    """Say the innermost reason of a failed request in a few words."""
    inner: Any = error
    while True:
        deeper = getattr(inner, "reason", None) or inner.__cause__ or inner.__context__
        if not isinstance(deeper, BaseException):
            deeper = next((a for a in inner.args if isinstance(a, BaseException)), None)
        if not isinstance(deeper, BaseException):
            break
        inner = deeper
    if isinstance(inner, IncompleteRead):
        return "the transfer broke off"
    if isinstance(inner, OSError) and inner.strerror:
        return f"the server cannot be reached: {inner.strerror}"
    return " ".join(str(inner).split()) or type(inner).__name__
