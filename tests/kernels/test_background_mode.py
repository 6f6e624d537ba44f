"""TICA's background mode against numpy's own histogram, and at every edge."""

import numpy as np
import pytest

from tica_fn.kernels import background_mode, measure_levels

EDGES = np.logspace(2.7, 7.7, 4000)


def twin(pixels):
    """The definition, in numpy's words."""
    if (pixels < 500).sum() > pixels.size / 2:
        return 0.0
    counts, edges = np.histogram(pixels, bins=EDGES)
    return 0.5 * (edges[counts.argmax()] + edges[counts.argmax() + 1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("level", [510.0, 2e3, 4e4, 3e6, 4.9e7])
def test_mode_of_noise(dtype, level):
    random = np.random.default_rng(int(level))
    pixels = random.normal(level, np.sqrt(level) * 3, (207, 204)).astype(dtype)
    pixels[random.random(pixels.shape) < 0.02] = np.inf
    pixels[random.random(pixels.shape) < 0.02] = -1e30
    assert background_mode(pixels) == twin(pixels)
    assert twin(pixels) > 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_edge_and_its_neighbours(dtype):
    for edge in EDGES.tolist():
        for value in (edge, np.nextafter(edge, 0), np.nextafter(edge, 1e9)):
            pixels = np.full((1, 1), value, dtype)
            assert background_mode(pixels) == twin(pixels)


def test_first_of_equals():
    assert background_mode(np.array([[3e4, 2e4, 2e4, 3e4]])) == twin(np.array([[2e4]]))


def test_half_faint_is_still_measured_and_more_is_0():
    half = np.array([[499.9, 499.9, 2e4, 3e4]])
    assert background_mode(half) == twin(half) > 0
    more = np.array([[499.9, -5.0, 499.0, 2e4, 2e4]])
    assert background_mode(more) == twin(more) == 0.0


def test_nan_counts_nowhere():
    pixels = np.array([[np.nan, np.nan, np.nan, 2e4, 100.0]])
    with np.errstate(invalid="ignore"):
        assert background_mode(pixels) == twin(pixels) > 0


def test_a_window_of_a_larger_image():
    image = np.random.default_rng(3).normal(4e4, 200, (60, 80)).astype(np.float32)
    window = image[:, 11:70]
    assert background_mode(window) == twin(window)


def test_words_of_a_file_are_pixels_too():
    image = np.random.default_rng(4).normal(4e4, 9000, (60, 80)).astype(np.float32)
    image[3, 4], image[5] = np.nan, 1e30
    words = image.astype(">f4").view(np.uint32)
    assert measure_levels(words, 5e4) == measure_levels(image, 5e4)
    assert background_mode(words) == background_mode(image)


def hot_twin(image):
    hot = seen = 0
    for row in range(4, image.shape[0] - 1, 8):
        for column in range(1, image.shape[1] - 1):
            around = sorted(
                float(image[row + r, column + c]) for r, c in ((0, 1), (0, -1), (1, 0), (-1, 0))
            )
            middle = 0.5 * (sum(around) - around[0] - around[-1])
            excess = float(image[row, column]) - middle
            apart = excess > 12 * max(middle, 1.0) ** 0.5
            hot += apart and around[-1] - middle < 0.2 * excess
            seen += 1
    return hot / seen


def test_hot_pixels_are_no_stars():
    random = np.random.default_rng(8)
    image = random.normal(4e4, 200, (65, 70))
    assert measure_levels(image, 1e9)[2] == 0.0
    y, x = np.mgrid[:65, :70]
    for _ in range(60):  # stars, wherever they fall in a pixel
        r, c = random.uniform(0, 65), random.uniform(0, 70)
        image += random.uniform(1e4, 1e6) * np.exp(-((y - r) ** 2 + (x - c) ** 2) / (2 * 0.8**2))
    assert measure_levels(image, 1e9)[2] == hot_twin(image) < 0.002
    image[random.random(image.shape) < 0.02] += 3e4
    assert measure_levels(image, 1e9)[2] == hot_twin(image) > 0.01


def test_full_pixels():
    image = np.full((10, 10), 4e4)
    mode = background_mode(image)
    image[0, :2] = 1e9, np.inf
    assert measure_levels(image, 1e9) == (mode, 0.02, 0.0)
    assert measure_levels(np.zeros((3, 3)), -1.0) == (0.0, 1.0, 0.0)
