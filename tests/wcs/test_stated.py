"""A header whose solution was changed after the fit is not taken at its word, by any command."""

import attrs
import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

import tica_fn
from tests.wcs.test_read_back import MAKERS, fitted, product, put
from tica_fn.cli import main
from tica_fn.errors import FrameError
from tica_fn.run.facts import facts_of_header_file
from tica_fn.run.stage import stage_run
from tica_fn.wcs import (
    diagnose_headers,
    predict_pointing,
    read_solution,
    solution_of_pointing,
    wcs_cards,
)
from tica_fn.wcs.sphere import separation
from tica_fn.wcs.stated import corner_cards, fault_of_solution

OPTICS = solution_of_pointing(predict_pointing(35, 2, 3))
HEADER = {key: value for key, value, _ in wcs_cards(OPTICS) + corner_cards(OPTICS)}
SAID = "the header does not give the solution whose quality it states"


def slightly(key):
    """A change of a card that moves a pixel of the CCD, or its inverse, by 0.002 arcsec or so."""
    pixel = 2e-4
    if key.startswith("CRPIX"):
        return pixel
    if key.startswith("CRVAL"):
        return 4 * pixel * 21 / 3600
    if key.startswith("CD"):
        return pixel * 21 / 3600 / 1000
    _, i, j = key.split("_")
    return pixel / 1000.0 ** (int(i) + int(j))


CARDS = [key for key in HEADER if key[:2] in ("A_", "B_", "AP", "BP", "CD", "CR")
         and not key.endswith("ORDER")]  # fmt: skip


def test_every_card_of_the_map_is_found_out():
    assert len(CARDS) == 4 * 55 - 2 * 3 - 2 + 8
    assert fault_of_solution(HEADER) == ""
    for key in CARDS:
        for sign in (1, -1):
            spoiled = HEADER | {key: HEADER[key] + sign * slightly(key)}
            assert fault_of_solution(spoiled), key
    for key in ("A_ORDER", "B_ORDER", "AP_ORDER", "BP_ORDER"):
        assert fault_of_solution(HEADER | {key: 3}), key
    for change in ({"CTYPE2": "DEC--TAN"}, {"LONPOLE": 170.0}, {"A_0_1": 1e-6}, {"CRVAL1": "x"}):
        assert fault_of_solution(HEADER | change), change


def test_digits_that_a_program_rounds_off_do_not_matter():
    """12 digits, as `astropy.wcs.WCS.to_header` writes them."""
    rounded = {k: float(f"{v:.12g}") if isinstance(v, float) else v for k, v in HEADER.items()}
    assert fault_of_solution(rounded) == ""


def test_corners_are_those_of_the_science_area():
    ra, dec = OPTICS.pixel_to_sky([45, 2092], [1, 2048])
    said = np.array([[HEADER[f"{name}X{k}"] for k in (0, 3)] for name in ("RA", "DEC")])
    assert separation(ra, dec, *said).max() * 3600 < 1e-6
    # Of an image without the virtual columns, as of the whole readout.
    trimmed = HEADER | {"CRPIX1": HEADER["CRPIX1"] - 44, "CRVAL1P": 45, "CRVAL2P": 1}
    assert fault_of_solution(trimmed) == ""
    assert fault_of_solution(HEADER | {"CRVAL1P": 45, "CRVAL2P": 1})


SPOC = {
    "CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "CRPIX1": 1045.0, "CRPIX2": 1001.0,
    "CRVAL1": 10.0, "CRVAL2": -60.0, "CD1_1": 5.7e-3, "CD1_2": 1e-4, "CD2_1": 5e-5,
    "CD2_2": -5.7e-3, "A_ORDER": 2, "B_ORDER": 2, "A_2_0": -3e-5, "B_0_2": -2e-5, "RA_TARG": 3.0,
}  # fmt: skip


def test_files_of_others_are_refused_only_if_they_are_absurd():
    assert fault_of_solution(SPOC) == ""
    inverse = {"AP_ORDER": 2, "BP_ORDER": 2, "AP_2_0": 3e-5, "BP_0_2": 2e-5}
    said = fault_of_solution(SPOC | inverse)  # It takes more terms to invert that.
    assert said.startswith("AP and BP do not invert A and B, but lead ")
    mild = SPOC | inverse | {"A_2_0": -3e-6, "B_0_2": -2e-6, "AP_2_0": 3e-6, "BP_0_2": 2e-6}
    assert fault_of_solution(mild) == ""
    for change in ({"CD1_1": 5.2e-3}, {"CD2_2": 0.0}, {"CD2_1": 8e-4}, {"CRVAL2": np.nan}):
        assert fault_of_solution(SPOC | change), change
    assert fault_of_solution(SPOC | {"WCSGDF": 0.9})  # Then RA_TARG is a copy of CRVAL1.
    assert fault_of_solution({"CTYPE1": "PIXEL COLUMN", "CRVAL1": 1.0}) == ""
    assert fault_of_solution({}) == ""


@pytest.fixture(scope="module")
def found():
    """A solution with the distortions of the optics, and stars."""
    return attrs.evolve(fitted(9), solution=OPTICS, degree=9)


def spoiled(path, key="B_1_2", by=1e-10):
    with fits.open(path, mode="update", checksum=True) as hdus:
        header = next(hdu.header for hdu in hdus if key in hdu.header)
        header[key] += by
    return path


def run(*words):
    return main([str(word) for word in words])


@pytest.mark.parametrize("kind", ["simulated", "tica", "packed spoc"])
def test_diagnose_leaves_it_out_and_says_so(tmp_path, found, capsys, kind):
    good, bad = (MAKERS[kind](make(tmp_path / name)) for name in ("good", "bad"))
    for path in (good, bad):
        put(path, found)
    table = tmp_path / "t.ecsv"
    assert run("wcs", "diagnose", good, bad, "-o", table) == 0
    spoiled(bad)
    capsys.readouterr()
    assert run("wcs", "diagnose", good, bad, "-o", table) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"tica-fn: {bad}: {SAID}: corner ")
    assert list(Table.read(table)["name"]) == [str(good)]


def make(folder):
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def files(tmp_path_factory, found):
    """Products of runs, one as it should be and one that was spoiled; only to look at."""
    paths, runs = [], tmp_path_factory.mktemp("runs")
    for name in ("good", "bad"):
        folder = runs / name / "cam2-ccd3"
        folder.mkdir(parents=True)
        path = product(folder / f"{name}.cal.fits", "tica")
        put(path, found)
        paths.append(path)
    spoiled(paths[1], "CRVAL2", 1e-6)
    return paths


def test_all_that_read_it_say_so(files, tmp_path, capsys):
    good, bad = files
    assert run("wcs", "compare", good, bad) == 0
    assert f"note: {bad}: {SAID}: corner " in capsys.readouterr().out
    assert run("wcs", "compare", good, good) == 0
    assert "note" not in capsys.readouterr().out
    for path, said in ((good, "solution    a WCS\n"), (bad, f"a WCS, but {SAID}: corner ")):
        assert run("info", path) == 0
        assert said in capsys.readouterr().out
    assert run("report", good, bad, "--outdir", tmp_path) == 0
    notes = [one for one in capsys.readouterr().out.splitlines() if one.startswith("note: ")]
    assert [one.split(": corner")[0] for one in notes] == [f"note: {bad}: {SAID}"]
    words = ["--ra", HEADER["CRVAL1"], "--dec", HEADER["CRVAL2"], "-o", tmp_path / "tp.fits"]
    assert run("cutout", good, bad, *words) == 1
    assert capsys.readouterr().err.startswith(f"tica-fn: {bad}: {SAID}: corner ")
    assert not (tmp_path / "tp.fits").exists()
    assert run("cutout", good, *words) == 0
    with pytest.raises(FrameError, match=SAID):
        tica_fn.cutout(tica_fn.read(bad), (HEADER["CRVAL1"], HEADER["CRVAL2"]))


def test_in_python_too(files, caplog):
    good, bad = files
    read_solution(good)
    assert not caplog.messages
    read_solution(bad)
    assert caplog.messages[0].startswith(f"{bad}: {SAID}: corner ")
    headers = [fits.getheader(path) for path in files]
    assert list(diagnose_headers(headers, ["good", "bad"])["flagged"]) == [False, True]


def test_the_record_of_a_run_does_not_hold_its_figures(files):
    good, bad = (facts_of_header_file(path) for path in files)
    assert (good["wcs"], good["rms_arcsec"], good["crval2"]) == ("done", 0.01, HEADER["CRVAL2"])
    assert (bad["wcs"], bad["rms_arcsec"], bad["crval2"]) == ("failed", None, None)
    assert bad["wcs_error"].startswith(SAID)


def test_it_is_not_staged(files, tmp_path):
    out = files[0].parents[2]
    ((_, target, why),) = stage_run(out / "bad", tmp_path / "delivery", 35, "o1")
    assert target is None
    assert f"{files[1]}: {SAID}" in why
    ((_, _, why),) = stage_run(out / "good", tmp_path / "delivery", 35, "o1")
    assert SAID not in why


def test_products_that_agree_on_the_sky_differ_if_one_is_not_as_stated(tmp_path, found, capsys):
    """A term of the inverse alone: on the sky, as compared, nothing has moved."""
    good, bad = (product(make(tmp_path / name) / "a_ffic.fits", "spoc") for name in "ab")
    for path in (good, bad):
        put(path, found)
    assert run("compare", good, bad, "--sky", 0.01) == 0
    spoiled(bad, "AP_1_2", 1e-12)
    capsys.readouterr()
    assert run("compare", good, bad, "--sky", 0.01) == 1
    assert f"in the test, {SAID}: AP and BP are not the inverse" in capsys.readouterr().out


def test_a_part_cut_out_by_others_is_placed_where_it_says_or_not_at_all(files, tmp_path, capsys):
    """astropy's Cutout2D moves the reference pixel alone, CFITSIO's copy of a section all three."""
    whole, _ = files
    header, pixels = fits.getheader(whole), np.ones((200, 300), np.float32)
    for key in ("CHECKSUM", "DATASUM"):
        header.remove(key, ignore_missing=True)
    header["CRPIX1"] -= 900
    header["CRPIX2"] -= 800
    for known in ({}, {"CRVAL1P": 1, "CRVAL2P": 1}):
        astropys = tmp_path / "cut.fits"
        fits.PrimaryHDU(pixels, fits.Header(header, copy=True)).writeto(astropys, overwrite=True)
        for key, value in known.items():
            fits.setval(astropys, key, value=value)
        for words in (("compare", whole, astropys), ("diagnose", astropys, "-o", tmp_path / "t")):
            assert run("wcs", *words) == 1
            (line,) = capsys.readouterr().err.splitlines()
            assert f"{astropys}: " in line
            assert "does not tell which part of the readout the 200 x 300 pixels are" in line
        assert (
            run("cutout", astropys, "--ra", 0, "--dec", 0, "--size", 3, "-o", tmp_path / "o") == 1
        )
        assert "200 x 300 pixels (rows x columns), not 2078 x 2136" in capsys.readouterr().err
    header.update({"CRVAL1P": 1.0, "CRVAL2P": 1.0, "CRPIX1P": -899.0, "CRPIX2P": -799.0})
    section = tmp_path / "section.fits"
    fits.PrimaryHDU(pixels, header).writeto(section)
    assert run("wcs", "compare", whole, section) == 0
    said = capsys.readouterr()
    assert said.err == ""
    assert float(next(line for line in said.out.splitlines() if "max" in line).split()[1]) < 1e-6
    assert read_solution(section).crpix == pytest.approx(read_solution(whole).crpix)
