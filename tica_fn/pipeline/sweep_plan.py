"""What the sweep needs to know of one piece of a readout, worked out once.

Steps that are left out get neutral numbers, which change no bit; see `tica_fn.kernels.sweep`.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

import attrs
import numpy as np

from tica_fn import kernels
from tica_fn.frame import Frame, Place
from tica_fn.immutable import Array, freeze
from tica_fn.models import Models
from tica_fn.steps.bias import bias_factor
from tica_fn.steps.gain import gain_of_columns
from tica_fn.steps.linearity import linearity_of_runs
from tica_fn.steps.pedestal import pedestal_of_columns
from tica_fn.steps.step import window

__all__ = ["SweepPlan"]


@attrs.frozen(eq=False)
class SweepPlan:
    """The arguments of the sweep over one piece.

    `bias, flat`: (rows, columns) float32, or (1, columns) where one row stands for all; `pedestal,
    gain`: (columns,) float64; `runs`: (n, 2) int64, runs of columns that linearity acts on;
    `coefficients`: (n, 5) float64, linearity of each run.
    """

    bias: Array
    factor: float
    pedestal: Array
    gain: Array
    runs: Array
    coefficients: Array
    flat: Array

    @classmethod
    def of(
        cls,
        models: Mapping[str, Models | None],
        piece: Frame | Place,
        pedestals: Array | None,
    ) -> SweepPlan:
        """Plan the sweep for a piece.

        `pedestals`: (4,) float64, ADU, for `subtract_pedestal`.
        """
        columns = piece.shape[1]
        bias, gain = models.get("subtract_bias"), models.get("apply_gain")
        linearity, flat = models.get("correct_linearity"), models.get("divide_flat")
        runs, coefficients = _NO_RUNS if linearity is None else linearity_of_runs(linearity, piece)
        pedestal = np.zeros(columns)
        if "subtract_pedestal" in models and pedestals is not None:
            pedestal = pedestal_of_columns(pedestals, piece)
        return cls(
            bias=_row(0.0, columns) if bias is None else window(bias.bias, piece),
            factor=1.0 if bias is None else bias_factor(bias, piece),
            pedestal=freeze(pedestal),
            gain=freeze(np.ones(columns) if gain is None else gain_of_columns(gain, piece)),
            runs=freeze(runs),
            coefficients=freeze(coefficients),
            flat=_row(1.0, columns) if flat is None else window(flat.flat, piece),
        )

    def of_rows(self, first: int, count: int) -> SweepPlan:
        """Plan for some of the rows."""
        bias = self.bias if len(self.bias) == 1 else self.bias[first : first + count]
        flat = self.flat if len(self.flat) == 1 else self.flat[first : first + count]
        return attrs.evolve(self, bias=bias, flat=flat)

    def without_flat(self) -> SweepPlan:
        """Plan that leaves the flat field out."""
        return attrs.evolve(self, flat=_row(1.0, self.flat.shape[1]))

    def fill(self, pixels: Array, smear: Array | None, out: Array, threads: int = 1) -> None:
        """Run the sweep over blocks of rows; each is written by one thread.

        `pixels`: (rows, columns) int32, float32 or float64; `smear`: (columns,) float64, electron;
        `out`: (rows, columns) float32 or float64.
        """
        if smear is None:
            smear = freeze(np.zeros(pixels.shape[1]))

        def block(first: int, count: int) -> None:
            self.of_rows(first, count).sweep(
                pixels[first : first + count], smear, out[first : first + count]
            )

        if threads == 1:
            block(0, len(pixels))
            return
        size = -(-len(pixels) // threads)
        starts = range(0, len(pixels), size)
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(block, starts, [size] * len(starts)))

    def fill_file(self, words: Array, smear: Array | None, out: Array) -> tuple[int, int]:
        """Run the sweep from the words of one FITS file to those of another.

        `words`: (rows, columns) uint32, big-endian int32 pixels as they lie in the file; `smear`:
        (columns,) float64, electron; `out`: (rows, columns) uint32, big-endian float32 pixels as
        they are to lie in the file.
        """
        if smear is None:
            smear = freeze(np.zeros(words.shape[1]))
        return self.sweep(words, smear, out)

    def sweep(self, pixels: Array, smear: Array, out: Array) -> tuple[int, int]:
        """Run the sweep over all rows of the plan; the sums of words read and written."""
        sums = kernels.sweep(
            pixels,
            self.bias,
            self.factor,
            self.pedestal,
            self.gain,
            self.runs,
            self.coefficients,
            smear,
            self.flat,
            out,
        )
        return int(sums[0]), int(sums[1])


_NO_RUNS = (np.empty((0, 2), dtype=np.int64), np.empty((0, 5)))


def _row(value: float, columns: int) -> Array:
    """One row of a neutral model, which stands for all rows."""
    return freeze(np.full((1, columns), value, dtype=np.float32))
