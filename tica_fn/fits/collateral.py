"""Collateral pixels of target pixel files: overclock columns and smear rows, a file per amplifier.

``tess<stamp>-s<ssss>-<tvcol|smrow>-<cam>-<ccd>-<a..d>-<scid>-s_col.fits`` at 2 min, and
``...-a_fast-col.fits`` at 20 s.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path, PurePath

import attrs
import numpy as np

from tica_fn.detector import (
    AMPLIFIER_COLUMNS,
    AMPLIFIERS,
    OVERCLOCK_COLUMNS,
    ROWS,
    SCIENCE_COLUMNS,
    SMEAR_ROWS,
    VIRTUAL_COLUMNS,
)
from tica_fn.errors import BadFileError, MissingCollateralError
from tica_fn.fits.blocks import read_headers, verify_sums
from tica_fn.fits.keywords import number
from tica_fn.fits.large import Column, held, meaning_of, row_type, sums_of, whole_numbers
from tica_fn.fits.stored import Meaning
from tica_fn.immutable import Array, frozen_array
from tica_fn.models import SourceFile

__all__ = [
    "COLLATERAL_KINDS",
    "NEAR",
    "Collateral",
    "find_collateral",
    "is_collateral",
    "read_collateral",
]

COLLATERAL_KINDS = {"tvcol": "subtract_pedestal", "smrow": "subtract_smear"}
"""Kinds of collateral, and the step that needs each."""

NEAR = 5
"""If a cadence is missing, collateral up to this many cadences away replaces it."""

_NAME = re.compile(
    r"tess(?P<stamp>\d+)-s(?P<sector>\d{4})-(?P<kind>tvcol|smrow)-(?P<camera>\d)-(?P<ccd>\d)-"
    r"(?P<amplifier>[a-d])-\d+-[a-z]_(?P<fast>fast[-_])?col\.fits(?:\.gz)?"
)


@attrs.frozen(eq=False, kw_only=True)
class Collateral:
    """Overclock columns or smear rows of one amplifier, all cadences.

    `counts`: stored (rows, columns) of each cadence, read from the file when needed; `meaning`
    converts them to ADU.  `cadences`: (cadences,) int32, increasing cadence numbers.
    `calibrated`: the mission's calibrated overclocks, ADU per second (its header says e-/s).
    `amplifier`: index of the amplifier, for overclocks.
    """

    counts: Column
    meaning: Meaning
    calibrated: Column | None = None
    amplifier: int | None = None
    cadences: Array
    row: int
    column: int
    file: SourceFile
    checked: bool
    said: dict[str, float]

    def check_readout(self, camera: int, ccd: int, coadds: float) -> None:
        """Refuse collateral of another CCD or number of exposures."""
        for keyword, wanted in (("CAMERA", camera), ("CCD", ccd), ("NREADOUT", coadds)):
            found = self.said.get(keyword, wanted)
            if found != wanted:
                raise BadFileError(
                    f"{self.file.name}: {keyword} is {found:g}, but {wanted:g} for the target "
                    "pixels"
                )

    def nearest(self, cadence: int) -> int:
        """Find the nearest cadence whose pixels can be used for `cadence`."""
        place = int(np.searchsorted(self.cadences, cadence))
        around = self.cadences[max(place - 1, 0) : place + 1].tolist()
        nearest: int = min(around, key=lambda one: abs(one - cadence), default=cadence - NEAR - 1)
        if abs(nearest - cadence) > NEAR:
            raise BadFileError(
                f"{self.file.name}: no cadence {cadence} in it, and none within {NEAR} of it"
            )
        return nearest

    def of_cadence(self, cadence: int) -> Array:
        """Pixels for a cadence: (rows, columns) int32, ADU, of the `nearest` one in the file."""
        place = int(np.searchsorted(self.cadences, self.nearest(cadence)))
        return whole_numbers(self.file.name, self.meaning.of(self.counts[place]), -1)

    def calibrated_of(self, cadence: int) -> Array | None:
        """The mission's calibrated values of those pixels, or None if the file lacks them."""
        if self.calibrated is None:
            return None
        place = int(np.searchsorted(self.cadences, self.nearest(cadence)))
        return frozen_array(self.calibrated[place], np.float32)


def find_collateral(
    target: str | os.PathLike[str],
    folders: Iterable[str | os.PathLike[str]],
    *,
    camera: int,
    ccd: int,
    sector: int | None,
    amplifiers: Iterable[str],
    kinds: Iterable[str],
) -> tuple[Path, ...]:
    """Find the collateral files of a target pixel file by their names."""
    fast = "fast" in PurePath(target).name
    stamp = re.match(r"tess(\d+)-", PurePath(target).name)
    names: dict[tuple[str, str], dict[str, tuple[Path, str]]] = {}
    places = list(dict.fromkeys(Path(folder) for folder in folders))
    for folder in places:
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            match = _NAME.fullmatch(path.name)
            if (
                match is None
                or (match["fast"] is not None) != fast
                or (int(match["camera"]), int(match["ccd"])) != (camera, ccd)
                or (sector is not None and int(match["sector"]) != sector)
            ):
                continue
            key = match["kind"], match["amplifier"].upper()
            names.setdefault(key, {}).setdefault(path.name, (path, match["stamp"]))
    found = []
    for kind in kinds:
        for amplifier in amplifiers:
            fits_all = list(names.get((kind, amplifier), {}).values())
            of_same_start = [f for f in fits_all if stamp is not None and f[1] == stamp[1]]
            choice = of_same_start or fits_all
            if len(choice) != 1:
                where = ", ".join(str(folder) for folder in places)
                what = f"{kind} file of camera {camera} CCD {ccd} amplifier {amplifier}"
                number = "no" if not choice else "more than one"
                step = COLLATERAL_KINDS[kind]
                raise MissingCollateralError(
                    f"{target}: {number} {what} in {where}; needed by {step} (go without by "
                    f"--without {step.removeprefix('subtract_')})"
                )
            found.append(choice[0][0])
    return tuple(found)


def is_collateral(path: str | os.PathLike[str]) -> bool:
    """Tell whether a file is a collateral file by its name."""
    return _NAME.fullmatch(PurePath(path).name) is not None


def read_collateral(path: str | os.PathLike[str]) -> Collateral:
    """Read overclock columns or smear rows."""
    held_file = held(path)
    hdus = read_headers(path, held_file)
    sums, crc32 = sums_of(held_file, hdus)
    checked = True
    try:
        verify_sums(path, hdus, sums)
    except BadFileError as error:
        if "CHECKSUM" not in str(error):
            raise
        checked = False
    header = hdus[1].header if len(hdus) > 1 else {}
    kind = str(header.get("EXTNAME", "")).lower()[:5]
    amplifier = str(header.get("CCD_OUT", "")).strip()
    if kind not in COLLATERAL_KINDS or amplifier not in AMPLIFIERS:
        raise BadFileError(f"{path}: not a collateral file of virtual columns or smear rows")
    a = AMPLIFIERS.index(amplifier)
    if kind == "tvcol":
        shape = (ROWS, VIRTUAL_COLUMNS)
        row, column = 0, OVERCLOCK_COLUMNS[0] + a * VIRTUAL_COLUMNS
    else:
        shape = (SMEAR_ROWS[1] - SMEAR_ROWS[0], AMPLIFIER_COLUMNS)
        row, column = SMEAR_ROWS[0], SCIENCE_COLUMNS[0] + a * AMPLIFIER_COLUMNS
    row_kind, raw = row_type(path, hdus[1]), f"{kind.upper()}_RAW"
    names = row_kind.names or ()
    if raw not in names or "CADENCENO" not in names:
        raise BadFileError(f"{path}: no column {raw} or CADENCENO in HDU 1")
    counts = Column.of(hdus[1], row_kind, raw)
    numbers = Column.of(hdus[1], row_kind, "CADENCENO")
    if numbers.kind.shape:
        raise BadFileError(f"{path}: CADENCENO has {numbers.kind.shape} numbers per row, not one")
    cadences = meaning_of(path, hdus[1], row_kind, "CADENCENO").of(numbers.all())
    if not np.isfinite(cadences).all():
        raise BadFileError(f"{path}: CADENCENO is undefined in some rows")
    if counts.shape[1:] != shape:
        raise BadFileError(f"{path}: {raw} has {counts.shape[1:]} pixels per cadence, not {shape}")
    done = f"{kind.upper()}_CAL"
    keeps = kind == "tvcol" and done in names
    calibrated = Column.of(hdus[1], row_kind, done) if keeps else None
    if calibrated is not None and calibrated.shape != counts.shape:
        raise BadFileError(
            f"{path}: {done} has {calibrated.shape[1:]} pixels per cadence, not {shape}"
        )
    if calibrated is not None and not meaning_of(path, hdus[1], row_kind, done).plain:
        raise BadFileError(f"{path}: {done} is scaled (TSCAL, TZERO), which is not supported")
    if (np.diff(cadences) < 0).any():
        order = np.argsort(cadences)
        cadences, counts = cadences[order], attrs.evolve(counts, order=order)
        calibrated = None if calibrated is None else attrs.evolve(calibrated, order=order)
    return Collateral(
        counts=counts,
        calibrated=calibrated,
        amplifier=a if kind == "tvcol" else None,
        meaning=meaning_of(path, hdus[1], row_kind, raw),
        cadences=whole_numbers(f"{path}: CADENCENO", cadences, 0),
        row=row,
        column=column,
        file=SourceFile(name=PurePath(path).name, crc32=crc32),
        checked=checked,
        said={
            keyword: value
            for keyword in ("CAMERA", "CCD", "NREADOUT")
            for hdu in hdus[:2]
            if (value := number(path, hdu.header, keyword)) is not None
        },
    )
