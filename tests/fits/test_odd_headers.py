"""Raw headers that are not as they should be: both layouts stay valid, and nothing is lost."""

import attrs
import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tests.fits.verify import verify
from tica_fn.errors import BadFileError
from tica_fn.fits.header import OriginalHeader
from tica_fn.fits.provenance import provenance_of

LONG = "a string that is much longer than one card can hold, " * 3


def nulls(first, image):
    image["ROLL_NOM"] = None
    first["STRANGE"] = (None, "nothing is known of it")


def remarks(first, image):
    image.add_comment("a comment")
    image.add_history("a history")
    image["LONGTEXT"] = LONG.strip()
    image["HUGE"] = 2**40


def no_times(first, image):
    for keyword in ("TSTART", "TSTOP", "BARYCORR", "TIMEREF", "DATE-OBS", "DATE-END"):
        for header in (first, image):
            header.remove(keyword, ignore_missing=True)


def no_index(first, image):
    del first["FFIINDEX"]


@pytest.fixture(scope="module")
def calibrated(raw_frames, spoc_models):
    models = tica_fn.load_models(spoc_models, 2, 3)
    out = tica_fn.calibrate(tica_fn.read(raw_frames[0]), models, dtype=np.float32)
    return tica_fn.estimate_variance(models)(out)


@pytest.mark.parametrize("layout", ["tica", "spoc"])
@pytest.mark.parametrize("change", [nulls, remarks, no_times, no_index])
def test_products_stay_valid(calibrated, tmp_path, layout, change):
    first, image = (
        fits.Header.fromstring(text)
        for text in (calibrated.header.primary, calibrated.header.image)
    )
    change(first, image)
    frame = attrs.evolve(calibrated, header=OriginalHeader(first.tostring(), image.tostring()))
    if change is no_times:
        frame = attrs.evolve(frame, times=None)
    path = tmp_path / f"x-s0006-{layout}.fits"
    tica_fn.write(frame, path, layout=layout)
    verify(path)
    again = tica_fn.read(path)
    assert (again.camera, again.ccd, again.exposure_s) == (2, 3, 1800)
    assert np.allclose(again.pixels * (again.live_s if layout == "spoc" else 1), frame.pixels)
    header = fits.getheader(path)
    if change is remarks and layout == "tica":
        assert header["LONGTEXT"] == LONG.strip()
        assert "a comment" in list(header["COMMENT"])
    if change is nulls and layout == "tica":
        assert "Original header ROLL_NOM has no value" in list(header["HISTORY"])
    if layout == "spoc":
        table = fits.getdata(path, "RAW_HEADER")
        for number, expected in ((0, first), (1, image)):
            kept = "".join(str(text).ljust(80) for text in table["CARD"][table["HDU"] == number])
            assert fits.Header.fromstring(kept) == expected


@pytest.mark.parametrize("claimed", [0, 1, 2, 3, 2**62, -5])
def test_the_steps_that_a_header_names_count_whatever_number_it_claims(claimed):
    """A number of 2**62 held the reader for ever."""
    from tica_fn.fits.provenance import steps_of

    header = {"NSTEPS": claimed, "CALSTEP1": "subtract_bias", "CALSTEP2": "apply_gain"}
    named = ("subtract_bias", "apply_gain")
    assert steps_of(header) == named[: max(claimed, 0)]


@pytest.mark.parametrize("cards", [b"KEY%05d= 1", b"COMMENT %d", b"        "])
def test_a_header_without_an_end_is_refused_before_its_cards_are_read(tmp_path, cards):
    """Tens of thousands of cards take astropy minutes."""
    text = b"SIMPLE  =                    T".ljust(80)
    lines = (cards % n if b"%" in cards else cards for n in range(36_000))
    path = tmp_path / "endless_ffir.fits"
    path.write_bytes(text + b"".join(line.ljust(80) for line in lines)[: 2880 * 1000 - 80])
    with pytest.raises(BadFileError, match=r"endless_ffir\.fits.*no end"):
        tica_fn.read(path)


def test_gains_of_a_product_that_are_no_numbers_are_named():
    header = {"MODKIND": "spoc", "GAIN_A": 5.2, "GAIN_B": "'", "GAIN_C": 5.2, "GAIN_D": 5.2}
    with pytest.raises(BadFileError, match=r"x\.fits: GAIN_A to GAIN_D are .*, not numbers"):
        provenance_of("x.fits", header)
