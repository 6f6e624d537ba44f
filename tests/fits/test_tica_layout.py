"""The header of a product: the raw one's cards as they were, and how the product was made."""

import hashlib
import warnings
import zlib

import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tests import inputs
from tica_fn.cli import main
from tica_fn.steps import STANDARD_ORDER

SHAPE = (2078, 2136)
MAKER = ("ORIGIN", "DATE", "PROCVER", "FILEVER", "IMAGTYPE", "CREATOR")
STRUCTURE = {
    "SIMPLE", "XTENSION", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2", "EXTEND", "PCOUNT", "GCOUNT",
    "INHERIT", "EXTNAME", "EXTVER", "CHECKSUM", "DATASUM",
}  # fmt: skip


@pytest.fixture(scope="module")
def caldir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models") / "calibration_02min"
    return inputs.tica_models(folder, np.full(SHAPE, 2.0), np.full(SHAPE, 0.5))


def with_cards(path, cards):
    """Put cards, as text, before the END of a file's second header."""
    data = path.read_bytes()
    end = data.index(b"END" + b" " * 77, 2880)
    text = b"".join(card.encode("latin-1").ljust(80) for card in cards)
    header = data[2880:end] + text + b"END".ljust(80)
    pixels = data[-(-(end + 80) // 2880) * 2880 :]
    path.write_bytes(data[:2880] + header + b" " * (-len(header) % 2880) + pixels)
    return path


def calibrated(raw, caldir, out):
    command = ["calibrate", raw, "--caldir", caldir, "--outdir", out]
    assert main([str(word) for word in command]) == 0
    return out / raw.name.replace(".fits", ".cal.fits")


def checked(path):
    """The one HDU of a product that keeps to the standard by the strictest reading."""
    with fits.open(path, checksum=True) as opened:
        opened.verify("exception")
        assert len(opened) == 1
        header, pixels = opened[0].header.copy(), opened[0].data.copy()
    for card in header.cards:
        assert card.keyword == card.keyword.upper()
        assert str(card).isascii()
        assert str(card).isprintable()
    plain = [key for key in header if key not in ("HISTORY", "COMMENT", "")]
    assert len(plain) == len(set(plain))
    return header, pixels


@pytest.fixture(scope="module")
def product(caldir, tmp_path_factory):
    folder = tmp_path_factory.mktemp("product")
    pixels = np.random.default_rng(0).integers(6000, 9000, SHAPE, dtype=np.int32)
    raw = inputs.raw_ffi(folder / inputs.name_of(), pixels)
    path = calibrated(raw, caldir, folder / "out")
    return raw, path, *checked(path)


def test_the_image_is_in_the_primary_as_float32(product):
    _, path, header, pixels = product
    assert (header["BITPIX"], header["NAXIS1"], header["NAXIS2"]) == (-32, 2136, 2078)
    assert pixels.dtype == np.dtype(">f4")
    assert not {"BZERO", "BSCALE", "BLANK"} & set(header)
    assert path.stat().st_size % 2880 == 0
    assert (header["UNITS"], header["SCIPIXS"]) == ("electrons", "[45:2092,1:2048]")


def test_cards_of_the_raw_headers_stay_primary_first(product):
    raw, _, header, _ = product
    with fits.open(raw) as opened:
        primary, image = (hdu.header for hdu in opened)
    taken = [key for key in (*primary, *image) if key not in (*MAKER, *STRUCTURE)]
    for key in taken:  # the image's value where both have one
        assert header[key] == (image if key in image else primary)[key], key
    # Some that readers need come further down, among the product's own.
    found = list(header)
    above = set(found[: found.index("ORIGIN")])
    kept = [key for key in dict.fromkeys(taken) if key in above]
    assert {"SIMDATA", "DATA_REL", "EXPOSURE", "GAINA", "FXDOFF"} <= set(kept)
    assert [key for key in found if key in kept] == kept
    for key in kept:
        source = image if key in image else primary
        assert header.comments[key] == source.comments[key]
        assert type(header[key]) is type(source[key])


def test_the_maker_of_the_raw_file_becomes_history(product):
    raw, _, header, _ = product
    history = list(header["HISTORY"])
    original = fits.getheader(raw, 0)
    for key in MAKER:
        assert f"Original SPOC header {key} = {original[key]}" in history
    assert header["ORIGIN"] == "tica-fn"
    assert header["CREATOR"] == f"tica-fn-{tica_fn.__version__}"


def test_a_value_that_the_image_overrides_becomes_history(product):
    raw, _, header, _ = product
    assert header["TSTART"] == fits.getheader(raw, 1)["TSTART"]
    before = fits.getheader(raw, 0)["TSTART"]
    assert f"Original primary header TSTART = {before}" in list(header["HISTORY"])
    # What both say alike is not worth a word.
    assert not any("TELESCOP" in line for line in header["HISTORY"])


def test_provenance(product, caldir):
    raw, _, header, _ = product
    assert header["RAWFILE"] == raw.name
    assert header["RAWCRC"] == f"{zlib.crc32(raw.read_bytes()):08x}"
    found = {header[f"MODFIL{n}"]: header[f"MODSHA{n}"] for n in (1, 2)}
    assert "MODFIL3" not in header
    models = [path for path in caldir.rglob("*") if path.is_file()]
    assert found == {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in models}
    assert header["NSTEPS"] == 6
    assert tuple(header[f"CALSTEP{n}"] for n in range(1, 7)) == STANDARD_ORDER
    gains = [header[f"GAIN_{letter}"] for letter in "ABCD"]
    assert gains == tica_fn.amplifiers(2, 3).gain.tolist()


def test_pedestals_are_those_that_were_subtracted(product, caldir):
    raw, _, header, _ = product
    out = tica_fn.calibrate(tica_fn.read(raw), tica_fn.load_models(caldir, 2, 3))
    assert [header[f"PEDEST_{letter}"] for letter in "ABCD"] == out.pedestals.tolist()


def test_a_product_reads_back_as_the_frame_that_was_written(product, caldir):
    raw, path, _, _ = product
    models = tica_fn.load_models(caldir, 2, 3)
    frame = tica_fn.calibrate(tica_fn.read(raw), models, dtype=np.float32)
    back = tica_fn.read(path)
    assert np.array_equal(back.pixels, frame.pixels)
    assert back.pixels.dtype == np.float32
    for name in ("unit", "camera", "ccd", "exposure_s", "coadds", "sector", "cadence", "times",
                 "steps", "row", "column"):  # fmt: skip
        assert getattr(back, name) == getattr(frame, name), name
    assert np.array_equal(back.pedestals, frame.pedestals)


ILLEGAL = {
    "small letters": ["smallkey=                   17 / not capital"],
    "no quotes": ["NOQUOTE = some words / without quotes"],
    "half a quote": ["HALF    = 'it never ends"],
    "two points": ["POINTS  = 1.2.3"],
    "not a number": ["NANVALUE=                  NaN / not FITS"],
    "infinity": ["INFVALUE=                  INF"],
    "no value": ["NOVALUE =                      / nothing"],
    "no equals sign": ["NOEQUALS  17"],
    "letters beyond printable": ["TABBED  = 'a\tb'", "BELL    = 3 / ding\x07"],
    "odd keyword": ["A.B     =                    1", "C D     =                    2"],
    "quote within": ["QUOTED  = 'it''s legal' / and stays"],
    "long words": [
        "LONGSTR = 'The first part of a string that is too long for one card, so t&'",
        "CONTINUE  'hat it goes on in a second&'",
        "CONTINUE  ' and a third' / legal",
    ],
    "hierarch": ["HIERARCH ESO DET CHIP NAME = 'name' / legal"],
    "commentary": ["COMMENT  one", "COMMENT  two", "        three", "HISTORY four"],
    "twice": ["TWICE   =                    1", "TWICE   =                    2"],
    "complex number": ["COMPLEX = (1.0, 2.0)"],
    "exponent with D": ["DOUBLE  = 1.25D+02"],
    "large integer": ["LARGE   = 123456789012345678901234567890"],
    "a maker twice": ["ORIGIN  = 'somebody else'"],
    "own keywords": ["UNITS   = 'counts'", "GAIN_A  = 7.0", "SCIPIXS = '[1:2,3:4]'"],
}


@pytest.mark.parametrize("kind", ILLEGAL)
def test_whatever_is_in_the_raw_header_the_product_is_legal(kind, caldir, tmp_path):
    raw = inputs.raw_ffi(tmp_path / inputs.name_of(), np.zeros(SHAPE, np.int32), checksum=False)
    with_cards(raw, ILLEGAL[kind])
    path = calibrated(raw, caldir, tmp_path / "out")
    header, pixels = checked(path)
    assert pixels.shape == SHAPE
    assert (header["UNITS"], header["GAIN_A"]) == ("electrons", 5.28)
    assert header["ORIGIN"] == "tica-fn"
    expected = {
        "quote within": {"QUOTED": "it's legal"},
        "long words": {
            "LONGSTR": "The first part of a string that is too long for one card, so that it goes"
            " on in a second and a third"
        },
        "hierarch": {"ESO DET CHIP NAME": "name"},
        "twice": {"TWICE": 1},
        "exponent with D": {"DOUBLE": 125.0},
    }.get(kind, {})
    for key, value in expected.items():
        assert header[key] == value
    if kind == "twice":  # The first counts, for astropy too; the other is not lost.
        assert "Second card of TWICE: 2" in list(header["HISTORY"])
    if kind == "commentary":
        assert [line.strip() for line in header["COMMENT"]] == ["one", "two"]
        assert "four" in list(header["HISTORY"])
    # The frame's own header can be asked for any keyword all the same.
    frame = tica_fn.read(raw)
    assert frame.header["CAMERA"] == 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", fits.verify.VerifyWarning)
        assert len(dict(frame.header)) > 20
