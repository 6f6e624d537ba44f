"""Every product compared with the plain one and a copy, and own code compared with libraries.

Products are made by two threads of one process, without start-up, each into an empty folder,
alternating with the plain one, so that the ratios show a regression on any machine.  Processor time
is that of all threads, including the system's.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import attrs
import numpy as np
from astropy.io import fits

import tica_fn
from benchmarks.commands import copied, inputs
from benchmarks.timing import in_turn, ratio
from tica_fn import kernels
from tica_fn.detector import OVERCLOCK_COLUMNS, PEDESTAL_FIRST_ROW, SCIENCE_COLUMNS
from tica_fn.fits import atomic
from tica_fn.fits.batch import ModelShelf, run_batch
from tica_fn.frame import Place
from tica_fn.immutable import Array
from tica_fn.models import Models
from tica_fn.pipeline.sweep_plan import SweepPlan
from tica_fn.products.job import Job
from tica_fn.products.options import Product
from tica_fn.products.raw_files import calibrate_file

Row = tuple[str, str]
_FRAMES, _RUNS = 8, 5
_ALL = Product(layout="spoc", quality=True, smear="robust")
PRODUCTS = {
    "plain": ("none", Product()),
    "`--compress gzip`": ("gzip", Product()),
    "`--compress gzip2`": ("gzip2", Product()),
    "`--compress rice`": ("rice", Product()),
    "`--uncertainty --quality`": ("none", Product(uncertainty=True, quality=True)),
    "`--smear robust`": ("none", Product(smear="robust")),
    "`--layout spoc`": ("none", Product(layout="spoc")),
    "`--layout spoc --quality --smear robust`": ("none", _ALL),
    "the same gzipped": ("gzip", _ALL),
    "the same, rice": ("rice", _ALL),
}


def measure() -> list[Row]:
    """Rows of the table."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as place:
        folder = Path(place)
        caldir, raw = inputs(folder, _FRAMES)
        files = sorted(raw.iterdir())
        rows = _products(caldir, files, folder)
        return [*rows, *_by_others(caldir, files[0], folder), *_in_the_pass(files[0], caldir)]


def job_of(caldir: Path, outdir: Path, compress: str, product: Product) -> Job:
    """Make a product into an empty folder."""
    shelf = ModelShelf(caldir, errors=product.needs_errors)
    outdir.mkdir()
    job = Job(models=shelf, outdir=outdir, compress=compress, product=product)
    return attrs.evolve(job, overwrite=True)


def _products(caldir: Path, files: list[Path], folder: Path) -> list[Row]:
    """Each product's time per frame, relative to the plain product and to a copy of equal size."""
    processor: list[list[float]] = []

    def make(job: Job, taken: list[float]) -> None:
        shutil.rmtree(job.outdir)
        job.outdir.mkdir()
        start = time.process_time()
        for outcome in run_batch(files, lambda file, waits: calibrate_file(file, job, waits), 2):
            if outcome.error is not None:
                raise outcome.error
        taken.append(time.process_time() - start)

    functions: list[Callable[[], object]] = []
    for number, (compress, product) in enumerate(PRODUCTS.values()):
        job = job_of(caldir, folder / str(number), compress, product)
        processor.append([])
        functions.append(lambda job=job, taken=processor[-1]: make(job, taken))
        made = folder / f"made {number}"
        functions.append(
            lambda job=job, made=made: copied(files, made, sorted(job.outdir.iterdir()))
        )
    times = in_turn(*functions, runs=_RUNS)
    plain, busy = times[0], np.array(processor[0][1:])
    rows = [("a plain product, two jobs", f"{np.median(plain) / len(files) * 1e3:.0f} ms a frame")]
    for name, taken, copy, own in zip(PRODUCTS, times[::2], times[1::2], processor, strict=True):
        said = f"{ratio(taken, copy):.2f} x a durable copy with as many bytes read and written"
        if name != "plain":
            of_processor = ratio(np.array(own[1:]), busy)
            said = f"{ratio(taken, plain):.2f} x plain ({of_processor:.2f} x processor), {said}"
        rows.append((name, said))
    return rows


def _by_others(caldir: Path, file: Path, folder: Path) -> list[Row]:
    """One frame with this package, and with numpy and astropy; with and without direct I/O."""
    models = tica_fn.load_models(caldir, 2, 3)
    job = job_of(caldir, folder / "others", "none", Product())
    with fits.open(file) as hdus:
        coadds, header = float(hdus[1].header["NREADOUT"]), hdus[0].header.copy()

    def read() -> Array:
        with fits.open(file, memmap=False, checksum=True) as hdus:
            return np.array(hdus[1].data, dtype=np.int32)

    def write(pixels: Array) -> None:
        out = job.outdir / "astropy.fits"
        fits.PrimaryHDU(pixels, header).writeto(out, overwrite=True, checksum=True)
        handle = os.open(out, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)

    counts = read()
    pixels = in_numpy(counts, models, coadds)
    frame = tica_fn.read(file)
    np.testing.assert_allclose(pixels, tica_fn.calibrate(frame, models, dtype=np.float32).pixels,
                               rtol=2e-3, atol=2.0)  # fmt: skip

    def streamed() -> None:
        calibrate_file(file, job)

    def through_the_cache() -> None:
        with mock.patch.object(atomic, "_DIRECT", 0):
            calibrate_file(file, job)

    def swept_by_astropy() -> None:
        raw = attrs.evolve(frame, pixels=read())
        write(tica_fn.calibrate(raw, models, dtype=np.float32).pixels)

    ours, cache, swept, reading, arithmetic, writing = in_turn(
        streamed, through_the_cache, swept_by_astropy, read,
        lambda: in_numpy(counts, models, coadds), lambda: write(pixels), runs=15,
    )  # fmt: skip
    against = "relative to a plain product"
    return [
        (f"astropy reads the raw frame, {against}", f"{ratio(reading, ours):.2f} x"),
        (f"plain numpy does the six steps, {against}", f"{ratio(arithmetic, ours):.2f} x"),
        (f"astropy writes the frame, {against}", f"{ratio(writing, ours):.2f} x"),
        (f"astropy reads, one sweep, astropy writes, {against}", f"{ratio(swept, ours):.2f} x"),
        (f"written through the page cache, {against}", f"{ratio(cache, ours):.2f} x"),
    ]


def _in_the_pass(file: Path, caldir: Path) -> list[Row]:
    """Byte order and checksums in the sweep, and in separate passes."""
    models = tica_fn.load_models(caldir, 2, 3)
    frame = tica_fn.read(file)
    steps = {step.name: step.models for step in tica_fn.standard_steps(models).steps}
    out = tica_fn.calibrate(frame, models)
    plan = SweepPlan.of(steps, Place(coadds=frame.coadds), out.pedestals).with_smear(out.smear)
    words = frame.pixels.astype(">i4").view(np.uint32)
    counts, pixels = np.empty(words.shape, np.int32), np.empty(words.shape, np.float32)
    product = np.empty_like(words)

    def passes() -> None:
        kernels.from_big_endian(words.reshape(-1), counts.view(np.uint32).reshape(-1))
        plan.sweep_rows(0, counts, pixels)
        kernels.to_big_endian(pixels.view(np.uint32).reshape(-1), product.reshape(-1))

    within, apart, bare = in_turn(
        lambda: plan.sweep_rows(0, words, product),
        passes,
        lambda: plan.sweep_rows(0, counts, pixels),
        runs=30,
    )
    return [
        (
            "words to words with both checksums, relative to the sweep alone",
            f"{ratio(within, bare):.2f} x",
        ),
        ("the same in separate passes, relative to the sweep alone", f"{ratio(apart, bare):.2f} x"),
    ]


def in_numpy(counts: Array, models: Models, coadds: float) -> Array:
    """The six steps in plain numpy, for comparison of speed."""
    amplifiers = models.amplifiers
    e = counts.astype(np.float64) - models.bias
    science = slice(*SCIENCE_COLUMNS)
    read_by = np.r_[np.repeat(range(4), 11), np.repeat(range(4), 512), np.repeat(range(4), 11)]
    starts = [OVERCLOCK_COLUMNS[0] + 11 * a + 3 for a in range(4)]
    means = np.array([e[PEDESTAL_FIRST_ROW:, first : first + 8].mean() for first in starts])
    e = (e - means[read_by]) * amplifiers.gain[read_by]
    a = read_by[science]
    x = e[:, science] / (coadds * 0.99 * amplifiers.gain[a])
    x = (x - amplifiers.lin_origin[a]) * amplifiers.lin_scale[a]
    e[:, science] *= amplifiers.lin_c0[a] + amplifiers.lin_c1[a] * x + amplifiers.lin_c2[a] * x * x
    e -= np.median(e[2061:2068], axis=0)
    return np.asarray(e / models.flat, dtype=np.float32)


def main() -> None:
    """Print the table."""
    for what, value in measure():
        print(f"{what:70s} {value}", flush=True)


if __name__ == "__main__":
    main()
