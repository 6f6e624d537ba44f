"""Results of a comparison, and its rules."""

from __future__ import annotations

import fnmatch
from enum import Enum
from pathlib import Path

import attrs

__all__ = ["EXCEPTED", "Comparison", "Difference", "Level", "Rules"]

EXCEPTED = (
    "CHECKSUM",
    "DATASUM",
    "ZHECKSUM",
    "ZDATASUM",
    "DATE",
    "CREATOR",
    "PROCVER",
    "TICAVER",
    "*VER",
    "COMMENT",
    "HISTORY",
)
"""Keywords that may differ: file dates, checksums, software versions, remarks.

They are patterns in which ``*`` matches anything.  Times of observation are not among them.
"""

_NOT_SOFTWARE = ("EXTVER", "TICVER")


class Level(Enum):
    """Severity of a difference."""

    NOTE = "note"
    WARNING = "warning"
    FAILURE = "FAILURE"


@attrs.frozen(kw_only=True)
class Rules:
    """What may differ, and by how much.

    Parameters
    ----------
    ulp : int
        Steps of the floating-point type by which pixels and table values may differ; integers
        must be equal.
    relative : float
        Relative difference of keywords up to which there is only a warning.
    excepted : tuple of str
        Keywords, or patterns with ``*``, that may differ in any way.
    strict : bool
        Whether new keywords, new files and small differences of keywords fail too.
    sky_arcsec : float, optional
        Largest allowed distance on the sky between two solutions.  If they agree within it,
        different coefficients and measured stars are only notes; by default they fail.

    Raises
    ------
    ValueError
        If a tolerance is negative.
    """

    ulp: int = 0
    relative: float = 1e-8
    excepted: tuple[str, ...] = EXCEPTED
    strict: bool = False
    sky_arcsec: float | None = None

    def __attrs_post_init__(self) -> None:
        """Refuse negative tolerances."""
        given = (self.ulp, self.relative, self.sky_arcsec or 0.0)
        if not all(value >= 0 for value in given):
            raise ValueError(f"tolerances must be zero or more, not {', '.join(map(str, given))}")

    def excepts(self, keyword: str) -> bool:
        """Tell whether a keyword is exempt from comparison.

        Parameters
        ----------
        keyword : str
            Name of a keyword.

        Returns
        -------
        bool
            Whether a pattern covers it.
        """
        if keyword in _NOT_SOFTWARE and keyword not in self.excepted:
            return False
        return any(fnmatch.fnmatchcase(keyword, pattern) for pattern in self.excepted)

    @property
    def soft(self) -> Level:
        """Level of a difference that fails only with `strict`."""
        return Level.FAILURE if self.strict else Level.WARNING


@attrs.frozen(kw_only=True)
class Difference:
    """One difference.

    Parameters
    ----------
    level : Level
        Its severity.
    where : str
        HDU, by number and name.
    what : str
        ``"pixels"``, a keyword, a column, or a part of the file's structure.
    text : str
        Description in words and numbers.
    count : int
        Number of values that differ.
    largest : float
        Largest difference: in units of the pixels, relative for keywords.
    """

    level: Level
    where: str
    what: str
    text: str
    count: int = 1
    largest: float = 0.0


@attrs.frozen(kw_only=True)
class Comparison:
    """Result of comparing two files.

    Parameters
    ----------
    gold, test : Path
        The files; if one is missing, its path is that of the other in its folder.
    differences : tuple of Difference
        All differences.
    error : Exception, optional
        Why the files could not be compared, in one line that names the file; it is also among the
        differences.
    """

    gold: Path
    test: Path
    differences: tuple[Difference, ...] = ()
    error: Exception | None = attrs.field(default=None, eq=False)

    @property
    def level(self) -> Level | None:
        """Level of the worst difference; None if the files are the same."""
        found = {difference.level for difference in self.differences}
        worst = [level for level in (Level.FAILURE, Level.WARNING, Level.NOTE) if level in found]
        return worst[0] if worst else None

    @property
    def failed(self) -> bool:
        """Whether there is a difference that is not allowed."""
        return self.level is Level.FAILURE
