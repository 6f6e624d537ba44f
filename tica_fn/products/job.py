"""What is to be done with every file of a run."""

from __future__ import annotations

from pathlib import Path

import attrs

from tica_fn.batch import ModelShelf
from tica_fn.errors import FrameError
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
    claimed : dict
        Outputs that were made or are being made, and the input of each.
    """

    models: ModelShelf
    outdir: Path
    compress: str = "none"
    without: tuple[str, ...] = ()
    overwrite: bool = False
    product: Product = attrs.field(factory=Product)
    claimed: dict[Path, Path] = attrs.field(factory=dict, eq=False, repr=False)

    def claim(self, target: Path, source: Path) -> None:
        """See to it that no two inputs of a run write the same output.

        Parameters
        ----------
        target : pathlib.Path
            The output.
        source : pathlib.Path
            The input it is made from.

        Raises
        ------
        FrameError
            If it was made from another input in this run.
        """
        first = self.claimed.setdefault(target, source)
        if first != source:
            raise FrameError(f"{source}: {target} is made from {first} already; give one of them")
