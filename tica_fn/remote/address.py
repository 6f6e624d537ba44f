"""Addresses of remotes."""

from __future__ import annotations

from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

from tica_fn.errors import RemoteError

__all__ = ["clean_url", "joined", "shown"]


def clean_url(url: str) -> str:
    """Check the address of a remote and write it in one form."""
    parts = _split(url.strip())
    if parts is None:
        raise RemoteError(f"{url}: no address of a remote")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise RemoteError(f"{url}: the address of a remote begins with http:// or https://")
    place = parts.path.rstrip("/") + "/"
    return urlunsplit((parts.scheme, parts.netloc.rstrip(":"), place, "", ""))


def joined(base: str, address: str) -> str | None:
    """Address as seen from a base; None unless it is one of http or https."""
    try:
        whole = urljoin(base, address)
    except ValueError:
        return None
    parts = _split(whole)
    good = parts is not None and parts.scheme in ("http", "https") and bool(parts.hostname)
    return whole if good else None


def shown(url: str) -> str:
    """Address without its user name and password."""
    parts = _split(url)
    if parts is None:
        return url.rsplit("@", 1)[-1]
    return urlunsplit(parts._replace(netloc=parts.netloc.rsplit("@", 1)[-1]))


def _split(url: str) -> SplitResult | None:
    """Parts of an address; None where a host or port can't be one."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018  # a property that checks
    except ValueError:
        return None
    return parts
