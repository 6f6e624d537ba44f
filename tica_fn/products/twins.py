"""Inputs that may become the same product, on a cluster.

Threads share one `Claims`; workers of a cluster do not.  So inputs that may have the same product
are given to workers one after the other, the later ones with the earlier ones' claims.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from pathlib import Path

import attrs

from tica_fn.errors import FrameError
from tica_fn.fits.blocks import headers_of
from tica_fn.fits.names import product_name
from tica_fn.fits.outcome import FAILED, Outcome
from tica_fn.products.job import Job

__all__ = ["Twins", "claimed"]

_SAYS = ("CAM", "CAMERA", "CAMNUM", "CCD", "CCDNUM", "SECTOR", "FFIINDEX", "CADENCE")


@attrs.define
class Twins:
    """Order of inputs in which no two with the same product are processed at the same time."""

    job: Job
    _first: dict[Hashable, Path] = attrs.field(factory=dict, init=False)
    _later: list[tuple[Path, Path]] = attrs.field(factory=list, init=False)

    def firsts(self, sources: Iterable[Path]) -> Iterator[Path]:
        """Yield the first input of each product; keep others for later."""
        for source in sources:
            key = self._key(source)
            first = source if key is None else self._first.setdefault(key, source)
            if first == source:
                yield source
            else:
                self._later.append((source, first))

    def skip(self, sources: Iterable[Path]) -> None:
        """Count inputs whose outputs are already claimed as the first of their products."""
        for source in sources:
            key = self._key(source)
            if key is not None:
                self._first.setdefault(key, source)

    def later(self) -> Iterator[tuple[Path, Job]]:
        """Yield the others one by one, each with a job that has the earlier claims."""
        before: dict[Path, list[Path]] = {}
        for source, first in self._later:
            others = before.setdefault(first, [first])
            yield source, attrs.evolve(self.job, claim=self.job.claim.travelling(others))
            others.append(source)

    def _key(self, source: Path) -> Hashable:
        """A key that inputs of the same product share; None if unknown."""
        product = self.job.product
        if product.name == "stem":
            return product_name(source, layout=product.layout, compress=self.job.compress)
        try:
            said = {}
            for hdu in headers_of(source):
                said.update({key: hdu.header[key] for key in _SAYS if key in hdu.header})
        except (OSError, ValueError):
            return None  # It will be refused when it is processed.
        return tuple(sorted(said.items()))


def claimed(outcome: Outcome, job: Job) -> Outcome:
    """Claim a worker's outputs; an outcome whose outputs belong to another becomes a failure."""
    try:
        for target in outcome.outputs:
            job.claim(target, outcome.source)
    except FrameError as error:
        return Outcome(source=outcome.source, state=FAILED, error=error)
    return outcome
