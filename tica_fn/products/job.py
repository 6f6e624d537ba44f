"""What is to be done with every file of a run."""

from __future__ import annotations

from pathlib import Path

import attrs

from tica_fn.batch import ModelShelf
from tica_fn.products.claims import Claims
from tica_fn.products.options import Product

__all__ = ["Job"]


@attrs.frozen(kw_only=True)
class Job:
    """What is to be done with every file of a run.

    Parameters
    ----------
    models : ModelShelf
        Where models come from.
    outdir : pathlib.Path
        Folder of the outputs.
    compress : str
        ``"none"``, ``"gzip"``, or tile-compressed ``"rice"`` or ``"gzip2"``.
    without : tuple of str
        Names of steps to leave out.
    overwrite : bool
        Whether to replace outputs that are whole and made from the same input and models.
    product : Product
        Options of the products.
    claim : Claims
        Keeps two inputs from writing the same output.
    """

    models: ModelShelf
    outdir: Path
    compress: str = "none"
    without: tuple[str, ...] = ()
    overwrite: bool = False
    product: Product = attrs.field(factory=Product)
    claim: Claims = attrs.field(factory=Claims, eq=False, repr=False)
