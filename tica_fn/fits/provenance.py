"""Cards that say how a product was made: software, models, steps, pedestals, input."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from itertools import takewhile
from typing import Any

import numpy as np

from tica_fn.detector import AMPLIFIERS, COLUMNS, SCIENCE_COLUMNS
from tica_fn.errors import BadFileError
from tica_fn.fits.cards import Cards, card
from tica_fn.fits.version import __version__
from tica_fn.frame import Frame
from tica_fn.models import ModelFile, Provenance
from tica_fn.steps.table import TABLE

__all__ = [
    "__version__",
    "date_card",
    "provenance_cards",
    "provenance_of",
    "smear_level",
    "software",
    "step_keyword",
    "steps_of",
]

_MOST_STEPS = 99
"""CALSTP99 is the last keyword with eight letters."""


def software() -> str:
    """Name and version of this software, as in products."""
    return f"tica-fn-{__version__}"


def date_card() -> tuple[str, str]:
    """Date of the product, UTC."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    try:
        seconds = int(epoch) if epoch else time.time()
        text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(
            f"SOURCE_DATE_EPOCH in the environment is {epoch!r}, not a number of seconds since 1970"
        ) from error
    return card("DATE", text, "file creation date (UTC)")


def step_keyword(number: int) -> str:
    """Keyword of the name of a step."""
    return f"CALSTEP{number}" if number < 10 else f"CALSTP{number}"


def steps_of(header: Mapping[str, Any]) -> tuple[str, ...] | None:
    """Names of the steps in a product's header; None if it has none."""
    count = header.get("NSTEPS")
    if not isinstance(count, int):
        return None
    # A header can claim any number of steps; only those that it names count.
    names = (header.get(step_keyword(n)) for n in range(1, min(count, _MOST_STEPS) + 1))
    return tuple(map(str, takewhile(lambda name: name is not None, names)))


def provenance_of(path: str | os.PathLike[str], header: Mapping[str, Any]) -> Provenance | None:
    """Models named in a product's header, or None."""
    kind = header.get("MODKIND")
    files: list[ModelFile] = []
    said = [gain for x in AMPLIFIERS if (gain := header.get(f"GAIN_{x}")) is not None]
    try:
        gains = [float(gain) for gain in said]
    except (TypeError, ValueError) as error:
        raise BadFileError(f"{path}: GAIN_A to GAIN_D are {said}, not numbers") from error
    if kind is None or len(gains) != len(AMPLIFIERS):
        return None
    while (name := header.get(f"MODFIL{len(files) + 1}")) is not None:
        n = len(files) + 1
        files.append(
            ModelFile(
                name=str(name),
                sha256=str(header.get(f"MODSHA{n}")),
                version=str(header.get(f"MODVER{n}", "")),
            )
        )
    return Provenance(kind=str(kind), files=tuple(files), gain=tuple(gains))


def smear_level(frame: Frame) -> float | None:
    """Median of the subtracted smear over the science columns, electron per exposure."""
    if frame.smear is None:
        return None
    first, last = SCIENCE_COLUMNS
    inside = frame.smear if frame.smear.size < COLUMNS else frame.smear[first:last]
    known = inside[np.isfinite(inside)]
    return float(np.median(known)) if known.size else None


def provenance_cards(frame: Frame) -> Cards:
    """Cards that say how a frame was made."""
    cards = [
        card("CREATOR", software(), "software that made this file"),
        card("PROCVER", software(), "software version"),
        card("FILEVER", "1.0", "file format version"),
    ]
    if frame.source is not None:
        cards.append(card("RAWFILE", frame.source.name, "file this was made from"))
        cards.append(card("RAWCRC", frame.source.crc32, "CRC-32 of its content (unpacked)"))
    if frame.provenance is not None:
        cards.append(card("MODKIND", frame.provenance.kind, "kind of calibration models"))
        for n, file in enumerate(frame.provenance.files, 1):
            cards.append(card(f"MODFIL{n}", file.name, "calibration model"))
            cards.append(card(f"MODSHA{n}", file.sha256))
            if file.version:
                cards.append(card(f"MODVER{n}", file.version, "version of that model"))
        for letter, gain in zip(AMPLIFIERS, frame.provenance.gain, strict=True):
            cards.append(card(f"GAIN_{letter}", gain, f"[electron/adu] gain, amplifier {letter}"))
    cards.append(card("NSTEPS", len(frame.steps), "number of calibration steps applied"))
    for n, step in enumerate(frame.steps, 1):
        cards.append(card(step_keyword(n), step, f"calibration step {n}"))
    mission = [row.place for row in TABLE if row.choice == "mission" and row.name in frame.steps]
    if mission:
        text = f"SPOC ({', '.join(mission)})"
        cards.append(card("ARITHMET", text, "but not its product"))
    if frame.pedestals is not None:
        for letter, pedestal in zip(AMPLIFIERS, frame.pedestals.tolist(), strict=True):
            value = None if pedestal != pedestal else pedestal
            comment = f"[adu] pedestal subtracted, amplifier {letter}"
            cards.append(card(f"PEDEST_{letter}", value, comment))
    dropped = [] if frame.overclocks_dropped is None else frame.overclocks_dropped.tolist()
    for letter, count in zip(AMPLIFIERS, dropped, strict=False):
        if count:
            comment = f"overclock pixels left out of it, amplifier {letter}"
            cards.append(card(f"PEDBAD_{letter}", int(count), comment))
    level = smear_level(frame)
    if level is not None:
        cards.append(card("SMEARLVL", level, "[electron] median of the smear subtracted"))
    return cards
