"""The tables of a run's record: type and unit of each column."""

from __future__ import annotations

__all__ = ["LETTERS", "PRIMARY_KEYS", "TABLES", "VERSION", "statements"]

VERSION = 4
LETTERS = ("a", "b", "c", "d")
"""Letters of the amplifiers; not imported from `tica_fn.detector`, which imports numpy."""

_OF_AMPLIFIERS = {
    f"{what}_{letter}": ("REAL", unit)
    for what, unit in (("pedestal", "adu"), ("noise", "electron"))
    for letter in LETTERS
}
TABLES: dict[str, dict[str, tuple[str, str]]] = {
    "frames": {
        "product": ("TEXT", ""),
        "input": ("TEXT", ""),
        "input_crc32": ("TEXT", ""),
        "kind": ("TEXT", ""),
        "series_name": ("TEXT", ""),
        "sector": ("INTEGER", ""),
        "camera": ("INTEGER", ""),
        "ccd": ("INTEGER", ""),
        "cadence": ("INTEGER", ""),
        "tjd": ("REAL", "d"),
        "exposure_s": ("REAL", "s"),
        "coadds": ("REAL", ""),
        "size": ("INTEGER", "byte"),
        "mtime_ns": ("INTEGER", ""),
        "datasum": ("TEXT", ""),
        "checksum": ("TEXT", ""),
        "models": ("TEXT", ""),
        "steps": ("TEXT", ""),
        "software": ("TEXT", ""),
        **_OF_AMPLIFIERS,
        "mode": ("REAL", "electron"),
        "smear": ("REAL", "electron"),
        "full_share": ("REAL", ""),
        "hot_share": ("REAL", ""),
        "dquality": ("INTEGER", ""),
        "frame_flags": ("TEXT", ""),
        "flags": ("TEXT", ""),
        "wcs": ("TEXT", ""),
        "wcs_error": ("TEXT", ""),
        "wcs_options": ("TEXT", ""),
        "wcs_stars": ("TEXT", ""),
        "rms_arcsec": ("REAL", "arcsec"),
        "rms_pixel": ("REAL", "pix"),
        "good_fraction": ("REAL", ""),
        "bad_blocks": ("INTEGER", ""),
        "degree": ("INTEGER", ""),
        "shift_columns": ("REAL", "pix"),
        "shift_rows": ("REAL", "pix"),
        "crpix1": ("REAL", "pix"),
        "crpix2": ("REAL", "pix"),
        "crval1": ("REAL", "deg"),
        "crval2": ("REAL", "deg"),
        "cd1_1": ("REAL", "deg / pix"),
        "cd1_2": ("REAL", "deg / pix"),
        "cd2_1": ("REAL", "deg / pix"),
        "cd2_2": ("REAL", "deg / pix"),
        "seconds": ("REAL", "s"),
        "wcs_seconds": ("REAL", "s"),
    },
    "inputs": {
        "path": ("TEXT", ""),
        "size": ("INTEGER", "byte"),
        "mtime_ns": ("INTEGER", ""),
        "crc32": ("TEXT", ""),
        "state": ("TEXT", ""),
        "error": ("TEXT", ""),
        "notes": ("TEXT", ""),
        "frames": ("INTEGER", ""),
        "attempts": ("INTEGER", ""),
        "seconds": ("REAL", "s"),
        "fingerprint": ("TEXT", ""),
        "run": ("INTEGER", ""),
    },
    "models": {
        "sha256": ("TEXT", ""),
        "camera": ("INTEGER", ""),
        "ccd": ("INTEGER", ""),
        "name": ("TEXT", ""),
        "version": ("TEXT", ""),
        "kind": ("TEXT", ""),
    },
    "stars": {
        "camera": ("INTEGER", ""),
        "ccd": ("INTEGER", ""),
        "path": ("TEXT", ""),
        "reference": ("TEXT", ""),
        "cadence": ("INTEGER", ""),
        "count": ("INTEGER", ""),
        "tmag_min": ("REAL", "mag"),
        "tmag_max": ("REAL", "mag"),
        "sha256": ("TEXT", ""),
        "digest": ("TEXT", ""),
        "options": ("TEXT", ""),
        "error": ("TEXT", ""),
        "seconds": ("REAL", "s"),
    },
    "runs": {
        "id": ("INTEGER", ""),
        "started": ("TEXT", ""),
        "ended": ("TEXT", ""),
        "state": ("TEXT", ""),
        "command": ("TEXT", ""),
        "configuration": ("TEXT", ""),
        "version": ("TEXT", ""),
        "python": ("TEXT", ""),
        "host": ("TEXT", ""),
        "total": ("INTEGER", ""),
        "message": ("TEXT", ""),
    },
    "stages": {
        "run": ("INTEGER", ""),
        "stage": ("TEXT", ""),
        "started": ("TEXT", ""),
        "seconds": ("REAL", "s"),
        "items": ("INTEGER", ""),
        "total": ("INTEGER", ""),
    },
}
"""Columns of each table: SQL type and unit."""
PRIMARY_KEYS = {
    "frames": ("product",),
    "inputs": ("path",),
    "models": ("camera", "ccd", "sha256"),
    "stars": ("camera", "ccd"),
    "runs": ("id",),
    "stages": ("run", "stage"),
}


def statements() -> list[str]:
    """SQL that makes the tables."""
    made = []
    for table, columns in TABLES.items():
        parts = [f'"{name}" {kind}' for name, (kind, _) in columns.items()]
        parts.append(f"PRIMARY KEY ({', '.join(PRIMARY_KEYS[table])})")
        made.append(f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(parts)})")
    made.append("CREATE INDEX IF NOT EXISTS frames_by_ccd ON frames (camera, ccd, cadence)")
    made.append("CREATE INDEX IF NOT EXISTS frames_by_input ON frames (input)")
    return made
