"""Every kernel of the six steps gives, bit for bit, what its naive twin gives."""

import numpy as np
import pytest
from numba.core.errors import TypingError

from tests.kernels import twins
from tica_fn import kernels
from tica_fn.kernels.big_endian import errors_to_file, reals_to_file

SHAPES = [(1, 1), (1, 13), (2, 6), (9, 1), (3, 5), (8, 17)]
ODD = [0.0, -0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 5e-324, 1e308, -1e308, 1e-3, 2.0**31, 2.0**53]
FULL_WELL = 720 * 65535.0
# Slope, offset, c0, c1, c2 of amplifiers 1.1.A (720 coadds), 2.3.B (48), and one that is linear.
COEFFICIENTS = np.array(
    [
        [2.57322e-05 / (720 * 0.99 * 5.22), 823.226 * 2.57322e-05, 1.00042, -0.0177135, 0.0160865],
        [2.56261e-05 / (48 * 0.99 * 5.26), 975.949 * 2.56261e-05, 1.0006, -0.0213267, 0.0173033],
        [1.0, 0.0, 1.0, 0.0, 0.0],
    ]
)


def image(shape, seed=0, dtype=np.float64, odd=True):
    """Values over the whole range of a pixel, with the odd ones strewn among them."""
    random = np.random.default_rng(seed)
    values = random.choice([1.0, 1e2, 1e4, FULL_WELL], shape) * random.normal(1.0, 0.7, shape)
    if np.dtype(dtype).kind == "i":
        values = np.where(random.random(shape) < 0.2, random.choice([-(2**31), 2**31 - 1]), values)
        return np.clip(values, -(2**31), 2**31 - 1).astype(dtype)
    if odd:
        values = np.where(random.random(shape) < 0.3, random.choice(ODD, shape), values)
    with np.errstate(over="ignore"):
        return values.astype(dtype)


def vector(count, seed, odd=True):
    return image((1, count), seed, odd=odd)[0].copy()


def runs_of(columns):
    """Runs of columns as amplifiers leave them: with columns before, between and after."""
    edges = [(1, 3), (3, 4), (6, 12)]
    inside = [(a, min(b, columns)) for a, b in edges if a < columns]
    return np.array(inside, dtype=np.int64).reshape(-1, 2), COEFFICIENTS[: len(inside)].copy()


def filled(kernel, pixels, *arguments, dtype=np.float64):
    out = np.full(pixels.shape, 77.0, dtype=dtype)
    before = [np.array(a, copy=True) for a in (pixels, *arguments)]
    kernel(pixels, *arguments, out)
    for was, now in zip(before, (pixels, *arguments), strict=True):
        assert was.tobytes() == np.asarray(now).tobytes(), "an argument was changed"
    return out


def assert_same_bits(found, expected):
    """NaN where the twin has NaN, and the very same bits everywhere else (-0.0 is not 0.0)."""
    assert found.shape == expected.shape
    assert found.dtype == expected.dtype
    nan = np.isnan(expected)
    np.testing.assert_array_equal(np.isnan(found), nan)
    assert found[~nan].tobytes() == expected[~nan].tobytes()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["subtract_bias", "add_bias"])
@pytest.mark.parametrize("factor", [1.0, 48.0, 720.0])
def test_bias(name, shape, factor):
    pixels, bias = image(shape, 1), image(shape, 2, np.float32)
    found = filled(getattr(kernels, name), pixels, bias, factor)
    assert_same_bits(found, getattr(twins, name)(pixels, bias, factor))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(
    "name",
    ["subtract_pedestal", "add_pedestal", "apply_gain", "remove_gain", "subtract_smear",
     "add_smear"],
)  # fmt: skip
def test_a_number_a_column(name, shape):
    pixels, numbers = image(shape, 3), vector(shape[1], 4)
    found = filled(getattr(kernels, name), pixels, numbers)
    assert_same_bits(found, getattr(twins, name)(pixels, numbers))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ["divide_flat", "multiply_flat"])
def test_flat(name, shape):
    pixels, flat = image(shape, 5), image(shape, 6, np.float32)
    found = filled(getattr(kernels, name), pixels, flat)
    assert_same_bits(found, getattr(twins, name)(pixels, flat))


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.float64])
@pytest.mark.parametrize(
    ("rows", "first_row", "columns"),
    [(1, 0, 1), (1, 0, 8), (2, 0, 2), (7, 2, 1), (7, 2, 8), (40, 39, 11)],
)
@pytest.mark.parametrize("factor", [1.0, 48.0])
def test_measure_pedestals(dtype, rows, first_row, columns, factor):
    pixels = image((rows, columns), 7, dtype, odd=False)
    bias = image((rows, columns), 8, np.float32, odd=False)
    runs = [(min(3, columns - 1), columns), (0, 1), (0, columns)]
    none = np.zeros(pixels.shape, np.float32)
    # A single zero stands for a bias that has been subtracted already.
    for given, meant in ((bias, bias), (none[:1, :1], none)):
        found = pedestals_of(pixels, given, factor, first_row, *runs)
        expected = [twins.measure_pedestal(pixels, meant, factor, first_row, *run) for run in runs]
        assert found.tolist() == expected


def pedestals_of(pixels, bias, factor, first_row, *runs):
    out = np.full(len(runs), 77.0)
    kernels.measure_pedestals(pixels, bias, factor, first_row, np.array(runs), out)
    return out


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_an_odd_overclock_pixel_shows_in_the_pedestal(value):
    pixels = np.ones((5, 8))
    pixels[3, 7] = value
    none = np.zeros((1, 1), np.float32)
    found = pedestals_of(pixels, none, 1.0, 1, (0, 8), (0, 7))
    np.testing.assert_array_equal(found, [value, 1.0])


def test_pedestal_of_no_pixel_is_nan():
    assert np.isnan(pedestals_of(np.ones((3, 3)), np.zeros((1, 1), "f4"), 1.0, 3, (0, 2)))


@pytest.mark.parametrize("shape", SHAPES)
def test_correct_linearity(shape):
    runs, coefficients = runs_of(shape[1])
    pixels = image(shape, 9)
    found = filled(kernels.correct_linearity, pixels, runs, coefficients)
    assert_same_bits(found, twins.correct_linearity(pixels, runs, coefficients))


@pytest.mark.parametrize("shape", SHAPES)
def test_restore_nonlinearity_finds_the_root_that_bisection_finds(shape):
    runs, coefficients = runs_of(shape[1])
    pixels = image(shape, 10, odd=False)
    pixels[0, -1] = np.nan
    found = filled(kernels.restore_nonlinearity, pixels, runs, coefficients)
    expected = twins.restore_nonlinearity(pixels, runs, coefficients)
    np.testing.assert_allclose(found, expected, rtol=4e-15, atol=1e-300)


@pytest.mark.parametrize("name", ["correct_linearity", "restore_nonlinearity"])
def test_without_runs_linearity_copies(name):
    pixels = image((4, 6), 11)
    found = filled(getattr(kernels, name), pixels, np.empty((0, 2), np.int64), np.empty((0, 5)))
    assert_same_bits(found, pixels)


@pytest.mark.parametrize("columns", [1, 11, 40])
@pytest.mark.parametrize(("first", "last"), [(0, 1), (2, 9), (0, 9), (3, 7)])
def test_measure_smear(columns, first, last):
    pixels = image((9, columns), 12)
    found = np.full(columns, 77.0)
    kernels.measure_smear(pixels[first:last], found)
    assert_same_bits(found, twins.measure_smear(pixels[first:last]))


def test_measure_smear_of_any_order_of_seven():
    random = np.random.default_rng(13)
    pixels = np.array([random.permutation(7) for _ in range(300)], dtype=np.float64).T.copy()
    pixels[:, ::7] = random.integers(0, 3, (7, pixels[:, ::7].shape[1]))  # ties
    found = np.empty(300)
    kernels.measure_smear(pixels, found)
    np.testing.assert_array_equal(found, np.median(pixels, axis=0))


def sweep_arguments(shape, dtype, whole, odd=True):
    runs, coefficients = runs_of(shape[1])
    gain = vector(shape[1], 17, odd=False)
    pedestal = vector(shape[1], 16, odd=False)
    for first, last in runs:  # one amplifier: one number
        gain[first:last], pedestal[first:last] = gain[first], pedestal[first]
    model_shape = shape if whole else (1, shape[1])
    return (
        image(shape, 14, dtype),
        image(model_shape, 15, np.float32, odd=False),
        48.0,
        np.stack([pedestal, gain, vector(shape[1], 18, odd=odd)]),
        runs,
        coefficients,
        image(model_shape, 19, np.float32, odd=odd),
    )


either = pytest.mark.parametrize("whole", [True, False], ids=["models", "rows of models"])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.float64])
@either
def test_sweep(shape, dtype, whole):
    arguments = sweep_arguments(shape, dtype, whole)
    expected = twins.sweep(*arguments)
    assert_same_bits(filled(kernels.sweep, *arguments), expected)
    with np.errstate(over="ignore"):
        rounded = expected.astype(np.float32)
    assert_same_bits(filled(kernels.sweep, *arguments, dtype=np.float32), rounded)


@pytest.mark.parametrize("columns", [16, 17, 21, 53, 75])
@pytest.mark.parametrize("edges", [[], [(0, 16)], [(3, 4), (5, 52)], [(1, 38), (38, 53)]])
@pytest.mark.parametrize("dtype", [np.int32, np.float64, np.uint32])
def test_sweep_of_rows_longer_than_what_it_takes_at_once(columns, edges, dtype):
    pixels, bias, factor, table, _, _, flat = sweep_arguments((3, columns), np.int32, True)
    runs = np.array([(a, min(z, columns)) for a, z in edges if a < columns], np.int64)
    runs, coefficients = runs.reshape(-1, 2), COEFFICIENTS[: len(edges)]
    for first, last in runs:
        table[:2, first:last] = table[:2, first : first + 1]
    arguments = bias, factor, table, runs, coefficients, flat
    expected = twins.sweep(pixels, *arguments)
    if dtype != np.uint32:
        assert_same_bits(filled(kernels.sweep, pixels.astype(dtype), *arguments), expected)
        return
    words, out = pixels.astype(">i4").view(np.uint32), np.full(pixels.shape, 77, np.uint32)
    read, written = kernels.sweep(words, *arguments, out)
    with np.errstate(over="ignore"):
        assert_same_bits(out.view(">f4").astype(np.float32), expected.astype(np.float32))
    assert int(read) == twins.sum_words(words.tobytes())
    assert int(written) == twins.sum_words(out.tobytes())


@pytest.mark.parametrize("kinds", [(np.int32, np.float64), (np.uint32, np.uint32)])
def test_sweep_in_plain_python_is_the_compiled_one(kinds):
    pixels, *arguments = sweep_arguments((2, 45), np.int32, True, odd=False)
    pixels = pixels.astype(">i4").view(np.uint32) if kinds[0] == np.uint32 else pixels
    plain, compiled = (np.full(pixels.shape, 77, kinds[1]) for _ in range(2))
    with np.errstate(over="ignore"):
        sums = kernels.sweep.py_func(pixels, *arguments, plain)
    assert sums == kernels.sweep(pixels, *arguments, compiled)
    assert plain.tobytes() == compiled.tobytes()


@pytest.mark.parametrize("form", ["fortran", "every second", "not aligned"])
def test_sweep_of_images_however_they_lie_in_memory(form):
    arguments = sweep_arguments((4, 45), np.int32, True)
    expected = twins.sweep(*arguments)

    def laid(image):
        if form == "fortran":
            return np.asfortranarray(image)
        if form == "every second":
            return np.repeat(image, 2, axis=1)[:, ::2]
        raw = np.zeros(image.nbytes + 1, np.uint8)[1:].view(image.dtype).reshape(image.shape)
        raw[:] = image
        return raw

    images = [
        laid(a) if np.ndim(a) == 2 and k not in (4, 5) else a for k, a in enumerate(arguments)
    ]
    out = laid(np.full(expected.shape, 77.0))
    kernels.sweep(*images, out)
    assert_same_bits(np.ascontiguousarray(out), expected)


def test_sweep_of_pixels_of_another_type_is_refused():
    pixels, *arguments = sweep_arguments((2, 6), np.int32, True)
    with pytest.raises(TypingError):
        kernels.sweep(pixels.astype(np.int16), *arguments, np.empty(pixels.shape))


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.float64])
def test_sweep_sums_no_words_where_there_are_none(dtype):
    arguments = sweep_arguments((3, 17), dtype, True)
    read, written = kernels.sweep(*arguments, np.empty((3, 17)))
    assert (int(read), int(written)) == (0, 0)


@pytest.mark.parametrize("shape", SHAPES)
@either
def test_sweep_from_the_words_of_a_file_to_those_of_another(shape, whole):
    pixels, *arguments = sweep_arguments(shape, np.int32, whole, odd=False)
    expected = twins.sweep(pixels, *arguments)
    with np.errstate(over="ignore"):
        product = expected.astype(">f4")
    words = pixels.astype(">i4").view(np.uint32)
    out = np.full(shape, 77, np.uint32)
    read, written = kernels.sweep(words, *arguments, out)
    assert words.tobytes() == pixels.astype(">i4").tobytes()
    assert out.tobytes() == product.tobytes()
    assert int(read) == twins.sum_words(words.tobytes())
    assert int(written) == twins.sum_words(product.tobytes())


@pytest.mark.parametrize("words", [0, 1, 5, 720, 1001])
@pytest.mark.parametrize("fill", [0x00, 0x01, 0x80, 0xFF, None])
def test_big_endian(words, fill):
    data = np.full(4 * words, 0 if fill is None else fill, np.uint8)
    if fill is None:
        data[:] = np.random.default_rng(words).integers(0, 256, 4 * words)
    before = data.tobytes()
    native = data.view(np.uint32)
    total = twins.sum_words(before)
    assert int(kernels.sum_words(native)) == total
    out = np.empty(words, np.uint32)
    assert int(kernels.from_big_endian(native, out)) == total
    assert out.tobytes() == twins.swap(before)
    back = np.empty(words, np.uint32)
    assert int(kernels.to_big_endian(out, back)) == total
    assert back.tobytes() == before
    assert data.tobytes() == before


def test_reals_and_errors_become_words_of_a_file():
    values = np.random.default_rng(3).normal(0.0, 1e5, (5, 7))
    values[0, :4] = np.nan, np.inf, -0.0, 1e300
    native, out = np.empty((5, 7), np.float32), np.empty((5, 7), np.uint32)
    with np.errstate(over="ignore"):
        expected = values.astype(np.float32)
    total = reals_to_file(values, native, out)
    assert native.tobytes() == expected.tobytes()
    assert out.tobytes() == expected.astype(">f4").tobytes()
    assert int(total) == twins.sum_words(out.tobytes())
    variance = np.abs(expected)
    total = errors_to_file(variance, out)
    assert out.tobytes() == np.sqrt(variance).astype(">f4").tobytes()
    assert int(total) == twins.sum_words(out.tobytes())
