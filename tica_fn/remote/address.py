"""Addresses of remotes."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from tica_fn.errors import RemoteError

__all__ = ["clean_url", "joined", "shown"]


def clean_url(url: str) -> str:
    """Check the address of a remote and write it in one form."""
    try:
        parts = _split(url.strip())
    except ValueError as error:
        raise RemoteError(f"{url}: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RemoteError(f"{url}: the address of a remote must begin with http:// or https://")
    place = parts.path.rstrip("/") + "/"
    return urlunsplit((parts.scheme, parts.netloc.rstrip(":"), place, "", ""))


def joined(base: str, address: str) -> str | None:
    """Address relative to a base; None unless it is an http or https address."""
    try:
        whole = urljoin(base, address)
        parts = _split(whole)
    except ValueError:
        return None
    return whole if parts.scheme in ("http", "https") and parts.hostname else None


def shown(url: str) -> str:
    """Address without its user name and password."""
    try:
        parts = _split(url)
    except ValueError:
        return url.rsplit("@", 1)[-1]
    return urlunsplit(parts._replace(netloc=parts.netloc.rsplit("@", 1)[-1]))


def _split(url: str) -> SplitResult:
    """Parts of an address; ValueError for an impossible host or port."""
    parts = urlsplit(url)
    parts.port  # noqa: B018  # This property checks the port.
    return parts
