"""The Cholesky factor against numpy's solutions."""

import numpy as np

from tica_fn.kernels.stars.cholesky import factorise, inverse_of_factor, solve_factorised


def test_normal_equations_are_solved_for_the_first_terms_and_for_all():
    rng = np.random.default_rng(3)
    terms = rng.normal(size=(40, 6))
    gram, right = terms.T @ terms, terms.T @ rng.normal(size=(40, 2))
    factor, found = np.empty((6, 6)), np.empty((2, 6))
    assert factorise(gram, factor) == 6
    np.testing.assert_allclose(factor @ factor.T, gram, rtol=1e-13)
    for count in (1, 3, 6):
        solve_factorised(factor, count, right, found)
        expected = np.linalg.solve(gram[:count, :count], right[:count])
        np.testing.assert_allclose(found[:, :count].T, expected, rtol=1e-11)
        assert not found[:, count:].any()


def test_normal_equations_tell_terms_that_follow_from_others():
    terms = np.random.default_rng(4).normal(size=(30, 4))
    terms[:, 2] = terms[:, 0] - 2.0 * terms[:, 1]
    assert factorise(terms.T @ terms, np.empty((4, 4))) == 2
    assert factorise(np.zeros((3, 3)), np.empty((3, 3))) == 0


def test_the_inverse_is_that_of_the_first_terms():
    terms = np.random.default_rng(7).normal(size=(30, 5))
    factor = np.empty((5, 5))
    factorise(terms.T @ terms, factor)
    for count in (1, 3, 5):
        found = inverse_of_factor(factor, count)
        expected = np.linalg.inv(factor[:count, :count])
        np.testing.assert_allclose(found[:count, :count], expected, rtol=1e-11, atol=1e-14)
        assert not found[count:].any()
