"""Target pixel files: a stamp with its collateral is calibrated as the full readout is."""

import gzip
import io
import os
import shutil
import zlib

import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tests import inputs, targets
from tests.data.made_frames import made_frame
from tica_fn import Frame, Models, amplifiers
from tica_fn.cli import main
from tica_fn.errors import BadFileError
from tica_fn.fits.collateral import read_collateral

CADENCES = [500, 501]
NAME = "tess2018349182459-s0006-0000000000000001-0126-s_tp.fits"
FAST = "tess2018349182459-s0006-0000000000000001-0126-a_fast-tp.fits"
COADDS = 48
SECONDS = COADDS * 1.98


@pytest.fixture(scope="module")
def readouts():
    raw = made_frame(2, 3, 600, 3)[0]
    other = np.roll(raw[:, :], 7, axis=0)
    other[2048:], other[:, :44], other[:, 2092:] = raw[2048:], raw[:, :44], raw[:, 2092:] + 3
    return np.stack([raw, other])


@pytest.fixture(scope="module")
def models():
    _, bias, flat = made_frame(2, 3, 600, 3)
    return Models(
        camera=2, ccd=3, bias=bias, flat=flat, amplifiers=amplifiers(2, 3), exposure_s=120
    )


@pytest.fixture(scope="module")
def caldir(tmp_path_factory, models):
    folder = tmp_path_factory.mktemp("models") / "calibration_02min"
    return inputs.tica_models(folder, models.bias, models.flat)


@pytest.fixture(scope="module")
def whole(readouts, models):
    """The full readouts, calibrated."""
    frames = [
        Frame(pixels=raw, unit="adu", camera=2, ccd=3, exposure_s=120, coadds=COADDS)
        for raw in readouts
    ]
    return [tica_fn.calibrate(frame, models) for frame in frames]


@pytest.fixture(scope="module")
def collateral(tmp_path_factory, readouts):
    return targets.write_collateral(tmp_path_factory.mktemp("collateral"), readouts, CADENCES)


@pytest.fixture
def beside(collateral, tmp_path):
    """A folder with the collateral in it."""
    for path in collateral.iterdir():
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


@pytest.fixture
def calibrate(caldir, tmp_path, capsys):
    def run(path, *options, caldir=caldir, code=0):
        words = ["calibrate", path, "--caldir", caldir, "--outdir", tmp_path / "out", *options]
        found = main([str(word) for word in words])
        printed = capsys.readouterr()
        assert found == code, printed.err
        return printed.err if code else tmp_path / "out" / path.name.replace(".fits", ".cal.fits")

    return run


def stamp(folder, readouts, row, column, shape, name=NAME, **knobs):
    counts = readouts[:, row : row + shape[0], column : column + shape[1]]
    return targets.write_target(folder / name, counts, CADENCES, row=row, column=column, **knobs)


STAMPS = {
    "within A": (100, 300, (11, 13)),
    "one pixel": (0, 44, (1, 1)),
    "last pixel": (2047, 2091, (1, 1)),
    "A and B": (1000, 550, (9, 12)),
    "B and C": (5, 1062, (30, 11)),
    "C and D": (2000, 1579, (48, 2)),
    "all four": (1200, 44, (3, 2048)),
    "rows of the smear": (2040, 700, (38, 5)),
}


@pytest.mark.parametrize("place", STAMPS)
def test_a_stamp_is_the_same_pixels_of_the_full_frame(
    place, beside, readouts, models, whole, calibrate
):
    row, column, shape = STAMPS[place]
    path = stamp(beside, readouts, row, column, shape)
    window = np.s_[row : row + shape[0], column : column + shape[1]]
    table = fits.getdata(calibrate(path), 1)
    for n, frame in enumerate(whole):
        expected = frame.pixels[window]
        assert np.array_equal(table["FLUX"][n], (expected / SECONDS).astype(np.float32))
    # In float64 and through the interface, to the last bit.
    opened = tica_fn.read_target(path)
    letters = [letter for letter in "ABCD" if letter in opened.amplifiers]
    pieces = [
        read_collateral(beside / targets.collateral_name(kind, letter))
        for kind in ("tvcol", "smrow")
        for letter in letters
    ]
    for n, frame in enumerate(opened.frames(tuple(pieces))):
        out = tica_fn.calibrate(frame, models)
        assert out.pixels.tobytes() == np.ascontiguousarray(whole[n].pixels[window]).tobytes()
        known = ["ABCD".index(letter) for letter in letters]
        assert np.array_equal(out.pedestals[known], whole[n].pedestals[known])
        assert np.isnan(np.delete(out.pedestals, known)).all()


def test_flux_errors_are_of_read_noise_and_of_all_electrons(beside, readouts, whole, calibrate):
    row, column, shape = STAMPS["A and B"]
    table = fits.getdata(calibrate(stamp(beside, readouts, row, column, shape)), 1)
    window = np.s_[row : row + shape[0], column : column + shape[1]]
    electrons = whole[0].pixels[window] + whole[0].smear[window[1]]
    variance = 0.841 * (COADDS * targets.READ_NOISE**2 + np.maximum(electrons, 0))
    np.testing.assert_allclose(table["FLUX_ERR"][0], np.sqrt(variance) / SECONDS, rtol=1e-3)


def test_what_is_not_flux_stays(beside, readouts, calibrate):
    path = stamp(beside, readouts, *STAMPS["A and B"])
    before = path.read_bytes()
    product = calibrate(path)
    assert path.read_bytes() == before
    with fits.open(path) as raw, fits.open(product, checksum=True) as out:
        out.verify("exception")
        assert [hdu.name for hdu in out] == [hdu.name for hdu in raw]
        assert out[1].columns.names == raw[1].columns.names
        for name in set(raw[1].columns.names) - {"FLUX", "FLUX_ERR"}:
            assert np.array_equal(out[1].data[name], raw[1].data[name])
        assert np.array_equal(out[2].data, raw[2].data)
        for key in ("NREADOUT", "EXPOSURE", "1CRV3P", "2CRV3P", "TIMEDEL"):
            assert out[1].header[key] == raw[1].header[key]
        history = "".join(out[0].header["HISTORY"])
        assert "FLUX and FLUX_ERR" in history
        assert "Original SPOC header ORIGIN = NASA/Ames" in history
        assert "FLUX and FLUX_ERR" in "".join(out[1].header["HISTORY"])
        assert out[0].header["ORIGIN"] == "tica-fn"
        assert [out[0].header[f"GAIN_{k}"] for k in "ABCD"] == amplifiers(2, 3).gain.tolist()
        assert out[1].header["BACKAPP"] is False


@pytest.mark.parametrize("where", ["beside", "in the models' folder"])
def test_collateral_is_found(where, beside, readouts, caldir, calibrate, tmp_path):
    if where != "beside":
        place = tmp_path / "m" / "calibration_02min"
        shutil.copytree(caldir, place)
        for path in list(beside.glob("*_col.fits")):
            path.rename(place / path.name)
        caldir = place
    path = stamp(beside, readouts, *STAMPS["A and B"])
    assert calibrate(path, caldir=caldir).exists()


@pytest.mark.parametrize(
    ("kind", "letter", "option"),
    [("tvcol", "A", "pedestal"), ("tvcol", "B", "pedestal"), ("smrow", "B", "smear")],
)
def test_missing_collateral_is_named(kind, letter, option, beside, readouts, calibrate, models):
    path = stamp(beside, readouts, *STAMPS["A and B"])
    (beside / targets.collateral_name(kind, letter)).unlink()
    said = calibrate(path, code=1)
    assert said.count("\n") == 1
    for word in (path, kind, f"amplifier {letter}", f"--without {option}"):
        assert str(word) in said
    assert not list((beside / "out").iterdir())
    product = calibrate(path, "--without", option)
    skipped = {"pedestal": "subtract_pedestal", "smear": "subtract_smear"}[option]
    header = fits.getheader(product)
    assert skipped not in [header[f"CALSTEP{n}"] for n in range(1, 6)]
    assert header["NSTEPS"] == 5


def test_without_both_no_collateral_is_needed(readouts, models, calibrate, tmp_path):
    row, column, shape = STAMPS["A and B"]
    path = stamp(tmp_path, readouts, row, column, shape)
    product = calibrate(path, "--without", "pedestal", "--without", "smear")
    steps = tica_fn.standard_steps(models, without=("subtract_pedestal", "subtract_smear"))
    frame = Frame(pixels=readouts[0], unit="adu", camera=2, ccd=3, exposure_s=120, coadds=COADDS)
    expected = steps(frame).pixels[row : row + shape[0], column : column + shape[1]]
    assert np.array_equal(
        fits.getdata(product, 1)["FLUX"][0], (expected / SECONDS).astype(np.float32)
    )


def test_amplifiers_that_are_not_in_the_stamp_need_no_collateral(beside, readouts, calibrate):
    for path in [*beside.glob("*-[bcd]-*"), *beside.glob("*-2-3-b*")]:
        path.unlink(missing_ok=True)
    assert calibrate(stamp(beside, readouts, *STAMPS["within A"])).exists()


def test_collateral_of_another_ccd_sector_or_speed_does_not_serve(readouts, calibrate, tmp_path):
    for naming in ({"ccd": 4}, {"camera": 1}, {"sector": 7}, {"fast": True}):
        targets.write_collateral(tmp_path, readouts, CADENCES, amplifiers="A", **naming)
    path = stamp(tmp_path, readouts, *STAMPS["within A"])
    assert "no tvcol file of camera 2 CCD 3 amplifier A" in calibrate(path, code=1)


@pytest.mark.parametrize(
    ("keyword", "value"), [("CAMERA", 3), ("CCD", 1), ("NREADOUT", 10), ("NREADOUT", "many")]
)
def test_collateral_whose_header_says_otherwise(keyword, value, beside, readouts, calibrate):
    path = stamp(beside, readouts, *STAMPS["within A"])
    name = targets.collateral_name("tvcol", "A")
    data = (beside / name).read_bytes()
    (beside / name).unlink()
    (beside / name).write_bytes(data)
    fits.setval(beside / name, keyword, value=value, ext=1)
    said = calibrate(path, code=1)
    assert f"{name}: {keyword} is" in said
    assert str(path) in said


def test_of_several_collateral_files_that_of_the_same_start_is_taken(beside, readouts, calibrate):
    path = stamp(beside, readouts, *STAMPS["within A"])
    expected = fits.getdata(calibrate(path), 1)["FLUX"].copy()
    targets.write_collateral(
        beside, readouts + 100, CADENCES, amplifiers="A", stamp="2018349182400"
    )
    found = fits.getdata(calibrate(path, "--overwrite"), 1)["FLUX"]
    assert np.array_equal(found, expected)
    moved = path.rename(path.with_name(path.name.replace("2018349182459", "2018349182444")))
    assert "more than one tvcol file" in calibrate(moved, code=1)


def test_twenty_second_files(readouts, models, tmp_path, calibrate):
    """Ten reads, no cosmic-ray trimming, and collateral of their own names."""
    targets.write_collateral(tmp_path, readouts, CADENCES, amplifiers="A", fast=True)
    targets.write_collateral(tmp_path, readouts + 9, CADENCES, amplifiers="A")
    row, column, shape = STAMPS["within A"]
    path = stamp(
        tmp_path, readouts, row, column, shape, name=FAST, interval_s=20, coadds=10,
    )  # fmt: skip
    caldir = inputs.tica_models(tmp_path / "calibration_20sec", models.bias, models.flat)
    product = calibrate(path, caldir=caldir)
    assert product.name == FAST.replace("-tp.fits", "-tp.cal.fits")
    frame = Frame(pixels=readouts[0], unit="adu", camera=2, ccd=3, exposure_s=20, coadds=10)
    whole = tica_fn.calibrate(frame, tica_fn.load_models(caldir, 2, 3))
    window = np.s_[row : row + shape[0], column : column + shape[1]]
    table = fits.getdata(product, 1)
    expected = whole.pixels[window] / (10 * 1.98)
    assert np.array_equal(table["FLUX"][0], expected.astype(np.float32))
    # All ten reads are kept: their noise is that of ten independent ones.
    variance = 10 * targets.READ_NOISE**2 + whole.pixels[window] + whole.smear[window[1]]
    np.testing.assert_allclose(
        table["FLUX_ERR"][0], np.sqrt(np.maximum(variance, 10 * targets.READ_NOISE**2)) / 19.8,
        rtol=1e-6,
    )  # fmt: skip


def test_missing_counts_become_nan_and_nothing_else_does(beside, readouts, calibrate):
    counts = readouts[:, 100:111, 300:313].copy()
    complete = calibrate(stamp(beside, readouts, *STAMPS["within A"]))
    expected = fits.getdata(complete, 1)["FLUX"].copy()
    counts[0, 3, 4] = counts[1, 0, :] = -1
    path = targets.write_target(beside / NAME, counts, CADENCES, row=100, column=300)
    found = fits.getdata(calibrate(path), 1)
    missing = counts == -1
    assert np.isnan(found["FLUX"][missing]).all()
    assert np.isnan(found["FLUX_ERR"][missing]).all()
    assert np.array_equal(found["FLUX"][~missing], expected[~missing])


def test_a_gap_with_neither_time_nor_counts(beside, readouts, calibrate):
    counts = readouts[:, 100:111, 300:313].copy()
    counts[1] = -1
    path = targets.write_target(
        beside / NAME, counts, CADENCES, row=100, column=300, times=[1468.5, np.nan]
    )
    found = fits.getdata(calibrate(path), 1)["FLUX"]
    assert np.isfinite(found[0]).all()
    assert np.isnan(found[1]).all()


def test_collateral_of_a_near_cadence_serves_with_a_word(readouts, tmp_path, calibrate, caldir):
    targets.write_collateral(tmp_path, readouts, [500, 503], amplifiers="A")
    path = stamp(tmp_path, readouts, *STAMPS["within A"])
    product = calibrate(path)
    assert "no cadence 501; used cadence 500" in "".join(fits.getheader(product)["HISTORY"])


def test_the_nearest_cadence(readouts, tmp_path):
    targets.write_collateral(tmp_path, readouts, [500, 507], kinds=["smrow"], amplifiers="A")
    piece = read_collateral(tmp_path / targets.collateral_name("smrow", "A"))
    asked = (495, 500, 503, 504, 507, 512)
    assert [piece.nearest(cadence) for cadence in asked] == [500, 500, 500, 507, 507, 507]
    for cadence in (494, 513):
        with pytest.raises(BadFileError, match=f"no cadence {cadence}"):
            piece.nearest(cadence)


def test_collateral_of_far_cadences_does_not_serve(readouts, tmp_path, calibrate):
    targets.write_collateral(tmp_path, readouts, [400, 401], amplifiers="A")
    said = calibrate(stamp(tmp_path, readouts, *STAMPS["within A"]), code=1)
    assert "no cadence 500" in said
    assert not list((tmp_path / "out").iterdir())


def test_collateral_in_any_order_of_cadences(readouts, tmp_path, calibrate, whole):
    targets.write_collateral(tmp_path, readouts[::-1].copy(), CADENCES[::-1], amplifiers="A")
    row, column, shape = STAMPS["within A"]
    found = fits.getdata(calibrate(stamp(tmp_path, readouts, row, column, shape)), 1)["FLUX"]
    window = np.s_[row : row + shape[0], column : column + shape[1]]
    for n in range(2):
        expected = (whole[n].pixels[window] / SECONDS).astype(np.float32)
        assert np.array_equal(found[n], expected)


BAD = {
    "no place": ({"drop": ["1CRV3P"]}, "1CRV3P"),
    "place outside": ({"cards": {"1CRV3P": 2136}}, "are not inside the"),
    "no coadds": ({"drop": ["NREADOUT"]}, "NREADOUT"),
    "no live time": ({"drop": ["INT_TIME"]}, "INT_TIME"),
    "no interval": ({"drop": ["TIMEDEL", "NUM_FRM"]}, "exposure time"),
    "no camera": ({"drop": ["CAMERA"]}, "no camera number"),
    "impossible CCD": ({"ccd": 7}, "CCD 7"),
    "no read noise": ({"drop": ["READNOIA"]}, "READNOIA"),
    "other interval": ({"interval_s": 20, "coadds": 10}, "20 s"),
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_target_file(kind, beside, readouts, calibrate):
    knobs, cause = BAD[kind]
    path = stamp(beside, readouts, *STAMPS["within A"], **knobs)
    said = calibrate(path, code=1)
    assert said.count("\n") == 1
    assert str(path) in said
    assert cause in said
    assert not list((beside / "out").iterdir())


def test_a_product_of_other_collateral_is_made_again(beside, readouts, calibrate, capsys):
    path = stamp(beside, readouts, *STAMPS["within A"])
    product = calibrate(path)
    header, before = fits.getheader(product), product.read_bytes()
    names = [targets.collateral_name(kind, "A") for kind in ("tvcol", "smrow")]
    assert [header[f"COLFIL{n}"] for n in (1, 2)] == names
    crcs = [f"{zlib.crc32((beside / name).read_bytes()):08x}" for name in names]
    assert [header[f"COLCRC{n}"] for n in (1, 2)] == crcs
    assert calibrate(path).read_bytes() == before
    for other in beside.glob("*-[a-d]-*"):
        other.unlink()
    targets.write_collateral(beside, readouts + 8, CADENCES, amplifiers="A")
    assert calibrate(path).read_bytes() != before


@pytest.mark.parametrize(
    "options", [["--layout", "spoc"], ["--trim"], ["--name", "hlsp"], ["--orbit-segment", "o1a"]]
)
def test_options_of_full_frame_images_are_refused(options, beside, readouts, calibrate):
    """Rather than left out without a word."""
    path = stamp(beside, readouts, *STAMPS["within A"])
    said = calibrate(path, *options, code=1)
    assert f"without {options[0]}" in said
    assert str(path) in said
    assert not list((beside / "out").iterdir())


def test_counts_are_not_written_as_electrons(beside, readouts, calibrate):
    path = stamp(beside, readouts, *STAMPS["within A"])
    left_out = ("gain", "linearity", "smear", "flat")
    options = [word for step in left_out for word in ("--without", step)]
    assert "not in adu" in calibrate(path, *options, code=1)
    assert not list((beside / "out").iterdir())


def test_no_cadences(beside, calibrate):
    counts = np.zeros((0, 3, 3), np.int32)
    path = targets.write_target(beside / NAME, counts, [], row=100, column=300)
    assert "no cadences" in calibrate(path, code=1)


def test_no_flux_to_replace(beside, readouts, calibrate):
    path = stamp(beside, readouts, *STAMPS["within A"])
    fits.setval(path, "TTYPE5", value="OTHER", ext=1)
    fits.delval(path, "CHECKSUM", ext=1)
    assert "no column FLUX_ERR" in calibrate(path, code=1)
    assert not list((beside / "out").iterdir())


def test_target_pixels_are_not_tiled(beside, readouts, calibrate):
    path = stamp(beside, readouts, *STAMPS["within A"])
    assert "plain or gzipped" in calibrate(path, "--compress", "rice", code=1)
    assert not list((beside / "out").iterdir())


@pytest.mark.parametrize("packed", [False, True])
def test_collateral_stays_in_its_file(packed, readouts, tmp_path):
    """A sector's takes gigabytes: counts are read cadence by cadence."""
    targets.write_collateral(tmp_path, readouts, CADENCES, amplifiers="C")
    path = tmp_path / targets.collateral_name("tvcol", "C")
    crc = f"{zlib.crc32(path.read_bytes()):08x}"
    if packed:
        data = path.read_bytes()
        path.unlink()
        path = path.with_name(f"{path.name}.gz")
        path.write_bytes(gzip.compress(data, 1))
    piece = read_collateral(path)
    assert (piece.file.name, piece.file.crc32) == (path.name, crc)
    assert piece.counts.shape == (len(CADENCES), 2078, 11)
    path.unlink()  # The file is held open.
    assert np.array_equal(piece.of_cadence(501), readouts[1][:, 2114:2125])


CHANGES = {
    "cut short": lambda path: os.truncate(path, 2880),
    "emptied": lambda path: os.truncate(path, 0),
    "a byte written": lambda path: written(path, 100_000, b"\1"),
    "grown": lambda path: os.truncate(path, path.stat().st_size + 2880),
}


def written(path, place, data):
    with path.open("r+b") as file:
        file.seek(place)
        file.write(data)


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_collateral_that_changes_after_it_was_checked_is_refused(change, readouts, tmp_path):
    """What was verified is what is used; a mapped file that is cut short ends the process."""
    targets.write_collateral(tmp_path, readouts, CADENCES, amplifiers="C")
    path = tmp_path / targets.collateral_name("smrow", "C")
    piece = read_collateral(path)
    piece.of_cadence(501)
    change(path)
    with pytest.raises(BadFileError, match=f"{path}: was changed by another program"):
        piece.of_cadence(501)


def test_a_table_whose_columns_do_not_add_up(beside, readouts, calibrate):
    path = stamp(beside, readouts, *STAMPS["within A"])
    data = path.read_bytes().replace(b"'143E    '", b"'144E    '").replace(b"CHECKSUM", b"CHECKS  ")
    path.write_bytes(data)
    said = calibrate(path, code=1)
    assert "NAXIS1" in said
    assert str(path) in said


def test_damaged_collateral_is_named(beside, readouts, calibrate):
    name = targets.collateral_name("tvcol", "A")
    data = (beside / name).read_bytes()
    (beside / name).unlink()
    (beside / name).write_bytes(data[: len(data) // 2])
    said = calibrate(stamp(beside, readouts, *STAMPS["within A"]), code=1)
    assert name in said
    assert "truncated" in said
    flipped = bytearray(data)
    flipped[-20_000] ^= 4
    (beside / name).write_bytes(bytes(flipped))
    said = calibrate(stamp(beside, readouts, *STAMPS["within A"]), code=1)
    assert name in said
    assert "DATASUM" in said


def test_errors_with_the_smear_tell_what_columns_share(beside, readouts, calibrate):
    path = stamp(beside, readouts, *STAMPS["A and B"])
    plain = calibrate(path)
    assert "without the noise of the smear" in " ".join(fits.getheader(plain)["HISTORY"])
    product = calibrate(path, "--uncertainty")
    with fits.open(product, checksum=True) as hdus:
        hdus.verify("exception")
        shared = hdus["SHARED_VARIANCE"].data
        table = hdus[1].data
        assert shared["CADENCENO"].tolist() == table["CADENCENO"].tolist()
        assert shared["SMEAR_VAR"].shape == (len(table), table["FLUX"].shape[2])
        # A median of seven has 0.21 of the variance of one; that of the faintest is in its own.
        part = np.max(shared["SMEAR_VAR"][:, None, :] / table["FLUX_ERR"] ** 2)
        assert 0.03 < part < 0.21 / 1.21
        assert "see HDU SHARED_VARIANCE" in " ".join(hdus[0].header["HISTORY"])


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("options", [(), ("--uncertainty",), ("--compress", "gzip")])
def test_lightkurve_knows_a_product_by_itself(beside, readouts, calibrate, options):
    lightkurve = pytest.importorskip("lightkurve")

    path = stamp(beside, readouts, *STAMPS["A and B"])
    calibrate(path, *options)
    (product,) = (beside / "out").iterdir()
    tpf = lightkurve.read(product, quality_bitmask="none")
    assert type(tpf).__name__ == "TessTargetPixelFile"
    table = fits.getdata(product, 1)
    np.testing.assert_array_equal(tpf.flux.value, table["FLUX"])
    np.testing.assert_array_equal(tpf.flux_err.value, table["FLUX_ERR"])
    tpf.hdu.close()


def as_unsigned(path, name):
    """Write the counts of a column as the standard holds unsigned integers: with TZEROn."""
    with fits.open(path) as hdus:
        old = hdus[1]
        columns = [
            column
            if column.name != name
            else fits.Column(name, column.format, dim=column.dim, bzero=2**31,
                             array=np.asarray(old.data[name]).astype(np.uint32))
            for column in old.columns
        ]  # fmt: skip
        header = old.header.copy()
        for keyword in [k for k in header if k.startswith("TNULL")]:
            del header[keyword]
        hdus[1] = fits.BinTableHDU.from_columns(columns, header=header, name=old.name)
        whole = io.BytesIO()
        hdus.writeto(whole, checksum=True)
    path.unlink()
    path.write_bytes(whole.getvalue())
    assert fits.getheader(path, 1)[f"TZERO{list(old.columns.names).index(name) + 1}"] == 2**31


def test_unsigned_counts_are_the_counts(beside, readouts, calibrate):
    row, column, shape = STAMPS["within A"]
    path = stamp(beside, readouts, row, column, shape)
    before = fits.getdata(calibrate(path), 1)["FLUX"].copy()
    as_unsigned(path, "RAW_CNTS")
    for kind in ("tvcol", "smrow"):
        as_unsigned(beside / targets.collateral_name(kind, "A"), f"{kind.upper()}_RAW")
    after = fits.getdata(calibrate(path, "--overwrite"), 1)["FLUX"]
    np.testing.assert_array_equal(after, before)
