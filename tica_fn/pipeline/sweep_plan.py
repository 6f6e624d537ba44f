"""The sweep's arguments for one piece of a readout, computed once.

For steps that are left out they are neutral numbers, which change no bit; see
`tica_fn.kernels.sweep`.
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

    `bias, flat`: (rows, columns) float32, or (1, columns) if one row serves for all; `columns`:
    (3, columns) float64, pedestal, gain and smear; `runs`: (n, 2) int64, runs of columns whose
    linearity is corrected; `coefficients`: (n, 5) float64, linearity of each run.
    """

    bias: Array
    factor: float
    columns: Array
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
        """Plan the sweep for a piece, without a smear.

        `pedestals`: (4,) float64, ADU, for `subtract_pedestal`.
        """
        columns = piece.shape[1]
        bias, gain = models.get("subtract_bias"), models.get("apply_gain")
        linearity, flat = models.get("correct_linearity"), models.get("divide_flat")
        runs, coefficients = _NO_RUNS if linearity is None else linearity_of_runs(linearity, piece)
        table = np.stack([np.zeros(columns), np.ones(columns), np.zeros(columns)])
        if "subtract_pedestal" in models and pedestals is not None:
            table[0] = pedestal_of_columns(pedestals, piece)
        if gain is not None:
            table[1] = gain_of_columns(gain, piece)
        return cls(
            bias=_row(0.0, columns) if bias is None else window(bias.bias, piece),
            factor=1.0 if bias is None else bias_factor(bias, piece),
            columns=freeze(table),
            runs=freeze(runs),
            coefficients=freeze(coefficients),
            flat=_row(1.0, columns) if flat is None else window(flat.flat, piece),
        )

    def with_smear(self, smear: Array | None) -> SweepPlan:
        """The same plan with a smear to subtract, if there is one.

        `smear`: (columns,) float64, electron.
        """
        if smear is None:
            return self
        return attrs.evolve(self, columns=freeze(np.stack([*self.columns[:2], smear])))

    def without_flat(self) -> SweepPlan:
        """The same plan without the flat field."""
        return attrs.evolve(self, flat=_row(1.0, self.flat.shape[1]))

    def fill(self, pixels: Array, out: Array, threads: int = 1) -> None:
        """Run the sweep over blocks of rows; each is written by one thread.

        `pixels`: (rows, columns) int32, float32 or float64; `out`: the same in float32 or float64.
        """

        def block(first: int, count: int) -> None:
            rows = slice(first, first + count)
            self.sweep_rows(first, pixels[rows], out[rows])

        if threads == 1:
            block(0, len(pixels))
            return
        size = -(-len(pixels) // threads)
        starts = range(0, len(pixels), size)
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(block, starts, [size] * len(starts)))

    def sweep_rows(self, first: int, pixels: Array, out: Array) -> tuple[int, int]:
        """Run the sweep over rows from `first` on; return the sums of words read and written.

        `pixels`: (rows, columns) int32, float32 or float64, or uint32 words of a file, big-endian
        int32; `out`: float32 or float64, or uint32 words as they are to lie in a file, big-endian
        float32.
        """
        bias, flat = (
            plane if len(plane) == 1 else plane[first : first + len(pixels)]
            for plane in (self.bias, self.flat)
        )
        sums = kernels.sweep(
            pixels, bias, self.factor, self.columns, self.runs, self.coefficients, flat, out
        )
        return int(sums[0]), int(sums[1])


_NO_RUNS = (np.empty((0, 2), dtype=np.int64), np.empty((0, 5)))


def _row(value: float, columns: int) -> Array:
    """One row of a neutral model, which serves for all rows."""
    return freeze(np.full((1, columns), value, dtype=np.float32))
