"""Checksums as astropy makes them, over data of every size."""

import numpy as np
import pytest
from astropy.io import fits

from tica_fn.errors import BadFileError
from tica_fn.fits.blocks import read_blocks
from tica_fn.fits.checksum import ALL_ONES, add_sums, encode, sum_bytes


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (720, 1), (30, 31)])
@pytest.mark.parametrize("dtype", ["u1", ">i2", ">i4", ">f4", ">f8"])
def test_files_of_astropy_are_verified(shape, dtype, tmp_path):
    values = np.random.default_rng(0).integers(0, 200, shape).astype(dtype)
    path = tmp_path / "image.fits"
    hdus = [fits.PrimaryHDU(values), fits.ImageHDU(values[::-1].copy(), name="B")]
    fits.HDUList(hdus).writeto(path, checksum=True)
    found = read_blocks(path)
    assert [int(hdu.header["DATASUM"]) for hdu in found] == [sum_bytes(h.data) for h in found]
    data = bytearray(path.read_bytes())
    data[-2880] ^= 1
    path.write_bytes(data)
    with pytest.raises(BadFileError, match="HDU 1: DATASUM"):
        read_blocks(path)
    assert len(read_blocks(path, verify=False)) == 2


def test_every_encoded_sum_is_letters_and_digits_and_makes_all_ones():
    random = np.random.default_rng(1)
    totals = [0, 1, ALL_ONES, ALL_ONES - 1, 0x80000000, *random.integers(0, 2**32, 3000).tolist()]
    for total in totals:
        letters = encode(total)
        assert len(letters) == 16
        assert letters.isalnum()
        # The value starts in the last byte of a word: turned by one, four words add up.
        turned = (letters[1:] + letters[0]).encode()
        zeros = b"0" * 16
        change = add_sums(sum_bytes(turned), ALL_ONES ^ sum_bytes(zeros))
        assert add_sums(total, change) in (ALL_ONES, 0)


def test_sums_add_up():
    data = np.random.default_rng(2).integers(0, 256, 4 * 5000, dtype=np.uint8).tobytes()
    for cut in (0, 4, 9996, 20000):
        assert add_sums(sum_bytes(data[:cut]), sum_bytes(data[cut:])) == sum_bytes(data)


def test_bytes_after_the_last_hdu_are_not_ours(tmp_path):
    path = tmp_path / "image.fits"
    fits.PrimaryHDU(np.zeros((3, 3), np.float32)).writeto(path, checksum=True)
    path.write_bytes(path.read_bytes() + b"special records" * 100)
    assert len(read_blocks(path)) == 1


def test_a_file_with_fewer_extensions_than_it_promises_is_truncated(tmp_path):
    path = tmp_path / "image.fits"
    primary = fits.PrimaryHDU()
    primary.header["NEXTEND"] = 2
    fits.HDUList([primary, fits.ImageHDU(np.zeros((3, 3)))]).writeto(path)
    with pytest.raises(BadFileError, match="1 of 2 extensions"):
        read_blocks(path)
