"""A header holds the solution that was fitted, whatever kind of file it is the header of."""

import warnings

import attrs
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

import tica_fn
from tests import inputs
from tica_fn.errors import BadFileError
from tica_fn.fits.cards import card
from tica_fn.wcs import read_image, solution_cards, solved_images, star_columns, update_image
from tica_fn.wcs.frame_fit import FrameSolution
from tica_fn.wcs.solution import make_solution
from tica_fn.wcs.sphere import separation

NAMES = ("A", "B", "F", "AP", "BP", "BF", "X0", "X1", "X2", "X3")


def fitted(degree):
    """A solution with distortions of every degree, and stars all over the CCD."""
    random = np.random.default_rng(degree)
    count = (degree + 1) * (degree + 2) // 2
    plane = random.normal(0.0, 0.002, (2, count))
    plane[:, 0] = 0.0
    plane[0, 1:3], plane[1, 1:3] = (6.2, 0.1), (-0.1, 6.2)
    rows, columns = random.uniform(1, 2048, 40), random.uniform(45, 2092, 40)
    columns[7] = np.nan
    return FrameSolution(
        solution=make_solution((123.4, -56.7), plane, degree),
        ids=np.arange(40), columns=columns, rows=rows, flux=np.ones(40), background=np.ones(40),
        valid=np.ones(40, int), residual_ra=np.zeros(40), residual_dec=np.zeros(40),
        rms=dict.fromkeys([f"RMS{name}" for name in NAMES], 0.01), shift=(0.0, 0.0),
        bad_blocks=0, degree=degree,
    )  # fmt: skip


def simulated(path):
    """A raw file whose maker's name begins as that of the products."""
    creator = {"CREATOR": ("tica-fn simulate", "program"), "PROCVER": ("simulated", "version")}
    sip = {"CTYPE1": ("RA---TAN-SIP", ""), "A_ORDER": (4, ""), "A_2_0": (1e-5, ""), "WCSDEG": 4}
    return inputs.raw_ffi(
        path, np.full((2078, 2136), 9000, np.int32), primary=creator, image=sip, exposure_s=1800
    )


def product(path, layout):
    pixels = np.full((2078, 2136), 9000.0, np.float32)
    frame = tica_fn.Frame(
        pixels=pixels, unit="electron", camera=2, ccd=3, exposure_s=1800, coadds=720,
        variance=pixels,
    )  # fmt: skip
    tica_fn.write(frame, path, layout=layout)
    return path


MAKERS = {
    "simulated": lambda folder: simulated(folder / "a_ffir.fits"),
    "tica": lambda folder: product(folder / "a.cal.fits", "tica"),
    "spoc": lambda folder: product(folder / "a_ffic.fits", "spoc"),
    "packed tica": lambda folder: product(folder / "a.cal.fits.fz", "tica"),
    "packed spoc": lambda folder: product(folder / "a_ffic.fits.fz", "spoc"),
    "gzipped": lambda folder: product(folder / "a.cal.fits.gz", "tica"),
}


def put(path, found):
    image = read_image(path)
    cards = solution_cards(found, image.frame)
    return update_image(image, cards, star_columns(found), ["a line"], fitted=found)


def header_of(path):
    with fits.open(path) as hdus:
        return next(hdu.header for hdu in hdus if hdu.header.get("CRVAL1") is not None)


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("degree", [2, 7, 9])
def test_astropy_finds_what_was_fitted(tmp_path, kind, degree):
    path, found = MAKERS[kind](tmp_path), fitted(degree)
    put(path, found)
    put(path, found)
    header = header_of(path)
    # Both axes of every degree, and nothing of an earlier solution.
    for name in ("A", "B", "AP", "BP"):
        assert header[f"{name}_ORDER"] == degree
        assert header[f"{name}_{degree}_0"] != 0.0
    columns, rows = (axis.ravel() for axis in np.meshgrid([1, 45, 900, 2136], [1, 1024, 2078]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wcs = WCS(header)
    ra, dec = wcs.all_pix2world(columns, rows, 1)
    expected = found.solution.pixel_to_sky(columns, rows)
    assert separation(ra, dec, *expected).max() * 3600 < 1e-5
    table = fits.getdata(path, "WCS_STARS")
    known = table["FLXCOL"] > 0
    assert known.sum() == 39


SPOILERS = {
    "one digit": ("A_1_1", lambda value: value * 1.001),
    "the inverse": ("BP_0_2", lambda value: value + 1e-7),
    "a coefficient that is dropped": ("B_7_0", lambda _: 0.0),
    "the reference value": ("CRVAL2", lambda value: value + 1e-6),
    "the matrix": ("CD1_1", lambda value: value * (1 + 1e-7)),
    "the reference pixel": ("CRPIX1", lambda value: value + 1e-3),
    "the order": ("A_ORDER", lambda _: 6),
}


@pytest.mark.parametrize("what", SPOILERS)
@pytest.mark.parametrize("kind", ["simulated", "spoc", "gzipped"])
def test_a_card_that_is_spoiled_is_caught(tmp_path, monkeypatch, kind, what):
    path = MAKERS[kind](tmp_path)
    before = path.read_bytes()

    spoiled_key, spoil = SPOILERS[what]

    def spoiled(key, value, comment="", **more):
        return card(key, spoil(value) if key == spoiled_key else value, comment, **more)

    monkeypatch.setattr(solved_images, "card", spoiled)
    with pytest.raises(BadFileError, match=r"differs from the fitted one by.*arcsec") as caught:
        put(path, fitted(7))
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_a_card_that_is_missing_is_caught(tmp_path):
    path, found = MAKERS["simulated"](tmp_path), fitted(3)
    image = read_image(path)
    cards = [one for one in solution_cards(found, image.frame) if one[0] != "CD2_1"]
    with pytest.raises(BadFileError, match=r"can't be read: 'CD2_1'"):
        update_image(image, cards, star_columns(found), ["a line"], fitted=found)


def test_digits_beyond_the_tolerance_are_no_matter(tmp_path):
    path, found = MAKERS["simulated"](tmp_path), fitted(3)
    near = attrs.evolve(found.solution, crval=(123.4, -56.7 + 1e-8))
    image = read_image(path)
    cards = solution_cards(found, image.frame)
    update_image(
        image, cards, star_columns(found), ["a"], fitted=attrs.evolve(found, solution=near)
    )
