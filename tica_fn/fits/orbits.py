"""The orbits of each sector.

A sector has two orbits, starting with orbit 9; sectors 97 and 98 have four each.
"""

from __future__ import annotations

__all__ = ["orbits_of_sector", "sector_of_orbit"]


def orbits_of_sector(sector: int) -> tuple[int, ...]:
    """Orbits of a sector, in order."""
    if 1 <= sector <= 96:
        return 2 * sector + 7, 2 * sector + 8
    if sector in (97, 98):
        return tuple(range(4 * sector - 187, 4 * sector - 183))
    if 99 <= sector <= 107:
        return 2 * sector + 11, 2 * sector + 12
    return ()


def sector_of_orbit(orbit: int) -> int | None:
    """Sector that an orbit belongs to."""
    for sector in range(1, 108):
        if orbit in orbits_of_sector(sector):
            return sector
    return None
