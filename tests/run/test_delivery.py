"""A delivery is staged under MAST's names, found clean, and refused with every fault named."""

import gzip
import shutil

import h5py
import numpy as np
import pytest
from astropy.io import fits

from tica_fn.cli import main
from tica_fn.run.check import check_delivery
from tica_fn.run.check_frame import faults_of_frame
from tica_fn.run.delivery import CCDS_OF_ALL, parse_frame_name
from tica_fn.wcs import read_reference_stars

STARS = "hlsp_tica_tess_ffi_s0035-cam{}-ccd{}_tess_v01_cat.h5"
FRAME = "hlsp_tica_tess_ffi_s0035-o1-{:08d}-cam{}-ccd{}_tess_v01_img.fits"


def command(*words, code=0):
    assert main([str(word) for word in words]) == code


@pytest.fixture
def stage(sky_run, tmp_path, capsys):
    def run(*options, code=0, out=sky_run):
        words = ["stage", out, tmp_path / "delivery", "--sector", 35, "--orbit", "o1"]
        command(*words, *options, code=code)
        return tmp_path / "delivery", capsys.readouterr()

    return run


def test_names_and_content(stage, sky_run):
    delivery, printed = stage()
    assert "9 files staged" in printed.out
    names = sorted(path.name for path in (delivery / "cam2-ccd3").iterdir())
    assert names == [FRAME.format(9000 + k, 2, 3) for k in range(8)]
    for k, path in enumerate(sorted((sky_run / "cam2-ccd3").iterdir())):
        assert path.samefile(delivery / "cam2-ccd3" / names[k])
    assert (delivery / "ref-stars" / STARS.format(2, 3)).exists()
    assert "9 files staged" in stage()[1].out  # Once more changes nothing.


def test_copies_gzipped_products_and_versions(sky_run, tmp_path, stage):
    out = tmp_path / "out"
    shutil.copytree(sky_run, out)
    plain = sorted((out / "cam2-ccd3").iterdir())[0]
    packed = plain.with_name(plain.name + ".gz")
    packed.write_bytes(gzip.compress(plain.read_bytes(), 1))
    before = plain.read_bytes()
    plain.unlink()
    delivery, _ = stage("--copy", "--version", "v02", out=out)
    target = delivery / "cam2-ccd3" / FRAME.format(9000, 2, 3).replace("v01", "v02")
    assert target.read_bytes() == before
    assert all(path.stat().st_nlink == 1 for path in delivery.rglob("*.fits"))
    target.write_bytes(b"other content")
    delivery, printed = stage("--version", "v02", out=out, code=1)
    assert f"{target}: is there already with other content" in printed.err
    stage("--version", "v02", "--overwrite", out=out)
    assert target.read_bytes() == before


def test_what_can_not_be_delivered_is_named(sky_run, tmp_path, stage):
    out = tmp_path / "out"
    shutil.copytree(sky_run, out)
    first, second, third = sorted((out / "cam2-ccd3").iterdir())[:3]
    with fits.open(first, mode="update") as opened:
        del opened[0].header["WCSGDF"]
    fits.setval(second, "ORB_SEG", value="o2a")
    fits.delval(third, "FFIINDEX")
    fits.delval(third, "CADENCE") if "CADENCE" in fits.getheader(third) else None
    delivery, printed = stage(out=out, code=1)
    assert f"{first}: has no solution" in printed.err
    assert f"left out: {second}: of orbit o2a" in printed.out
    assert len(list((delivery / "cam2-ccd3").iterdir())) in (5, 6)
    command("stage", tmp_path / "none", delivery, "--sector", 35, "--orbit", "o1", code=1)
    with pytest.raises(SystemExit):
        command("stage", out, delivery, "--sector", 35, "--orbit", "o5")


@pytest.fixture(scope="module")
def whole(sky_run, tmp_path_factory):
    """A whole delivery of 16 CCDs x 2 frames: camera 2 CCD 3 under the names of all."""
    delivery = tmp_path_factory.mktemp("whole") / "delivery"
    (stars,) = (sky_run / "ref-stars").iterdir()
    (delivery / "ref-stars").mkdir(parents=True)
    sources = sorted((sky_run / "cam2-ccd3").iterdir())[:2]
    for camera, ccd in CCDS_OF_ALL:
        shutil.copy(stars, delivery / "ref-stars" / STARS.format(camera, ccd))
        folder = delivery / f"cam{camera}-ccd{ccd}"
        folder.mkdir()
        for k, source in enumerate(sources):
            with fits.open(source) as opened:
                for hdu in opened:
                    hdu.data = hdu.data
                opened[0].header["CAMNUM"], opened[0].header["CCDNUM"] = camera, ccd
                if "CAMERA" in opened[0].header:
                    opened[0].header["CAMERA"], opened[0].header["CCD"] = camera, ccd
                opened.writeto(folder / FRAME.format(9000 + k, camera, ccd), checksum=True)
    return delivery


@pytest.fixture
def spoil(whole, tmp_path):
    """A copy of it, in links: what is changed must be made anew."""
    target = tmp_path / "delivery"
    shutil.copytree(whole, target, copy_function=lambda a, b: __import__("os").link(a, b))

    def own(name):
        path = target / name
        data = path.read_bytes()
        path.unlink()
        path.write_bytes(data)
        return path

    return target, own


def test_a_whole_delivery_is_clean(whole, capsys):
    command("check", whole, "--jobs", 2)
    assert "32 frames checked, no fault" in capsys.readouterr().out


def cards(path, **changes):
    with fits.open(path) as opened:
        for hdu in opened:
            hdu.data = hdu.data
        for key, value in changes.items():
            if value is None:
                del opened[0].header[key]
            else:
                opened[0].header[key] = value
        opened.writeto(path, overwrite=True, checksum=True)


def test_every_fault_is_named(spoil, capsys):
    delivery, own = spoil

    def frame(camera, ccd, k=0):
        return own(f"cam{camera}-ccd{ccd}/{FRAME.format(9000 + k, camera, ccd)}")

    shutil.rmtree(delivery / "cam4-ccd4")
    (delivery / "notes.txt").write_text("")
    (delivery / "ref-stars" / STARS.format(4, 3)).unlink()
    with h5py.File(own(f"ref-stars/{STARS.format(4, 2)}"), "r+") as file:
        del file["blkidxs"]
    with h5py.File(own(f"ref-stars/{STARS.format(4, 1)}"), "r+") as file:
        file["ras"][3] = np.nan
    frame(3, 4).unlink()
    damaged = frame(3, 3)
    data = bytearray(damaged.read_bytes())
    data[30000] ^= 1
    damaged.write_bytes(data)
    cut = frame(3, 2)
    cut.write_bytes(cut.read_bytes()[:-5000])
    cards(frame(3, 1), CAMNUM=1)
    cards(frame(2, 4), FFIINDEX=77)
    cards(frame(2, 2), CTYPE1="RA---TAN")
    cards(frame(2, 1), CRPIX1=1070.0)
    cards(frame(1, 4), A_ORDER=None)
    cards(frame(1, 3), CRVAL1=12.0)
    cards(frame(1, 2), CD1_1=9.9)
    cards(frame(1, 1), WCSGDF=0.123)
    with fits.open(frame(1, 1, 1)) as opened:
        opened[1].data["FLX"][5] = np.nan
        opened.writeto(frame(1, 1, 1), overwrite=True, checksum=True)
    other = frame(1, 2, 1)
    other.rename(other.with_name(other.name.replace("s0035-o1", "s0035-o2")))
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(frame(1, 3, 1), overwrite=True)
    frame(1, 4, 1).rename(delivery / "cam1-ccd4" / "strange.fits")
    command("check", delivery, code=1)
    said = capsys.readouterr().err
    for where, what in (
        ("cam4-ccd4", "the folder is missing"),
        ("notes.txt", "is not part of a delivery"),
        ("ref-stars", "no star file of camera 4 CCD 3"),
        (STARS.format(4, 2), "lacks blkidxs"),
        (STARS.format(4, 1), "NaN in ras"),
        ("cam3-ccd4", "no 9000"),
        (FRAME.format(9000, 3, 3), "DATASUM"),
        (FRAME.format(9000, 3, 2), "truncated"),
        (FRAME.format(9000, 3, 1), "the header says camera 1 (CAMNUM), the name 3"),
        (FRAME.format(9000, 2, 4), "the header says cadence 77 (FFIINDEX), the name 9000"),
        (FRAME.format(9000, 2, 2), "CTYPE1 is 'RA---TAN'"),
        (FRAME.format(9000, 2, 1), "CRPIX is (1070.0, 1024.0)"),
        (FRAME.format(9000, 1, 4), "A_ORDER is None"),
        (FRAME.format(9000, 1, 3), "off their measured places"),
        (FRAME.format(9000, 1, 2), "arcsec, not about 21"),
        (FRAME.format(9000, 1, 1), "WCSGDF is 0.123"),
        (FRAME.format(9001, 1, 1), "NaN in FLX"),
        (FRAME.format(9001, 1, 2).replace("o1-", "o2-"), "its name says orbit o2, most say o1"),
        (FRAME.format(9001, 1, 3), "not 2136 x 2078"),
        (FRAME.format(9001, 1, 3), "1 HDUs, not 2"),
        (FRAME.format(9001, 1, 3), "has no CHECKSUM"),
        ("strange.fits", "not a frame's name"),
    ):
        assert any(f"{where}: " in line and what in line for line in said.splitlines()), (
            where,
            what,
        )


def test_gaps_in_all_ccds(spoil, capsys):
    delivery, _ = spoil
    for camera, ccd in CCDS_OF_ALL:
        path = delivery / f"cam{camera}-ccd{ccd}" / FRAME.format(9001, camera, ccd)
        path.rename(path.with_name(path.name.replace("00009001", "00009005")))
    found = {fault.what for fault in check_delivery(delivery)}
    assert "cadence gap: no CCD has 9001 to 9004" in found
    found = {fault.what for fault in check_delivery(delivery, allow_gaps=True)}
    assert "cadence gap: no CCD has 9001 to 9004" not in found


def test_stars_of_another_field(spoil):
    delivery, own = spoil
    with h5py.File(own(f"ref-stars/{STARS.format(2, 3)}"), "r+") as file:
        file["tics"][0] += 1
    found = {(fault.path.parent.name, fault.what) for fault in check_delivery(delivery, 2)}
    assert found == {("cam2-ccd3", "its table has other stars than the star file")}


def test_no_folder_is_one_line(tmp_path, capsys):
    command("check", tmp_path / "none", code=1)
    assert capsys.readouterr().err == f"tica-fn: {tmp_path / 'none'}: no such folder\n"


def changed_pixels(path, change):
    with fits.open(path) as opened:
        opened[1].data = opened[1].data
        opened[0].data = change(opened[0].data)
        opened.writeto(path, overwrite=True, checksum=True)


def nudged(path, key, by):
    cards(path, **{key: fits.getval(path, key) + by})


@pytest.mark.parametrize(
    ("spoiling", "word"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-1]), "bytes, of which its 2 HDUs"),
        (lambda path: path.write_bytes(path.read_bytes() + b"x" * 2880), "of which its 2 HDUs"),
        (lambda path: cards(path, CAMERA=4), "camera 4 (CAMERA), the name 2"),
        (lambda path: cards(path, CADENCE=9077), "cadence 9077 (CADENCE), the name 9000"),
        (lambda path: cards(path, ORBIT_ID=78), "orbit 78 (ORBIT_ID), the name o1"),
        (lambda path: cards(path, RA_TARG=1.0), "RA_TARG is 1.0"),
        (lambda path: cards(path, RMSAP=0.5), "RMSAP is 0.5"),
        (lambda path: nudged(path, "CRVAL1", 0.3 / 3600), "pixels off on average"),
        (lambda path: nudged(path, "A_0_3", 3e-11), "stars scatter by"),
        (lambda path: nudged(path, "AP_2_0", 3e-6), "AP and BP do not invert"),
        (lambda path: changed_pixels(path, np.zeros_like), "its pixels are all the same"),
        (lambda path: changed_pixels(path, lambda old: old.astype(np.int32)), "BITPIX is 32"),
    ],
)
def test_faults_of_one_frame(whole, tmp_path, spoiling, word):
    name = FRAME.format(9000, 2, 3)
    path = tmp_path / name
    shutil.copy(whole / "cam2-ccd3" / name, path)
    stars = {(2, 3): read_reference_stars(whole / "ref-stars" / STARS.format(2, 3))}
    assert list(faults_of_frame(path, parse_frame_name(name), stars)) == []
    spoiling(path)
    assert any(word in one for one in faults_of_frame(path, parse_frame_name(name), stars))


def test_a_solution_without_good_stars_must_be_of_the_field(whole, tmp_path):
    name = FRAME.format(9000, 2, 3)
    path = tmp_path / name
    stars = {(2, 3): read_reference_stars(whole / "ref-stars" / STARS.format(2, 3))}
    shutil.copy(whole / "cam2-ccd3" / name, path)
    for right_ascension, said in ((None, []), (12.0, ["no good star"])):
        with fits.open(path) as opened:
            opened[0].data = opened[0].data
            opened[1].data["FLXVALID"] = 0
            opened[0].header["WCSGDF"] = 0.0
            if right_ascension is not None:
                opened[0].header["CRVAL1"] = opened[0].header["RA_TARG"] = right_ascension
            opened.writeto(path, overwrite=True, checksum=True)
        found = list(faults_of_frame(path, parse_frame_name(name), stars))
        assert len(found) == len(said)
        assert all(one in what for one, what in zip(said, found, strict=True))


def test_a_star_file_of_another_sector(spoil):
    delivery, own = spoil
    path = own(f"ref-stars/{STARS.format(2, 3)}")
    path.rename(path.with_name(path.name.replace("s0035", "s0034")))
    assert [f.what for f in check_delivery(delivery)] == ["its name says sector 34, most say 35"]


@pytest.mark.parametrize(
    "raised", [fits.VerifyError("odd card"), OverflowError("too large"), KeyError("NAXIS")]
)
def test_what_a_library_raises_at_one_frame_is_that_frame_s_fault(whole, monkeypatch, raised):
    from tica_fn.run import check

    bad = sorted((whole / "cam1-ccd1").iterdir())[0]

    def faults(path, *_):
        if path == bad:
            raise raised
        return []

    monkeypatch.setattr(check, "faults_of_frame", faults)
    checked = []
    found = check.check_delivery(whole, on_checked=checked.append)
    assert [fault.path for fault in found] == [bad]
    assert len(checked) == 32
