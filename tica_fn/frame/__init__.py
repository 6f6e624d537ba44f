"""The frame, its times and its place in the readout."""

from tica_fn.frame.exposure import Place, Times
from tica_fn.frame.fields import ADU, ELECTRON, NO_DATA, RATE
from tica_fn.frame.frame import PER_COLUMN, Frame

__all__ = ["ADU", "ELECTRON", "NO_DATA", "PER_COLUMN", "RATE", "Frame", "Place", "Times"]
