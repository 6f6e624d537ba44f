"""``tica_fn.write``: what is there is not replaced unasked, and names say how files are packed."""

import gzip

import numpy as np
import pytest
from astropy.io import fits

import tica_fn


@pytest.fixture(scope="module")
def frame():
    pixels = np.random.default_rng(3).normal(1000.0, 30.0, (2048, 2048)).astype(np.float32)
    return tica_fn.Frame(
        pixels=pixels, column=44, unit="electron", camera=2, ccd=3, exposure_s=1800, coadds=720,
        variance=pixels, quality=np.zeros(pixels.shape, np.uint32),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["a.cal.fits", "a.cal.fits.gz", "a.cal.fits.fz"])
@pytest.mark.parametrize("layout", ["tica", "spoc"])
def test_a_file_that_is_there_is_replaced_only_when_asked(frame, tmp_path, name, layout):
    path = tmp_path / name
    path.write_text("my notes")
    with pytest.raises(OSError, match="overwrite=True"):
        tica_fn.write(frame, path, layout=layout)
    assert path.read_text() == "my notes"
    tica_fn.write(frame, path, overwrite=True, layout=layout)
    assert tica_fn.read(path).shape == (2048, 2048)


def test_a_link_to_nowhere_is_something_that_is_there(frame, tmp_path):
    path = tmp_path / "link.fits"
    path.symlink_to(tmp_path / "nowhere.fits")
    with pytest.raises(FileExistsError):
        tica_fn.write(frame, path)


@pytest.mark.parametrize("layout", ["tica", "spoc"])
def test_names_say_how_a_file_is_packed(frame, tmp_path, monkeypatch, layout):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    paths = [tmp_path / f"a.fits{ending}" for ending in ("", ".gz", ".fz")]
    for path in paths:
        tica_fn.write(frame, path, layout=layout)
    assert gzip.decompress(paths[1].read_bytes()) == paths[0].read_bytes()
    with fits.open(paths[2], disable_image_compression=True) as hdus:
        assert hdus[1].header["ZCMPTYPE"] == "GZIP_2"
        assert hdus[1].header.get("ZQUANTIZ", "NONE") in ("NONE", "NO_DITHER")
    plain, packed = tica_fn.read(paths[0]), tica_fn.read(paths[2])
    assert plain.pixels.tobytes() == packed.pixels.tobytes()
    assert paths[2].stat().st_size < paths[0].stat().st_size
