"""Files that another program cuts short while they are read: refused by name, never a crash."""

import gzip
import os
from contextlib import contextmanager

import numpy as np
import pytest
from astropy.io import fits

from tests.wcs.test_tables import stars_file
from tica_fn.errors import BadFileError
from tica_fn.fits.blocks import Buffer, content, headers_of
from tica_fn.fits.held_file import HeldFile
from tica_fn.wcs import read_reference_stars


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "a.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.ones((300, 300)))]).writeto(made)
    return made


@pytest.mark.parametrize("size", [0, 2880, 5000])
def test_a_whole_file(path, size):
    class Cutting(Buffer):
        def of_size(self, wanted):
            os.truncate(path, size)
            return super().of_size(wanted)

    with pytest.raises(BadFileError, match=f"{path}: ended after {size} of"):
        content(path, Cutting())


def test_a_packed_file(path):
    path.write_bytes(gzip.compress(path.read_bytes(), 0))
    os.truncate(path, 9000)
    with pytest.raises(BadFileError, match=f"{path}: broken gzip"):
        content(path)


def test_data_behind_headers_that_were_read(path):
    image = list(headers_of(path))[1]
    os.truncate(path, 8000)
    with pytest.raises(BadFileError, match=f"{path}: was changed by another program"):
        image.data  # noqa: B018


def test_a_file_that_is_put_in_the_place_of_one_that_is_held(path):
    held = HeldFile(path)
    before = path.read_bytes()
    path.with_name("other").write_bytes(b"other")
    path.with_name("other").replace(path)
    assert held.read(0, len(before)) == before


def test_hdf5(tmp_path, monkeypatch):
    """HDF5 itself makes zeros of what is missing."""
    from tica_fn.wcs import refstars_file

    path, opening = tmp_path / "ref.h5", refstars_file.open_hdf5
    stars_file(path, lambda file, _: file.create_dataset("ras", data=np.arange(4.0)))
    whole = read_reference_stars(path)

    @contextmanager
    def cutting(place):
        with opening(place) as file:
            os.truncate(place, 2048)
            yield file

    monkeypatch.setattr(refstars_file, "open_hdf5", cutting)
    stars = read_reference_stars(path)
    np.testing.assert_array_equal(stars.ra, whole.ra)
    np.testing.assert_array_equal(stars.columns, whole.columns)
    monkeypatch.undo()
    with pytest.raises(BadFileError, match=f"{path}: "):
        read_reference_stars(path)
