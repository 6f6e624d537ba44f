"""Finding the reference stars of one CCD in its reference frame."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path
from typing import Any

from tica_fn.fits.image_file import read_image
from tica_fn.fits.outcome import DONE
from tica_fn.run.run_job import Made, RunJob
from tica_fn.run.star_facts import facts_of_stars
from tica_fn.wcs.refstars import find_reference_stars
from tica_fn.wcs.refstars_file import write_reference_stars

__all__ = ["find_stars"]


def find_stars(
    product: Path,
    run: RunJob,
    ccd: tuple[int, int],
    target: Path,
    catalog: str | None,
    options: str,
    _: Any = None,
) -> Made:
    """Find the stars of a reference frame and write them."""
    start = time.perf_counter()
    frame = read_image(product, *ccd).frame
    stars = _catalog(catalog, frame) if catalog else None
    name = product.name if frame.cadence is None else f"{frame.cadence:08d}"
    try:
        found = find_reference_stars(frame, frame.sector, stars, run.method, name=name)
    except ValueError as error:
        raise type(error)(f"{product}: {error}") from error
    target.parent.mkdir(parents=True, exist_ok=True)
    write_reference_stars(found, target)
    facts: dict[str, Any] = facts_of_stars(target) or {}
    facts |= {"path": str(target.relative_to(run.out)), "error": "", "reference": product.name}
    facts["options"] = options
    facts["cadence"] = frame.cadence
    return Made(
        source=product,
        state=DONE,
        outputs=(target,),
        notes=(f"{target.name}: {len(found)} reference stars of {product.name}",),
        seconds=time.perf_counter() - start,
        facts={str(target): facts},
    )


def _catalog(name: str, frame: Any) -> Any:
    """A table of stars, or stars around the frame from a network service."""
    from tica_fn.wcs.catalog_tables import read_catalog
    from tica_fn.wcs.online import SOURCES, fetch_catalog

    if name not in SOURCES:
        return _table(name, read_catalog)
    from tica_fn.wcs.pointing import predict_pointing

    pointing = predict_pointing(frame.sector, frame.camera, frame.ccd)
    ra, dec = pointing.sky(1069.0, 1024.0)
    return fetch_catalog(name, float(ra[0]), float(dec[0]))


@cache
def _table(name: str, read: Any) -> Any:
    return read(name)
