"""The reference pipeline's results: at most one float32 step away, nearly all pixels identical."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

import tica_fn
from tests import inputs
from tests.data.made_frames import made_frame
from tica_fn import Frame, Models, amplifiers
from tica_fn.cli import main

GOLDEN = sorted((Path(__file__).parents[1] / "data" / "golden").glob("*.npz"))
FOLDERS = {600: "calibration_10min", 1800: "calibration_30min"}


@pytest.fixture(scope="module", params=GOLDEN, ids=lambda path: path.stem)
def golden(request):
    with np.load(request.param) as opened:
        known = {name: opened[name] for name in opened.files}
    for name in ("camera", "ccd", "exposure_s", "seed"):
        known[name] = int(known[name])
    known["key"] = tuple(known[name] for name in ("camera", "ccd", "exposure_s", "seed"))
    return known


def frame_and_models(golden):
    camera, ccd, exposure_s, _ = golden["key"]
    raw, bias, flat = made_frame(*golden["key"])
    frame = Frame(
        pixels=raw, unit="adu", camera=camera, ccd=ccd, exposure_s=exposure_s,
        coadds=int(golden["coadds"]),
    )  # fmt: skip
    models = Models(
        camera=camera, ccd=ccd, bias=bias, flat=flat, amplifiers=amplifiers(camera, ccd),
        exposure_s=exposure_s,
    )  # fmt: skip
    return frame, models


def assert_golden(pixels, golden):
    """Held to the bar of one float32 step, and 99.99 % of the pixels identical."""
    assert pixels.dtype == np.float32
    found, expected = pixels.ravel()[golden["index"]], golden["calibrated"]
    below, above = (np.nextafter(expected, np.float32(end)) for end in (-np.inf, np.inf))
    assert ((below <= found) & (found <= above)).all()
    assert (found == expected).mean() >= 0.9999


def test_there_are_goldens():
    assert len(GOLDEN) == 2


def test_the_inputs_are_those_of_the_reference(golden):
    for name, array in zip(("raw", "bias", "flat"), made_frame(*golden["key"]), strict=True):
        digest = hashlib.sha256(array.astype(array.dtype.newbyteorder("<")).tobytes()).hexdigest()
        assert digest == str(golden[f"{name}_sha256"])


def test_calibrate_gives_the_reference(golden):
    frame, models = frame_and_models(golden)
    out = tica_fn.calibrate(frame, models, dtype=np.float32)
    assert_golden(out.pixels, golden)
    np.testing.assert_allclose(out.pedestals, golden["overclock"], rtol=1e-13, atol=0)
    full = tica_fn.calibrate(frame, models)
    assert full.pixels.dtype == np.float64
    assert np.array_equal(full.pixels.astype(np.float32), out.pixels)


def test_the_steps_one_by_one_give_the_reference(golden):
    frame, models = frame_and_models(golden)
    for step in tica_fn.standard_steps(models).steps:
        frame = step(frame)
    assert_golden(frame.pixels.astype(np.float32), golden)


def test_the_command_gives_the_reference(golden, tmp_path, capsys):
    camera, ccd, exposure_s, _ = golden["key"]
    raw, bias, flat = made_frame(*golden["key"])
    source = inputs.raw_ffi(
        tmp_path / inputs.name_of(camera=camera, ccd=ccd), raw, camera=camera, ccd=ccd,
        exposure_s=exposure_s,
    )  # fmt: skip
    caldir = inputs.tica_models(tmp_path / FOLDERS[exposure_s], bias, flat, camera, ccd)
    out = tmp_path / "out"
    assert main(["calibrate", str(source), "--caldir", str(caldir), "--outdir", str(out)]) == 0
    (product,) = out.iterdir()
    with fits.open(product, checksum=True) as opened:
        assert_golden(opened[0].data.astype("=f4"), golden)
        header = opened[0].header
        found = [header[f"PEDEST_{letter}"] for letter in "ABCD"]
    np.testing.assert_allclose(found, golden["overclock"], rtol=1e-13, atol=0)
