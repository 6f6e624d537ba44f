"""Readout delays of the spacecraft's clock, and corrections of a frame's times.

``spoc``
    Times in SPOC's files of sectors 1 to 21, as first released, are late.  A 2.000 s interval was
    counted twice, and delays of the focal plane's electronics were ignored: 0.031 s at the start
    and 0.011 s at the end.  Full frames up to sector 20 also ignore the order in which cameras
    and CCDs are read (`readout_delay`); target pixels include it.
``poc``
    Times in POC/TSO files are late: in sectors 27 to 37 they start 1.95 s, and end 1.97 s, after
    those in SPOC's corrected files.  Whether POC changed the clock later is not known.
``poc-documented``
    The same from the documented errors of the mission's clock: -2.000 s and the delays above.  It
    differs by 0.019 s from the measured offset, which is accurate to about 0.05 s.
``ccd``
    The CCDs of a camera are read one after the other, 0.02 s apart; POC/TSO files give all four
    the time of the first.
``barycenter``
    Light travel time from the spacecraft to the solar system's barycentre.

Sources: TESS data release notes 25 (section 3.3) and the revision memos of releases 27 and 29, as
documented by tasoc (``photometry.fixes.time_offset`` lists the late versions); a comparison of the
start times of 355,664 TICA and 4,482,130 SPOC frames (catalogues of tess-cloud).  In SPOC's files
of sector 6, camera 2, CCD 3, target pixels are 1.5400 s later than their collateral, which is the
delay by readout order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

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
"""Prefix of a correction's name among a frame's steps."""

_CAMERA_DELAY_S = (0.0, 1.5, 0.5, 1.0)
_CCD_DELAY_S = 0.02
_POC_START_S, _POC_END_S = -1.95, -1.97
_DOCUMENTED_START_S, _DOCUMENTED_END_S = -2.000 + 0.031, -2.000 + 0.011

_LAST_LATE_RELEASE = 26
_LATE_VERSIONS = {
    27: ("spoc-4.0.14-20200108", "spoc-4.0.15-20200114", "spoc-4.0.17-20200130"),
    29: ("spoc-4.0.17-20200130", "spoc-4.0.20-20200220", "spoc-4.0.21-20200227"),
}
"""Releases that were issued twice under one number, and the late versions of SPOC."""
_LAST_UNSTAGGERED_RELEASE = 27


def readout_delay(camera: int, ccd: int) -> float:
    """Delay in seconds of a CCD's readout after the first one (``TMOFST``)."""
    return _CAMERA_DELAY_S[camera - 1] + _after_first(ccd)


def _after_first(ccd: int) -> float:
    return _CCD_DELAY_S * (ccd - 1)


Keywords = Mapping[str, Any]
Seconds = tuple[float, float]


def is_of_spoc(header: Keywords) -> bool:
    """Tell whether a header is from SPOC: it names a data release, counted from 1."""
    release = header.get("DATA_REL")
    return isinstance(release, int) and release > 0


def _no_poc(header: Keywords) -> str:
    """Reason why a file does not have POC's clock; empty if it does."""
    if "STARTTJD" not in header or is_of_spoc(header):
        return "is for POC/TSO files (with STARTTJD), not for SPOC's"
    return ""


def _no_late_spoc(header: Keywords) -> str:
    """Reason why a file does not have SPOC's late clock; empty if it does."""
    release, version = header.get("DATA_REL"), str(header.get("PROCVER", ""))
    if not is_of_spoc(header) or not isinstance(release, int):
        return "is for SPOC's files, which name their data release (DATA_REL)"
    if release <= _LAST_LATE_RELEASE:
        return ""
    late = _LATE_VERSIONS.get(release, ())
    if version in late:
        return ""
    if late and not version.startswith("spoc"):
        return (
            f"may be needed or made already: data release {release} was issued twice, and the "
            "header has no SPOC version (PROCVER) that tells which one this is"
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


class TimeCorrection(NamedTuple):
    """A correction of the clock: seconds added to start and end, by camera, CCD and header.

    `refused` gives the reason why a file does not need it, or an empty string; `instead` names
    the corrections that exclude this one.
    """

    what: str
    seconds: Callable[[int, int, Keywords], Seconds]
    keywords: tuple[str, ...] = ()
    refused: Callable[[Keywords], str] = lambda _: ""
    instead: tuple[str, ...] = ()

    def cards(self, camera: int, ccd: int, header: Keywords) -> tuple[tuple[str, float], ...]:
        """Keywords and their values; a value that the header has already is kept."""
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
"""The corrections by name."""
