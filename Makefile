# Two commands do all the set-up: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# The last astrocut that reads TICA's layout, beside the current one; tests run it on its own.
OLD_ASTROCUT := $(VENV)/astrocut-0.11
# The C library keeps the memory of frames for the next ones: the system clears every page anew.
KEEP_MEMORY := MALLOC_MMAP_THRESHOLD_=134217728 MALLOC_TRIM_THRESHOLD_=1073741824

.PHONY: demo test test-matrix torture lint docs bench format clean

# Users need the package alone; developers also the test tools.
$(VENV)/user.stamp: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[report]'
	touch $@

$(VENV)/developer.stamp: $(VENV)/user.stamp
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	$(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(OLD_ASTROCUT) astrocut==0.11.1
	touch $@

demo: $(VENV)/user.stamp
	$(BIN)/tica-fn demo --output-dir demo

lint: $(VENV)/developer.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

test: $(VENV)/developer.stamp
	$(MAKE) -j 2 lint docs
	$(KEEP_MEMORY) $(BIN)/python -m pytest -W error -n 2 --dist worksteal --doctest-modules --doctest-glob='*.md' tests properties tica_fn README.md CONTRIBUTING.md docs

# The tests on every Python at hand, with the newest packages and with the oldest that are allowed.
test-matrix:
	$(PYTHON) tools/test_matrix.py

# Ten minutes of mutated files, hostile servers, kills, full disks and dying clusters.
torture: $(VENV)/developer.stamp
	$(BIN)/python -m tests.torture --seconds 600

docs: $(VENV)/developer.stamp
	rm -rf docs/api
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

bench: $(VENV)/developer.stamp
	$(BIN)/python -m benchmarks

format: $(VENV)/developer.stamp
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf $(VENV) .venv-matrix build dist docs/_build demo *.egg-info
