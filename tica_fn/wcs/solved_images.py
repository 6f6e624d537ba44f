"""Which cards and which table of a file change as a solution is put in it.

Nothing in it depends on the clock or on what an earlier run left, so a second run makes the same
bytes.
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
from tica_fn.fits.checksum import sum_bytes
from tica_fn.fits.hdu_bytes import is_gzip_name, summed_header, table_parts
from tica_fn.fits.header import Cards, card, split_cards
from tica_fn.fits.image_file import ImageFile
from tica_fn.fits.update import extension_name, update_file
from tica_fn.immutable import Array

if TYPE_CHECKING:  # `calibrate` has no use for the fit that these bring along.
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
    r"WCSDEG|WCSBADB"
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
    """Write an image file with a solution in its header and a table of stars at its end.

    Parameters
    ----------
    image : ImageFile
        The file as it was read.
    cards : sequence of tuple
        Keyword, value and comment, for the header of the image.
    stars : mapping of str to ndarray
        Columns of the table ``WCS_STARS``, which replaces one that is there.
    history : sequence of str
        HISTORY lines, for the primary header; they replace those of an earlier run.  COMMENT
        lines where the image is there, and what was said of it before is no HISTORY either.
    target : path-like, optional
        File to write; the image's own by default.
    fitted : FrameSolution, optional
        What was fitted: the cards are read back from the bytes that are to be written, and must
        give it at its stars and over a grid to 0.001 arcsec.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    BadFileError
        If what was written is not what it should be, or the cards would not give the solution
        that was fitted; the old file is untouched then.
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
    # A tile-compressed or plain file is written as it is, one that was gzipped is so again.
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
    """A solution as it stands in a file: cards of the two headers, history, table of stars."""

    here: Cards
    primary: Cards
    history: tuple[str, ...]
    table: tuple[bytes, bytes | memoryview]


def written_solution(hdus: Sequence[RawHDU], image: int) -> WrittenSolution | None:
    """Find the solution that a file holds; None where none was fitted."""
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
    """What becomes of the headers of a file that takes over a solution."""
    cards = {0: solution.primary, image: solution.here}
    bare = not hdus[0].header["NAXIS"]
    return {
        number: partial(_changed, cards=new, history=() if number else solution.history, bare=bare)
        for number, new in cards.items()
    }


def _places(image: ImageFile, cards: Sequence[Card]) -> tuple[list[Card], list[Card]]:
    """Cards for the image's header, and those for the primary header.

    Products in SPOC's layout have one list of cards in the image's header, whatever the degree:
    coefficients beyond it are 0, and what has no place there goes in the primary header, but for
    the map itself.  They are told by what only they have: the steps in the primary header, and a
    place for the degree before anything was fitted.
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
    """Cards of a header with some set and the history of earlier runs replaced."""
    if cards:
        kept = _set_cards(kept, cards)
    if history:
        kept = [one for one in kept if not one[1][8:].startswith(HISTORY_MARK)]
        said = any(key == "HISTORY" for key, _ in kept)
        word = "HISTORY" if said or bare else "COMMENT"
        kept += [card(word, f"{HISTORY_MARK} {line}"[:72]) for line in history]
    return kept


def _set_cards(kept: Cards, cards: Cards) -> Cards:
    """Replace cards where they stand and append new ones.

    The cards of the map itself stand together, WCSAXES first as the standard wants; unless all
    of them are there already they are taken out and appended.
    """
    texts = dict(cards)
    present = {key for key, _ in kept}
    unwanted = set()
    if "DATE-OBS" in present:  # SPOC's headers have dates of their own, in UTC
        unwanted |= {"DATE-BEG", "DATE-END"}
    if not present & {"INT_TIME", "EXPOSURE", "EXPTIME"}:  # the exposure is not known
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
    # WCSAXES comes before all other keywords of a WCS, those of the physical one included.
    place = next((n for n, (key, _) in enumerate(out) if _PHYSICAL.fullmatch(key)), len(out))
    return [*out[:place], *added, *out[place:]]


def _table(stars: Mapping[str, Array]) -> tuple[bytes, bytes]:
    """Header and data of the table of stars."""
    cards, data = table_parts(stars, _UNITS)
    cards.append(card("EXTNAME", STARS_NAME, "stars that the solution was fitted to"))
    return summed_header(cards, sum_bytes(data)), data
