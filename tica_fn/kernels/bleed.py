"""Full wells: charge that a pixel cannot hold runs along its column."""

import numpy as np
from numpy.typing import NDArray

from tica_fn.kernels.compile import kernel


@kernel
def bleed(full_well: float, rows: int, image: NDArray[np.float64]) -> float:
    """Let charge above the full well run along the columns of an image, half of it each way.

    Charge that reaches the lower edge runs into the serial register, and charge that reaches row
    `rows` leaves at the upper edge: the sum of both, which are lost, is returned.
    """
    lost = 0.0
    columns = image.shape[1]
    spill = np.empty(rows)
    for c in range(columns):
        full = False
        for r in range(rows):
            spill[r] = 0.0
            if image[r, c] > full_well:
                spill[r] = 0.5 * (image[r, c] - full_well)
                image[r, c] = full_well
                full = True
        if not full:
            continue
        carried = 0.0
        for r in range(rows):
            carried += spill[r]
            room = full_well - image[r, c]
            moved = min(room, carried)
            image[r, c] += moved
            carried -= moved
        lost += carried
        carried = 0.0
        for k in range(rows):
            r = rows - 1 - k
            carried += spill[r]
            room = full_well - image[r, c]
            moved = min(room, carried)
            image[r, c] += moved
            carried -= moved
        lost += carried
    return lost
