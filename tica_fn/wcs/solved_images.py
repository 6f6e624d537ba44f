"""Write a solution into a file: header cards and table of stars.

The result does not depend on the clock or on earlier runs, so a second run writes the same bytes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import attrs

from tica_fn.fits.atomic import identity_of
from tica_fn.fits.blocks import RawHDU
from tica_fn.fits.cards import Cards, card, split_cards
from tica_fn.fits.checksum import sum_bytes
from tica_fn.fits.hdu_bytes import is_gzip_name, summed_header, table_parts
from tica_fn.fits.image_file import ImageFile
from tica_fn.fits.update import extension_name, update_file
from tica_fn.immutable import Array

if TYPE_CHECKING:  # These import the fit, which `calibrate` does not need.
    from tica_fn.wcs.cards import Card
    from tica_fn.wcs.frame_fit import FrameSolution

__all__ = [
    "HISTORY_MARK",
    "STARS_NAME",
    "WrittenSolution",
    "put_solution",
    "update_image",
    "written_solution",
]

HISTORY_MARK = "tica-fn wcs fit:"
STARS_NAME = "WCS_STARS"
_PHYSICAL = re.compile(r"WCSNAMEP|WCSAXESP|C(TYPE|UNIT|RPIX|RVAL|DELT)\dP")
_MAP = re.compile(
    r"WCSAXES|(CTYPE|CUNIT|CRPIX|CRVAL|CDELT|CROTA)[12]|(CD|PC)[12]_[12]|PV[12]_\d+|LONPOLE|LATPOLE|"
    r"RADESYS|(A|B|AP|BP)_(\d+_\d+|ORDER|DMAX)"
)
_SIP = re.compile(r"(A|B|AP|BP)_(\d+_\d+|DMAX)")
_SOLUTION = re.compile(
    _MAP.pattern
    + r"|EQUINOX|INSTRUME|TELESCOP|FILTER|EXPTIME|TIMESYS|MJD-(BEG|END)|DATE-(BEG|END)|"
    r"TESS_V?[XYZ]|MIDBTJD|(RA|DEC)_TARG|RMS([ABF]|[ABF]P|BF|X\d)|WCSGDF|CTRP(COL|ROW)|FLXWIN|"
    r"WCSDEG|WCSBADB|(RA|DEC|ERR)X\d|ERRMAX"
)
"""Cards that a solution sets."""
_UNITS = {"FLXCOL": "pix", "FLXROW": "pix", "FLX": "count", "BKG": "count"}


def update_image(
    image: ImageFile,
    cards: Sequence[Card],
    stars: Mapping[str, Array],
    history: Sequence[str],
    target: str | os.PathLike[str] | None = None,
    *,
    fitted: FrameSolution | None = None,
) -> Path:
    """Write an image file with a solution in its header and a table of stars at the end.

    Parameters
    ----------
    image : ImageFile
        The file as it was read.
    cards : sequence of tuple
        Keyword, value and comment, for the header of the image.
    stars : mapping of str to ndarray
        Columns of the table ``WCS_STARS``, which replaces an existing one.
    history : sequence of str
        HISTORY lines for the primary header, which replace those of an earlier run.  If the primary
        HDU holds the image and has no HISTORY, they are written as COMMENT.
    target : path-like, optional
        File to write; by default the image's own.
    fitted : FrameSolution, optional
        The fitted solution: the cards are read back from the bytes to be written, and must agree
        with it to 0.001 arcsec at its stars and over a grid.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    BadFileError
        If the written file is not as it should be, or the cards do not agree with the fitted
        solution; the old file is then unchanged.
    OSError
        If it can't be written.
    """
    path = Path(target) if target is not None else image.path
    here, primary = _places(image, cards)
    made = WrittenSolution(
        here=[card(*one, whole=True) for one in here],
        primary=[card(*one, whole=True) for one in primary],
        history=tuple(history),
        table=_table(stars),
    )
    changes = put_solution(made, image.hdus, image.image)
    # Tile compression and gzip compression of the file are kept.
    zipped = image.gzipped if target is None else is_gzip_name(path)

    def check(number: int, header: bytes) -> None:
        if fitted is not None and number == image.image:
            from tica_fn.wcs.read_back import check_header

            origin = image.frame.row, image.frame.column
            places = fitted.columns, fitted.rows
            check_header(path, header, fitted.solution, *places, origin)

    update_file(
        path,
        image.hdus,
        changes,
        {STARS_NAME: made.table},
        gzipped=zipped,
        replaces=image.identity if target is None else identity_of(path),
        check=check,
    )
    return path


@attrs.frozen(kw_only=True, eq=False)
class WrittenSolution:
    """A solution as stored in a file: cards of the two headers, history, table of stars."""

    here: Cards
    primary: Cards
    history: tuple[str, ...]
    table: tuple[bytes, bytes | memoryview]


def written_solution(hdus: Sequence[RawHDU], image: int) -> WrittenSolution | None:
    """Find the solution in a file; None if there is none."""
    table = next((hdu for hdu in hdus if extension_name(hdu) == STARS_NAME), None)
    if table is None:
        return None
    here, primary = split_cards(hdus[image].text), split_cards(hdus[0].text)
    return WrittenSolution(
        here=[one for one in here if _SOLUTION.fullmatch(one[0])],
        primary=[one for one in primary if _SOLUTION.fullmatch(one[0])] if image else [],
        history=tuple(
            text[8:].removeprefix(HISTORY_MARK).strip()
            for _, text in primary
            if text[8:].startswith(HISTORY_MARK)
        ),
        table=(table.text.encode("ascii"), table.data),
    )


def put_solution(
    solution: WrittenSolution, hdus: Sequence[RawHDU], image: int
) -> dict[int, Callable[[Cards], Cards]]:
    """Changes to the headers of a file, by HDU, that put a solution in it."""
    cards = {0: solution.primary, image: solution.here}
    bare = not hdus[0].header["NAXIS"]
    return {
        number: partial(_changed, cards=new, history=() if number else solution.history, bare=bare)
        for number, new in cards.items()
    }


def _places(image: ImageFile, cards: Sequence[Card]) -> tuple[list[Card], list[Card]]:
    """Cards for the image's header, and those for the primary header.

    The image's header of products in SPOC's layout has the same keywords for every degree:
    coefficients beyond it are 0.  Cards without a keyword there go to the primary header, except
    those of the map itself.  Such products are recognised by the number of steps in the primary
    header and a keyword for the degree in the image's header.
    """
    header = image.hdus[image.image].header
    if not image.image or "NSTEPS" not in image.hdus[0].header or "WCSDEG" not in header:
        return list(cards), []
    said = {key for key, _, _ in cards}
    here = [one for one in cards if one[0] in header or _MAP.fullmatch(one[0])]
    here += [(key, 0.0, "0: none") for key in header if _SIP.fullmatch(key) and key not in said]
    extensions = sum(extension_name(hdu) != STARS_NAME for hdu in image.hdus[1:]) + 1
    count = ("NEXTEND", extensions, "number of standard extensions")
    return here, [count, *(one for one in cards if one not in here)]


def _changed(kept: Cards, cards: Cards, history: Sequence[str], bare: bool) -> Cards:
    """Set cards of a header, and replace the history of earlier runs."""
    if cards:
        kept = _set_cards(kept, cards)
    if history:
        kept = [one for one in kept if not one[1][8:].startswith(HISTORY_MARK)]
        said = any(key == "HISTORY" for key, _ in kept)
        word = "HISTORY" if said or bare else "COMMENT"
        kept += [card(word, f"{HISTORY_MARK} {line}"[:72]) for line in history]
    return kept


def _set_cards(kept: Cards, cards: Cards) -> Cards:
    """Replace cards in place and append new ones.

    The cards of the map stay together, with WCSAXES first as the standard requires; unless all of
    them exist already, they are removed and appended.
    """
    texts = dict(cards)
    present = {key for key, _ in kept}
    unwanted = set()
    if "DATE-OBS" in present:  # SPOC's headers have their own dates, in UTC.
        unwanted |= {"DATE-BEG", "DATE-END"}
    if not present & {"INT_TIME", "EXPOSURE", "EXPTIME"}:  # The exposure is not known.
        unwanted.add("EXPTIME")
    texts = {key: text for key, text in texts.items() if key not in unwanted}
    if not all(key in present for key in texts if _MAP.fullmatch(key)):
        kept = [one for one in kept if not _MAP.fullmatch(one[0])]
    kept = [one for one in kept if not _MAP.fullmatch(one[0]) or one[0] in texts]
    seen: set[str] = set()
    out: Cards = []
    for key, text in kept:
        if key in texts:
            if key not in seen:
                out.append((key, texts[key]))
            seen.add(key)
        else:
            out.append((key, text))
    added = [(key, text) for key, text in texts.items() if key not in seen]
    # WCSAXES must precede all other WCS keywords, including those of the physical one.
    place = next((n for n, (key, _) in enumerate(out) if _PHYSICAL.fullmatch(key)), len(out))
    return [*out[:place], *added, *out[place:]]


def _table(stars: Mapping[str, Array]) -> tuple[bytes, bytes]:
    """Header and data of the table of stars."""
    cards, data = table_parts(stars, _UNITS)
    cards.append(card("EXTNAME", STARS_NAME, "stars that the solution was fitted to"))
    return summed_header(cards, sum_bytes(data)), data
