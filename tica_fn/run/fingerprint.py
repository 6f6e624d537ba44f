"""Fingerprint of the models and options that products depend on."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["fingerprint_of"]

_NOT_PRODUCTS = {
    "files", "list", "outdir", "jobs", "scheduler", "config", "dry_run", "retry_failed", "no_wcs",
    "verify", "centroid", "degree",
    "no_report", "log", "debug", "overwrite", "run", "refstars", "catalog", "caldir",
    "transients",
}  # fmt: skip


def fingerprint_of(settings: Mapping[str, Any]) -> str:
    """Hash of the options that change products, and of the models' names, sizes and times.

    Models that were moved or touched give another hash.  Their products are then checked one by
    one, and made again only if the content of the models differs.
    """
    folder = Path(settings["caldir"])
    digest = hashlib.sha256()
    for name in sorted(set(settings) - _NOT_PRODUCTS):
        digest.update(f"{name}={settings[name]}\n".encode())
    if folder.is_dir():
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                said = path.stat()
                line = f"{path.relative_to(folder)} {said.st_size} {said.st_mtime_ns}\n"
                digest.update(line.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]
