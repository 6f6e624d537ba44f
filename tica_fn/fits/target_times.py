"""Corrected times in calibrated target pixel files."""

from __future__ import annotations

from collections.abc import Sequence

from astropy.io import fits

from tica_fn.clock import CORRECTION_STEP, DAY_S, TIME_CORRECTIONS, is_late
from tica_fn.fits.clocks import correction_cards, utc_text
from tica_fn.frame import Frame, Times

__all__ = ["is_corrected", "shift_time_cards"]


def is_corrected(frame: Frame) -> bool:
    """Tell whether a frame's times were corrected."""
    return any(step.startswith(CORRECTION_STEP) for step in frame.steps)


def shift_time_cards(frame: Frame, headers: Sequence[fits.Header]) -> tuple[str, ...]:
    """Apply a cadence's time corrections to headers; return sentences for HISTORY.

    The first header gets the cards that record the corrections.
    """
    names = [
        step.removeprefix(CORRECTION_STEP)
        for step in frame.steps
        if step.startswith(CORRECTION_STEP)
    ]
    for name in names:
        shifts = TIME_CORRECTIONS[name].seconds(frame.camera, frame.ccd, frame.header)
        for header in headers:
            for keyword, date, seconds in zip(
                ("TSTART", "TSTOP"), ("DATE-OBS", "DATE-END"), shifts, strict=True
            ):
                if not isinstance(header.get(keyword), float):
                    continue
                header[keyword] += seconds / DAY_S
                if date in header:
                    days = header[keyword]
                    header[date] = utc_text(Times(start=days, mid=days, end=days), days)
    for _, text in correction_cards(frame):
        parsed = fits.Card.fromstring(text)
        headers[0][parsed.keyword] = (
            parsed.value,
            parsed.comment.replace("TSTART, TSTOP", "times"),
        )
    if not names:
        late = "TIME is about 2 s late, as all of this release: --time-correction spoc mends it."
        return (late,) if is_late(frame.header) else ()
    return (f"TIME, TSTART, TSTOP, DATE-* were corrected for {', '.join(names)}: TC* say by what.",)
