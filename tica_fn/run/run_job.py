"""What is to be done with every file of a run, and what came of one: records that are loaded fast.

A go that finds everything done needs no more of what works at files than these.
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
    """An outcome with what the record says: of the input, and of each product by its path."""

    input_facts: dict[str, Any] = attrs.field(factory=dict)
    facts: dict[str, dict[str, Any]] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class RunJob:
    """What is the same for all files of a run.

    `stars` are files of reference stars by camera and CCD; what is calibrated while they are there
    is solved in the same pass.
    """

    job: Job
    out: Path
    degree: int
    stars: dict[tuple[int, int], Path] = attrs.field(factory=dict)
    method: str = "precise"
    ephemeris: str | None = None

    @property
    def wcs_options(self) -> str:
        """What a solution depends on beside the frame and its stars."""
        return wcs_options(self.method, self.degree, self.ephemeris)

    @property
    def solvable(self) -> bool:
        """Whether products hold a readout that a solution can be fitted to."""
        return not (self.job.product.trim or self.job.product.assemble)


def wcs_options(centroid: str, degree: int, ephemeris: str | None) -> str:
    """What a solution depends on beside the frame and its stars, in words."""
    return f"{centroid}, degree {degree}, ephemeris {ephemeris}"
