"""The spacecraft's clock: delays of the readout, and the corrections of a frame's times.

``poc``
    The clock of POC/TSO files is late: in sectors 27 to 37 their start is 1.95 s after that of the
    mission's corrected files, their end 1.97 s.  Whether POC changed it later is not known.
``ccd``
    The CCDs of a camera are read one after the other, 0.02 s apart; POC/TSO files give all four
    the time of the first.
``barycenter``
    Light travel time from the spacecraft to the solar system's barycentre.

Sources: start times of 355,664 TICA and 4,482,130 SPOC frames compared (catalogues of tess-cloud);
the corrections that tasoc applies to early SPOC data agree.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

__all__ = [
    "CORRECTION_STEP",
    "DAY_S",
    "TIME_CORRECTIONS",
    "TimeCorrection",
    "readout_delay",
]

DAY_S = 86400.0
CORRECTION_STEP = "correct_time_"
"""What the names of the corrections start with among a frame's steps."""

_CAMERA_DELAY_S = (0.0, 1.5, 0.5, 1.0)
_CCD_DELAY_S = 0.02
_POC_START_S, _POC_END_S = -1.95, -1.97


def readout_delay(camera: int, ccd: int) -> float:
    """Time in seconds by which a CCD is read after the first (``TMOFST``)."""
    return _CAMERA_DELAY_S[camera - 1] + _after_first(ccd)


def _after_first(ccd: int) -> float:
    return _CCD_DELAY_S * (ccd - 1)


@attrs.frozen(kw_only=True)
class TimeCorrection:
    """A correction of the clock: seconds added to start and end."""

    what: str
    keywords: tuple[str, ...]
    seconds: Callable[[int], tuple[float, float]]

    def cards(self, ccd: int) -> tuple[tuple[str, float], ...]:
        """Keywords and their values."""
        return tuple(zip(self.keywords, self.seconds(ccd), strict=False))


TIME_CORRECTIONS = {
    "poc": TimeCorrection(
        what="POC clock",
        keywords=("TCPOCBEG", "TCPOCEND"),
        seconds=lambda ccd: (_POC_START_S, _POC_END_S),  # noqa: ARG005
    ),
    "ccd": TimeCorrection(
        what="CCD read-out order",
        keywords=("TCCCD",),
        seconds=lambda ccd: (_after_first(ccd), _after_first(ccd)),
    ),
    "barycenter": TimeCorrection(
        what="light travel time", keywords=(), seconds=lambda _: (0.0, 0.0)
    ),
}
"""The corrections by their names."""
