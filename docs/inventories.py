"""Small inventories of names in other projects that the pages link to; builds need no network.

The addresses of each project follow one pattern, so only names are listed here.
"""

from __future__ import annotations

import zlib
from pathlib import Path

PROJECTS = {
    "python": ("https://docs.python.org/3", "library/{module}.html#{name}", {
        "py:class": ["pathlib.Path"],
    }),
    "numpy": ("https://numpy.org/doc/stable", "reference/generated/{name}.html#{name}", {
        "py:class": ["numpy.ndarray"],
    }),
    "astropy": ("https://docs.astropy.org/en/stable", "api/{name}.html#{name}", {
        "py:class": [
            "astropy.coordinates.SkyCoord",
            "astropy.nddata.CCDData",
            "astropy.table.Table",
            "astropy.time.Time",
            "astropy.units.Quantity",
            "astropy.wcs.WCS",
        ],
    }),
    "gwcs": ("https://gwcs.readthedocs.io/en/latest", "api/{name}.html#{name}", {
        "py:class": ["gwcs.wcs.WCS"],
    }),
    "lightkurve": ("https://lightkurve.github.io/lightkurve",
                   "reference/api/{name}.html#{name}", {
        "py:class": ["lightkurve.TessTargetPixelFile"],
    }),
}  # fmt: skip


def mapping(folder: Path) -> dict[str, tuple[str, str]]:
    """Write the inventories and return Sphinx's mapping to them."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for project, (address, pattern, names) in PROJECTS.items():
        lines = [
            f"{name} {kind} 1 {pattern.format(name=name, module=name.rpartition('.')[0])} -"
            for kind, listed in names.items()
            for name in listed
        ]
        head = (
            f"# Sphinx inventory version 2\n# Project: {project}\n# Version: \n"
            "# The remainder of this file is compressed using zlib.\n"
        )
        path = folder / f"{project}.inv"
        path.write_bytes(head.encode() + zlib.compress("\n".join(lines).encode() + b"\n"))
        found[project] = (address, str(path))
    return found
