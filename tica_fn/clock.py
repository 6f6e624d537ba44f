"""The spacecraft's clock: delays of the readout, and the corrections of a frame's times.

``spoc``
    The mission's files of sectors 1 to 21, as they were released first, are late: a cadence was
    counted twice, which makes 2.000 s, and delays of the focal plane's electronics were left out,
    0.031 s at the start and 0.011 s at the end.  Their full frames, up to sector 20, also lack the
    order in which cameras and CCDs are read (`readout_delay`); their target pixels have it.
``poc``
    The clock of POC/TSO files is late: in sectors 27 to 37 their start is 1.95 s after that of the
    mission's corrected files, their end 1.97 s.  Whether POC changed it later is not known.
``poc-documented``
    The same by what is documented of the mission's clock, -2.000 s and the delays above; 0.019 s
    from what was measured, which is good to about 0.05 s.
``ccd``
    The CCDs of a camera are read one after the other, 0.02 s apart; POC/TSO files give all four
    the time of the first.
``barycenter``
    Light travel time from the spacecraft to the solar system's barycentre.

Sources: TESS data release notes 25 (section 3.3) and the revision memos of releases 27 and 29, as
tasoc documents them (``photometry.fixes.time_offset``: which versions are late); start times of
355,664 TICA and 4,482,130 SPOC frames compared (catalogues of tess-cloud).  In the mission's own
files of sector 6, camera 2, CCD 3, target pixels are 1.5400 s later than their collateral, which
is the readout's order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

__all__ = [
    "CORRECTION_STEP",
    "DAY_S",
    "TIME_CORRECTIONS",
    "TimeCorrection",
    "is_late",
    "is_of_spoc",
    "readout_delay",
]

DAY_S = 86400.0
CORRECTION_STEP = "correct_time_"
"""What the names of the corrections start with among a frame's steps."""

_CAMERA_DELAY_S = (0.0, 1.5, 0.5, 1.0)
_CCD_DELAY_S = 0.02
_POC_START_S, _POC_END_S = -1.95, -1.97
_DOCUMENTED_START_S, _DOCUMENTED_END_S = -2.000 + 0.031, -2.000 + 0.011

_LAST_LATE_RELEASE = 26
_LATE_VERSIONS = {
    27: ("spoc-4.0.14-20200108", "spoc-4.0.15-20200114", "spoc-4.0.17-20200130"),
    29: ("spoc-4.0.17-20200130", "spoc-4.0.20-20200220", "spoc-4.0.21-20200227"),
}
"""Releases that were made twice under one number, and the versions that made them first."""
_LAST_UNSTAGGERED_RELEASE = 27


def readout_delay(camera: int, ccd: int) -> float:
    """Time in seconds by which a CCD is read after the first (``TMOFST``)."""
    return _CAMERA_DELAY_S[camera - 1] + _after_first(ccd)


def _after_first(ccd: int) -> float:
    return _CCD_DELAY_S * (ccd - 1)


Keywords = Mapping[str, Any]
Seconds = tuple[float, float]


def is_of_spoc(header: Keywords) -> bool:
    """Tell whether a header is of the mission's pipeline, by the release it names (from 1 on)."""
    release = header.get("DATA_REL")
    return isinstance(release, int) and release > 0


def _no_poc(header: Keywords) -> str:
    """Why the clock of a file is not POC's; empty where it is."""
    if "STARTTJD" not in header or is_of_spoc(header):
        return "is for the clock of POC/TSO files (STARTTJD), not for SPOC's"
    return ""


def _no_late_spoc(header: Keywords) -> str:
    """Why the clock of a file is not the mission's late one; empty where it is."""
    release, version = header.get("DATA_REL"), str(header.get("PROCVER", ""))
    if not is_of_spoc(header) or not isinstance(release, int):
        return "is for files of SPOC's, which say their release (DATA_REL)"
    if release <= _LAST_LATE_RELEASE:
        return ""
    late = _LATE_VERSIONS.get(release, ())
    if version in late:
        return ""
    if late and not version.startswith("spoc"):
        return (
            f"may be needed or made already: data release {release} was made twice, and no version "
            "of SPOC's (PROCVER) tells which this is"
        )
    said = f"data release {release}{f', {version}' if late else ''}"
    return f"is in the file's times already ({said})"


def is_late(header: Keywords) -> bool:
    """Tell whether a file has the late clock of the mission's first releases."""
    made = any(name in header for name in ("TCSPBEG", "TCSPEND"))
    return is_of_spoc(header) and not made and not _no_late_spoc(header)


def _of_spoc(camera: int, ccd: int, header: Keywords) -> Seconds:
    columns = (header.get(f"TTYPE{n}") for n in range(1, 1 + int(header.get("TFIELDS", 0))))
    of_target = "RAW_CNTS" in columns
    release = header.get("DATA_REL", 0)
    order = 0.0
    if release <= _LAST_UNSTAGGERED_RELEASE and not of_target:
        order = readout_delay(camera, ccd)
    return _DOCUMENTED_START_S + order, _DOCUMENTED_END_S + order


@attrs.frozen(kw_only=True)
class TimeCorrection:
    """A correction of the clock: seconds added to start and end, by camera, CCD and header.

    `refused` says why a file's header has no need of it, or is empty; `instead` names those that
    it can't be made beside.
    """

    what: str
    keywords: tuple[str, ...] = ()
    seconds: Callable[[int, int, Keywords], Seconds]
    refused: Callable[[Keywords], str] = lambda _: ""
    instead: tuple[str, ...] = ()

    def cards(self, camera: int, ccd: int, header: Keywords) -> tuple[tuple[str, float], ...]:
        """Keywords and their values; those that a header has already stay."""
        values = self.seconds(camera, ccd, header)
        pairs = zip(self.keywords, values, strict=False)
        return tuple((keyword, header.get(keyword, value)) for keyword, value in pairs)


TIME_CORRECTIONS = {
    "spoc": TimeCorrection(
        what="late SPOC clock", keywords=("TCSPBEG", "TCSPEND"), seconds=_of_spoc,
        refused=_no_late_spoc,
    ),
    "poc": TimeCorrection(
        what="POC clock",
        keywords=("TCPOCBEG", "TCPOCEND"),
        seconds=lambda *_: (_POC_START_S, _POC_END_S),
        refused=_no_poc,
        instead=("poc-documented",),
    ),
    "poc-documented": TimeCorrection(
        what="POC clock, documented",
        keywords=("TCPOCBEG", "TCPOCEND"),
        seconds=lambda *_: (_DOCUMENTED_START_S, _DOCUMENTED_END_S),
        refused=_no_poc,
        instead=("poc",),
    ),
    "ccd": TimeCorrection(
        what="CCD read-out order",
        keywords=("TCCCD",),
        seconds=lambda _, ccd, __: (_after_first(ccd), _after_first(ccd)),
        refused=_no_poc,
    ),
    "barycenter": TimeCorrection(what="light travel time", seconds=lambda *_: (0.0, 0.0)),
}  # fmt: skip
"""The corrections by their names."""
