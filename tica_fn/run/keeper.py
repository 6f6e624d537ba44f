"""Writing the outcome of each file of a run to the record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs

from tica_fn.errors import describe
from tica_fn.fits.outcome import Outcome
from tica_fn.run.outputs import stat_facts
from tica_fn.run.record_writer import RecordWriter
from tica_fn.run.run_job import Made

__all__ = ["Keeper"]

_WITHOUT_SOLUTION = dict.fromkeys(
    ("rms_arcsec", "rms_pixel", "good_fraction", "bad_blocks", "degree", "shift_columns",
     "shift_rows", "crval1", "crval2", "wcs_seconds"),
) | {"wcs_error": "", "flags": "", "wcs_options": "", "wcs_stars": ""}  # fmt: skip
"""Fields that a remade product no longer has."""


@attrs.define(kw_only=True)
class Keeper:
    """Writes the outcomes of each stage to the record.

    `digests`: hash of the reference stars of each CCD.
    """

    record: RecordWriter
    out: Path
    fingerprint: str
    say: Callable[[str], None]
    run: int = 0
    stars_options: str = ""
    digests: dict[tuple[int, int], str] = attrs.field(factory=dict)
    _models: set[Any] = attrs.field(factory=set, init=False)

    def input(self, outcome: Outcome) -> None:
        """Record the outcome of a raw file."""
        from tica_fn.run.summary import put_models

        path = str(outcome.source)
        before = self.record.rows("inputs", "WHERE path = ?", (path,))
        facts: dict[str, Any] = {"attempts": (before[0]["attempts"] if before else 0) + 1}
        if isinstance(outcome, Made):
            facts |= outcome.input_facts
            self._forget(outcome)
            for product, said in outcome.facts.items():
                self.record.put("frames", product=product, **{**_WITHOUT_SOLUTION, **said})
                put_models(self.record, self.out / product, said, self._models)
        else:
            facts |= _stamp(outcome.source)
        self.record.put(
            "inputs",
            path=path,
            state=outcome.state,
            error="" if outcome.error is None else _named(outcome),
            notes="\n".join(outcome.notes),
            frames=outcome.frames,
            seconds=outcome.seconds,
            fingerprint=self.fingerprint,
            run=self.run,
            **facts,
        )

    def _forget(self, outcome: Made) -> None:
        """Drop a file's other products, and an entry that has only its name, from the record."""
        path, name = str(outcome.source), outcome.source.name
        if path != name:
            self.record.change("DELETE FROM inputs WHERE path = ?", (name,))
        for row in self.record.rows("frames", "WHERE input = ?", (path,)):
            if row["product"] not in outcome.facts:
                self.record.change("DELETE FROM frames WHERE product = ?", (row["product"],))
                self.say(
                    f"{self.out / row['product']}: made with other options, not part of the run"
                )

    def stars(self, outcome: Outcome) -> None:
        """Record the outcome of a CCD's reference stars."""
        if isinstance(outcome, Made):
            for facts in outcome.facts.values():
                self.record.put("stars", seconds=outcome.seconds, **facts)
                # Frames fitted with other stars are fitted again.
                self.record.change(
                    "UPDATE frames SET wcs_stars = '' WHERE camera = ? AND ccd = ?",
                    (facts["camera"], facts["ccd"]),
                )
            return
        camera, ccd = _ccd(outcome.source)
        name = outcome.source.name
        self.record.put(
            "stars",
            camera=camera,
            ccd=ccd,
            path="",
            reference=name,
            options=self.stars_options,
            error=_named(outcome),
        )

    def fit(self, outcome: Outcome) -> None:
        """Record the outcome of a frame's solution."""
        if isinstance(outcome, Made):
            for product, facts in outcome.facts.items():
                self.record.put("frames", product=product, **facts)
            return
        product = str(outcome.source.relative_to(self.out))
        self.record.put("frames", product=product, wcs="failed", wcs_error=_named(outcome))

    def marks(self, outcome: Outcome) -> None:
        """Record a product whose transients were marked."""
        if isinstance(outcome, Made):
            for product, facts in outcome.facts.items():
                self.record.put("frames", product=product, **facts)


def _ccd(product: Path) -> tuple[int, int]:
    camera, ccd = (int(word[3]) for word in product.parent.name.split("-"))
    return camera, ccd


def _stamp(path: Path) -> dict[str, Any]:
    try:
        return stat_facts(path)
    except OSError:
        return {"size": None, "mtime_ns": None}


def _named(outcome: Outcome) -> str:
    """The error message, with the file's name."""
    assert outcome.error is not None
    text = describe(outcome.error)
    return text if str(outcome.source) in text else f"{outcome.source}: {text}"
