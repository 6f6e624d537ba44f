"""Scattered light with a gradient, zeros, and frames that have none of it."""

import attrs
import numpy as np
import pytest

from tests.quality.test_quality import MODELS, changed, raw_frame
from tica_fn import calibrate, flag_frame
from tica_fn.quality.frame_flags import FrameFlag, as_dquality
from tica_fn.run.families import flags_of_frames

PER_S = 95.04 / 5.26
COLUMN = np.arange(512.0)
ROWS, COLUMNS = np.mgrid[0:2048, 0:512].astype(float)


def lit(light):
    """Flags of B with light in electrons per second on its science pixels."""
    frame = changed(raw_frame(), (np.s_[:2048, 556:1068], light * PER_S))
    return flag_frame(calibrate(frame, MODELS), MODELS)


@pytest.mark.parametrize(
    "light",
    [
        np.broadcast_to(100.0 + 2900.0 * COLUMN / 511, (2048, 512)),
        np.broadcast_to(3000.0 - 2900.0 * COLUMN / 511, (2048, 512)),
        5000.0 * np.exp(-np.hypot(ROWS, COLUMNS) / 120.0),
        5000.0 * np.exp(-((2047 - ROWS) ** 2 + (511 - COLUMNS) ** 2) / (2 * 100.0**2)),
    ],
)
def test_ramps_and_glows_are_scattered_light(light):
    found = lit(light)
    assert found.by_amplifier == (0, FrameFlag.SCATTERED_LIGHT, 0, 0)
    assert found.brightest[1] > 1000.0
    assert found.background[1] < found.brightest[1]


def test_stars_are_none_and_neither_is_a_bright_sky():
    """A star of 0.5 mag with its halo, 3,000 faint ones, and a sky of 700 e-/s."""
    rng = np.random.default_rng(2)
    light = np.full((2048, 512), 700.0)
    away = np.hypot(ROWS - 900, COLUMNS - 200)
    light += 180_000 * 0.5 * np.exp(-away / 6.0) + 3000.0 / (1.0 + (away / 25.0) ** 2)
    light[100:1900, 200] = 95_000.0
    light[rng.integers(0, 2048, 3000), rng.integers(0, 512, 3000)] += 20_000.0
    assert lit(light).flags == 0


def test_half_an_amplifier_of_zeros_is_told():
    raw = raw_frame()
    pixels = np.array(raw.pixels)
    pixels[:1024, 44:556] = 0
    found = flag_frame(attrs.evolve(raw, pixels=pixels), MODELS)
    assert found.by_amplifier == (FrameFlag.ZEROS, 0, 0, 0)
    assert as_dquality(found.flags) == 16384
    assert flag_frame(raw, MODELS).flags == 0


def family(mode):
    count = len(mode)
    frames = {name: np.full(count, np.nan) for name in (
        *(f"pedestal_{x}" for x in "abcd"), *(f"noise_{x}" for x in "abcd"), "full_share",
        "hot_share", "good_fraction", "rms_arcsec", "crpix1", "crpix2", "crval1", "crval2",
        "cd1_1", "cd1_2", "cd2_1", "cd2_2",
    )}  # fmt: skip
    for x in "abcd":
        frames[f"pedestal_{x}"] = 5e5 + np.arange(count) % 3
    return frames | {
        "mode": np.asarray(mode), "coadds": np.full(count, 48.0), "wcs": [""] * count,
        "dquality": [0] * count, "frame_flags": [""] * count,
    }  # fmt: skip


def test_in_a_run_one_low_frame_does_not_make_all_others_lit():
    sky = 10_000.0 + 50.0 * np.sin(np.arange(40))
    sky[7], sky[20:24] = 6000.0, 25_000.0
    said = flags_of_frames(family(sky))
    assert [k for k, words in enumerate(said) if "SCATTERED_LIGHT" in words] == [20, 21, 22, 23]
