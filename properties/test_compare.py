"""What a comparison owes, whatever the header and the pixels."""

import numpy as np
from astropy.io import fits
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from tica_fn.compare import Level, Rules, compare_headers, relative_difference, steps_apart, unequal
from tica_fn.testing import headers

some = settings(max_examples=60, deadline=None)
reals = st.floats(allow_subnormal=False, min_value=1e-200, max_value=1e200)


def header(values):
    made = fits.Header()
    for keyword, value in values.items():
        made[keyword] = value
    return made


@some
@given(values=headers())
def test_a_header_is_the_same_as_itself(values):
    assert compare_headers(header(values), header(values), "HDU 0", Rules()) == []


@some
@given(values=headers(), data=st.data())
def test_every_missing_and_every_new_keyword_is_told(values, data):
    told = [name for name in values if not Rules().excepts(name)]
    assume(told)
    gone = data.draw(st.sampled_from(told))
    fewer = {name: value for name, value in values.items() if name != gone}
    missing = compare_headers(header(values), header(fewer), "HDU 0", Rules())
    assert [(d.what, d.level) for d in missing] == [(gone, Level.FAILURE)]
    new = compare_headers(header(fewer), header(values), "HDU 0", Rules())
    assert [(d.what, d.level) for d in new] == [(gone, Level.WARNING)]


@some
@given(value=reals, size=st.floats(1.2e-8, 1e3), sign=st.sampled_from([-1, 1]))
def test_a_change_above_the_limit_fails(value, size, sign):
    found = compare_headers(
        fits.Header([("X", value)]), fits.Header([("X", value * (1 + sign * size))]), "", Rules()
    )
    assert [d.level for d in found] == [Level.FAILURE]


@some
@given(value=reals, size=st.floats(0, 0.9e-8), sign=st.sampled_from([-1, 1]))
def test_a_change_below_the_limit_warns_at_most(value, size, sign):
    other = value * (1 + sign * size)
    found = compare_headers(fits.Header([("X", value)]), fits.Header([("X", other)]), "", Rules())
    assert [d.level for d in found] == ([] if other == value else [Level.WARNING])


@some
@given(a=st.floats(-1e300, 1e300), b=st.floats(-1e300, 1e300))
def test_relative_difference_has_no_direction(a, b):
    assert relative_difference(a, b) == relative_difference(b, a)
    assert 0 <= relative_difference(a, b) <= 2
    assert (relative_difference(a, b) == 0) == (a == b)


@some
@given(value=st.floats(width=32), steps=st.integers(0, 50))
@example(value=float(np.finfo(np.float32).max), steps=1)  # nextafter warns when it overflows
def test_steps_are_counted_one_by_one(value, steps):
    gold = np.array([value], dtype=np.float32)
    test = gold.copy()
    with np.errstate(over="ignore"):
        for _ in range(steps):
            test = np.nextafter(test, np.float32(np.inf))
    assume(np.isfinite(test).all() and np.isfinite(gold).all())
    # Passing zero, the sign of zero is a step of its own, which nextafter leaves out.
    apart = int(steps_apart(gold, test)[0])
    crossed = int(np.signbit(gold[0]) != np.signbit(test[0]))
    assert apart in (steps, steps + crossed)
    assert unequal(gold, test, ulp=apart) is None
    assert apart == 0 or unequal(gold, test, ulp=apart - 1)


@some
@given(bit=st.integers(0, 31), place=st.integers(0, 19), seed=st.integers(0, 99))
def test_any_changed_bit_is_found(bit, place, seed):
    gold = np.random.default_rng(seed).normal(1000, 30, 20).astype(np.float32)
    test = gold.copy()
    test.view(np.uint32)[place] ^= np.uint32(1 << bit)
    found = unequal(gold, test)
    assert found is not None
    assert (found.count, found.first) == (1, (place,))
