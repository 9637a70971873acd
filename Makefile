# Two commands: `make demo` and `make test`. Both make the environment on first use.
# While you work: `make fast`, the tests that need no Ray and no other program.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Two test processes where the memory allows, each with an embedded cluster of its own.
PROCESSES ?= $(shell awk '/^MemAvailable/ { print ($$2 > 10000000) ? 2 : 0 }' /proc/meminfo 2>/dev/null || echo 0)
# Each process of the tests would compile its modules anew.
unexport PYTHONDONTWRITEBYTECODE
PYTEST = $(BIN)/python -m pytest --numprocesses $(PROCESSES) --no-loadscope-reorder

.PHONY: demo fast test long test-long lint types docs distribution lowest bench check-kuberay clean

demo: $(VENV)/.core
	$(BIN)/python examples/digits/driver.py

fast: $(VENV)/.dev
	$(PYTEST) -m "not ray and not slow"

test: lint types $(VENV)/.dev $(VENV)/.uv-cache
	$(PYTEST) -m "not long" --durations 25

# Runs on real clusters whose mechanism a quicker test shows, and the widget in JupyterLab.
long: $(VENV)/.dev $(VENV)/jupyter/.made
	$(PYTEST) -m long --durations 25

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

# What takes too long for every change.
test-long: test long docs distribution lowest

# The wheel in an environment that holds nothing else, away from the checkout.
distribution: $(VENV)/bin/python
	rm -rf build/wheel build/empty
	$(BIN)/python -m pip wheel --quiet --disable-pip-version-check --no-deps --wheel-dir build/wheel .
	$(BIN)/python -m venv build/empty
	build/empty/bin/python -m pip install --quiet --disable-pip-version-check build/wheel/*.whl
	cd build && empty/bin/raysmith --version && empty/bin/python ../examples/digits/driver.py --iterations 3

# The tests without Ray, with the lowest versions that pyproject.toml allows.
lowest: $(VENV)/.dev
	$(BIN)/python -m venv build/lowest
	$(BIN)/python tests/lowest_versions.py > build/lowest.txt
	build/lowest/bin/python -m pip install --quiet --disable-pip-version-check --editable ".[dev]" --constraint build/lowest.txt
	build/lowest/bin/python -m pytest --numprocesses $(PROCESSES) --no-loadscope-reorder -m "not ray"

# Warnings are errors. Without the examples, in a minute less: make docs SPHINXOPTS="-D plot_gallery=0"
docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -W --keep-going -n -b html $(SPHINXOPTS) docs docs/_build/html
	cd docs && $(abspath $(BIN))/python -m _ext.check_links _build/html

bench: $(VENV)/.dev
	$(PIP) --editable ".[bench]"
	$(BIN)/python benchmarks/overhead.py
	$(BIN)/python benchmarks/scale.py
	$(BIN)/python benchmarks/registered_model.py
	$(BIN)/python benchmarks/simulate.py
	$(BIN)/python benchmarks/load
	$(BIN)/python benchmarks/make_peers.py
	$(BIN)/python benchmarks/run.py --seconds 60 240 --seeds 0 1 2

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "raysmith needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(VENV)/bin/python pyproject.toml
	@echo "Installing raysmith into $(VENV) (a few minutes the first time)"
	$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml
	@echo "Installing raysmith with its test tools into $(VENV) (a few minutes the first time)"
	$(PIP) --editable ".[dev]"
	@touch $@ $(VENV)/.core

$(VENV)/.docs: $(VENV)/bin/python pyproject.toml
	@echo "Installing raysmith with what builds its documentation into $(VENV)"
	$(PIP) --editable ".[docs]"
	@touch $@ $(VENV)/.core

# JupyterLab for the widget's test. Not beside the rest: it brings a package (rfc3987-syntax) that
# adds a second to the start of every process that imports Ray.
$(VENV)/jupyter/.made: $(VENV)/.dev
	$(BIN)/python -m venv $(VENV)/jupyter
	$(VENV)/jupyter/bin/python -m pip install --quiet --disable-pip-version-check "jupyterlab>=4.4" "anywidget>=0.9"
	@touch $@

# What a registered model requires, in uv's cache: the tests serve one without a network.
$(VENV)/.uv-cache: $(VENV)/.dev
	$(BIN)/python -m tests.store.fill_uv_cache
	@touch $@

# KubeRay's definitions of the release that you use: make check-kuberay CRD=.../ray.io_rayclusters.yaml
check-kuberay: $(VENV)/.core
	$(BIN)/raysmith cluster render --provider kubernetes --image raysmith:1 --check $(CRD) \
	    $(if $(findstring rayjobs,$(CRD)),--entrypoint "python driver.py" --store-secret mlflow)
	$(BIN)/raysmith cluster render --provider kubernetes --image raysmith:1 --check $(CRD) \
	    --vm-priority lowpriority \
	    $(if $(findstring rayjobs,$(CRD)),--entrypoint "python driver.py" --store-secret mlflow)

clean:
	rm -rf $(VENV) build dist *.egg-info docs/_build docs/gallery docs/notebooks \
	    docs/reference/_generated docs/reference/api
