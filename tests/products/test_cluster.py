"""``tica-fn calibrate --scheduler``: the workers of a Dask cluster make the same files."""

import pytest

from tests import inputs
from tests.data.made_frames import made_frame
from tica_fn.cli import main
from tica_fn.products import cluster

CAMERA, CCD, EXPOSURE_S, SEED = 4, 3, 1800, 2


@pytest.fixture(scope="module")
def made():
    return made_frame(CAMERA, CCD, EXPOSURE_S, SEED)


@pytest.fixture(scope="module")
def caldir(tmp_path_factory, made):
    folder = tmp_path_factory.mktemp("models") / "calibration_30min"
    return inputs.tica_models(folder, *made[1:], CAMERA, CCD)


@pytest.fixture(scope="module")
def raws(tmp_path_factory, made):
    folder = tmp_path_factory.mktemp("raw")
    how = {"camera": CAMERA, "ccd": CCD, "exposure_s": EXPOSURE_S}
    names = [inputs.name_of(number, CAMERA, CCD) for number in range(3)]
    return [inputs.raw_ffi(folder / name, made[0] + n, **how) for n, name in enumerate(names)]


@pytest.fixture
def scheduler(monkeypatch):
    """Address of a cluster of one worker process, reached over TCP as any other."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, dashboard_address=None, silence_logs=50
    ) as running:
        yield running.scheduler_address


def test_a_cluster_makes_the_files_that_one_process_makes(
    scheduler, caldir, raws, tmp_path, capsys
):
    bad = tmp_path / inputs.name_of(9, CAMERA, CCD)
    bad.write_text("not FITS")
    files = [*map(str, raws), str(bad)]
    here, there = tmp_path / "here", tmp_path / "there"
    assert main(["calibrate", *files[:3], "--caldir", str(caldir), "--outdir", str(here)]) == 0
    words = ["calibrate", *files, "--caldir", str(caldir), "--outdir", str(there)]
    assert main([*words, "--scheduler", scheduler]) == 1
    printed = capsys.readouterr()
    assert "3 done, 0 skipped, 1 failed" in printed.out
    assert printed.err.splitlines() == [
        f"tica-fn: {bad}: not a FITS file (it does not start with SIMPLE)"
    ]
    made = {path.name: path.read_bytes() for path in there.iterdir()}
    assert made == {path.name: path.read_bytes() for path in here.iterdir()}
    assert len(made) == 3


def test_two_files_of_one_product_are_told(scheduler, caldir, raws, tmp_path, capsys):
    twin = tmp_path / inputs.name_of(5, CAMERA, CCD)
    twin.write_bytes(raws[0].read_bytes())
    files = [str(raws[0]), str(twin)]
    options = ["--name", "hlsp", "--orbit-segment", "o1a", "--scheduler", scheduler]
    words = ["calibrate", *files, "--caldir", str(caldir), "--outdir", str(tmp_path / "out")]
    assert main([*words, *options]) == 1
    printed = capsys.readouterr()
    assert "1 failed" in printed.out
    assert "give one of them" in printed.err


def test_no_scheduler_is_one_clear_line(raws, caldir, tmp_path, capsys, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr(cluster, "_ANSWER_S", 1.0)
    words = ["calibrate", str(raws[0]), "--caldir", str(caldir), "--outdir", str(tmp_path)]
    assert main([*words, "--scheduler", "tcp://127.0.0.1:9"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("tica-fn: tcp://127.0.0.1:9: no Dask scheduler answers there")
