"""What is to be done with every file of a run."""

from __future__ import annotations

from pathlib import Path

import attrs

from tica_fn.fits.batch import ModelShelf
from tica_fn.products.claims import Claims
from tica_fn.products.options import Product

__all__ = ["Job"]


@attrs.frozen(kw_only=True)
class Job:
    """What is to be done with every file of a run."""

    models: ModelShelf
    outdir: Path
    compress: str = "none"
    without: tuple[str, ...] = ()
    overwrite: bool = False
    product: Product = attrs.field(factory=Product)
    claim: Claims = attrs.field(factory=Claims, eq=False, repr=False)
