"""Facts about a run as a whole: flags of frames within their CCD, models, choices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from tica_fn.immutable import Array
from tica_fn.run.choice_files import CameraChoices, choose_of_camera
from tica_fn.run.choices import Rules
from tica_fn.run.families import barred, flags_of_frames
from tica_fn.run.first_headers import first_headers
from tica_fn.run.schema import TABLES
from tica_fn.run.time_series import gather_time_series

__all__ = ["choices_of_record", "columns_of", "flag_all", "frames_by_ccd", "put_models"]


class Rows(Protocol):
    """The record, read or written."""

    def rows(self, table: str, where: str = "", values: Any = ()) -> list[Any]:
        """Rows of a table."""


def columns_of(rows: Iterable[Any]) -> dict[str, Array]:
    """Rows of the table ``frames`` as arrays by column; unknown numbers are NaN."""
    listed = list(rows)
    out: dict[str, Array] = {}
    for name, (kind, _) in TABLES["frames"].items():
        values = [row[name] for row in listed]
        if kind.startswith("TEXT"):
            out[name] = np.array([value or "" for value in values], dtype=object)
        elif name in ("dquality", "cadence", "camera", "ccd", "sector", "size", "mtime_ns"):
            gap = 0 if name == "dquality" else -1
            out[name] = np.array([gap if v is None else v for v in values], dtype=np.int64)
        else:
            out[name] = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
    return out


def frames_by_ccd(record: Rows) -> dict[tuple[int, int], dict[str, Array]]:
    """Full-frame products of each CCD, in order of time."""
    rows = record.rows(
        "frames",
        "WHERE kind = 'frame' AND mode IS NOT NULL ORDER BY camera, ccd, cadence, tjd, product",
    )
    groups: dict[tuple[int, int], list[Any]] = {}
    for row in rows:
        groups.setdefault((row["camera"], row["ccd"]), []).append(row)
    return {ccd: columns_of(group) for ccd, group in groups.items()}


def flag_all(record: Any) -> None:
    """Flag every frame by comparison with the others of its CCD and exposure time."""
    for frames in frames_by_ccd(record).values():
        for exposure in np.unique(frames["exposure_s"]):
            own = np.flatnonzero(frames["exposure_s"] == exposure)
            part = {name: values[own] for name, values in frames.items()}
            for product, flags, before in zip(
                part["product"], flags_of_frames(part), part["flags"], strict=True
            ):
                if flags != before:
                    record.put("frames", product=product, flags=flags)


def put_models(record: Any, product: Path, facts: Mapping[str, Any], known: Any = None) -> None:
    """Record the models in a product's header."""
    camera, ccd = facts.get("camera"), facts.get("ccd")
    hashes = str(facts.get("models") or "")
    if not hashes or (known is not None and (camera, ccd, hashes) in known):
        return
    headers = first_headers(product)
    header = next((one for one in reversed(headers) if "MODKIND" in one), headers[0])
    count = 1
    while f"MODFIL{count}" in header:
        record.put(
            "models",
            sha256=str(header.get(f"MODSHA{count}", "")),
            camera=camera,
            ccd=ccd,
            name=str(header[f"MODFIL{count}"]),
            version=str(header.get(f"MODVER{count}", "")),
            kind=str(header.get("MODKIND", "")),
        )
        count += 1
    if known is not None:
        known.add((camera, ccd, hashes))


def choices_of_record(
    record: Rows, options: Mapping[str, Any] | None = None
) -> list[CameraChoices]:
    """Choose dark time and references of every camera of a run.

    `options` are fields of `Rules`; by default the frames per day follow from the exposure time.
    """
    frames = frames_by_ccd(record)
    out = []
    for camera in sorted({camera for camera, _ in frames}):
        mine = {ccd: one for (c, ccd), one in frames.items() if c == camera}
        rows = []
        for ccd, one in mine.items():
            for k in range(len(one["product"])):
                four = [one[f"pedestal_{x}"][k] for x in "abcd"]
                name = one["series_name"][k] or one["product"][k]
                file = Path(one["product"][k]).name
                rows.append((name, int(one["cadence"][k]), ccd, file, one["mode"][k], four))
        series = gather_time_series(rows)
        exposure = float(np.median(np.concatenate([one["exposure_s"] for one in mine.values()])))
        rules = Rules(**{"frames_per_day": 86400.0 / exposure, **(options or {})})
        no = {}
        for ccd, one in mine.items():
            quality = dict(zip(one["series_name"], one["dquality"].tolist(), strict=True))
            bits = np.array([quality.get(name, 0) for name in series.names], dtype=np.int64)
            no[ccd] = barred(bits)
        out.append(choose_of_camera(camera, series, rules, no))
    return out
