"""Headers as immutable mappings over the text in the file.

Values are parsed when they are needed: the common forms by `plain_value`, all others by astropy,
which is loaded only then.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from tica_fn.fits.cards import CARD, PLAIN_KEYWORD, Cards, card, each_once, plain_value, split_cards
from tica_fn.immutable import Unchanging

if TYPE_CHECKING:
    from astropy.io import fits

__all__ = ["Header", "OriginalHeader", "merged", "original_of", "with_card"]

_OF_STORAGE = ("BSCALE", "BZERO", "BLANK", "CHECKSUM", "DATASUM")
"""Keywords of how a file stores pixels, which do not apply to the pixels of a frame."""


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
        value = plain_value(self._texts.get(key, ""))
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
        if plain_value(self._texts.get(str(key), "")) is not None:
            return True
        return not self._lacks(key) and key in self.astropy

    def _lacks(self, key: object) -> bool:
        """Tell what is not there for sure: long keywords and records in strings astropy knows."""
        usual = isinstance(key, str) and PLAIN_KEYWORD.fullmatch(key)
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
        primary, image, added = (each_once(split_cards(text)) for text in self._texts)
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
        value = plain_value(text)
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
