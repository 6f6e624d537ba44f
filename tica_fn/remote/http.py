"""Resumable downloads over HTTP into a ``.part`` file.

The part file is the only state: a download that is killed at any point is resumed at the end of the
part (with a ``Range`` request) by the next call.  Whether the bytes are right is not checked here;
the caller hashes the part before renaming it.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from functools import partial
from http.client import IncompleteRead
from pathlib import Path
from typing import IO, Any

import attrs

from tica_fn.errors import RemoteError
from tica_fn.remote.address import joined, shown
from tica_fn.remote.parts import append, check_room, restart
from tica_fn.remote.patience import SLOWEST, TooSlowError, no_slower, within

__all__ = ["Client", "NotOnServerError", "RefusedError"]

_PIECE = 2**10
_REDIRECTS = 5
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class RefusedError(RemoteError):
    """The server's answer is invalid; a retry would not help."""


class NotOnServerError(RefusedError):
    """The server answers that it has no such file."""


class _BrokenOffError(Exception):
    """A transfer failed in a way that a retry may fix."""


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
        limit: int | None = None,
    ) -> bool:
        """Complete a part file of at most `limit` bytes; True if its content was kept.

        An attempt counts as failed unless it was faster than the slowest allowed rate, so that a
        server can't delay a download by sending single bytes.
        """
        failures, kept = 0, part.seek(0, os.SEEK_END) > 0
        while True:
            furthest, start = part.seek(0, os.SEEK_END), time.monotonic()
            try:
                return self._try(url, part, report, validator, limit) and kept
            except _BrokenOffError as broken:
                reached = part.seek(0, os.SEEK_END)
                least = max(SLOWEST * (time.monotonic() - start), _PIECE)
                failures = 0 if reached - furthest >= least else failures + 1
                if failures >= self.tries:
                    raise RemoteError(
                        f"{shown(url)}: {broken} (failed attempts: {failures}; bytes kept: "
                        f"{reached}; run it again to resume)"
                    ) from None
            if self.stop.wait(self.pause_s * 2 ** max(failures - 1, 0) if failures else 0):
                raise RemoteError(f"{shown(url)}: stopped")

    def _try(
        self,
        url: str,
        part: IO[bytes],
        report: Callable[[int, int | None], None],
        validator: Path | None,
        limit: int | None,
    ) -> bool:
        """Make one request; True if the part file was continued."""
        import requests
        import urllib3

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
            with self._ask(url, headers) as answer:
                start, total = _range_of(answer, url, offset)
                if start != offset:
                    restart(part)
                if start is None:  # The part is not the beginning of the file: start again.
                    self._try(url, part, report, validator, limit)
                    return False
                if total is not None and start == total:
                    return True
                if limit is not None and total is not None and total > limit:
                    raise RefusedError(
                        f"{shown(url)}: the server announces {total} bytes, but at most {limit} "
                        "are expected"
                    )
                if validator is not None:
                    _write_mark(validator, answer)
                self._receive(url, answer, part, start, total, report, limit)
                return start == offset
        except (
            requests.exceptions.Timeout,
            urllib3.exceptions.TimeoutError,
            TooSlowError,
        ):
            raise _BrokenOffError(
                f"no answer within {self.timeout_s:g} s, or less than {SLOWEST:g} bytes a second"
            ) from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
            cause = _innermost(error)
            if isinstance(error, ValueError) or isinstance(cause, urllib3.exceptions.InvalidHeader):
                raise RefusedError(f"{shown(url)}: {_in_words(cause)}") from None
            raise _BrokenOffError(_in_words(cause)) from None

    def _ask(self, url: str, headers: dict[str, str]) -> Any:
        """Send a request, following a few redirects; their bodies are not read."""
        session, place = self._session(), url
        for _ in range(_REDIRECTS + 1):
            ask = partial(
                session.get,
                place,
                headers=headers,
                stream=True,
                timeout=self.timeout_s,
                allow_redirects=False,
            )
            try:
                answer = within(2 * self.timeout_s, ask, lambda late: late.close())
            except TooSlowError:
                del self._local.session  # The other thread may still wait with it.
                raise
            if not answer.is_redirect:
                return answer
            said = answer.headers["Location"]
            answer.close()
            to = joined(place, said)
            if to is None:
                raise RefusedError(f"{shown(url)}: the server redirects to {shown(said)}")
            place = to
        raise RefusedError(f"{shown(url)}: the server redirects more than {_REDIRECTS} times")

    def _receive(
        self,
        url: str,
        answer: Any,
        part: IO[bytes],
        start: int,
        total: int | None,
        report: Callable[[int, int | None], None],
        limit: int | None,
    ) -> None:
        there = start
        check_room(part, start, total)
        report(there, total)
        with no_slower(answer, self.timeout_s, lambda: there):
            # Undecoded, so that a server's label of compression for a .gz file changes nothing.
            for piece in answer.raw.stream(_PIECE, decode_content=False):
                if self.stop.is_set():
                    break
                if total is not None and there + len(piece) > total:
                    raise _BrokenOffError("the server sent more than it announced")
                if limit is not None and there + len(piece) > limit:
                    raise RefusedError(f"{shown(url)}: more than the expected {limit} bytes came")
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
            # Redirects are followed by `_ask`; requests itself would read their bodies.
            self._local.session.get_redirect_target = lambda _: None
        return self._local.session


def _range_of(answer: Any, url: str, offset: int) -> tuple[int | None, int | None]:
    """First byte of an answer (None if it is not the requested one), and the whole length."""
    status = answer.status_code
    length = _length_of(answer, url)
    if status == 200:
        return 0, length
    content = answer.headers.get("Content-Range", "").removeprefix("bytes").strip()
    span, _, whole = content.partition("/")
    total = int(whole) if whole.isdecimal() else None
    if status == 206:
        first, _, last = span.partition("-")
        right = first.isdecimal() and last.isdecimal() and int(first) == offset <= int(last)
        if not right or not offset or (total is not None and int(last) >= total):
            raise RefusedError(
                f"{shown(url)}: bytes from {offset} were requested, the server sends {content!r}"
            )
        return offset, int(last) + 1 if total is None else total
    if status == 416 and offset:
        return (offset, total) if total == offset else (None, total)
    if status in (404, 410):
        raise NotOnServerError(f"{shown(url)}: the server has no such file ({status})")
    if status in _PASSING:
        raise _BrokenOffError(f"the server answered {status} {answer.reason}")
    raise RefusedError(f"{shown(url)}: the server answered {status} {answer.reason}")


def _length_of(answer: Any, url: str) -> int | None:
    length = answer.headers.get("Content-Length")
    if length is None:
        return None
    if not length.strip().isdecimal():
        raise RefusedError(f"{shown(url)}: the server announces a length of {length!r}")
    return int(length)


def _read_mark(validator: Path | None) -> str:
    if validator is None or not validator.is_file():
        return ""
    return validator.read_text(errors="replace").strip()


def _write_mark(validator: Path, answer: Any) -> None:
    etag = answer.headers.get("ETag", "")
    mark = etag if etag and not etag.startswith("W/") else answer.headers.get("Last-Modified", "")
    validator.write_text(mark)


def _innermost(error: BaseException) -> BaseException:
    """Find the innermost reason of a failed request."""
    inner: Any = error
    while True:
        deeper = getattr(inner, "reason", None) or inner.__cause__ or inner.__context__
        if not isinstance(deeper, BaseException):
            deeper = next((a for a in inner.args if isinstance(a, BaseException)), None)
        if not isinstance(deeper, BaseException):
            return inner  # type: ignore[no-any-return]
        inner = deeper


def _in_words(cause: BaseException) -> str:
    """Describe a reason in a few words."""
    if isinstance(cause, IncompleteRead):
        return "the transfer broke off"
    if isinstance(cause, OSError) and cause.strerror:
        return f"the server cannot be reached: {cause.strerror}"
    return " ".join(str(cause).split()) or type(cause).__name__
