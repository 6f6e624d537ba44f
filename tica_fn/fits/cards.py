"""The cards of a header as the text in the file.

Cards that a product keeps from its input are copied as text.  They are not parsed and formatted
again, so they can't change.
"""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Hashable
from functools import lru_cache

import numpy as np

__all__ = [
    "CARD",
    "PLAIN_KEYWORD",
    "Cards",
    "card",
    "each_once",
    "plain_value",
    "printable",
    "split_cards",
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
PLAIN_KEYWORD = re.compile(r"[A-Z0-9_-]{1,8}")
_REAL_COLUMNS = 20
_HUGE = re.compile(r"[ED]\+?\d{3}")
"""Exponents of numbers that may be beyond float64."""
Cards = list[tuple[str, str]]
"""Pairs of keyword and text: 80 characters, or a multiple if CONTINUE cards follow."""


def split_cards(text: str) -> Cards:
    """Split the text of a header into cards."""
    return list(_split(text))


@lru_cache(maxsize=64)
def _split(text: str) -> tuple[tuple[str, str], ...]:
    """The same, kept: a frame's headers are looked at when read, planned, written and checked."""
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
    return tuple(_mended(keyword, image) for keyword, image in cards)


@lru_cache(maxsize=4096)
def plain_value(image: str) -> str | bool | int | float | None:
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
        and (image[10:11] == "'" or not _HUGE.search(image))  # Checksums may look like exponents.
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


def each_once(cards: Cards) -> Cards:
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
    if field is None or len(field) > CARD - 10 or not PLAIN_KEYWORD.fullmatch(keyword):
        from astropy.io import fits

        with warnings.catch_warnings():
            # Only the comment is cut.
            warnings.filterwarnings("ignore", "Card is too long", fits.verify.VerifyWarning)
            return keyword, str(fits.Card(keyword, value, comment))
    shown = f"{keyword:<8}= {field}" + (f" / {printable(comment)}" if comment.strip() else "")
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
