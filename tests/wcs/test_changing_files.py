"""Files that change while a solution is fitted to them, and what they keep when it is written."""

import os
import shutil
import stat
from pathlib import Path

import attrs
import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tests.wcs.test_read_back import fitted, product, put, simulated
from tica_fn.errors import BadFileError, keep_notes
from tica_fn.fits import atomic
from tica_fn.wcs import read_image, solution_cards, star_columns, update_image


def replaced(path):
    """Another program writes a file anew, as most do: aside, then renamed."""
    other = path.with_name("other")
    with fits.open(path) as hdus:
        hdus[1].data[0, 0] += 1
        hdus.writeto(other, checksum=True)
    other.replace(path)


def written_in_place(path):
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\1")


def same_content_again(path):
    content = path.read_bytes()
    path.write_bytes(content)


def grown(path):
    with path.open("ab") as file:
        file.write(bytes(2880))


CHANGES = {
    "replaced": replaced,
    "written in place": written_in_place,
    "the same content again": same_content_again,
    "touched": lambda path: os.utime(path, (1, 1)),
    "cut short": lambda path: os.truncate(path, 2880),
    "grown": grown,
    "a copy": lambda path: Path(shutil.copy(path, f"{path}2")).replace(path),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_file_that_changed_is_not_overwritten(tmp_path, change):
    path, found = simulated(tmp_path / "a_ffir.fits"), fitted(3)
    image = read_image(path)
    CHANGES[change](path)
    after = path.read_bytes()
    cards, stars = solution_cards(found, image.frame), star_columns(found)
    with pytest.raises(BadFileError, match=r"a_ffir\.fits: was changed by another program"):
        update_image(image, cards, stars, ["a line"], fitted=found)
    assert path.read_bytes() == after
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a_ffir.fits"]
    if change in ("written in place", "cut short"):
        return  # Its sums are wrong now, or its image is gone.
    # Read anew, it is what is solved.
    put(path, found)
    assert "WCS_STARS" in [hdu.header.get("EXTNAME") for hdu in read_image(path).hdus]


def test_a_file_that_went_does_not_come_back(tmp_path):
    path, found = simulated(tmp_path / "a_ffir.fits"), fitted(3)
    image = read_image(path)
    path.unlink()
    with pytest.raises(OSError, match=r"a_ffir\.fits"):
        update_image(image, solution_cards(found, image.frame), star_columns(found), ["a"])
    assert not list(tmp_path.iterdir())


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    from tica_fn.fits import image_file

    path = simulated(tmp_path / "a_ffir.fits")
    read = image_file.image_of

    def slow(*args):
        os.utime(path, (1, 1))
        return read(*args)

    monkeypatch.setattr(image_file, "image_of", slow)
    with pytest.raises(BadFileError, match="while it was read"):
        read_image(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_owner_group_and_mode_stay(tmp_path):
    path = simulated(tmp_path / "a_ffir.fits")
    os.chown(path, 12345, 54321)
    path.chmod(0o640)
    put(path, fitted(3))
    found = path.stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (12345, 54321, 0o640)


def test_what_can_not_be_kept_is_told(tmp_path, monkeypatch):
    path = simulated(tmp_path / "a_ffir.fits")
    if os.geteuid() == 0:
        os.chown(path, 12345, 54321)
    else:
        pytest.skip("only root gives files away")

    def refuse(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(atomic.os, "fchown", refuse)
    with keep_notes() as notes:
        put(path, fitted(3))
    assert [note.split(": ")[1] for note in notes] == [
        "can't keep its owner 12345 (Operation not permitted)",
        "can't keep its group 54321 (Operation not permitted)",
    ]


@pytest.mark.parametrize(("names", "told"), [(1, "another name"), (2, "2 other names")])
def test_hard_links_are_told(tmp_path, names, told):
    path = simulated(tmp_path / "a_ffir.fits")
    before = path.read_bytes()
    others = [tmp_path / f"other{n}.fits" for n in range(names)]
    for other in others:
        os.link(path, other)
    with keep_notes() as notes:
        put(path, fitted(3))
    assert told in notes[0]
    assert all(other.read_bytes() == before for other in others)


def test_a_copy_does_not_take_the_place_of_what_holds_more(tmp_path):
    from tica_fn.wcs.fit_many import _check_copy

    path = product(tmp_path / "a.cal.fits", "tica")
    there = tmp_path / "out.fits"
    frame = tica_fn.read(path)
    quality = np.zeros(frame.shape, np.uint32)
    tica_fn.write(attrs.evolve(frame, quality=quality), there)
    assert "PIXEL_QUALITY" in [hdu.header.get("EXTNAME") for hdu in read_image(there).hdus]
    with pytest.raises(ValueError, match="PIXEL_QUALITY"):
        _check_copy(read_image(path), there)
    _check_copy(read_image(there), path)
    assert np.array_equal(tica_fn.read(path).pixels, frame.pixels)
