"""Additions to a product: kept when it is remade, if they still apply; otherwise reported.

These are a solution of ``tica-fn wcs fit`` with its table of stars, and HDUs that somebody added.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Collection, Sequence
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import attrs

from tica_fn.errors import FrameError
from tica_fn.fits.atomic import Identity, identity_of
from tica_fn.fits.blocks import RawHDU, read_blocks, read_headers
from tica_fn.fits.cards import Cards, card
from tica_fn.fits.hdu_bytes import Bytes, is_gzip_name
from tica_fn.fits.held_file import HeldFile
from tica_fn.fits.image_file import open_hdus
from tica_fn.fits.sizes import is_packed
from tica_fn.fits.update import extension_name, update_file
from tica_fn.wcs.solved_images import STARS_NAME, WrittenSolution, put_solution, written_solution

__all__ = ["Kept", "kept_of", "refuse_loss", "told_loss", "told_planes", "write_keeping"]

_ORDINARY = re.compile(
    r"PRIMARY|COMPRESSED_IMAGE|CAMERA\.CCD .*|RAW_HEADER|UNCERTAINTY|PIXEL_QUALITY|SHARED_VARIANCE"
)


@attrs.frozen(kw_only=True, eq=False)
class Kept:
    """Additions to a product that should be kept."""

    solution: WrittenSolution | None
    added: tuple[RawHDU, ...]

    def __str__(self) -> str:
        """Describe them in words."""
        words = ["a solution of 'tica-fn wcs fit'"] if self.solution is not None else []
        names = ", ".join(extension_name(hdu) or "without a name" for hdu in self.added)
        return " and ".join([*words, *([f"HDUs of others ({names})"] if self.added else [])])


def kept_of(target: Path, made: Sequence[RawHDU] = ()) -> Kept | None:
    """Find the additions to a product; None if there are none, no file, or an incomplete one.

    `made`: HDUs of the input that the product keeps.
    """
    ours = {extension_name(hdu) for hdu in made}

    def is_added(name: str) -> bool:
        return name not in {*ours, STARS_NAME} and not _ORDINARY.fullmatch(name)

    try:
        image, names = _there(target, identity_of(target))
        if STARS_NAME not in names and not any(map(is_added, names[image + 1 :])):
            return None
        hdus, _ = open_hdus(target)
    except OSError:
        return None
    added = tuple(hdu for hdu in hdus[image + 1 :] if is_added(extension_name(hdu)))
    return Kept(solution=written_solution(hdus, image), added=added)


@lru_cache(maxsize=16)
def _there(target: Path, _: Identity | None) -> tuple[int, tuple[str, ...]]:
    """Find which HDU of a product has the image, and all their names, without holding its data."""
    hdus = read_headers(target, HeldFile(target))
    image = next((n for n, hdu in enumerate(hdus[:2]) if _has_image(hdu)), 0)
    return image, tuple(extension_name(hdu) for hdu in hdus)


def _has_image(hdu: RawHDU) -> bool:
    return is_packed(hdu.header) or int(hdu.header["NAXIS"]) == 2


def refuse_loss(target: Path, kept: Kept | None, why: str) -> None:
    """Refuse to replace a file whose additions would be lost."""
    if kept is not None:
        raise FrameError(
            f"{target}: holds {kept}, which would be lost: {why}. Use --overwrite to replace it "
            "anyway, or another --outdir"
        )


def told_loss(target: Path, kept: Kept | None) -> tuple[str, ...]:
    """Say what is lost with a file that ``--overwrite`` replaces."""
    return () if kept is None else (f"{target.name}: overwritten, and with it {kept}",)


def told_planes(target: Path, made: Collection[str]) -> tuple[str, ...]:
    """Say which planes of the replaced product the new one lacks; `made` are the new planes."""
    try:
        _, there = _there(target, identity_of(target))
        planes = ("UNCERTAINTY", "PIXEL_QUALITY")
        lost = [name for name in planes if name in there and name not in made]
        if lost:
            open_hdus(target)  # What is incomplete has nothing to lose.
    except OSError:
        return ()
    return (f"{target.name}: replaced without its {' and '.join(lost)}",) if lost else ()


def write_keeping(write: Callable[[Path], Any], target: Path, kept: Kept | None) -> Any:
    """Write a product with the additions to the old one; the target is replaced in one step."""
    if kept is None:
        return write(target)
    with tempfile.TemporaryDirectory(prefix="tica-fn-") as folder:
        fresh = Path(folder) / target.name
        said = write(fresh)
        hdus = read_blocks(fresh)
        image = next((n for n, hdu in enumerate(hdus[:2]) if _has_image(hdu)), 0)
        tables: dict[str, Sequence[Bytes]] = {
            extension_name(hdu) or f"added {n}": (hdu.text.encode("ascii"), hdu.data)
            for n, hdu in enumerate(kept.added)
        }
        changes: dict[int, Callable[[Cards], Cards]] = {}
        if kept.solution is not None:
            changes = put_solution(kept.solution, hdus, image)
            tables[STARS_NAME] = kept.solution.table
        if image:
            count = len(hdus) - 1 + len(tables)
            changes[0] = partial(_counted, change=changes.get(0), count=count)
        update_file(
            target,
            hdus,
            changes,
            tables,
            gzipped=is_gzip_name(target),
            replaces=identity_of(target),
        )
    return said


def _counted(cards: Cards, change: Callable[[Cards], Cards] | None, count: int) -> Cards:
    """Cards of a primary header with the new number of extensions, if it has one."""
    cards = cards if change is None else change(cards)
    told = card("NEXTEND", count, "number of standard extensions")
    return [told if name == "NEXTEND" else (name, text) for name, text in cards]
