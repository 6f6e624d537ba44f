"""Hashes of model files, computed as by DVC.

DVC 3 names an object by the plain MD5 of its bytes.  DVC 1 and 2 name it by the MD5 after turning
CR LF into LF *when the file looks like text*, and a FITS file does: its first 512 bytes are
header cards.  In a float32 image the byte pair 0D 0A occurs by chance about every 65,536 bytes, so
the plain MD5 of practically every FITS file differs from the name of its object in an old remote.
The same rule is applied here: pieces of 1 MiB are converted separately (a pair cut by a boundary
stays), and the first 512 bytes of the file (DVC 1 and early 2) or of each piece (later versions)
decide whether it is text.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import attrs

__all__ = ["Digest", "digest_file", "dvc_hash_kind", "looks_like_text"]

PIECE = 2**20
_TEXT = bytes(range(32, 127)) + b"\n\r\t\f\b"
_LOOK = 512


@attrs.frozen(kw_only=True)
class Digest:
    """Plain hashes of a file."""

    md5: str
    sha256: str
    size_bytes: int


def digest_file(path: Path) -> Digest:
    """Hash a file's bytes as they are."""
    md5, sha256, size = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
    with path.open("rb") as stream:
        while piece := stream.read(PIECE):
            md5.update(piece)
            sha256.update(piece)
            size += len(piece)
    return Digest(md5=md5.hexdigest(), sha256=sha256.hexdigest(), size_bytes=size)


def looks_like_text(block: bytes) -> bool:
    """Tell whether DVC takes bytes for text: no NUL, and at most 30 % that are not printable."""
    block = block[:_LOOK]
    if not block:
        return True
    if b"\0" in block:
        return False
    return len(block.translate(None, _TEXT)) / len(block) <= 0.30


def dvc_hash_kind(path: Path, expected: str, digest: Digest, *, legacy: bool) -> str | None:
    """Find the DVC hash under which a file has the name that is expected."""
    if digest.md5 == expected:
        return "md5"
    if legacy and expected in _text_hashes(path):
        return "md5-dos2unix"
    return None


def _text_hashes(path: Path) -> tuple[str, str]:
    """MD5 with the two variants of the text rule: decided once per file, or for each piece."""
    by_file = hashlib.md5(usedforsecurity=False)
    by_piece = hashlib.md5(usedforsecurity=False)
    file_is_text: bool | None = None
    with path.open("rb") as stream:
        while piece := stream.read(PIECE):
            is_text = looks_like_text(piece)
            if file_is_text is None:
                file_is_text = is_text
            converted = piece.replace(b"\r\n", b"\n")
            by_file.update(converted if file_is_text else piece)
            by_piece.update(converted if is_text else piece)
    return by_file.hexdigest(), by_piece.hexdigest()
