"""Flags of a whole frame in the header of its product."""

from __future__ import annotations

import attrs
import numpy as np

from tica_fn.detector import AMPLIFIERS
from tica_fn.fits.header import with_card
from tica_fn.fits.reader_cards import frame_quality
from tica_fn.frame import Frame
from tica_fn.models import Models

__all__ = ["dropped_words", "say_dropped", "say_flags"]


def say_flags(raw: Frame, out: Frame, models: Models) -> Frame:
    """Write the flags of the raw counts and of the calibrated frame into the header."""
    from tica_fn.quality.frame_flags import as_dquality, flag_frame

    before, after = flag_frame(raw, models), flag_frame(out, models)
    flags = before.flags | after.flags
    if not flags:
        return out
    both = tuple(a | b for a, b in zip(before.by_amplifier, after.by_amplifier, strict=True))
    words = attrs.evolve(after, flags=flags, by_amplifier=both).words
    header = with_card(out.header, "DQUALITY", frame_quality(out) | as_dquality(flags))
    return attrs.evolve(out, header=with_card(header, "FRAMEFLG", words))


def say_dropped(out: Frame) -> Frame:
    """Write into the header which pedestals lack overclock pixels, if any."""
    if out.overclocks_dropped is None:
        return out
    from tica_fn.quality.frame_flags import FrameFlag

    letters = " ".join(AMPLIFIERS[a] for a in np.flatnonzero(out.overclocks_dropped))
    words = f"{FrameFlag.OVERCLOCK.name} ({letters})"
    return attrs.evolve(out, header=with_card(out.header, "FRAMEFLG", words))


def dropped_words(out: Frame) -> str:
    """A note about overclock pixels that were left out; empty if none were."""
    counts = [] if out.overclocks_dropped is None else out.overclocks_dropped.tolist()
    said = [f"{int(n)} of amplifier {x}" for x, n in zip(AMPLIFIERS, counts, strict=False) if n]
    if not said:
        return ""
    return f"overclock pixels without a count left out of the pedestal: {', '.join(said)}"
