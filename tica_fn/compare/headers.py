"""Compare headers, keyword by keyword."""

from __future__ import annotations

from collections import Counter
from typing import Any

from tica_fn.compare.findings import Difference, Level, Rules

__all__ = ["compare_headers", "relative_difference"]


def relative_difference(gold: float, test: float) -> float:
    """Difference of two numbers relative to the larger of them.

    Parameters
    ----------
    gold, test : float
        Two numbers.

    Returns
    -------
    float
        0 for equal numbers, at most 2.

    Examples
    --------
    >>> from tica_fn.compare import relative_difference
    >>> relative_difference(2.0, 2.0), relative_difference(0.0, 1e-30)
    (0.0, 1.0)
    """
    if gold == test:
        return 0.0
    return abs(gold - test) / max(abs(gold), abs(test))


def compare_headers(gold: Any, test: Any, where: str, rules: Rules) -> list[Difference]:
    """Compare two headers, except keywords that may differ.

    Parameters
    ----------
    gold, test : astropy.io.fits.Header
        The headers.
    where : str
        Name of the HDU in the differences.
    rules : Rules
        Allowed differences.

    Returns
    -------
    list of Difference
        Missing and new keywords, and those with another value, type or number of cards.
    """
    found: list[Difference] = []
    occurs = Counter(gold.keys()), Counter(test.keys())
    for keyword in dict.fromkeys([*gold.keys(), *test.keys()]):
        if keyword == "" or rules.excepts(keyword):
            continue
        if keyword in ("COMMENT", "HISTORY"):
            found += _compare_remarks(gold, test, keyword, where)
        elif not occurs[1][keyword]:
            text = f"missing, was {_shown(gold[keyword])}"
            found.append(Difference(level=Level.FAILURE, where=where, what=keyword, text=text))
        elif not occurs[0][keyword]:
            text = f"new: {_shown(test[keyword])}"
            found.append(Difference(level=rules.soft, where=where, what=keyword, text=text))
        elif occurs[0][keyword] != occurs[1][keyword]:
            text = f"stands {occurs[1][keyword]} times, stood {occurs[0][keyword]} times"
            found.append(Difference(level=Level.FAILURE, where=where, what=keyword, text=text))
        else:
            for number in range(occurs[0][keyword]):
                pair = gold[(keyword, number)], test[(keyword, number)]
                found += _compare_values(*pair, keyword, where, rules)
    return found


def _compare_values(
    gold: Any, test: Any, keyword: str, where: str, rules: Rules
) -> list[Difference]:
    text = f"{_shown(gold)} is now {_shown(test)}"
    level, size = Level.FAILURE, 0.0
    if _is_number(gold) and _is_number(test):
        if isinstance(gold, int) and isinstance(test, int):
            if gold == test:
                return []
            size = relative_difference(gold, test)
        else:
            size = relative_difference(gold, test)
            if size == 0.0 and type(gold) is type(test):
                return []
            if size <= rules.relative:
                level = rules.soft
        text += f" (relative difference {size:.3g})"
    elif type(gold) is type(test) and gold == test:
        return []
    return [Difference(level=level, where=where, what=keyword, text=text, largest=size)]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _compare_remarks(gold: Any, test: Any, keyword: str, where: str) -> list[Difference]:
    """Report differing COMMENT or HISTORY cards in one line."""
    before, after = list(gold[keyword]), list(test[keyword])
    if before == after:
        return []
    text = f"{len(before)} lines are now {len(after)}, or read differently"
    return [Difference(level=Level.FAILURE, where=where, what=keyword, text=text)]


def _shown(value: Any) -> str:
    return repr(value) if isinstance(value, str) else str(value)
