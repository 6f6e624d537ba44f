"""The plans for a raw full-frame image: one CCD or four, in any layout, with or without planes.

Readouts are calibrated strip by strip.  If the raw file has plain counts, strips come from its
words; if the product is plain or gzipped, they go to the product's words.  Other readouts, and
those that look unusual, are calibrated as whole frames.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import attrs
import numpy as np

from tica_fn.detector import AMPLIFIERS, SCIENCE_COLUMNS, SCIENCE_ROWS
from tica_fn.errors import FrameError
from tica_fn.fits.blocks import verify_sums
from tica_fn.fits.checksum import add_sums, sum_bytes
from tica_fn.fits.header import with_card
from tica_fn.fits.layouts import LAYOUTS
from tica_fn.fits.names import hlsp_name, product_name, spoc_name
from tica_fn.fits.poc_out import write_camera
from tica_fn.fits.stream import stream, words_of
from tica_fn.fits.strip_words import RawReadout, UnusualFrameError, frame_of
from tica_fn.frame import Frame
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.pipeline.compose import Pipeline
from tica_fn.pipeline.trim import trim_science
from tica_fn.products.flagging import dropped_words, say_dropped, say_flags
from tica_fn.products.job import Job
from tica_fn.products.options import Product, steps_for
from tica_fn.products.plan import Plan, RawFile
from tica_fn.products.readouts import can_stream, part_for, part_of, readout_of
from tica_fn.products.staleness import expected_of
from tica_fn.wcs.time_corrections import correct_times

__all__ = ["plans_of_image"]


def plans_of_image(raw: RawFile, job: Job) -> list[Plan]:
    """Plan the products of a raw full-frame image."""
    if job.product.assemble and "camera" not in raw.kind.becomes:
        raise FrameError(f"{raw.path}: holds one CCD; --assemble is for camera frames only")
    if from_words := _from_words(raw, job):
        return [_one_ccd(raw, from_words, job)]
    made = _from_frames(raw, job)
    if job.product.assemble:
        return [_assembled(raw, made, job)]
    return [_one_ccd(raw, one, job) for one in made]


@attrs.frozen(kw_only=True, eq=False)
class _Made:
    """A raw readout with its models and steps.

    `part`: the small part for measurements; `counts`: (2078, 2136) int32, or uint32 words of a
    file, or None if it must be calibrated as a whole frame; `whole` makes that frame; `verify` is
    called with the sum of the words read.
    """

    part: Frame
    counts: Array | None
    whole: Callable[[], Frame]
    verify: Callable[[int], None]
    models: Models
    steps: Pipeline

    @property
    def ccd(self) -> tuple[int, int, int | None]:
        return self.part.camera, self.part.ccd, self.part.sector

    def measured(self, product: Product) -> RawReadout | None:
        """The plan for the readout's strips; None if it must be calibrated whole."""
        if self.counts is None:
            return None
        return readout_of(self.part, self.counts, self.models, self.steps, product)

    def calibrated(self, product: Product, ready: RawReadout | None) -> Frame:
        """The calibrated frame, made in strips if possible."""
        if ready is not None:
            try:
                out, read = frame_of(ready)
            except UnusualFrameError:
                ready = None
            else:
                self.verify(read)
        if ready is None:
            out = self._calibrated_whole(product)
        return trim_science(out) if product.trim else out

    def _calibrated_whole(self, product: Product) -> Frame:
        raw = self.whole()
        out = self.steps(raw, dtype=np.float32)
        if product.quality or product.needs_variance or _without_signal(raw.pixels):
            out = say_flags(raw, out, self.models)
        else:
            out = say_dropped(out)
        if not product.quality:
            return out
        from tica_fn.quality.pixels import flag_pixels

        return flag_pixels(out, self.models)


def _from_words(raw: RawFile, job: Job) -> _Made | None:
    """Use the counts as stored in the file, if possible."""
    place = raw.kind.counts
    if place is None:
        return None
    counts = words_of(raw.hdus[place.hdu])
    if counts is None or _without_signal(counts):
        return None
    facts = place.facts(raw.path, raw.hdus)
    models = job.models(facts["camera"], facts["ccd"])
    steps = steps_for(models, job.product, job.without)

    def verify(read: int) -> None:
        rest = raw.hdus[place.hdu].data[counts.nbytes :]
        verify_sums(raw.path, raw.hdus, {place.hdu: add_sums(read, sum_bytes(rest))})

    def whole() -> Frame:
        verify_sums(raw.path, raw.hdus)
        (frame,) = _frames(raw)
        return _prepared(frame, job.product)

    return _Made(
        part=_prepared(part_for(steps, counts, source=raw.stamp, **facts), job.product),
        counts=counts.view(np.uint32),
        whole=whole,
        verify=verify,
        models=models,
        steps=steps,
    )


def _from_frames(raw: RawFile, job: Job) -> list[_Made]:
    """Use the counts of each CCD's frame."""
    verify_sums(raw.path, raw.hdus)
    made = []
    for raw_frame in _frames(raw):
        frame = _prepared(raw_frame, job.product)
        models = job.models(frame.camera, frame.ccd)
        steps = steps_for(models, job.product, job.without)
        usual = frame.pixels.dtype == np.int32 and not _without_signal(frame.pixels)
        made.append(
            _Made(
                part=part_of(steps, frame) if usual else frame,
                counts=frame.pixels if usual else None,
                whole=partial(_prepared, raw_frame, job.product),
                verify=lambda _: None,
                models=models,
                steps=steps,
            )
        )
    return made


def _frames(raw: RawFile) -> tuple[Frame, ...]:
    assert raw.kind.frames is not None
    return raw.kind.frames(raw.path, raw.hdus, raw.stamp, raw.kind.ccds or ())


def _notes(out: Frame, target: Path) -> tuple[str, ...]:
    """Notes about a frame's product."""
    said = (str(out.header.get("FRAMEFLG", "")), dropped_words(out))
    return tuple(f"{target.name}: {words}" for words in said if words)


def _without_signal(counts: Array) -> bool:
    """Tell from a few rows whether an amplifier's counts may be all equal, or some are zero.

    `counts`: (2078, 2136) raw counts.
    """
    first, last = SCIENCE_COLUMNS
    row = counts[SCIENCE_ROWS[1] // 2, first:last].reshape(len(AMPLIFIERS), -1)
    same = (row == row[:, :1]).all(axis=1).any()
    return bool(same or (counts[: SCIENCE_ROWS[1] : _ROW_STEP, first:last] == 0).any())


_ROW_STEP = 64
"""Distance of rows that are checked for zeros, which finds dead parts of amplifiers."""


def _prepared(frame: Frame, product: Product) -> Frame:
    """The raw frame with orbit segment and time corrections of the options."""
    if product.segment is not None:
        frame = attrs.evolve(frame, header=with_card(frame.header, "ORB_SEG", product.segment))
    if product.time_corrections:
        state = None
        if product.state is not None and frame.times is not None:
            state = product.state(frame.times.zero + frame.times.mid)
        frame = correct_times(frame, product.time_corrections, state)
    return frame


def _name(raw: RawFile, frame: Frame, job: Job) -> str:
    """Name of the product of one CCD."""
    if job.product.name == "hlsp":
        return hlsp_name(frame, job.product.segment, job.compress)
    if job.product.name == "spoc":
        return spoc_name(frame, job.compress)
    ccd = frame.ccd if raw.kind.ccds else None
    return product_name(raw.path, ccd=ccd, layout=job.product.layout, compress=job.compress)


def _one_ccd(raw: RawFile, made: _Made, job: Job) -> Plan:
    """Plan the product of one CCD, streamed in strips or written from its frame."""
    part, product = made.part, job.product
    streamed = can_stream(product, job.compress)

    def calibrate() -> Frame | RawReadout:
        ready = made.measured(product)
        return ready if ready is not None and streamed else made.calibrated(product, ready)

    def write(
        ready: Frame | RawReadout, target: Path, on_written: Callable[[], None] | None
    ) -> tuple[str, ...]:
        if isinstance(ready, RawReadout):
            try:
                stream(ready, product.layout, target, made.verify, on_written, job.look, job.put)
            except UnusualFrameError:
                ready = made.calibrated(product, None)
                if job.look is not None:
                    job.look(ready, ready.pixels.view(np.uint32).byteswap())
            else:
                return ()
        LAYOUTS[product.layout].write(ready, target, job.compress)
        return _notes(ready, target)

    return Plan(
        target=job.outdir / _name(raw, part, job),
        expected=expected_of(
            part.source, [made.steps], product, compress=job.compress, before=part.steps
        ),
        ccds=(made.ccd,),
        calibrate=calibrate,
        write=write,
    )


def _assembled(raw: RawFile, made: Sequence[_Made], job: Job) -> Plan:
    """Plan one camera frame of four CCDs."""
    if job.compress not in ("none", "gzip"):
        raise FrameError(f"{raw.path}: camera frames are written plain or gzipped")

    def write(frames: list[Frame], target: Path, _: Callable[[], None] | None) -> tuple[str, ...]:
        write_camera(frames, target)
        return tuple(
            f"{target.name}: {words}" for frame in frames if (words := dropped_words(frame))
        )

    return Plan(
        target=job.outdir / product_name(raw.path, compress=job.compress),
        expected=expected_of(
            raw.stamp,
            [one.steps for one in made],
            job.product,
            compress=job.compress,
            before=made[0].part.steps,
        ),
        ccds=tuple(one.ccd for one in made),
        calibrate=lambda: [one.calibrated(job.product, one.measured(job.product)) for one in made],
        write=write,
        frames=len(made),
    )
