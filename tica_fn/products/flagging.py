"""What is wrong with a frame as a whole, said in its product's header."""

from __future__ import annotations

import attrs

from tica_fn.fits.header import with_card
from tica_fn.fits.reader_cards import frame_quality
from tica_fn.frame import Frame
from tica_fn.models import Models
from tica_fn.quality.frame_flags import as_dquality, flag_frame

__all__ = ["say_flags"]


def say_flags(raw: Frame, out: Frame, models: Models) -> Frame:
    """Say in the header what is wrong with the raw counts or with what they became."""
    before, after = flag_frame(raw, models), flag_frame(out, models)
    flags = before.flags | after.flags
    if not flags:
        return out
    both = tuple(a | b for a, b in zip(before.by_amplifier, after.by_amplifier, strict=True))
    words = attrs.evolve(after, flags=flags, by_amplifier=both).words
    header = with_card(out.header, "DQUALITY", frame_quality(out) | as_dquality(flags))
    return attrs.evolve(out, header=with_card(header, "FRAMEFLG", words))
