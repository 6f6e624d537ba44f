"""Deliveries damaged in many ways, each with the words that `tica-fn check` must print."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from astropy.io import fits

__all__ = ["spoil_delivery"]


def cards(hdu: int = 0, **changes: Any) -> Callable[[Path], None]:
    """Change cards and correct the checksums."""

    def change(path: Path) -> None:
        with fits.open(path) as opened:
            for one in opened:
                one.data = one.data
            for key, value in changes.items():
                opened[hdu].header.remove(key) if value is None else None
                if value is not None:
                    opened[hdu].header[key] = value
            opened.writeto(path, overwrite=True, checksum=True)

    return change


def moved(key: str, by: float) -> Callable[[Path], None]:
    """Change a number a little."""
    return lambda path: cards(**{key: fits.getval(path, key) + by})(path)


def another(key: str) -> Callable[[Path], None]:
    """Another camera or CCD number."""
    return lambda path: cards(**{key: fits.getval(path, key) % 4 + 1})(path)


def added(data: bytes) -> Callable[[Path], None]:
    """Add bytes after the end."""

    def change(path: Path) -> None:
        with path.open("ab") as file:
            file.write(data)

    return change


def pixels(value: float) -> Callable[[Path], None]:
    """Set all pixels to the same value."""

    def change(path: Path) -> None:
        with fits.open(path) as opened:
            opened[1].data = opened[1].data
            opened[0].data = np.full_like(opened[0].data, value)
            opened.writeto(path, overwrite=True, checksum=True)

    return change


def table(column: str, row: int, value: Any) -> Callable[[Path], None]:
    """Change a value in the table of stars and correct the checksums."""

    def change(path: Path) -> None:
        with fits.open(path) as opened:
            opened[0].data = opened[0].data
            opened[1].data[column][row] = value
            opened.writeto(path, overwrite=True, checksum=True)

    return change


def flip(place: int) -> Callable[[Path], None]:
    """Change a bit; a negative position counts from the end."""

    def change(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[place] ^= 4
        path.write_bytes(data)

    return change


def cut(count: int) -> Callable[[Path], None]:
    """Remove bytes at the end."""
    return lambda path: path.write_bytes(path.read_bytes()[:-count]) and None


def rename(old: str, new: str) -> Callable[[Path], None]:
    """Give another name."""
    return lambda path: path.rename(path.with_name(path.name.replace(old, new))) and None


def hdf5(change: Callable[[Any], None]) -> Callable[[Path], None]:
    """Change a file of reference stars."""

    def do(path: Path) -> None:
        with h5py.File(path, "r+") as file:
            change(file)

    return do


def without_column(path: Path) -> None:
    """Drop a column of the table of stars."""
    with fits.open(path) as opened:
        opened[0].data = opened[0].data
        columns = fits.ColDefs([c for c in opened[1].columns if c.name != "BKG"])
        new = fits.BinTableHDU.from_columns(columns, name="WCS_STARS")
        fits.HDUList([opened[0], new]).writeto(path, overwrite=True, checksum=True)


def without_table(path: Path) -> None:
    """Drop the table of stars."""
    with fits.open(path) as opened:
        opened[0].data = opened[0].data
        fits.HDUList([opened[0]]).writeto(path, overwrite=True, checksum=True)


def third_hdu(path: Path) -> None:
    """Add an HDU."""
    with fits.open(path) as opened:
        for one in opened:
            one.data = one.data
        opened.append(fits.ImageHDU(np.zeros((2, 2)), name="NOTES"))
        opened.writeto(path, overwrite=True, checksum=True)


def trimmed(path: Path) -> None:
    """Keep only the science pixels."""
    with fits.open(path) as opened:
        opened[1].data = opened[1].data
        opened[0].data = opened[0].data[:2048, 44:2092]
        opened.writeto(path, overwrite=True, checksum=True)


def transposed(path: Path) -> None:
    """Exchange rows and columns."""
    with fits.open(path) as opened:
        opened[1].data = opened[1].data
        opened[0].data = np.ascontiguousarray(opened[0].data.T)
        opened.writeto(path, overwrite=True, checksum=True)


def without_sums(path: Path) -> None:
    """Write it without checksums."""
    with fits.open(path) as opened:
        for one in opened:
            one.data = one.data
            one.header.remove("CHECKSUM"), one.header.remove("DATASUM")
        opened.writeto(path, overwrite=True)


def as_integers(path: Path) -> None:
    """Round the pixels to whole numbers."""
    with fits.open(path) as opened:
        opened[1].data = opened[1].data
        opened[0].data = opened[0].data.astype(np.int32)
        opened.writeto(path, overwrite=True, checksum=True)


def no_good_star(path: Path) -> None:
    """Mark all stars as bad, and use the solution of another field."""
    with fits.open(path) as opened:
        opened[0].data = opened[0].data
        opened[1].data["FLXVALID"] = 0
        opened[0].header["WCSGDF"] = 0.0
        opened[0].header["CRVAL1"] = opened[0].header["RA_TARG"] = 12.0
        opened.writeto(path, overwrite=True, checksum=True)


def empty(path: Path) -> None:
    """Make the file empty."""
    path.write_bytes(b"")


def text(path: Path) -> None:
    """Replace the content by text."""
    path.write_text("404 not found\n" * 400)


FRAMES: list[tuple[Callable[[Path], None], str]] = [
    (flip(30_000), "DATASUM|CHECKSUM"),
    (flip(9_000_000), "DATASUM|CHECKSUM"),
    (flip(-2000), "DATASUM|CHECKSUM"),
    (flip(2900), "CHECKSUM|header"),
    (cut(1), "bytes, of which"),
    (added(b"x" * 2880), "bytes, of which"),
    (added(b"\n"), "bytes, of which"),
    (cut(5_000), "truncated"),
    (cut(17_000_000), "truncated"),
    (empty, "not a FITS file|empty"),
    (text, "not a FITS file"),
    (another("CAMNUM"), "camera [1-4] .CAMNUM"),
    (another("CAMERA"), "camera [1-4] .CAMERA"),
    (another("CCDNUM"), "CCD [1-4] .CCDNUM"),
    (cards(FFIINDEX=77), "cadence 77"),
    (cards(CADENCE=9077), "cadence 9077"),
    (cards(FFIINDEX=None, CADENCE=None), "no FFIINDEX"),
    (cards(SECTOR=99), "sector 99"),
    (cards(ORB_SEG="o2a"), "orbit o2a"),
    (cards(CTYPE1="RA---TAN"), "CTYPE1"),
    (cards(CTYPE2=None), "CTYPE2"),
    (cards(CRPIX1=1070.0), "CRPIX"),
    (cards(CRPIX2=None), "CRPIX"),
    (cards(A_ORDER=0), "A_ORDER"),
    (cards(B_ORDER=None), "B_ORDER"),
    (cards(CRVAL1=12.0), "pixels off"),
    (cards(CRVAL2="north"), "CRVAL2"),
    (cards(CD1_1=9.9), "arcsec"),
    (cards(CD2_2=None), "CD2_2"),
    (cards(A_2_0=0.01), "pixels off|pixels away"),
    (moved("CRVAL1", 0.3 / 3600), "on average"),
    (moved("CRVAL2", 30.0 / 3600), "pixels off"),
    (moved("A_0_3", 3e-11), "scatter"),
    (moved("B_1_1", -2e-8), "scatter|on average"),
    (moved("AP_2_0", 3e-6), "pixels away"),
    (cards(RMSAP=0.5), "RMSAP is 0.5"),
    (cards(RA_TARG=1.0), "RA_TARG"),
    (no_good_star, "no good star|WCSGDF"),
    (cards(WCSGDF=0.123), "WCSGDF"),
    (cards(WCSGDF=None), "WCSGDF"),
    (table("FLX", 5, np.nan), "NaN in FLX"),
    (table("FLXCOL", 0, np.nan), "NaN in FLXCOL"),
    (table("TIC", 3, 17), "other stars"),
    (without_column, "lacks BKG"),
    (without_table, "1 HDU"),
    (third_hdu, "3 HDUs"),
    (trimmed, "2048 x 2048"),
    (transposed, "2078 x 2136"),
    (without_sums, "CHECKSUM"),
    (pixels(0.0), "all the same"),
    (pixels(np.nan), "all the same, or undefined"),
    (as_integers, "BITPIX"),
]
STARS: list[tuple[Callable[[Path], None], str]] = [
    (hdf5(lambda file: file.__delitem__("blkidxs")), "lacks blkidxs"),
    (hdf5(lambda file: file["ras"].__setitem__(3, np.nan)), "NaN in ras"),
    (hdf5(lambda file: file["contrastrows"].__setitem__(0, np.nan)), "NaN in contrastrows"),
    (cut(9_000), "HDF5"),
    (text, "HDF5"),
    (rename("s0035", "s0034"), "sector 34"),
]

NAMES: list[tuple[Callable[[Path], None], str]] = [
    (rename("s0035", "s0036"), "sector 36"),
    (rename("-o1-", "-o2-"), "orbit o2"),
    (rename("_v01_", "_v02_"), "version v02"),
    (rename("_img.fits", "_image.fits"), "not a frame's name"),
]


def _done(change: Callable[[Path], None], path: Path) -> Path:
    """Damage a file; return its path afterwards."""
    before = set(path.parent.iterdir())
    change(path)
    (new,) = set(path.parent.iterdir()) - before or {path}
    return new


def spoil_delivery(delivery: Path, seed: int) -> dict[Path, str]:
    """Do each kind of damage once, to files chosen with the seed; return expected words by path."""
    random = np.random.default_rng(seed)
    stars = sorted((delivery / "ref-stars").iterdir())
    stars = [stars[k] for k in random.permutation(len(stars)).tolist()]
    expected: dict[Path, str] = {}
    for change, said in STARS:
        path = stars.pop()
        expected[_done(change, path)] = said
    missing = stars.pop()
    missing.unlink()
    expected[delivery / "ref-stars"] = _ccd_words(missing)
    # Frames whose stars are spoiled can't be held to them: their table may be of any.
    spoiled = {_ccd(path) for path in (*expected, missing)}
    frames = [
        path for path in sorted(delivery.glob("cam*/*.fits")) if path.parent.name not in spoiled
    ]
    # Without good stars a small change of the solution can't be told.
    frames = [path for path in frames if fits.getval(path, "WCSGDF") > 0.1]
    frames = [frames[k] for k in random.permutation(len(frames)).tolist()]
    for change, said in FRAMES:
        path = frames.pop()
        change(path)
        expected[path] = said
    for change, said in NAMES:
        path = frames.pop()
        done = _done(change, path)
        expected[done] = said
        if "_img.fits" not in done.name:  # So that its cadence is lacking.
            expected[path.parent] = str(int(path.name.split("-")[2]))
    gone = next(path for path in frames if path.parent not in expected)
    gone.unlink()
    expected[gone.parent] = str(int(gone.name.split("-")[2]))
    (delivery / "notes.txt").write_text("to be done\n")
    expected[delivery / "notes.txt"] = "is not part"
    stray = next(path for path in frames if path.parent not in expected and path.exists())
    other = min(set(delivery.glob("cam*")) - set(expected) - {stray.parent})
    shutil.copy(stray, other / stray.name)
    expected[other / stray.name] = "another CCD"
    return expected


def _ccd(path: Path) -> str:
    name = path.name
    at = name.find("cam")
    return name[at : at + 9]


def _ccd_words(path: Path) -> str:
    name = _ccd(path)
    return f"camera {name[3]} CCD {name[8]}"
