"""No product gets its name whose headers could not be read again."""

import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tests.wcs.test_read_back import fitted, put, simulated
from tica_fn.errors import BadFileError
from tica_fn.fits import hdu_bytes, spoc_out, tica, tiled, update
from tica_fn.fits.cards import card
from tica_fn.fits.proof import check_readable


@pytest.fixture(scope="module")
def frame():
    pixels = np.full((2048, 2048), 1000.0, np.float32)
    return tica_fn.Frame(
        pixels=pixels, column=44, unit="electron", camera=2, ccd=3, exposure_s=1800, coadds=720,
        variance=pixels,
    )  # fmt: skip


BROKEN = {
    "an exposure that is none": card("EXPOSURE", -1.0),
    "a size below nothing": card("PCOUNT", -2880),
    "a CCD that is none": card("CCD", 9),
    "reads that are none": card("NREADOUT", -3),
}


def with_card(make, broken):
    """A maker of headers that puts in one more card, in place of one that is there."""

    def made(*args, **more):
        cards = [one for one in make(*args, **more) if one[0] != broken[0]]
        return [*cards, broken]

    return made


@pytest.mark.parametrize("what", BROKEN)
@pytest.mark.parametrize("name", ["a.cal.fits", "a.cal.fits.gz", "a.cal.fits.fz", "a_ffic.fits"])
def test_a_product_that_could_not_be_read_is_not_written(frame, tmp_path, monkeypatch, name, what):
    for module, maker in ((tica, "tica_header"), (tiled, "tica_header"), (spoc_out, "image_cards")):
        monkeypatch.setattr(module, maker, with_card(getattr(module, maker), BROKEN[what]))
    if name != "a.cal.fits" and "size" in what:
        return  # Others make the sizes anew, or before.
    path = tmp_path / name
    path.write_bytes(b"what was there")
    with pytest.raises(BadFileError, match="could not be read again") as caught:
        tica_fn.write(frame, path, overwrite=True, layout="spoc" if "ffic" in name else "tica")
    assert str(caught.value).count(str(path)) == 1
    assert path.read_bytes() == b"what was there"
    assert [one.name for one in tmp_path.iterdir()] == [name]


def test_an_extension_that_could_not_be_read_is_not_written(frame, tmp_path, monkeypatch):
    spoilt = with_card(hdu_bytes.image_structure, card("NAXIS2", -5))

    def structure(shape, kind, *, extension=False):
        make = spoilt if extension else whole
        return make(shape, kind, extension=extension)

    whole = hdu_bytes.image_structure
    monkeypatch.setattr(hdu_bytes, "image_structure", structure)
    with pytest.raises(BadFileError, match="could not be read again"):
        tica_fn.write(frame, tmp_path / "a.cal.fits")
    assert not list(tmp_path.iterdir())


def test_an_update_that_could_not_be_read_leaves_the_file(tmp_path, monkeypatch):
    path = simulated(tmp_path / "a_ffir.fits")
    before = path.read_bytes()
    monkeypatch.setattr(update, "split_cards", with_card(update.split_cards, card("BITPIX", 7)))
    with pytest.raises(BadFileError, match="could not be read again"):
        put(path, fitted(3))
    assert path.read_bytes() == before


def test_parts_may_be_cut_anywhere(tmp_path):
    path = tmp_path / "a.fits"
    hdus = fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.arange(5000.0))])
    hdus.writeto(path)
    data = path.read_bytes()
    for cut in (1, 80, 2879, 2880, 2881, 5760, 9000, len(data) - 1):
        check_readable(path, [data[:cut], data[cut:]])
    with pytest.raises(BadFileError, match="truncated"):
        check_readable(path, [data[:5000]])
