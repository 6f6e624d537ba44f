"""The files that are tortured, and what reads each of them."""

import gzip
import io
import json
import shutil

import numpy as np
from astropy.io import fits

import tica_fn
from tests import inputs
from tests.torture.kind import Kind, without_sums
from tests.torture.more_readers import more_kinds
from tests.torture.mutate import mutate_bytes, mutate_fits, mutate_text

SHAPE = (2078, 2136)


def kinds(folder):
    """Make the files in a folder; a list of what can be tortured."""
    from tica_fn.compare import compare_files
    from tica_fn.fits.collateral import read_collateral
    from tica_fn.fits.model_origins import read_origins, write_origins
    from tica_fn.fits.model_xml import amplifiers_from_xml
    from tica_fn.quality.known_models import known_models
    from tica_fn.remote.pointers import known_outputs, pointer_text, read_listing, read_pointers
    from tica_fn.remote.scripts import read_script
    from tica_fn.wcs import read_catalog, read_image, read_reference_stars

    made = folder / "made"
    made.mkdir(parents=True)
    rng = np.random.default_rng(3)
    pixels = rng.integers(5000, 9000, SHAPE, dtype=np.int32)
    raw = made / inputs.name_of()
    inputs.raw_ffi(raw, pixels, checksum=False)
    frame = tica_fn.read(raw)
    neutral = tica_fn.neutral_models(2, 3)
    product = tica_fn.calibrate(frame, neutral, dtype=np.float32)
    tica_fn.write(product, made / "p.cal.fits")
    packed = io.BytesIO()
    fits.HDUList(
        [fits.PrimaryHDU(), fits.CompImageHDU(pixels, header=fits.getheader(raw, 1))]
    ).writeto(packed)

    def models(name):
        place = folder / name
        shutil.copytree(inputs.EXAMPLE, place, ignore=shutil.ignore_patterns("*tp*", "*col*"))
        return place

    mission = models("mission")
    flat = next(mission.glob("*flat*"))
    gain = next(mission.glob("*gain*"))
    linear = models("linear")
    line = next(linear.glob("*linearity*"))
    ours = inputs.tica_models(
        folder / "calibration_02min", np.zeros(SHAPE), np.ones(SHAPE), camera=2, ccd=3
    )
    bias = ours / "twodbias" / "cam2_ccd3_twoDcorrect.fits"
    stars = made / "ref.h5"
    _write_stars(stars, rng)
    catalog = b"id,ra,dec,tmag\n" + b"".join(
        b"%d,%.5f,%.5f,%.2f\n" % (n, 10 + n / 7, -5 + n / 9, 8 + n % 5) for n in range(50)
    )
    output = known_outputs()["twodbias_10min"]
    listing = json.dumps([{"md5": f"{n:032x}", "relpath": f"a/{n}.fits"} for n in range(20)])
    script = "#!/bin/sh\n" + "".join(
        f"curl -C - -L -o {inputs.name_of(n)} https://mast.stsci.edu/{inputs.name_of(n)}\n"
        for n in range(30)
    )
    write_origins(made, ())
    origins = (made / "provenance.json").read_bytes()

    def read_models(place):
        return lambda _: tica_fn.load_models(place, 2, 3)

    def read_xml(place):
        return lambda _: amplifiers_from_xml(place, 2, 3)

    def in_folder(read):
        return lambda path: read(path.parent)

    target = gzip.decompress(inputs.TARGET.read_bytes())
    collateral = gzip.decompress(inputs.SMROW.read_bytes())
    plain = raw.read_bytes()
    return [
        Kind("raw frame", raw.name, plain, tica_fn.read, mutate_fits, pixels=True, weight=6),
        Kind("raw frame, gzipped", f"{raw.name}.gz", gzip.compress(plain, 1), tica_fn.read,
             mutate_bytes, weight=3),
        Kind("raw frame, packed", f"{raw.name}.fz", without_sums(packed.getvalue()), tica_fn.read,
             mutate_fits, weight=12),
        Kind("product", "p.cal.fits", without_sums((made / "p.cal.fits").read_bytes()),
             tica_fn.read, mutate_fits, pixels=True, weight=2),
        Kind("product for the fit", "q.cal.fits",
             without_sums((made / "p.cal.fits").read_bytes()), read_image, mutate_fits, weight=6),
        Kind("target pixels", "t_tp.fits", without_sums(target),
             lambda path: tica_fn.read_target(path).frames(()), mutate_fits, weight=16),
        Kind("target pixels, gzipped", "t_tp.fits.gz", inputs.TARGET.read_bytes(),
             tica_fn.read_target, mutate_bytes, weight=8),
        Kind("collateral", "s_col.fits", without_sums(collateral), read_collateral,
             mutate_fits, weight=16),
        Kind("mission's flat", str(flat), without_sums(flat.read_bytes()), read_models(mission),
             mutate_fits, weight=1),
        Kind("mission's gain", str(gain), gain.read_bytes(), read_xml(mission),
             mutate_text, weight=8),
        Kind("mission's linearity", str(line), line.read_bytes(), read_xml(linear),
             mutate_text, weight=8),
        Kind("TICA's bias", str(bias), bias.read_bytes(), read_models(ours), mutate_fits, weight=4),
        Kind("reference stars", "r.h5", stars.read_bytes(), read_reference_stars,
             mutate_bytes, weight=16),
        Kind("catalogue", "c.csv", catalog, read_catalog, mutate_text),
        Kind("table of known models", "k.csv", _known(), known_models, mutate_text),
        Kind("DVC pointer", "d/x.dvc", pointer_text(output).encode(), in_folder(read_pointers),
             mutate_text),
        Kind("DVC listing", "l.json", listing.encode(),
             lambda path: read_listing(path, str(path)), mutate_text),
        Kind("record of a fetch", "o/provenance.json", origins, in_folder(read_origins),
             mutate_text),
        Kind("download script", "tesscurl.sh", script.encode(),
             lambda path: list(read_script(path, str(path), "ffir")), mutate_text),
        Kind("product, compared", "g.cal.fits",
             without_sums((made / "p.cal.fits").read_bytes()),
             lambda path: compare_files(made / "p.cal.fits", path), mutate_fits, weight=2),
        Kind("stars, compared", "g.h5", stars.read_bytes(),
             lambda path: compare_files(stars, path), mutate_bytes, weight=4),
        *more_kinds(made, neutral, product),
    ]  # fmt: skip


def _known():
    from importlib.resources import files

    return files("tica_fn").joinpath("data/known_models.csv").read_bytes()


def _write_stars(path, rng):
    from tica_fn.wcs import ReferenceStars, write_reference_stars

    count = 60
    columns, rows = rng.uniform(100, 2000, (2, count))
    one = np.ones(count)
    write_reference_stars(
        ReferenceStars(
            ids=np.arange(count), ra=10 + columns / 200, dec=-5 + rows / 200, tmag=8 * one,
            blocks=np.zeros(count, int), predicted_columns=columns, predicted_rows=rows,
            columns=columns, rows=rows, contrast_columns=9 * one, contrast_rows=9 * one,
            aperture_columns=np.rint(columns), aperture_rows=np.rint(rows), name="11612",
        ),
        path,
    )  # fmt: skip
