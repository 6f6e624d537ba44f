"""Model folders: which files are read, what is made of them, what is kept of where they were."""

import gzip
import hashlib
import itertools
import shutil

import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tests import inputs
from tica_fn import amplifiers
from tica_fn.detector import AMPLIFIERS
from tica_fn.errors import BadFileError, ModelError
from tica_fn.fits.model_xml import integrated_linearity

SHAPE = (2078, 2136)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    rows, columns = np.arange(2078.0)[:, None], np.arange(2136.0)
    place = tmp_path_factory.mktemp("models") / "calibration_10min"
    return inputs.tica_models(
        place, rows % 97 + 0.1 * columns, 1 + 1e-4 * rows + 0 * columns, camera=1, ccd=4
    )


def spoc_folder(place):
    place.mkdir()
    for path in inputs.EXAMPLE.iterdir():
        if path.suffix in (".fz", ".xml"):
            shutil.copy(path, place)
    return place


def test_a_folder_of_tica(folder):
    models = tica_fn.load_models(folder, 1, 4)
    bias = folder / "twodbias" / "cam1_ccd4_twoDcorrect.fits"
    flat = folder / "flatfields" / "cam1_ccd4_image.fits"
    assert np.array_equal(models.bias, fits.getdata(bias))
    assert np.array_equal(models.flat, fits.getdata(flat))
    assert (models.kind, models.exposure_s, models.bias_per_read) == ("tica", 600.0, False)
    assert models.amplifiers == amplifiers(1, 4)
    expected = [(p.name, hashlib.sha256(p.read_bytes()).hexdigest()) for p in (bias, flat)]
    assert [(file.name, file.sha256) for file in models.files] == expected
    assert tica_fn.load_models(str(folder), 1, 4) == models


@pytest.mark.parametrize(
    ("name", "seconds"),
    [("30min", 1800), ("10min", 600), ("04min", 240), ("02min", 120), ("200sec", 200),
     ("20sec", 20)],
)  # fmt: skip
def test_the_folder_says_the_exposure(folder, tmp_path, name, seconds):
    link = tmp_path / f"calibration_{name}"
    link.mkdir()
    for kind in ("twodbias", "flatfields"):  # links, as in TICA's own tree
        (link / kind).symlink_to(folder / kind)
    assert tica_fn.load_models(link, 1, 4).exposure_s == seconds
    (tmp_path / "mine").symlink_to(link)
    assert tica_fn.load_models(tmp_path / "mine", 1, 4).exposure_s == seconds


def test_models_of_other_ccds_are_not_touched(folder, tmp_path):
    place = tmp_path / "calibration_10min"
    shutil.copytree(folder, place)
    (place / "twodbias" / "cam1_ccd3_twoDcorrect.fits").write_text("broken")
    (place / "flatfields" / "cam1_ccd3_image.fits").write_text("broken")
    assert tica_fn.load_models(place, 1, 4).name == "camera 1 CCD 4"
    with pytest.raises(BadFileError, match="cam1_ccd3_twoDcorrect"):
        tica_fn.load_models(place, 1, 3)


def test_gzipped_models_are_the_same_models(folder, tmp_path):
    place = tmp_path / "calibration_10min"
    shutil.copytree(folder, place)
    for path in list(place.rglob("*.fits")):
        path.with_name(path.name + ".gz").write_bytes(gzip.compress(path.read_bytes(), 1))
        path.unlink()
    packed, plain = tica_fn.load_models(place, 1, 4), tica_fn.load_models(folder, 1, 4)
    assert np.array_equal(packed.bias, plain.bias)
    assert np.array_equal(packed.flat, plain.flat)


def test_models_of_64_bits_are_rounded(folder, tmp_path):
    place = tmp_path / "calibration_10min"
    shutil.copytree(folder, place)
    path = place / "flatfields" / "cam1_ccd4_image.fits"
    flat = fits.getdata(path).astype(np.float64) + 1e-12
    fits.PrimaryHDU(flat).writeto(path, overwrite=True)
    assert np.array_equal(tica_fn.load_models(place, 1, 4).flat, flat.astype(np.float32))
    flat[3, 4] = 1e300
    fits.PrimaryHDU(flat).writeto(path, overwrite=True)
    with pytest.raises(ModelError, match="row 3, column 4"):
        tica_fn.load_models(place, 1, 4)


def test_models_of_the_mission():
    models = tica_fn.load_models(inputs.EXAMPLE, 2, 3)
    assert (models.kind, models.exposure_s, models.bias_per_read) == ("spoc", None, True)
    # The XML files hold what the package's own table was made from.
    assert models.amplifiers == amplifiers(2, 3)
    names = {file.name for file in models.files}
    assert names == {p.name for p in inputs.EXAMPLE.iterdir() if p.suffix in (".fz", ".xml")}
    assert 6000 < np.median(models.bias) < 7500
    assert 0.9 < np.median(models.flat) < 1.1


def test_models_of_the_mission_in_hdu_1_with_uncertainties(tmp_path):
    rows = np.arange(2078.0)[:, None]
    images = {k: v + 1e-4 * rows + np.zeros(SHAPE) for k, v in (("2dblack", 6700), ("flat", 1))}
    for kind, image in images.items():
        hdus = [fits.PrimaryHDU(), *(fits.ImageHDU(i.astype("f4")) for i in (image, image * 0))]
        fits.HDUList(hdus).writeto(tmp_path / f"tess2018323-2-3-{kind}.fits")
    models = tica_fn.load_models(tmp_path, 2, 3)
    assert np.array_equal(models.bias, images["2dblack"].astype("f4"))
    assert np.array_equal(models.flat, images["flat"].astype("f4"))
    assert models.amplifiers == amplifiers(2, 3)  # without XML: the package's table


def test_other_constants_in_the_xml_are_used(tmp_path):
    place = spoc_folder(tmp_path / "m")
    (path,) = place.glob("*gain.xml")
    text = path.read_text()
    before = amplifiers(2, 3).gain
    path.write_text(text.replace(f'gainElectronsPerDN="{before[1]}"', 'gainElectronsPerDN="5.5"'))
    (path,) = place.glob("*linearity.xml")
    path.write_text(path.read_text().replace('originx="', 'originx="1'))
    constants = tica_fn.load_models(place, 2, 3).amplifiers
    assert constants.gain[1] == 5.5
    assert (constants.lin_origin > 1800).all()
    assert (constants.lin_c0 != amplifiers(2, 3).lin_c0).all()


def test_the_table_is_what_the_mission_s_form_gives_to_its_last_digit():
    for camera, ccd in itertools.product(range(1, 5), repeat=2):
        table = amplifiers(camera, ccd)
        found = integrated_linearity(
            table.spoc_c0, table.spoc_c1, table.spoc_c2, table.lin_scale, table.lin_origin
        )
        np.testing.assert_allclose(found[0], table.lin_c0, rtol=0, atol=5.1e-6)
        np.testing.assert_allclose(found[1], table.lin_c1, rtol=0, atol=5.1e-8)
        np.testing.assert_allclose(found[2], table.lin_c2, rtol=0, atol=5.1e-8)


def test_there_are_64_amplifiers_and_no_others():
    seen = [amplifiers(c, d) for c in range(1, 5) for d in range(1, 5)]
    gains = np.array([table.gain for table in seen])
    assert gains.size == 16 * len(AMPLIFIERS)
    assert ((gains > 5) & (gains < 5.6)).all()
    for camera, ccd in ((0, 1), (5, 1), (1, 0), (1, 5)):
        with pytest.raises(ValueError, match="cameras 1 to 4"):
            amplifiers(camera, ccd)
        with pytest.raises(ValueError, match="cameras 1 to 4"):
            tica_fn.load_models(inputs.EXAMPLE, camera, ccd)


def test_no_such_ccd_among_the_models():
    with pytest.raises(ModelError, match="camera 2 CCD 4"):
        tica_fn.load_models(inputs.EXAMPLE, 2, 4)
