"""SHA-256 of files without a reliable published hash: recorded once, then checked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs

from tica_fn.errors import BadFileError
from tica_fn.fits.atomic import write_whole
from tica_fn.fits.blocks import RawHDU, UnreadHDU, read_headers, verify_sums
from tica_fn.fits.large import held, sums_of
from tica_fn.remote.parts import exclusive

__all__ = ["FirstSight", "check_whole"]


def check_whole(path: Path) -> list[RawHDU]:
    """Refuse anything but exactly one complete FITS file with correct checksums."""
    file = held(path)
    hdus = read_headers(path, file)
    verify_sums(path, hdus, sums_of(file, hdus)[0])
    size = max(hdu.stop for hdu in hdus if isinstance(hdu, UnreadHDU))
    if size != file.size:
        raise BadFileError(f"{path}: {file.size} bytes, but its headers announce {size}")
    for number, hdu in enumerate(hdus):
        if not (hdu.text.isascii() and hdu.text.isprintable()):
            raise BadFileError(f"{path}: HDU {number}: the header holds more than printable text")
    return hdus


@attrs.frozen
class FirstSight:
    """A record of hashes by name, in one JSON file that several processes may extend."""

    path: Path
    lock: Path

    def known(self) -> dict[str, str]:
        """Read the record."""
        if not self.path.is_file():
            return {}
        try:
            content: Any = json.loads(self.path.read_text())
            return {str(name): str(sha256) for name, sha256 in content.items()}
        except (json.JSONDecodeError, UnicodeDecodeError, AttributeError) as error:
            raise BadFileError(f"{self.path}: damaged ({error})") from None

    def check(self, name: str, sha256: str) -> None:
        """Record the hash of a new name; refuse a different one later."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with exclusive(self.lock):
            content = self.known()
            if name not in content:
                content[name] = sha256
                text = json.dumps(content, indent=1, sort_keys=True) + "\n"
                write_whole(self.path, [text.encode()])
        if content[name] != sha256:
            raise BadFileError(
                f"{name}: its SHA-256 is {sha256}, but it was {content[name]} when first fetched; "
                f"to accept the new one, remove {name} from {self.path}"
            )
