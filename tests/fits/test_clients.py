"""Today's programs open the products as they are: astrocut's cubes and cut-outs, lightkurve."""

import logging
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from isal import igzip

from tests.fits.conftest import STAR, calibrated_with

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module", autouse=True)
def _quiet():
    """Nothing of the programs' own chatter."""
    logging.disable(logging.WARNING)
    yield
    logging.disable(logging.NOTSET)


def gzipped(paths, folder):
    for path in paths:
        (folder / f"{path.name}.gz").write_bytes(igzip.compress(path.read_bytes(), 1))
    return sorted(folder.iterdir())


@pytest.mark.parametrize("packed", [False, True])
def test_astrocut_makes_cubes_and_cuts_stars_out(spoc_products, star_position, tmp_path, packed):
    pytest.importorskip("astrocut")
    from astrocut import CubeFactory, TessCubeCutout

    paths = spoc_products
    if packed:
        folder = tmp_path / "gz"
        folder.mkdir()
        paths = gzipped(spoc_products[:2], folder)
    cube = CubeFactory().make_cube([str(path) for path in paths], str(tmp_path / "cube.fits"))
    out = TessCubeCutout(cube, coordinates=star_position, cutout_size=11, threads=1)
    (target,) = out.write_as_tpf(output_dir=str(tmp_path))
    with fits.open(target) as hdus:
        pixels = hdus[1].data
        assert pixels["FLUX"].shape == (len(paths), 11, 11)
        middle = np.unravel_index(np.argmax(pixels["FLUX"][0]), (11, 11))
        assert max(abs(middle[0] - 5), abs(middle[1] - 5)) <= 1
        row, column = STAR[1] - middle[0], STAR[0] - middle[1]
        for number, path in enumerate(spoc_products[: len(paths)]):
            with fits.open(path) as product:
                box = np.s_[row : row + 11, column : column + 11]
                assert np.array_equal(pixels["FLUX"][number], product[1].data[box])
                assert np.array_equal(pixels["FLUX_ERR"][number], product[2].data[box])
                header = product[1].header
                mean = 0.5 * (header["TSTART"] + header["TSTOP"])
                assert pixels["TIME"][number] == pytest.approx(mean, abs=1e-9)
                assert pixels["TIMECORR"][number] == pytest.approx(header["BARYCORR"], rel=1e-5)
        assert list(pixels["QUALITY"]) == [0, 32, 0][: len(paths)]
        # A star of that brightness has 95,000 electrons a second: its noise is photons.
        flux, error = pixels["FLUX"][0, *middle], pixels["FLUX_ERR"][0, *middle]
        photon = np.sqrt(0.841 * flux / (720 * 1.98))
        assert 0.95 * photon < error < 1.1 * photon


OLD_ASTROCUT = Path(sys.prefix) / "astrocut-0.11"
OLD_CUT = """
import sys
import astrocut
cube, out, ra, dec, *paths = sys.argv[1:]
astrocut.TicaCubeFactory().make_cube(paths, cube, sector=6, verbose=False)
cutter = astrocut.CutoutFactory()
print(cutter.cube_cut(cube, f"{ra} {dec}", 11, product="TICA", output_path=out, threads=1))
"""


@pytest.mark.parametrize("compress", ["none", "gzip"])
def test_the_old_astrocut_cuts_stars_out_of_ticas_layout(
    raw_frames, spoc_models, spoc_products, star_position, tmp_path, compress
):
    if not OLD_ASTROCUT.exists():
        pytest.skip("`make test` installs astrocut 0.11.1 beside the current one")
    options = ("--name", "hlsp", "--orbit-segment", "o1a", "--compress", compress)
    paths = calibrated_with(raw_frames, spoc_models, tmp_path / "hlsp", *options)
    place = (f"{star_position.ra.deg:.9f}", f"{star_position.dec.deg:.9f}")
    told = subprocess.run(
        [sys.executable, "-c", OLD_CUT, tmp_path / "cube.fits", tmp_path, *place, *paths],
        env={**os.environ, "PYTHONPATH": str(OLD_ASTROCUT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    # The cube's table has the first frame's cards, its strings the first frame's length.
    cards = [
        [
            (key, type(value), len(value) if isinstance(value, str) and key != "COMMENT" else 0)
            for key, value, _ in cards
        ]
        for cards in (fits.getheader(path).cards for path in paths)
    ]
    assert cards[1] == cards[0]
    assert cards[2] == cards[0]
    with fits.open(told.stdout.split()[-1]) as hdus:
        pixels = hdus[1].data
        assert pixels["FLUX"].shape == (len(paths), 11, 11)
        middle = np.unravel_index(np.argmax(pixels["FLUX"][0]), (11, 11))
        assert max(abs(middle[0] - 5), abs(middle[1] - 5)) <= 1
        row, column = STAR[1] - middle[0], STAR[0] - middle[1]
        for number, path in enumerate(paths):
            box = np.s_[row : row + 11, column : column + 11]
            assert np.array_equal(pixels["FLUX"][number], fits.getdata(path)[box])
            header = fits.getheader(path)
            mean = 0.5 * (header["STARTTJD"] + header["ENDTJD"])
            assert pixels["TIME"][number] == pytest.approx(mean, abs=1e-7)


def test_a_cube_of_frames_some_without_a_sky(spoc_products, raw_frames, spoc_models, tmp_path):
    pytest.importorskip("astrocut")
    from astrocut import CubeFactory

    from tests.fits.test_spoc_layout import without_sky

    raw = without_sky(raw_frames[0], tmp_path / raw_frames[0].name)
    folder = tmp_path / "out"
    (blind,) = calibrated_with([raw], spoc_models, folder, "--layout", "spoc")
    paths = [str(blind), *map(str, spoc_products[1:])]
    cube = CubeFactory().make_cube(paths, str(tmp_path / "cube.fits"))
    table = fits.getdata(cube, 2)
    assert [kind.startswith("DEC--TAN-SIP") for kind in table["CTYPE2"]] == [False, True, True]
    assert table["CRVAL1"][1] == fits.getheader(spoc_products[1], 1)["CRVAL1"]


@pytest.mark.parametrize("layout", ["spoc", "tica"])
def test_lightkurve_reads_either_layout(
    spoc_products, tica_products, star_position, tmp_path, layout
):
    pytest.importorskip("lightkurve")
    from lightkurve import TessTargetPixelFile

    if layout == "spoc":
        paths, extension = gzipped(spoc_products, tmp_path), 1
    else:
        paths, extension = tica_products, 0
    tpf = TessTargetPixelFile.from_fits_images(
        [str(path) for path in paths],
        position=star_position,
        size=(11, 11),
        extension=extension,
        quality_bitmask="none",
    )
    headers = [fits.getheader(path, extension) for path in paths]
    assert tpf.time.format == "btjd"
    means = [0.5 * (h["TSTART"] + h["TSTOP"]) for h in headers]
    assert tpf.time.value == pytest.approx(means, abs=1e-9)
    assert list(tpf.quality) == [0, 32, 0]
    assert list(tpf.cadenceno) == [h["FFIINDEX"] for h in headers]
    assert (tpf.sector, tpf.camera, tpf.ccd) == (6, 2, 3)
    assert tpf.hdu[1].data["TIMECORR"] == pytest.approx([h["BARYCORR"] for h in headers], rel=1e-5)
    middle = np.unravel_index(np.argmax(tpf.flux.value[0]), (11, 11))
    assert max(abs(middle[0] - 5), abs(middle[1] - 5)) <= 1
    row, column = STAR[1] - middle[0], STAR[0] - middle[1]
    image = fits.getdata(paths[2], extension)[row : row + 11, column : column + 11]
    assert np.array_equal(tpf.flux.value[2], image)


def test_lightkurve_takes_the_uncertainties_and_masks_what_is_flagged(spoc_products, star_position):
    pytest.importorskip("lightkurve")
    from lightkurve import TessTargetPixelFile

    errors = []
    for path in spoc_products:
        with fits.open(path) as hdus:
            errors.append(fits.ImageHDU(hdus[2].data, hdus[1].header))
    tpf = TessTargetPixelFile.from_fits_images(
        [str(path) for path in spoc_products],
        position=star_position,
        images_flux_err=errors,
        size=(11, 11),
    )
    assert len(tpf.time) == 2
    assert (tpf.flux_err.value > 0).all()
    light = tpf.to_lightcurve(aperture_mask="all")
    assert np.isfinite(light.flux_err.value).all()
    assert np.median(light.flux.value / light.flux_err.value) > 20


def test_lightkurve_takes_the_uncertainties_as_they_are(spoc_products, star_position):
    """HDU 2 of each product, as the documentation says it."""
    pytest.importorskip("lightkurve")
    from lightkurve import TessTargetPixelFile

    opened = [fits.open(path) for path in spoc_products]
    tpf = TessTargetPixelFile.from_fits_images(
        [str(path) for path in spoc_products],
        position=star_position,
        images_flux_err=[hdus[2] for hdus in opened],
        size=(11, 11),
        quality_bitmask="none",
    )
    middle = np.unravel_index(np.argmax(tpf.flux.value[0]), (11, 11))
    row, column = STAR[1] - middle[0], STAR[0] - middle[1]
    for number, hdus in enumerate(opened):
        expected = hdus[2].data[row : row + 11, column : column + 11]
        assert np.array_equal(tpf.flux_err.value[number], expected)
        hdus.close()


def test_the_products_differ_only_in_unit(spoc_products, tica_products):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with fits.open(spoc_products[0]) as spoc, fits.open(tica_products[0]) as tica:
            seconds = tica[0].header["EXPTIME"]
            assert np.allclose(spoc[1].data * seconds, tica[0].data, rtol=3e-7)
            assert np.allclose(spoc[2].data * seconds, tica["UNCERTAINTY"].data, rtol=1e-6)
