"""Verification of the checksums in the headers of a file."""

from __future__ import annotations

import os

from tica_fn.errors import BadFileError, tell_note
from tica_fn.fits.checksum import ALL_ONES, add_sums, sum_bytes
from tica_fn.fits.header import Header
from tica_fn.fits.raw_hdu import RawHDU

__all__ = ["verify_sums"]


def verify_sums(
    path: str | os.PathLike[str], hdus: list[RawHDU], sums: dict[int, int] | None = None
) -> None:
    """Verify every CHECKSUM and DATASUM of a file."""
    for number, hdu in enumerate(hdus):
        if "DATASUM" not in hdu.header and "CHECKSUM" not in hdu.header:
            continue
        total = (sums or {}).get(number)
        if total is None:
            total = sum_bytes(hdu.data) if len(hdu.data) else 0
        _verify(f"{path}: HDU {number}", hdu, total)


def _verify(where: str, hdu: RawHDU, total: int) -> None:
    promised = str(hdu.header.get("DATASUM", "")).strip()
    if _keeps_raw_sums(hdu.header):
        if promised.isdigit() and int(promised) != total:
            tell_note(
                f"{where}: its DATASUM is the raw file's, as TICA leaves it; it was not verified"
            )
            return
    elif promised and (not promised.isdigit() or int(promised) != total):
        raise BadFileError(f"{where}: DATASUM is {promised}, but the data sum to {total}")
    if str(hdu.header.get("CHECKSUM", "")).strip():
        whole = add_sums(sum_bytes(hdu.head), total)
        if whole not in (ALL_ONES, 0):
            raise BadFileError(f"{where}: CHECKSUM is wrong; the file was changed or damaged")


def _keeps_raw_sums(header: Header) -> bool:
    """Tell whether a file is TICA's own product, which keeps the raw header's checksums."""
    version = str(header.get("TICAVER", "")).strip()
    made = bool(version) and not version.startswith("tica-fn")
    split = "CCDNUM" in header and str(header.get("UNITS", "")).strip().upper() == "ADU"
    return (
        made or split or any("calibration applied at" in line for line in header.lines("COMMENT"))
    )
