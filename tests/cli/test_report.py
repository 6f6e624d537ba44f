"""``tica-fn report``: tables, pictures, and pedestals that are out of family."""

from concurrent.futures import ThreadPoolExecutor

import attrs
import numpy as np
import pytest
from astropy.io import fits
from PIL import Image

import tica_fn
from tica_fn.cli import main
from tica_fn.detector import AMPLIFIERS, SCIENCE_COLUMNS
from tica_fn.frame import Frame
from tica_fn.products.ccd_figures import draw_ccd
from tica_fn.products.report import amplifier_table, save_picture

LEVELS = (100.0, 200.0, 300.0, 400.0)


@pytest.fixture(scope="module")
def frame():
    """Each amplifier has its own level, the virtual pixels have 7."""
    pixels = np.full((2078, 2136), 7.0, dtype=np.float32)
    for a, level in enumerate(LEVELS):
        first = SCIENCE_COLUMNS[0] + 512 * a
        pixels[:2048, first : first + 512] = level
    return Frame(
        pixels=pixels, unit="electron", camera=2, ccd=3, exposure_s=600, coadds=240, sector=35,
        cadence=1, steps=("subtract_bias", "subtract_pedestal"), pedestals=[1e5, 2e5, 3e5, 4e5],
        header={"INT_TIME": 600},
    )  # fmt: skip


def numbers(line):
    return [float(word) for word in line.split()[1:]]


def test_the_table_is_of_each_amplifiers_pixels(frame):
    lines = amplifier_table(frame)
    for a, letter in enumerate(AMPLIFIERS):
        assert lines[1 + a].startswith(letter)
        assert numbers(lines[1 + a]) == [LEVELS[a], 0.0, 7.0, (a + 1) * 1e5]


def test_trimmed_frames_have_their_own_columns_and_no_overclocks(frame):
    lines = amplifier_table(tica_fn.trim_science(frame))
    for a in range(4):
        median, scatter, overclock, _ = numbers(lines[1 + a])
        assert (median, scatter) == (LEVELS[a], 0.0)
        assert np.isnan(overclock)


def test_the_command_prints_and_draws(frame, tmp_path, capsys):
    path = tmp_path / "one.cal.fits"
    tica_fn.write(frame, path)
    assert main(["report", str(path), "--outdir", str(tmp_path / "pictures")]) == 0
    out = capsys.readouterr().out
    assert "camera 2 CCD 3, 600 s, steps: subtract_bias, subtract_pedestal" in out
    assert (tmp_path / "pictures" / "one.cal.png").stat().st_size > 10_000
    assert "out of family" not in out


def test_a_pedestal_out_of_family_is_told(frame, tmp_path, capsys, monkeypatch):
    # Tables alone: the pictures would take a second of each frame.
    monkeypatch.setattr("tica_fn.products.report.save_picture", lambda named, target, title: target)
    monkeypatch.setattr("tica_fn.products.report.draw_ccd", lambda frame, target, title: [])
    paths = []
    for n in range(7):
        own = np.add(frame.pedestals, [0.0, n, 0.0, 900.0 if n == 4 else 0.0])
        paths.append(tmp_path / f"frame{n}.cal.fits")
        tica_fn.write(attrs.evolve(frame, pedestals=own, cadence=n), paths[-1])
    words = ["--outdir", str(tmp_path), "--jobs", "1"]
    assert main(["report", *map(str, paths), *words]) == 0
    said = [line for line in capsys.readouterr().out.splitlines() if "out of family" in line]
    levels = "400900.00 adu, others 400000.00"
    assert said == [f"{paths[4]}: pedestal D of camera 2 CCD 3 is out of family: {levels}"]
    # Of five frames no family can be told.
    assert main(["report", *map(str, paths[2:7]), *words]) == 0
    assert "out of family" not in capsys.readouterr().out


def test_a_camera_frame_gives_four_tables(tmp_path, capsys):
    path = tmp_path / "tess2021039000000-00116470-1-crm-ffi.fits"
    pixels = np.zeros((4156, 4272), dtype=np.int32)
    header = fits.Header({"CAM": 1, "INT_TIME": 600, "CADENCE": 116470})
    fits.PrimaryHDU(pixels, header).writeto(path)
    assert main(["report", str(path), "--outdir", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    for ccd in (1, 2, 3, 4):
        assert f"camera 1 CCD {ccd}, 600 s" in out
    assert path.with_suffix(".png").exists()


@pytest.mark.parametrize(("bad", "jobs"), [(1, 1), (3, 2)], ids=["here", "in processes"])
def test_files_that_can_not_be_read_fail_alone(frame, tmp_path, capsys, bad, jobs):
    path = tmp_path / "one.cal.fits"
    tica_fn.write(frame, path)
    spoilt = [tmp_path / f"bad{n}.fits" for n in range(bad)]
    for one in spoilt:
        one.write_text("no FITS")
    words = ["report", *spoilt, path, "--outdir", tmp_path / "out", "--jobs", jobs]
    assert main([*map(str, words), "--table", str(tmp_path / "numbers.ecsv")]) == 1
    captured = capsys.readouterr()
    assert all(str(one) in captured.err for one in spoilt)
    assert captured.out.count("picture: ") == 4
    assert len(list((tmp_path / "out").iterdir())) == 4
    assert (tmp_path / "numbers.ecsv").read_text().count("one.cal.fits") == 8


def test_tables_put_raw_and_calibrated_side_by_side(frame, tmp_path, capsys):
    """Mean and standard deviation, and the correction, of every amplifier's overclocks."""
    from astropy.table import Table

    from tests import inputs

    random = np.random.default_rng(2)
    counts = random.integers(6000, 6100, (2078, 2136)).astype(np.int32)
    raw = inputs.raw_ffi(tmp_path / inputs.name_of(), counts, primary={"FFIINDEX": 7})
    models = tica_fn.neutral_models(2, 3)
    done = tica_fn.calibrate(tica_fn.read(raw), models, dtype=np.float32)
    tica_fn.write(done, tmp_path / "done.cal.fits")
    words = ["report", raw, tmp_path / "done.cal.fits", "--outdir", tmp_path / "pictures"]
    assert main([str(word) for word in [*words, "--table", tmp_path / "numbers.ecsv"]]) == 0
    table = Table.read(tmp_path / "numbers.ecsv")
    assert len(table) == 8
    assert table["correction"].unit == "adu"
    row = table[(table["amplifier"] == "B") & (table["region"] == "overclock")][0]
    own = counts[:, 2092 + 14 : 2092 + 22].astype(float)
    assert row["mean_before"] == pytest.approx(own.mean(), rel=1e-12)
    assert row["std_before"] == pytest.approx(own.std(), rel=1e-12)
    assert row["correction"] == pytest.approx(done.pedestals[1], rel=1e-12)
    assert abs(row["mean_after"]) < 20.0
    assert row["cadence"] == 7
    for ending in ("", "_science", "_overclock", "_profiles"):
        assert (tmp_path / "pictures" / f"done.cal{ending}.png").stat().st_size > 10_000


def test_pictures_do_not_depend_on_those_before(frame, tmp_path):
    """Figures are reused; a thread of its own begins anew."""
    noise = np.random.default_rng(1).normal(5e3, 30.0, frame.pixels.shape).astype(np.float32)
    other = attrs.evolve(frame, pixels=noise, header={})

    def drawn(folder, *frames):
        folder.mkdir()
        for one in frames:
            made = [
                save_picture([("one", one)], folder / "a.png"),
                *draw_ccd(one, folder / "a.png", ""),
            ]
        return [np.asarray(Image.open(path), dtype=int) for path in made]

    later = drawn(tmp_path / "later", frame, other)
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(drawn, tmp_path / "first", other).result()
    assert len(later) == len(first) == 4
    for one, two in zip(later, first, strict=True):
        assert np.abs(one - two).max() < 20  # The ends of a frame may be blended otherwise.


def test_a_solution_is_drawn_as_a_grid(frame, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(
        "matplotlib.axes.Axes.contour", lambda self, *a, **k: drawn.append(a[2]) or _Lines()
    )
    monkeypatch.setattr("matplotlib.axes.Axes.clabel", lambda *a, **k: None)
    header = {
        "INT_TIME": 600, "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 359.9,
        "CRVAL2": -30.0,
        "CRPIX1": 1069.0, "CRPIX2": 1024.0, "CD1_1": -0.0058, "CD1_2": 0.0, "CD2_1": 0.0,
        "CD2_2": 0.0058,
    }  # fmt: skip
    solved = attrs.evolve(frame, header=header)
    save_picture([("solved", solved)], tmp_path / "solved.png")
    ra, dec = drawn
    assert np.abs(np.diff(ra, axis=1)).max() < 1.0  # Unbroken where 360 becomes 0.
    assert dec.min() < -30 < dec.max()
    drawn.clear()
    save_picture([("plain", frame)], tmp_path / "plain.png")
    assert not drawn


class _Lines:
    pass
