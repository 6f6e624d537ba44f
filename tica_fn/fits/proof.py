"""Reading back the headers of a product before its file gets its name."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

from tica_fn.errors import BadFileError
from tica_fn.fits.atomic import write_whole
from tica_fn.fits.blocks import read_blocks
from tica_fn.fits.gzipped import packed
from tica_fn.fits.hdu_bytes import Bytes, Joined
from tica_fn.fits.header import merged
from tica_fn.fits.keywords import facts_of
from tica_fn.fits.sizes import is_packed

__all__ = ["check_readable", "write_product"]


def check_readable(path: str | os.PathLike[str], parts: Sequence[Bytes]) -> None:
    """Refuse headers that this package could not read again."""
    data: Any = Joined(parts)
    try:
        hdus = read_blocks(path, data, verify=False)
        headers: list[Any] = [hdu.header for hdu in hdus]
        image = next((one for one in headers[:2] if _is_image(one)), None)
        header: Any = None if image is None else merged(image, headers[0])
        if header is not None and "NSTEPS" in header:
            # A camera frame has no CCD number.
            known = {} if "CCD" in header or "CCDNUM" in header else {"ccd": 1}
            facts_of(path, header, **known)
    except (OSError, ValueError, TypeError, KeyError) as error:
        why = str(error).removeprefix(f"{path}: ")
        raise BadFileError(
            f"{path}: not written, because it could not be read again: {why}"
        ) from error


def _is_image(header: Any) -> bool:
    return is_packed(header) or (
        header.get("NAXIS") == 2 and header.get("XTENSION", "IMAGE") == "IMAGE"
    )


def write_product(
    path: str | os.PathLike[str],
    parts: Sequence[Bytes],
    on_written: Callable[[], None] | None = None,
) -> None:
    """Check that its headers can be read, then write a product, gzipped if its name says so."""
    check_readable(path, parts)
    write_whole(path, packed(path, *parts), on_written)
