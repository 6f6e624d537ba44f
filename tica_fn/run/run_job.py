"""Options for every file of a run, and the outcome of one.

The module imports quickly: an invocation that finds everything done needs only these records.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs

from tica_fn.fits.outcome import Outcome
from tica_fn.products.job import Job

__all__ = ["Made", "RunJob", "wcs_options"]


@attrs.frozen(kw_only=True)
class Made(Outcome):
    """An outcome with facts for the record, about the input and about each product by its path."""

    input_facts: dict[str, Any] = attrs.field(factory=dict)
    facts: dict[str, dict[str, Any]] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class RunJob:
    """Options that are the same for all files of a run.

    `stars` are files of reference stars by camera and CCD; products of these CCDs are solved in the
    same pass.
    """

    job: Job
    out: Path
    degree: int
    stars: dict[tuple[int, int], Path] = attrs.field(factory=dict)
    method: str = "precise"
    ephemeris: str | None = None

    @property
    def wcs_options(self) -> str:
        """What a solution depends on besides the frame and its stars."""
        return wcs_options(self.method, self.degree, self.ephemeris)

    @property
    def solvable(self) -> bool:
        """Whether products hold a single CCD, to which a solution can be fitted."""
        return not self.job.product.assemble


def wcs_options(centroid: str, degree: int, ephemeris: str | None) -> str:
    """What a solution depends on besides the frame and its stars, in words."""
    return f"{centroid}, degree {degree}, ephemeris {ephemeris}"
