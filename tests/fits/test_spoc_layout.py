"""SPOC's layout: what it holds, what it says of itself, and that it is one form for all frames."""

import re
import shutil
import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

import tica_fn
from tests.fits.conftest import calibrated_with
from tests.fits.verify import verify
from tica_fn.errors import FrameError

_SKY = re.compile(r"(CTYPE|CUNIT|CRVAL|CRPIX)[12]|CD\d_\d|[AB]P?_.*|WCSAXES|RA_NOM|DEC_NOM")


def without_sky(path, target, highest=None):
    """Copy of a raw file without its WCS, or with SIP coefficients up to a degree only."""
    shutil.copy(path, target)
    with fits.open(target, mode="update", checksum=True) as hdus:
        header = hdus[1].header
        for keyword in [key for key in header if _SKY.fullmatch(key)]:
            powers = re.fullmatch(r"[AB]P?_(\d)_(\d)", keyword)
            if highest is None or (powers and int(powers[1]) + int(powers[2]) > highest):
                del header[keyword]
            elif keyword.endswith("_ORDER"):
                header[keyword] = highest
    return target


@pytest.fixture(scope="module")
def odd_products(raw_frames, spoc_models, tmp_path_factory):
    """A frame without a WCS, and one with SIP degree 2."""
    folder = tmp_path_factory.mktemp("odd_raw")
    raw = [
        without_sky(raw_frames[0], folder / raw_frames[0].name),
        without_sky(raw_frames[2], folder / raw_frames[2].name, highest=2),
    ]
    out = tmp_path_factory.mktemp("odd")
    return calibrated_with(raw, spoc_models, out, "--layout", "spoc")


def test_names_are_the_archives(raw_frames, spoc_products):
    expected = [path.name.replace("ffir", "ffic") for path in raw_frames]
    assert [path.name for path in spoc_products] == expected


def test_every_product_is_valid(spoc_products, odd_products):
    for path in (*spoc_products, *odd_products):
        verify(path)


def test_pixels_are_those_of_the_calibration_per_second(raw_frames, spoc_products, spoc_models):
    models = tica_fn.load_models(spoc_models, 2, 3)
    steps = tica_fn.compose(
        *tica_fn.standard_steps(models).steps,
        tica_fn.divide_live_time(),
        tica_fn.estimate_variance(models),
    )
    frame = steps(tica_fn.read(raw_frames[0]))
    with fits.open(spoc_products[0]) as hdus:
        names = [hdu.name for hdu in hdus]
        assert names[:3] == ["PRIMARY", "CAMERA.CCD 2.3 cal", "CAMERA.CCD 2.3 uncert"]
        assert names[3:] == ["RAW_HEADER", "SHARED_VARIANCE"]
        assert hdus[0].data is None
        assert np.array_equal(hdus[1].data, frame.pixels.astype(np.float32))
        error = np.sqrt(frame.variance)
        assert np.allclose(hdus[2].data, error, rtol=1e-6)
        header = hdus[1].header
        seconds = header["NREADOUT"] * header["INT_TIME"]
        assert header["EXPOSURE"] * 86400 == pytest.approx(seconds)
        electrons = tica_fn.calibrate(tica_fn.read(raw_frames[0]), models)
        assert np.allclose(hdus[1].data * seconds, electrons.pixels, rtol=2e-7)


def form(path):
    """Keywords of the image's header with the types of their values, and lengths of strings."""
    header = fits.getheader(path, 1)
    assert not {"COMMENT", "HISTORY", ""} & set(header)
    for card in header.cards:
        assert not isinstance(card.value, int) or card.value < 2**31
    return [
        (c.keyword, type(c.value), len(c.value) if isinstance(c.value, str) else 0)
        for c in header.cards
    ]


def test_one_card_list_for_all_frames(spoc_products, odd_products):
    """Same keywords in the same order, of the same types, strings of the same length."""
    forms = [form(path) for path in (*spoc_products, *odd_products)]
    assert all(one == forms[0] for one in forms)


@pytest.mark.parametrize("degree", [4, 6])
def test_a_fitted_sky_keeps_the_card_list(odd_products, spoc_products, tmp_path, degree):
    """Whatever its degree, and whether the frame had a sky before."""
    from tica_fn.wcs import read_image, update_image

    stars = {"TIC": np.array([1, 2])}
    sip = [
        (f"{name}_{i}_{j}", 1e-9, "")
        for name in ("A", "B", "AP", "BP")
        for i in range(degree + 1)
        for j in range(degree + 1 - i)
        if i + j > 1
    ]
    orders = [(f"{name}_ORDER", degree, "") for name in ("A", "B", "AP", "BP")]
    cards = [
        ("WCSAXES", 2, ""), ("CTYPE1", "RA---TAN-SIP", ""), ("CTYPE2", "DEC--TAN-SIP", ""),
        ("CRPIX1", 1069.0, ""), ("CRPIX2", 1024.0, ""), ("CRVAL1", 10.0, ""), ("CRVAL2", 20.0, ""),
        ("CD1_1", 0.0058, ""), ("CD1_2", 0.0, ""), ("CD2_1", 0.0, ""), ("CD2_2", 0.0058, ""),
        ("CUNIT1", "deg", ""), ("CUNIT2", "deg", ""), ("RADESYS", "ICRS", ""), ("RMSA", 0.1, ""),
        ("WCSDEG", degree, ""), ("TESS_X", 1.5e8, ""), *orders, *sip,
    ]  # fmt: skip
    for number, source in enumerate((odd_products[0], spoc_products[0])):
        target = tmp_path / f"{number}_ffic.fits"
        assert fits.getheader(source, 1)["WCSDEG"] == -1
        update_image(read_image(source), cards, stars, ["a line"], target)
        update_image(read_image(target), cards, stars, ["a line"], target)
        verify(target)
        assert form(target) == form(source)
        with fits.open(target) as hdus:
            first, image = hdus[0].header, hdus[1].header
            assert (image["RMSA"], image["WCSDEG"], image["A_ORDER"]) == (0.1, degree, degree)
            assert (image["A_2_2"], image["A_9_0"]) == (1e-9, 0.0)
            assert image["A_3_3"] == (1e-9 if degree == 6 else 0.0)
            assert (first["TESS_X"], first["NEXTEND"]) == (1.5e8, len(hdus) - 1)


def test_integers_beyond_32_bits_have_no_place_in_it():
    from tica_fn.fits.spoc_cards import image_cards

    frame = tica_fn.Frame(
        pixels=np.zeros((2078, 2136)), unit="electron / s", camera=1, ccd=1, exposure_s=600,
        coadds=240, header={"FXDOFF": 2**40, "MEANBLCA": 2**31, "DQUALITY": 2**33 + 32},
    )  # fmt: skip
    header = fits.Header.fromstring("".join(text for _, text in image_cards(frame)))
    assert (header["FXDOFF"], header["MEANBLCA"], header["DQUALITY"]) == (0, 0, 32)


def test_the_sky_is_that_of_the_raw_frame(raw_frames, spoc_products, odd_products):
    """Zeros beyond the SIP degree change nothing; without a WCS none is feigned."""
    columns, rows = np.meshgrid([0.0, 1000.0, 2100.0], [0.0, 1000.0, 2050.0])
    with warnings.catch_warnings():
        # Dates with a Z behind them, as the mission writes them.
        warnings.simplefilter("ignore")
        raw = WCS(fits.getheader(raw_frames[0], 1))
        product = WCS(fits.getheader(spoc_products[0], 1))
        none, low = (WCS(fits.getheader(path, 1)) for path in odd_products)
    assert product.sip.a_order == 4
    assert np.array_equal(
        product.all_pix2world(columns, rows, 0), raw.all_pix2world(columns, rows, 0)
    )
    assert low.sip.a_order == 2
    assert not none.has_celestial
    assert np.allclose(none.wcs_pix2world([[7.0, 9.0]], 0), [[8.0, 10.0]])


def test_it_never_passes_for_spocs_own(spoc_products):
    with fits.open(spoc_products[0]) as hdus:
        first, image = hdus[0].header, hdus[1].header
        version = f"tica-fn-{tica_fn.__version__}"
        assert first["ORIGIN"] == "tica-fn"
        assert first["CREATOR"] == first["PROCVER"] == version
        assert "NASA" not in str(image.values())
        assert "not by the SPOC pipeline" in str(first["HISTORY"])
        assert first["CALSTEP5"] == "subtract_smear"
        assert first["MODFIL1"].startswith("cam2_ccd3")


def test_the_raw_header_is_kept_card_by_card(raw_frames, spoc_products):
    with fits.open(raw_frames[0]) as raw, fits.open(spoc_products[0]) as product:
        table = product["RAW_HEADER"].data
        for number in (0, 1):
            cards = [str(text).ljust(80) for text in table["CARD"][table["HDU"] == number]]
            expected = [str(card) for card in raw[number].header.cards]
            assert cards == expected


def test_keywords_that_readers_ask_for(spoc_products):
    with fits.open(spoc_products[1]) as hdus:
        first, image = hdus[0].header, hdus[1].header
        for keyword in ("TSTART", "TSTOP", "DATE-OBS", "FFIINDEX", "TELESCOP", "DATA_REL"):
            assert keyword in first
        expected = {
            "TELESCOP": "TESS", "CAMERA": 2, "CCD": 3, "SECTOR": 6, "DQUALITY": 32, "QUALITY": 32,
            "BJDREFI": 2457000, "CRVAL1P": 1, "CRVAL2P": 1, "IMAGTYPE": "cal", "NREADOUT": 720,
            "NUM_FRM": 900, "TIMEREF": "SOLARSYSTEM", "BACKAPP": False, "WCSAXES": 2,
        }  # fmt: skip
        assert {key: image[key] for key in expected} == expected
        assert image["TIMECORR"] == image["BARYCORR"] != 0
        assert image["CADENCEN"] == image["FFIINDEX"] == first["FFIINDEX"]
        # The primary's times are the spacecraft's, the image's the barycentre's.
        assert image["TSTART"] - image["BARYCORR"] == pytest.approx(first["TSTART"], abs=1e-9)


def test_products_are_read_back(spoc_products):
    frame = tica_fn.read(spoc_products[1])
    with fits.open(spoc_products[1]) as hdus:
        assert np.array_equal(frame.pixels, hdus[1].data)
        assert np.allclose(np.sqrt(frame.variance), hdus[2].data, rtol=1e-6)
    assert (frame.unit, frame.camera, frame.ccd, frame.sector) == ("electron / s", 2, 3, 6)
    assert (frame.exposure_s, frame.coadds) == (1800, 720)
    assert frame.times.place == "barycenter"
    assert frame.steps[-2:] == ("divide_live_time", "estimate_variance")
    assert np.isfinite(frame.pedestals).all()
    assert len(frame.provenance.files) == 2


def test_written_from_python_as_by_the_command(raw_frames, spoc_products, spoc_models, tmp_path):
    models = tica_fn.load_models(spoc_models, 2, 3)
    raw = tica_fn.read(raw_frames[0])
    with pytest.raises(FrameError, match="estimate_variance"):
        tica_fn.write(tica_fn.calibrate(raw, models), tmp_path / "x.fits", layout="spoc")
    out = tica_fn.estimate_variance(models)(tica_fn.calibrate(raw, models))
    path = tmp_path / "x_ffic.fits.gz"
    tica_fn.write(out, path, layout="spoc")
    with fits.open(path) as mine, fits.open(spoc_products[0]) as other:
        assert np.array_equal(mine[1].data, other[1].data)


def test_trimmed_products_keep_their_sky(raw_frames, spoc_models, tmp_path, star_position):
    options = ("--layout", "spoc", "--trim")
    (path,) = calibrated_with(raw_frames[:1], spoc_models, tmp_path, *options)
    verify(path)
    header = fits.getheader(path, 1)
    assert (header["NAXIS1"], header["CRVAL1P"], header["CRVAL2P"]) == (2048, 45, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x, y = WCS(header).world_to_pixel(star_position)
    assert (x, y) == (pytest.approx(1200 - 44, abs=1e-3), pytest.approx(900, abs=1e-3))
    frame = tica_fn.read(path)
    assert (frame.row, frame.column, frame.pixels.shape) == (0, 44, (2048, 2048))


def test_a_sky_given_by_steps_and_angles_is_the_same_sky():
    """PC and CDELT in a raw header become the CD matrix."""
    from tica_fn.fits.spoc_cards import image_cards

    header = {
        "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRPIX1": 1000.0, "CRPIX2": 900.0,
        "CRVAL1": 50.0, "CRVAL2": -20.0, "CDELT1": -0.006, "CDELT2": 0.005, "PC1_1": 0.8,
        "PC1_2": -0.6, "PC2_1": 0.6, "PC2_2": 0.8,
    }  # fmt: skip
    frame = tica_fn.Frame(
        pixels=np.zeros((2078, 2136)), unit="electron / s", camera=1, ccd=1, exposure_s=600,
        coadds=240, header=header,
    )  # fmt: skip
    product = fits.Header.fromstring("".join(text for _, text in image_cards(frame)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw, mine = WCS(fits.Header(header)), WCS(product)
    place = np.array([[0.0, 0.0], [2000.0, 100.0], [700.0, 2000.0]])
    assert np.allclose(mine.all_pix2world(place, 0), raw.all_pix2world(place, 0), atol=1e-12)
