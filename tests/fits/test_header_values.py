"""Values that are parsed here are those that astropy parses, whatever form a card has."""

import sys
import warnings

import pytest
from astropy.io import fits
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tica_fn.fits.cards import card, split_cards
from tica_fn.fits.header import Header, OriginalHeader

VALUES = st.one_of(
    st.text("AZaz09 '/.:=-+", max_size=30).map(lambda text: f"'{text}'"),
    st.sampled_from(["T", "F", "", "TF", "'AXIS.1: 2'", "'a'' b'", "'a''/b'", "''", "'  x  '"]),
    st.integers().map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda x: str(x).upper()),
    st.from_regex(r"[+-]?\d{0,4}\.?\d{0,4}([ED][+-]?\d{1,2})?", fullmatch=True),
    st.sampled_from(["007", "-0", "+1.", ".5", "1E3", "1D3", "(1, 2)", "- 1", "1 2", "0x1"]),
)
KEYWORDS = st.sampled_from(["A", "DP1", "NAXIS", "DATE-OBS", "X_1", "HIERARCH", "COMMENT", ""])
COMMENTS = st.sampled_from(["", " / a comment", "/x", " / it's 'quoted'", " / a: 1"])


@st.composite
def images(draw):
    """Give the text of one card, good or not."""
    value, room = draw(VALUES), draw(st.sampled_from([0, 20]))
    return f"{draw(KEYWORDS):<8}= {value:>{room}}{draw(COMMENTS)}"[:80].ljust(80)


def same(one, other):
    return type(one) is type(other) and (one == other or str(one) == str(other))


@pytest.mark.filterwarnings("ignore")
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(images().filter(lambda text: "AXIS.1" not in text), max_size=4))
@example(["A       = 1D3".ljust(80), "A       = 2".ljust(80)])
@example(["A       =".ljust(80)])
def test_a_header_has_the_values_of_astropy(texts):
    cards = split_cards("".join(texts))
    ours, theirs = Header(cards), fits.Header.fromstring("".join(text for _, text in cards))
    for keyword in {*theirs, *(name for name, _ in cards), "A", "ABSENT", "a", "DP1.AXIS.1"} - {""}:
        assert (keyword in ours) == (keyword in theirs), keyword
        if keyword not in theirs:
            with pytest.raises(KeyError):
                ours[keyword]
            continue
        if keyword in ("COMMENT", "HISTORY"):
            assert list(ours[keyword]) == list(theirs[keyword])
        else:
            assert same(ours[keyword], theirs[keyword]), keyword
    assert list(ours) == list(theirs)


@pytest.mark.filterwarnings("ignore")
@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(images())
def test_a_frames_header_has_the_values_of_astropy(text):
    original = OriginalHeader(text)
    for keyword, image in original.cards[0]:
        if keyword not in ("COMMENT", "HISTORY", "HIERARCH", ""):
            assert same(original[keyword], fits.Card.fromstring(image).value)


@settings(deadline=None, max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([None, "", "it's", True, 3, -2.5e-7, 1e22]), st.text("abc /'", max_size=60))
def test_a_card_is_formatted_as_astropy_formats_it(value, comment):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert card("KEY", value, comment.strip())[1] == str(
            fits.Card("KEY", value, comment.strip())
        )


def test_a_checksum_that_looks_like_an_exponent_is_a_string(monkeypatch):
    monkeypatch.setitem(sys.modules, "astropy.io", None)  # Its loading takes longer than a frame.
    text = "CHECKSUM= 'EEGIG999EEGGE999'   / of this HDU".ljust(80)
    assert split_cards(text) == [("CHECKSUM", text)]
