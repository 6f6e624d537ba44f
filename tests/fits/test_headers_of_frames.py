"""A frame's header is at all times a legal header of that frame."""

import io
import warnings

import attrs
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

import tica_fn
from tests.fits.conftest import CAMERA_NAME, calibrated_with, camera_header
from tests.inputs import name_of, raw_ffi
from tica_fn.errors import BadFileError, FrameError
from tica_fn.fits.blocks import read_headers
from tica_fn.fits.header import OriginalHeader

SKY = {
    "CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "CRVAL1": 83.0, "CRVAL2": -40.0,
    "CRPIX1": 1045.0, "CRPIX2": 1001.0, "CD1_1": 0.005, "CD1_2": 0.001, "CD2_1": -0.001,
    "CD2_2": 0.0055, "A_ORDER": 2, "B_ORDER": 2, "A_2_0": 2e-5, "B_1_1": -1e-5,
}  # fmt: skip


def sky_of(header, shape=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = WCS(header)
    if shape is not None:
        assert found.array_shape in (None, shape)
    return found


def same_sky(first, second, shift=(0, 0)):
    """Whether two WCS show the same place, the second counted from another first pixel."""
    columns, rows = np.array([100.0, 900.0, 2000.0]), np.array([30.0, 1000.0, 2040.0])
    np.testing.assert_allclose(
        first.all_pix2world(columns, rows, 0),
        second.all_pix2world(columns - shift[1], rows - shift[0], 0),
        atol=1e-10,
    )


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    path = tmp_path_factory.mktemp("raw") / name_of()
    counts = np.random.default_rng(1).integers(10_000, 20_000, (2078, 2136), dtype=np.int32)
    return raw_ffi(path, counts, image=SKY, exposure_s=1800)


@pytest.mark.parametrize("options", [
    (), ("--uncertainty", "--quality"), ("--layout", "spoc"), ("--trim",),
    ("--trim", "--layout", "spoc"), ("--compress", "rice"), ("--compress", "gzip2"),
], ids=" ".join)  # fmt: skip
def test_the_header_of_a_product_read_is_a_header_of_its_pixels(
    options, raw, spoc_models, tmp_path
):
    truth = sky_of(fits.getheader(raw, 1))
    frame = tica_fn.read(raw)
    same_sky(truth, sky_of(frame.header, frame.shape))
    (path,) = calibrated_with([raw], spoc_models, tmp_path / "out", *options)
    out = tica_fn.read(path)
    same_sky(truth, sky_of(out.header, out.shape), (out.row, out.column))
    again = fits.Header()
    for keyword in out.header:
        again[keyword] = out.header[keyword]
    with fits.open(path) as hdus:
        lines = [line for hdu in hdus for line in hdu.header.get("HISTORY", ())]
        assert all(line in lines for line in again.get("HISTORY", ()))
    stream = io.BytesIO()
    fits.PrimaryHDU(out.pixels, again).writeto(stream, output_verify="exception")
    with fits.open(io.BytesIO(stream.getvalue())) as hdus:
        np.testing.assert_array_equal(hdus[0].data, out.pixels)


@pytest.mark.parametrize("cut", [
    tica_fn.trim_science, lambda frame: frame[100:400, 300:350],
    lambda frame: tica_fn.trim_science(frame)[5:90, 6:80], lambda frame: frame[:50, :60],
])  # fmt: skip
@pytest.mark.parametrize("layout", [None, "tica", "spoc"])
def test_the_header_of_a_piece_is_one_of_that_piece(cut, layout, raw, spoc_models, tmp_path):
    truth = sky_of(fits.getheader(raw, 1))
    path = raw
    if layout:
        (path,) = calibrated_with([raw], spoc_models, tmp_path / "out", "--layout", layout)
    piece = cut(tica_fn.read(path))
    same_sky(truth, sky_of(piece.header, piece.shape), (piece.row, piece.column))
    assert (piece.header["NAXIS2"], piece.header["NAXIS1"]) == piece.shape


@pytest.mark.parametrize("layout", ["tica", "spoc"])
def test_a_trimmed_frame_is_written_with_its_own_reference_pixel(
    layout, raw, spoc_models, tmp_path
):
    models = tica_fn.load_models(spoc_models, 2, 3)
    frame = tica_fn.calibrate(tica_fn.read(raw), models)
    if layout == "spoc":
        frame = tica_fn.estimate_variance(models)(frame)
    for made, name in (
        (tica_fn.trim_science(frame), "a"), (frame[0:2048, 44:2092], "b"),
    ):  # fmt: skip
        path = tmp_path / f"{name}.fits"
        tica_fn.write(made, path, layout=layout)
        header = fits.getheader(path, 0 if layout == "tica" else 1)
        assert (header["CRPIX1"], header["CRPIX2"]) == (1045.0 - 44, 1001.0)
        assert (header["CRVAL1P"], header["CRVAL2P"]) == (45, 1)
        again = tica_fn.read(path)
        assert (again.row, again.column) == (0, 44)
        same_sky(sky_of(fits.getheader(raw, 1)), sky_of(again.header), (0, 44))


def test_frames_of_a_camera_have_headers_of_their_own(tmp_path):
    pixels = np.random.default_rng(1).integers(0, 65536, (4156, 4272)).astype(np.uint16)
    fits.PrimaryHDU(pixels, camera_header()).writeto(tmp_path / CAMERA_NAME)
    for ccd, frame in enumerate(tica_fn.read_camera(tmp_path / CAMERA_NAME), 1):
        assert (frame.header["NAXIS2"], frame.header["NAXIS1"]) == (2078, 2136)
        assert frame.header["CCDNUM"] == ccd
        assert not {"BZERO", "BSCALE", "BLANK"} & set(frame.header)
        sky_of(frame.header)


@pytest.mark.parametrize("value", [2084, 2084.0, "2084", "2084.0"])
@pytest.mark.parametrize("layout", ["tica", "spoc"])
def test_quality_keeps_its_bits_however_it_is_written(value, layout, spoc_models, tmp_path):
    counts = np.random.default_rng(1).integers(10_000, 20_000, (2078, 2136), dtype=np.int32)
    raw = raw_ffi(tmp_path / name_of(), counts, exposure_s=1800, image={"DQUALITY": value})
    (path,) = calibrated_with([raw], spoc_models, tmp_path / "out", "--layout", layout)
    header = fits.getheader(path, 1 if layout == "spoc" else 0)
    assert header["DQUALITY"] == 2084
    assert isinstance(header["DQUALITY"], int)


def test_camera_products_say_their_quality_by_both_names(camera_file, poc_models, tmp_path):
    products = calibrated_with([camera_file], poc_models, tmp_path / "out")
    for path in products:
        header = fits.getheader(path)
        assert header["QUAL_BIT"] == header["DQUALITY"] == 32
    (whole,) = calibrated_with([camera_file], poc_models, tmp_path / "whole", "--assemble")
    header = fits.getheader(whole)
    assert (header["CAMNUM"], header["CAM"]) == (1, 1)
    assert header["SCIPIXS"] == "[45:2092,1:2048]"
    assert header["QUAL_BIT"] == 32
    assert [frame.camera for frame in tica_fn.read_camera(whole)] == [1] * 4


TWICE = {"EXPOSURE": 0.0165, "CCD": 3, "NREADOUT": 720, "CRPIX1": 1045.0, "DQUALITY": 32}


@pytest.mark.parametrize("keyword", TWICE)
@pytest.mark.parametrize(
    ("second", "layout"),
    [("1E400", "tica"), ("4", "tica"), ("'text'", "tica"), ("-1.5", "tica"), ("1E400", "spoc")],
)
def test_of_duplicate_cards_number_and_product_have_the_first(
    keyword, second, layout, spoc_models, tmp_path
):
    counts = np.full((2078, 2136), 10_000, np.int32)
    counts += np.arange(2136, dtype=np.int32)
    image = {**SKY, "DQUALITY": 32}
    raw = raw_ffi(tmp_path / name_of(), counts, exposure_s=1800, image=image, checksum=False)
    data = raw.read_bytes()
    place = data.index(b"END     ", data.index(b"XTENSION"))
    line = f"{keyword:<8}= {second:>20}".ljust(80).encode("ascii")
    raw.write_bytes(data[:place] + line + data[place : place + 80] + data[place + 160 :])
    frame = tica_fn.read(raw)
    assert (frame.exposure_s, frame.ccd, frame.coadds) == (1800, 3, 720)
    assert frame.header[keyword] == TWICE[keyword]
    (path,) = calibrated_with([raw], spoc_models, tmp_path / "out", "--layout", layout)
    with fits.open(path) as hdus:
        header = hdus[0 if layout == "tica" else 1].header
        assert header[keyword] == pytest.approx(TWICE[keyword])
        assert sum(card.keyword == keyword for card in header.cards) == 1
        for hdu in hdus:
            hdu.verify("exception")
    assert tica_fn.read(path).exposure_s == 1800


def with_sky(frame, **cards):
    header = fits.Header.fromstring(frame.header.image)
    for keyword in SKY:
        header.remove(keyword)
    header.update(SKY | cards)
    for keyword, value in cards.items():
        if value is None:
            del header[keyword]
    return attrs.evolve(frame, header=OriginalHeader(frame.header.primary, header.tostring()))


PC = {"CDELT1": -0.005, "CDELT2": 0.0055, "PC1_1": 0.9, "PC1_2": 0.1, "PC2_1": -0.1, "PC2_2": 0.9}
NO_CD = dict.fromkeys(("CD1_1", "CD1_2", "CD2_1", "CD2_2"))


@pytest.mark.parametrize("cards", [
    PC | NO_CD, {"CDELT1": -0.005, "CDELT2": 0.005} | NO_CD,
    {"PC1_1": 0.005, "PC2_2": 0.005} | NO_CD,
    {"LONPOLE": 180.0, "LATPOLE": 12.0}, {"PV2_1": 0.0}, {"CD1_2": None}, {"RADESYS": "ICRS"},
])  # fmt: skip
def test_a_wcs_survives_spocs_layout(cards, calibrated, tmp_path):
    frame = with_sky(calibrated, **cards)
    path = tmp_path / "x-s0006-ffic.fits"
    tica_fn.write(frame, path, layout="spoc")
    same_sky(sky_of(frame.header), sky_of(fits.getheader(path, 1)))


@pytest.mark.parametrize("cards", [
    {"LONPOLE": 90.0}, {"PV1_3": 12.0}, {"PV2_1": 1e-3},
    {"CTYPE1": "RA---TPV", "CTYPE2": "DEC--TPV"},
    {"CTYPE1": "DEC--TAN", "CTYPE2": "RA---TAN"}, {"CROTA2": 5.0}, {"RADESYS": "FK4"},
    {"CTYPE1": "GLON-TAN", "CTYPE2": "GLAT-TAN"}, {"CTYPE1": "RA---SIN", "CTYPE2": "DEC--SIN"},
])  # fmt: skip
def test_a_wcs_that_spocs_layout_does_not_hold_is_refused(cards, calibrated, tmp_path):
    path = tmp_path / "x-s0006-ffic.fits"
    with pytest.raises(FrameError, match="SPOC's layout"):
        tica_fn.write(with_sky(calibrated, **cards), path, layout="spoc")
    assert not path.exists()


@pytest.fixture(scope="module")
def calibrated(raw, spoc_models):
    models = tica_fn.load_models(spoc_models, 2, 3)
    return tica_fn.estimate_variance(models)(tica_fn.calibrate(tica_fn.read(raw), models))


def test_an_end_card_with_more_behind_it_ends_the_header_for_all(raw, spoc_models, tmp_path):
    path = tmp_path / raw.name
    data = raw.read_bytes()
    place = data.index(b"END     ", data.index(b"XTENSION"))
    text = b"END      x".ljust(80)
    data = data[:place] + text + data[place + 80 :]
    # Its sums are not those of the changed header.
    path.write_bytes(data.replace(b"CHECKSUM", b"CHECKSUX"))
    frame = tica_fn.read(path)
    np.testing.assert_array_equal(frame.pixels, tica_fn.read(raw).pixels)
    (product,) = calibrated_with([path], spoc_models, tmp_path / "out")
    assert tica_fn.read(product).shape == (2078, 2136)
    with fits.open(product) as hdus:
        hdus.verify("exception")
        assert not any(card.keyword == "END" for card in hdus[0].header.cards)


@pytest.mark.parametrize("end", ["END", "END      x", "END     =                    5"])
@pytest.mark.parametrize("last", [False, True], ids=["within a block", "last of a block"])
def test_a_header_that_goes_on_behind_its_end_card_is_refused(end, last, raw, tmp_path):
    """Readers differ in where it ends, and one of them takes the rest for pixels."""
    data = bytearray(raw.read_bytes())
    start = data.index(b"XTENSION")
    place = start + (35 if last else 20) * 80
    data[place : place + 80] = end.encode().ljust(80)
    path = tmp_path / raw.name
    path.write_bytes(data)
    for read in (tica_fn.read, read_headers):
        with pytest.raises(BadFileError, match=f"{path}: HDU 1: the header continues after"):
            read(path)


def test_a_word_of_packing_in_an_image_does_not_make_it_packed(calibrated, raw, tmp_path):
    path = tmp_path / "odd.cal.fits"
    tica_fn.write(calibrated, path)
    data = path.read_bytes()
    place = data.index(b"BUNIT   =")
    card = b"ZIMAGE  =                    T".ljust(80)
    path.write_bytes((data[:place] + card + data[place + 80 :]).replace(b"CHECKSUM", b"CHECKSUX"))
    assert tica_fn.wcs.read_image(path).frame.shape == calibrated.shape


@pytest.mark.parametrize("cards", [
    {"NREADOUT": 72}, {"NREADOUT": 48}, {"EXPOSURE": 0.0055}, {"NREADOUT": 7200},
])  # fmt: skip
def test_exposure_and_reads_that_contradict_each_other_are_refused(cards, tmp_path):
    counts = np.full((2078, 2136), 10_000, np.int32)
    path = raw_ffi(tmp_path / name_of(), counts, exposure_s=1800, image=cards)
    with pytest.raises(BadFileError, match=r"EXPOSURE .* NREADOUT"):
        tica_fn.read(path)


def test_a_frame_without_mitigation_does_not_contradict_itself(tmp_path):
    counts = np.full((2078, 2136), 10_000, np.int32)
    cards = {"CRMITEN": False, "NREADOUT": 900, "EXPOSURE": 900 * 1.98 / 86400}
    frame = tica_fn.read(raw_ffi(tmp_path / name_of(), counts, exposure_s=1800, image=cards))
    assert (frame.exposure_s, frame.coadds) == (1800, 900)
