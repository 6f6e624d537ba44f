"""The science pixels of a full readout, as a frame of their own."""

from __future__ import annotations

from tica_fn.detector import SCIENCE_COLUMNS, SCIENCE_ROWS, SHAPE
from tica_fn.errors import FrameError
from tica_fn.frame import Frame

__all__ = ["trim_science"]


def trim_science(frame: Frame) -> Frame:
    """Cut a full readout down to its science pixels.

    Parameters
    ----------
    frame : Frame
        Full readout, (2078, 2136); not modified.

    Returns
    -------
    Frame
        (2048, 2048) pixels of the same type, from row 0 and column 44 on; the reference pixel in
        its header is adapted.

    Raises
    ------
    FrameError
        If the frame is not a full readout.

    Notes
    -----
    Calibrate first: pedestals and smear are measured on pixels that are cut off.

    Examples
    --------
    >>> import numpy as np
    >>> from tica_fn import Frame, trim_science
    >>> frame = Frame(pixels=np.zeros((2078, 2136)), unit="electron", camera=1, ccd=1,
    ...               exposure_s=600, coadds=240)
    >>> trim_science(frame).pixels.shape
    (2048, 2048)
    """
    if frame.pixels.shape != SHAPE:
        raise FrameError(
            f"{frame.name}: only a full readout {SHAPE} can be trimmed, not {frame.pixels.shape}"
        )
    return frame[slice(*SCIENCE_ROWS), slice(*SCIENCE_COLUMNS)]
