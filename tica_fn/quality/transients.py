"""Pixels that are bright in one frame only: suspects of cosmic rays."""

from __future__ import annotations

import attrs
import numpy as np

from tica_fn.errors import FrameError
from tica_fn.frame import Frame
from tica_fn.immutable import freeze
from tica_fn.quality.pixels import Pixel

__all__ = ["mark_transients"]

_SIGMAS = 8.0
_JITTER_SHARE = 0.1


def mark_transients(frame: Frame, before: Frame, after: Frame, *, sigmas: float = _SIGMAS) -> Frame:
    """Flag pixels that are brighter in a frame than in the ones before and after it.

    A pixel is suspect where it exceeds the brighter of its neighbours in time by so many standard
    deviations and by a tenth of their light, which the pointing may move.

    Parameters
    ----------
    frame : Frame
        Calibrated frame with `variance`; not modified.
    before, after : Frame
        The same pixels, calibrated in the same way.
    sigmas : float
        Standard deviations.

    Returns
    -------
    Frame
        The frame with `Pixel.COSMIC_RAY` added to its `quality`.

    Raises
    ------
    FrameError
        If the frame has no variance, or the others are of other pixels.

    Examples
    --------
    >>> import attrs
    >>> import numpy as np
    >>> from tica_fn import Frame
    >>> from tica_fn.quality.pixels import Pixel
    >>> from tica_fn.quality.transients import mark_transients
    >>> still = Frame(
    ...     pixels=np.full((3, 3), 100.0),
    ...     unit="electron",
    ...     camera=2,
    ...     ccd=3,
    ...     exposure_s=120,
    ...     coadds=48,
    ...     variance=np.full((3, 3), 100.0),
    ... )
    >>> struck = attrs.evolve(still, pixels=still.pixels + np.eye(3) * 500)
    >>> (mark_transients(struck, still, still).quality == Pixel.COSMIC_RAY).sum()
    np.int64(3)
    """
    places = {(f.row, f.column, f.pixels.shape, f.unit, f.ccd) for f in (frame, before, after)}
    if frame.variance is None or len(places) > 1:
        raise FrameError("transients need a frame with variance and the same pixels in all three")
    usual = np.fmax(before.pixels.astype(np.float64), after.pixels)
    noise = np.sqrt(2.0 * frame.variance.astype(np.float64))
    suspect = frame.pixels - usual > sigmas * noise + _JITTER_SHARE * np.abs(usual)
    quality = np.where(suspect, Pixel.COSMIC_RAY.value, 0).astype(np.int32)
    if frame.quality is not None:
        quality |= frame.quality
    return attrs.evolve(frame, quality=freeze(quality))
