"""Calibrated target pixel files: the input's structure with FLUX and FLUX_ERR replaced."""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from astropy.io import fits

from tica_fn.detector import AMPLIFIERS, amplifier_of_columns
from tica_fn.errors import BadFileError, FrameError
from tica_fn.fits.cards import card, printable
from tica_fn.fits.extensions import QUALITY_NAME, bit_cards
from tica_fn.fits.keywords import number
from tica_fn.fits.proof import write_product
from tica_fn.fits.provenance import date_card, provenance_cards, software
from tica_fn.fits.shared_variance import SHARED_NAME
from tica_fn.fits.target_rays import RAYS_NAME
from tica_fn.fits.target_times import is_corrected, shift_time_cards
from tica_fn.frame import ELECTRON, Frame
from tica_fn.immutable import Array
from tica_fn.models import SourceFile
from tica_fn.uncertainty.noise import trimming_of

__all__ = ["flux_error", "read_noise_of_columns", "write_target_product"]


def read_noise_of_columns(
    path: str | os.PathLike[str], header: fits.Header, first: int, count: int
) -> Array:
    """Read noise of consecutive columns, from ``READNOIA`` to ``READNOID``.

    Returns (count,) float64, electron per read.
    """
    columns = amplifier_of_columns(first, count)
    noise = np.empty(count)
    for a in np.unique(columns):
        value = number(path, header, f"READNOI{AMPLIFIERS[a]}")
        if value is None:
            raise BadFileError(f"{path}: no read noise (keyword READNOI{AMPLIFIERS[a]})")
        noise[columns == a] = value
    return noise


def flux_error(frame: Frame, read_noise: Array) -> Array:
    """Standard deviation of calibrated pixels from read noise and shot noise.

    `read_noise`: (columns,) float64, electron per read.  Returns (rows, columns) float64, electron.
    """
    collected = frame.pixels if frame.smear is None else frame.pixels + frame.smear
    variance = frame.coadds * read_noise**2 + np.maximum(collected, 0.0)
    out: Array = np.sqrt(trimming_of(frame) * variance)
    return out


def write_target_product(
    original: bytes | memoryview,
    frames: Iterable[Frame],
    read_s: float,
    path: str | os.PathLike[str],
    collateral: Sequence[SourceFile] = (),
    notes: Sequence[str] = (),
    clean: Callable[[Frame], Frame] | None = None,
) -> None:
    """Write a target pixel file with calibrated fluxes.

    `clean` subtracts the mission's cosmic rays from a frame; errors and flags are of the uncleaned
    frame.
    """
    hdus = fits.open(io.BytesIO(original), lazy_load_hdus=False)
    table, header = hdus[1].data, hdus[1].header
    missing = {"FLUX", "FLUX_ERR"} - set(table.names)
    if missing:
        raise BadFileError(f"{path}: no column {', '.join(sorted(missing))} to replace")
    flux, error = np.empty_like(table["FLUX"]), np.empty_like(table["FLUX_ERR"])
    noise: Array | None = None
    frame: Frame | None = None
    shared: list[Array] = []
    flags: list[Array] = []
    for n, frame in enumerate(frames):
        if frame.unit != ELECTRON:
            raise FrameError(f"{path}: FLUX needs a frame in electrons, not in {frame.unit}")
        if noise is None:
            noise = read_noise_of_columns(path, header, frame.column, frame.pixels.shape[1])
        seconds = frame.coadds * read_s
        flux[n] = frame.pixels / seconds
        known = frame.variance
        error[n] = (flux_error(frame, noise) if known is None else np.sqrt(known)) / seconds
        if known is not None and frame.smear_variance is not None:
            shared.append(frame.smear_variance / seconds**2)
        if frame.quality is not None:
            flags.append(frame.quality)
        if frame.times is not None and is_corrected(frame):
            table["TIME"][n] = frame.times.mid
        if clean is not None:
            frame = clean(frame)
            flux[n] = frame.pixels / seconds
    table["FLUX"][:] = flux
    table["FLUX_ERR"][:] = error
    primary = hdus[0].header
    times = () if frame is None else shift_time_cards(frame, [primary, header])
    before = [f"Original SPOC header {k} = {primary[k]}" for k in ("ORIGIN", "DATE", "CREATOR",
              "PROCVER", "FILEVER") if k in primary]  # fmt: skip
    primary["ORIGIN"] = "tica-fn"
    cards = [date_card(), *(provenance_cards(frame) if frame is not None else [])]
    for place, file in enumerate(collateral, 1):
        cards.append(card(f"COLFIL{place}", file.name, "collateral pixels"))
        cards.append(card(f"COLCRC{place}", file.crc32, "CRC-32 of its content (unpacked)"))
    for keyword, text in cards:
        if keyword.startswith(("PEDEST_", "PEDBAD_", "SMEARLVL")):
            continue  # Each cadence has its own.
        parsed = fits.Card.fromstring(text)
        primary[parsed.keyword] = (parsed.value, parsed.comment)
    # lightkurve recognises a TESS target pixel file by this word in CREATOR.
    primary["CREATOR"] = (f"{software()} TargetPixel", "software that made this file")
    if "TELESCOP" not in primary:
        primary["TELESCOP"] = ("TESS", "telescope")
    for line in (
        *before,
        "FLUX and FLUX_ERR of HDU 1 were calibrated anew from RAW_CNTS by tica-fn.",
        "The background is not subtracted. All else is as in the original file.",
        *times,
        *_said_of_rays(primary, clean is not None),
        *_said_of_errors(frame),
        *notes,
    ):
        primary.add_history(printable(line))
    header.add_history("FLUX and FLUX_ERR were replaced by tica-fn: see the primary header.")
    header["BACKAPP"] = (False, "background is subtracted")
    if shared:
        hdus.append(_shared_table(table["CADENCENO"], shared))
    if flags:
        hdus.append(_flags_table(table["CADENCENO"], flags))
    if "NEXTEND" in primary:
        primary["NEXTEND"] = len(hdus) - 1
    for hdu in hdus:
        _drop_empty(hdu.header)
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # Comments of the original's cards that don't fit are cut, as in the original.
        warnings.filterwarnings("ignore", "Card is too long", fits.verify.VerifyWarning)
        for hdu in hdus:
            hdu.add_checksum(when=str(primary["DATE"]))
        hdus.writeto(buffer)
    write_product(path, [buffer.getbuffer()])


def _said_of_rays(primary: fits.Header, cleaned: bool) -> tuple[str, ...]:
    """Say what was done about the mission's cosmic rays, and set CRSPOC accordingly."""
    if not primary.get("CRSPOC"):
        return ()
    if cleaned:
        return (f"The mission's cosmic rays (HDU {RAYS_NAME}) were subtracted from FLUX again.",)
    primary["CRSPOC"] = (False, primary.comments["CRSPOC"])
    return (
        "FLUX has the cosmic rays that the mission took off its own: CRSPOC was T.",
        f"HDU {RAYS_NAME}, where there is one, is what to subtract; nothing is to be added back.",
    )


def _said_of_errors(frame: Frame | None) -> tuple[str, ...]:
    """Say what FLUX_ERR leaves out, or where the shared noise is."""
    if frame is None or frame.smear is None:
        return ()
    if frame.variance is None:
        without = "FLUX_ERR is without the noise of the smear that was subtracted"
        return (f"{without}: calibrate --uncertainty has it.",)
    return (f"Pixels of a column share the noise of its smear: see HDU {SHARED_NAME}.",)


def _shared_table(cadences: Array, variances: Sequence[Array]) -> fits.BinTableHDU:
    """Variance of the smear of each column, which its pixels share, for each cadence."""
    values = np.stack(variances)
    columns = [
        fits.Column("CADENCENO", "J", array=cadences),
        fits.Column("SMEAR_VAR", f"{values.shape[1]}D", unit="(e-/s)**2", array=values),
    ]
    return fits.BinTableHDU.from_columns(columns, name=SHARED_NAME)


def _flags_table(cadences: Array, flags: Sequence[Array]) -> fits.BinTableHDU:
    """Flags of each pixel, (rows, columns) per cadence."""
    values = np.stack(flags)
    _, rows, columns = values.shape
    hdu = fits.BinTableHDU.from_columns(
        [
            fits.Column("CADENCENO", "J", array=cadences),
            fits.Column(
                QUALITY_NAME, f"{rows * columns}J", dim=f"({columns},{rows})", array=values
            ),
        ],
        name=QUALITY_NAME,
    )
    for _, text in bit_cards():
        hdu.header.append(fits.Card.fromstring(text))
    return hdu


def _drop_empty(header: fits.Header) -> None:
    """Turn keywords without a value into HISTORY, because verifiers warn of them."""
    empty = [card.keyword for card in header.cards if isinstance(card.value, fits.card.Undefined)]
    for keyword in empty:
        del header[keyword]
        header.add_history(f"Original header {keyword} has no value")
