"""Addresses of remotes."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

from tica_fn.errors import RemoteError

__all__ = ["clean_url", "shown"]


def clean_url(url: str) -> str:
    """Check the address of a remote and write it in one form."""
    parts = urlsplit(url.strip())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RemoteError(f"{url}: the address of a remote begins with http:// or https://")
    try:
        parts.port  # noqa: B018  # a property that checks
    except ValueError as error:
        raise RemoteError(f"{url}: {error}") from None
    place = parts.path.rstrip("/") + "/"
    return urlunsplit((parts.scheme, parts.netloc.rstrip(":"), place, "", ""))


def shown(url: str) -> str:
    """Address without its user name and password."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rsplit("@", 1)[-1]))
