"""Which orbits make up a sector.

Two orbits a sector, from orbit 9 on; sectors 97 and 98 have four each.
"""

from __future__ import annotations

__all__ = ["orbits_of_sector", "sector_of_orbit"]


def orbits_of_sector(sector: int) -> tuple[int, ...]:
    """Orbits of a sector, in their order.

    Parameters
    ----------
    sector : int
        Sector.

    Returns
    -------
    tuple of int
        Two orbits, four in sectors 97 and 98; none where they are not known: before sector 1,
        after 107, and for the special sectors counted from 1751 on.

    Examples
    --------
    >>> from tica_fn.fits.orbits import orbits_of_sector
    >>> orbits_of_sector(35), orbits_of_sector(97)
    ((77, 78), (201, 202, 203, 204))
    """
    if 1 <= sector <= 96:
        return 2 * sector + 7, 2 * sector + 8
    if sector in (97, 98):
        return tuple(range(4 * sector - 187, 4 * sector - 183))
    if 99 <= sector <= 107:
        return 2 * sector + 11, 2 * sector + 12
    return ()


def sector_of_orbit(orbit: int) -> int | None:
    """Sector that an orbit belongs to.

    Parameters
    ----------
    orbit : int
        Number of the orbit, as ``ORBIT_ID`` says it.

    Returns
    -------
    int or None
        The sector, where it is known.

    Examples
    --------
    >>> from tica_fn.fits.orbits import sector_of_orbit
    >>> sector_of_orbit(78), sector_of_orbit(206), sector_of_orbit(5)
    (35, 98, None)
    """
    for sector in range(1, 108):
        if orbit in orbits_of_sector(sector):
            return sector
    return None
