"""Headers as the text in the file, and immutable mappings over it.

Cards that a product keeps from its input are copied as text.  They are not parsed and formatted
again, so they can't change.  Values are parsed when they are needed: the common forms here, all
others by astropy, which is loaded only then.
"""

from __future__ import annotations

import math
import re
import warnings
from collections import ChainMap
from collections.abc import Hashable, Iterator, Mapping
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from tica_fn.immutable import Unchanging

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = [
    "CARD",
    "Cards",
    "Header",
    "OriginalHeader",
    "card",
    "merged",
    "original_of",
    "printable",
    "split_cards",
    "with_card",
]

CARD = 80
_LEGAL = re.compile(
    r"(?=.{8}= )[A-Z0-9_-]+ *= "
    r"(?:'(?:[^']|'')*'|\s*[TF]|\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[ED][+-]?\d+)?|\s*)"
    r"\s*(?:/.*)?"
)
_PLAIN_VALUE = re.compile(
    r"(?!COMMENT|HISTORY|HIERARCH)[A-Z0-9_-]+ *= +(?:'((?:[^':]|:(?! ))+|(?='[^']*$))'"
    r"|([TF])|([+-]?\d+)|([+-]?(?:\d+\.\d*|\.\d+)(?:E[+-]?\d+)?)) *(?:/.*)?"
)
"""A string, a truth value, a whole number and a real as any reader would parse them.

Not strings with quotes in them or, where empty, behind them; nor ones like ``AXIS.1: 2``, which may
stand for keywords of their own."""
_PLAIN_KEYWORD = re.compile(r"[A-Z0-9_-]{1,8}")
_REAL_COLUMNS = 20
_HUGE = re.compile(r"[ED]\+?\d{3}")
"""Exponents of numbers that may be beyond float64."""
_OF_STORAGE = ("BSCALE", "BZERO", "BLANK", "CHECKSUM", "DATASUM")
"""Keywords of how a file stores pixels, which do not apply to the pixels of a frame."""
Cards = list[tuple[str, str]]
"""Pairs of keyword and text: 80 characters, or a multiple if CONTINUE cards follow."""


def split_cards(text: str) -> Cards:
    """Split the text of a header into cards."""
    cards: Cards = []
    for start in range(0, len(text), CARD):
        image = text[start : start + CARD]
        keyword = image[:8].rstrip()
        if keyword == "END":
            break
        if not image.strip():
            continue
        if keyword == "CONTINUE" and cards:
            cards[-1] = (cards[-1][0], cards[-1][1] + image)
        else:
            cards.append((keyword, image))
    return [_mended(keyword, image) for keyword, image in cards]


@lru_cache(maxsize=4096)
def _plain_value(image: str) -> str | bool | int | float | None:
    """Value of a card of a common form; None for others, which astropy parses."""
    match = _PLAIN_VALUE.fullmatch(image) if len(image) == CARD and image[8:10] == "= " else None
    if match is None:
        return None
    text, truth, whole, real = match.groups()
    if text is not None:
        return text.rstrip()
    if truth is not None:
        return truth == "T"
    return float(real) if whole is None else int(whole)


def _can_be_read(image: str) -> bool:
    """Tell whether a card with CONTINUE cards has a valid value."""
    from astropy.io import fits

    try:
        str(fits.Card.fromstring(image.encode("ascii")).value)
    except (fits.VerifyError, ValueError):
        return False
    return True


def _is_finite(value: object) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


@lru_cache(maxsize=4096)
def _mended(keyword: str, image: str) -> tuple[str, str]:
    """Legal form of a card: unchanged, else with its value as a string, else as HISTORY."""
    commentary = keyword in ("COMMENT", "HISTORY", "")
    legal = commentary or (
        _LEGAL.fullmatch(image)
        and not _HUGE.search(image)
        and (len(image) == CARD or _can_be_read(image))
    )
    if image.isascii() and image.isprintable() and legal:
        return keyword, image
    text = "".join(letter if " " <= letter <= "~" else "?" for letter in image)
    if commentary:
        return keyword, text
    from astropy.io import fits

    for form in (text, _as_string(keyword, text)):
        parsed = fits.Card.fromstring(form.encode("ascii"))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                parsed.verify("silentfix+exception")
                legal = fits.Card.fromstring(str(parsed).encode("ascii"))
                warnings.simplefilter("error")
                legal.verify("exception")
                if not _is_finite(legal.value):
                    continue
                str(legal.value)
                return str(legal.keyword), str(legal)
            except (fits.VerifyError, ValueError, Warning):
                continue
    return card("HISTORY", f"Original card: {' '.join(text.split())}")


def _as_string(keyword: str, text: str) -> str:
    """Card with its value text as a string."""
    from astropy.io import fits

    value, _, comment = text[10:].partition("/")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        words = value.strip().strip("'").strip()
        try:
            return str(fits.Card(keyword.upper(), words, comment.strip()))
        except ValueError:
            return text


def _each_once(cards: Cards) -> Cards:
    """Keep the first card of each keyword; others become HISTORY."""
    seen: dict[str, str] = {}
    kept: Cards = []
    for keyword, text in cards:
        if keyword in ("COMMENT", "HISTORY", "HIERARCH", ""):
            kept.append((keyword, text))
        elif keyword not in seen:
            seen[keyword] = text
            kept.append((keyword, text))
        elif text[10:].split("/", 1)[0].strip() != seen[keyword][10:].split("/", 1)[0].strip():
            kept.append(card("HISTORY", f"Second card of {keyword}: {' '.join(text[9:].split())}"))
    return kept


def printable(text: str) -> str:
    """Text for a header: letters beyond printable ASCII are escaped."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if " " <= c <= "~" else ascii(c)[1:-1] for c in text)


@lru_cache(maxsize=4096, typed=True)
def card(
    keyword: str, value: Hashable, comment: str = "", *, whole: bool = False
) -> tuple[str, str]:
    """Format one card; a comment that is too long is cut.

    Reals have 20 columns and lose digits that don't fit; with `whole` they keep all digits.
    """
    if isinstance(value, str):
        value = printable(value)
    if keyword in ("HISTORY", "COMMENT"):
        text = str(value)
        parts = [text[i : i + 72] for i in range(0, len(text), 72)] or [""]
        return keyword, "".join(f"{keyword:<8}{part:<72}" for part in parts)
    field = _value_text(keyword, value, whole)
    if field is None or len(field) > CARD - 10 or not _PLAIN_KEYWORD.fullmatch(keyword):
        from astropy.io import fits

        with warnings.catch_warnings():
            # Only the comment is cut.
            warnings.filterwarnings("ignore", "Card is too long", fits.verify.VerifyWarning)
            return keyword, str(fits.Card(keyword, value, comment))
    shown = f"{keyword:<8}= {field}" + (f" / {printable(comment)}" if comment else "")
    return keyword, f"{shown[:CARD]:<{CARD}}"


def _value_text(keyword: str, value: Hashable, whole: bool) -> str | None:
    """Text of a value in its columns; None for types that astropy must format."""
    if isinstance(value, bool | np.bool_):
        return f"{'T' if value else 'F':>20}"
    if isinstance(value, int | np.integer):
        return f"{int(value):>20d}"
    if isinstance(value, float | np.floating):
        if not math.isfinite(value):
            raise ValueError(f"{keyword} is {value}; a header holds finite numbers only")
        text = (repr(float(value)) if whole else str(value)).replace("e", "E")
        if len(text) > _REAL_COLUMNS and not whole:
            digits, mark, exponent = text.partition("E")
            text = digits[: _REAL_COLUMNS - len(mark + exponent)] + mark + exponent
        return f"{text:>20}"
    if isinstance(value, str):
        quoted = value.replace("'", "''")
        text = f"'{quoted:<8}'"
        return f"{text:<20}" if value else "''"
    return "" if value is None else None


class Header(Unchanging):
    """Header of an HDU as a mapping, with the values that `astropy.io.fits.Header` gives."""

    def __init__(self, cards: Cards) -> None:
        self._texts: dict[str, str] = {}
        self._cards = cards
        for keyword, text in cards:
            self._texts.setdefault(keyword, text)

    @cached_property
    def astropy(self) -> fits.Header:
        """The same as astropy's; not to be changed."""
        from astropy.io import fits

        return fits.Header.fromstring("".join(text for _, text in self._cards))

    def lines(self, keyword: str) -> list[str]:
        """Lines of HISTORY or COMMENT."""
        return [text[8:].rstrip() for key, text in self._cards if key == keyword]

    def __getitem__(self, key: str) -> Any:
        value = _plain_value(self._texts.get(key, ""))
        if value is not None:
            return value
        if self._lacks(key):
            raise KeyError(f"Keyword {key!r} not found.")
        from astropy.io import fits

        try:
            return self.astropy[key]
        except fits.VerifyError as error:
            raise ValueError(str(error)) from error

    def __contains__(self, key: object) -> bool:
        if _plain_value(self._texts.get(str(key), "")) is not None:
            return True
        return not self._lacks(key) and key in self.astropy

    def _lacks(self, key: object) -> bool:
        """Tell what is not there for sure: long keywords and records in strings astropy knows."""
        usual = isinstance(key, str) and _PLAIN_KEYWORD.fullmatch(key)
        return bool(usual) and key not in self._texts and "HIERARCH" not in self._texts

    def __iter__(self) -> Iterator[str]:
        return iter(self.astropy)

    def __len__(self) -> int:
        return len(self.astropy)


def merged(*headers: Mapping[str, Any]) -> ChainMap[str, Any]:
    """Several headers as one, of which the first that has a keyword counts."""
    return ChainMap(*cast("tuple[dict[str, Any], ...]", headers))


def _astropy_card(text: str) -> fits.Card:
    from astropy.io import fits

    return fits.Card.fromstring(text)


class OriginalHeader(Unchanging):
    """The header of a frame as in its file: primary HDU, image HDU, and added cards.

    As a mapping it gives values by keyword; the image's header takes precedence over the primary.
    """

    def __init__(self, primary: str, image: str = "", added: str = "") -> None:
        self.primary = primary
        self.image = image
        self.added = added

    @cached_property
    def cards(self) -> tuple[Cards, Cards, Cards]:
        """Cards of the three texts."""
        primary, image, added = (_each_once(split_cards(text)) for text in self._texts)
        return primary, image, added

    @cached_property
    def _places(self) -> dict[str, str]:
        """Text of the card by keyword, for commentary keywords of all their lines."""
        places: dict[str, str] = {}
        for cards in self.cards:
            found: dict[str, str] = {}
            for keyword, text in cards:
                key = str(_astropy_card(text).keyword) if keyword == "HIERARCH" else keyword
                if key in ("COMMENT", "HISTORY"):
                    found[key] = found.get(key, "") + text
                elif key and key not in _OF_STORAGE:
                    found.setdefault(key, text)
            places.update(found)
        return places

    def __getitem__(self, key: str) -> Any:
        text = self._places[key]
        if key in ("COMMENT", "HISTORY"):
            # Keep the width of the lines, so a header that gets this value has the same lines.
            return "".join(text[i + 8 : i + CARD] for i in range(0, len(text), CARD)).rstrip()
        value = _plain_value(text)
        return _astropy_card(text).value if value is None else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, OriginalHeader):
            return NotImplemented
        return self._texts == other._texts

    def __hash__(self) -> int:
        return hash(self._texts)

    def __reduce__(self) -> tuple[Any, ...]:
        return OriginalHeader, self._texts

    @property
    def _texts(self) -> tuple[str, str, str]:
        return self.primary, self.image, self.added


def original_of(header: Mapping[str, Any]) -> Mapping[str, Any]:
    """A frame's header as in its file, without cards that were added later."""
    if not isinstance(header, OriginalHeader):
        return header
    return OriginalHeader(header.primary, header.image)


def with_card(header: Mapping[str, Any], keyword: str, value: object) -> Mapping[str, Any]:
    """Set one keyword of a frame's header."""
    if not isinstance(header, OriginalHeader):
        return {**header, keyword: value}
    kept = "".join(text for name, text in split_cards(header.added) if name != keyword)
    return OriginalHeader(header.primary, header.image, kept + card(keyword, value)[1])
