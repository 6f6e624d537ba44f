"""Files of the rarer kinds, and what reads them."""

import gzip

import numpy as np
from astropy.io import fits
from astropy.table import Table

import tica_fn
from tests.fits.conftest import CAMERA_NAME, camera_header
from tests.torture.kind import Kind, without_sums
from tests.torture.mutate import mutate_bytes, mutate_fits, mutate_text

CONFIG = b"""
[input]
files = ["raw/*.fits", "more"]
caldir = "models"
outdir = "out"

[products]
layout = "spoc"
compress = "rice"
uncertainty = true
jobs = 2
"""


def more_kinds(made, models, product):
    """Kinds beside raw frames, models and pixels; `made` is a folder for the good files."""
    from tica_fn.products.file_facts import facts_of_file
    from tica_fn.products.kept import kept_of
    from tica_fn.products.staleness import Expected, why_again
    from tica_fn.run.time_series import read_time_series
    from tica_fn.wcs import read_catalog, read_ephemeris

    pixels = np.random.default_rng(5).integers(190_000, 210_000, (4156, 4272), dtype=np.int32)
    fits.PrimaryHDU(pixels, camera_header()).writeto(made / CAMERA_NAME)
    full = tica_fn.flag_pixels(tica_fn.estimate_variance(models)(product), models)
    tica_fn.write(full, made / "s_ffic.fits", layout="spoc")
    tica_fn.write(full, made / "p.cal.fits.fz")
    tica_fn.write(product, made / "p.cal.fits.gz")
    spoc = without_sums((made / "s_ffic.fits").read_bytes())
    packed = without_sums((made / "p.cal.fits.fz").read_bytes())
    record = _record(made / "run")
    stars = Table({"id": np.arange(50), "ra": 10 + np.arange(50) / 7, "dec": np.arange(50) / 9,
                   "tmag": 8 + np.arange(50) % 5.0})  # fmt: skip
    tables = {}
    for ending, how in {"fits": "fits", "vot": "votable", "ecsv": "ascii.ecsv"}.items():
        stars.write(made / f"stars.{ending}", format=how)
        tables[ending] = (made / f"stars.{ending}").read_bytes()
    stars.write(made / "stars.h5", format="hdf5", path="stars")
    ephemeris = "".join(
        f"{2458000 + n:.1f} {1e8 + n:.1f} {2e7 - n:.1f} {3e7:.1f} 1.5 {20 + n / 9:.3f} 7.1\n"
        for n in range(20)
    )
    series = "name " + " ".join(
        [f"mode_ccd{n}" for n in range(1, 5)]
        + [f"output{letter}_ccd{n}" for n in range(1, 5) for letter in "ABCD"]
    ) + "\n" + "".join(
        f"tess2019000000-{n:08d}-1-crm-ffi_ccd1.cal.fits" + f"{n + 0.5:15.2f}" * 20 + "\n"
        for n in range(100, 130)
    )  # fmt: skip
    expected = Expected(
        input_crc32="0", models=frozenset(), steps=product.steps, columns=2136, packing="RICE_1"
    )
    return [
        Kind("camera frame", CAMERA_NAME, (made / CAMERA_NAME).read_bytes(),
             tica_fn.read_camera, mutate_fits, weight=1),
        Kind("product of SPOC's layout", "s_ffic.fits", spoc, tica_fn.read, mutate_fits, weight=3),
        Kind("product, packed", "p.cal.fits.fz", packed, tica_fn.read, mutate_fits, weight=6),
        Kind("product, gzipped", "p.cal.fits.gz", (made / "p.cal.fits.gz").read_bytes(),
             tica_fn.read, mutate_bytes, weight=2),
        Kind("product, its facts", "f.cal.fits.fz", packed, facts_of_file, mutate_fits, weight=3),
        Kind("product that is there", "a.cal.fits.fz", packed,
             lambda path: why_again(path, expected), mutate_fits, weight=3),
        Kind("product in the way", "w_ffic.fits", spoc, kept_of, mutate_fits, weight=2),
        Kind("catalogue, FITS", "c.fits", tables["fits"], read_catalog, mutate_fits, weight=8),
        Kind("catalogue, VOTable", "c.vot", tables["vot"], read_catalog, mutate_text),
        Kind("catalogue, ECSV", "c.ecsv", tables["ecsv"], read_catalog, mutate_text),
        Kind("catalogue, HDF5", "c.hdf5", (made / "stars.h5").read_bytes(), read_catalog,
             mutate_bytes, weight=8),
        Kind("catalogue, gzipped", "c.ecsv.gz", gzip.compress(tables["ecsv"]), read_catalog,
             mutate_bytes, weight=2),
        Kind("ephemeris", "e.txt", ephemeris.encode(), read_ephemeris, mutate_text),
        Kind("time series", "cal_timeseries.txt", series.encode(), read_time_series, mutate_text),
        Kind("configuration", "run.toml", CONFIG, _configuration(), mutate_text),
        Kind("record of a run", "run/run.sqlite", record, _read_record, mutate_bytes,
             weight=8),
        Kind("record of a run, to write", "run2/run.sqlite", record, _write_record, mutate_bytes,
             weight=4),
    ]  # fmt: skip


def _configuration():
    from tica_fn.cli import make_parser
    from tica_fn.cli.run_settings import _ACTIONS
    from tica_fn.run.settings import read_settings

    make_parser()
    return lambda path: read_settings(path, _ACTIONS)


def _record(folder):
    from tica_fn.run.database import record_path
    from tica_fn.run.record_writer import RecordWriter

    folder.mkdir()
    with RecordWriter(folder) as record:
        for n in range(30):
            record.put("inputs", path=f"raw{n}.fits", state="done")
    return record_path(folder).read_bytes()


def _read_record(path):
    from tica_fn.run import open_record

    _alone(path)
    record = open_record(path.parent)
    return [record[name] for name in record]


def _write_record(path):
    from tica_fn.run.record_writer import RecordWriter

    _alone(path)
    with RecordWriter(path.parent) as record:
        record.put("inputs", path="raw7.fits", state="failed")
        record.put("inputs", path="new.fits", state="done")
        record.rows("inputs")


def _alone(path):
    """Remove what another record left beside it."""
    for beside in path.parent.glob(f"{path.name}-*"):
        beside.unlink()
