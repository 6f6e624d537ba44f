"""Inputs that may become the same product, where who works at them can't know of each other.

Threads share one `Claims`.  Workers of a cluster do not: inputs that may be twins are given to them
one after the other, the later ones with what the first one claimed.
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
    """Inputs in waves, in none of which two may become the same product."""

    job: Job
    _first: dict[Hashable, Path] = attrs.field(factory=dict, init=False)
    _later: list[tuple[Path, Path]] = attrs.field(factory=list, init=False)

    def firsts(self, sources: Iterable[Path]) -> Iterator[Path]:
        """Give each input that is the first of its kind; others are kept for later."""
        for source in sources:
            key = self._key(source)
            first = source if key is None else self._first.setdefault(key, source)
            if first == source:
                yield source
            else:
                self._later.append((source, first))

    def skip(self, sources: Iterable[Path]) -> None:
        """Take inputs for firsts of their kinds whose outputs are claimed already."""
        for source in sources:
            key = self._key(source)
            if key is not None:
                self._first.setdefault(key, source)

    def later(self) -> Iterator[tuple[Path, Job]]:
        """Give the others one by one, each with a job that knows what was claimed before it."""
        before: dict[Path, list[Path]] = {}
        for source, first in self._later:
            others = before.setdefault(first, [first])
            yield source, attrs.evolve(self.job, claim=self.job.claim.travelling(others))
            others.append(source)

    def _key(self, source: Path) -> Hashable:
        """What inputs of the same product have in common; None where it can't be told."""
        product = self.job.product
        if product.name == "stem":
            return product_name(source, layout=product.layout, compress=self.job.compress)
        try:
            said = {}
            for hdu in headers_of(source):
                said.update({key: hdu.header[key] for key in _SAYS if key in hdu.header})
        except (OSError, ValueError):
            return None  # It will be refused by who works at it.
        return tuple(sorted(said.items()))


def claimed(outcome: Outcome, job: Job) -> Outcome:
    """Claim what a worker made; an outcome whose outputs are another's becomes a failure."""
    try:
        for target in outcome.outputs:
            job.claim(target, outcome.source)
    except FrameError as error:
        return Outcome(source=outcome.source, state=FAILED, error=error)
    return outcome
