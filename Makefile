# Two commands: `make demo` and `make test`. Both make their own virtual environment first; a second call starts at once.
PYTHON ?= python3
BIN := .venv/bin
.PHONY: setup demo test check lint clean

setup: .venv/ready

# torch goes first and pinned: pip then takes a build for the processor instead of several GB of CUDA packages.
.venv/ready: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet torch==2.13.0 -c constraints.txt
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev]'
	touch $@

demo: .venv/ready
	$(BIN)/culturepark run --run runs/quickstart
	$(BIN)/culturepark transcripts show --run runs/quickstart
	$(BIN)/culturepark samples explain --run runs/quickstart

# What runs a model, a browser or many processes goes two files at a time, and what starts clusters or takes the time has
# the machine to itself; the rest is shared out over the processors.
ALONE := tests/faults/test_budget.py tests/faults/test_canary.py tests/faults/test_endpoint.py \
	tests/faults/test_limits.py tests/faults/test_machine.py tests/runtime/engines
test: .venv/ready
	$(BIN)/python -m pytest -m "not slow" -n auto --dist loadfile
	$(BIN)/python -m pytest -m slow -n 2 --dist loadfile $(ALONE:%=--ignore=%)
	$(BIN)/python -m pytest -m slow $(ALONE)

check: .venv/ready lint
	$(BIN)/python -m pytest -m "not slow and not integration" -n auto --dist loadfile -q

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	MYPYPATH=src $(BIN)/mypy -p culturepark

clean:
	rm -rf .venv build dist src/*.egg-info .mypy_cache .ruff_cache .pytest_cache
