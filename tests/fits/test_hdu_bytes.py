"""Cards, headers and tables as bytes, held to astropy's."""

import io

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import example, given
from hypothesis import strategies as st

from tica_fn.fits.cards import card
from tica_fn.fits.checksum import sum_bytes
from tica_fn.fits.hdu_bytes import (
    datasum_card,
    extension_hdu,
    finished_header,
    summed_header,
    table_parts,
)

VALUES = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=66),
)
COMMENTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=90)


@pytest.mark.filterwarnings("ignore:Card is too long")
@given(st.from_regex(r"[A-Z][A-Z0-9_-]{0,7}", fullmatch=True), VALUES, COMMENTS)
@example("A", False, " ")
def test_a_card_is_that_of_astropy(keyword, value, comment):
    if keyword in ("HISTORY", "COMMENT", "CONTINUE", "END"):
        return
    # A blank comment is none; astropy 7.0 writes a slash behind it.
    expected = fits.Card(keyword, value, comment if comment.strip() else "")
    assert card(keyword, value, comment)[1] == str(expected)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_whole_real_keeps_all_its_digits(value):
    text = card("A_2_0", value, "SIP coefficient", whole=True)[1]
    assert len(text) == 80
    assert float(fits.Card.fromstring(text).value) == value


@pytest.mark.parametrize("value", [np.nan, np.inf, np.float32(-np.inf)])
def test_a_header_holds_finite_numbers_only(value):
    with pytest.raises(ValueError, match="CRVAL1 is"):
        card("CRVAL1", value)


def test_sums_stand_where_they_stood_and_astropy_finds_them_right():
    pixels = np.arange(35, dtype=np.float32).reshape(5, 7)
    primary = finished_header(
        [card("SIMPLE", True), card("BITPIX", 8), card("NAXIS", 0), card("EXTEND", True)], 0
    )
    with fits.open(
        io.BytesIO(primary + extension_hdu([card("EXTNAME", "ONE")], pixels)), checksum=True
    ) as hdus:
        hdus.verify("exception")
        np.testing.assert_array_equal(hdus["ONE"].data, pixels)
    cards = [card("SIMPLE", True), card("CHECKSUM", "old"), card("BITPIX", 8), card("NAXIS", 0)]
    assert list(fits.Header.fromstring(summed_header(cards, 0).decode())) == [
        "SIMPLE",
        "CHECKSUM",
        "BITPIX",
        "NAXIS",
        "DATASUM",
    ]


def test_a_table_is_read_by_astropy_with_names_units_and_types():
    columns = {
        "TIC": np.array([2**62, -1], np.int64),
        "FLAG": np.array([-3, 7], np.int16),
        "X": np.array([1.5, np.nan], np.float32),
        "Y": np.array([1e300, 2.0], np.float64),
        "WORD": np.array([b"ab", b"cde"], "S4"),
    }
    cards, data = table_parts(columns, {"X": "pix"}, {"WORD": "a word"})
    head = summed_header([*cards, datasum_card(sum_bytes(data), 10)], sum_bytes(data))
    empty = finished_header([card("SIMPLE", True), card("BITPIX", 8), card("NAXIS", 0)], 0)
    with fits.open(io.BytesIO(empty + head + data), checksum=True) as hdus:
        hdus.verify("exception")
        table = hdus[1].data
        assert hdus[1].columns["X"].unit == "pix"
        for name in ("TIC", "FLAG", "X", "Y"):
            np.testing.assert_array_equal(table[name], columns[name])
        assert list(table["WORD"]) == ["ab", "cde"]
