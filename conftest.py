"""What all tests share, those in the pages and in docstrings too."""

import pytest


@pytest.fixture(scope="session", autouse=True)
def cache_of_the_tests_own(tmp_path_factory):
    """Thousands of products would be noted in the user's cache folder, and each command look."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TICA_FN_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield
