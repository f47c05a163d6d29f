PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test check format setup bench sanitize neon clean

demo: $(VENV)/ready
	$(BIN)/semascope demo

test: $(VENV)/ready
	# Two processes of one thread each share two cores better than one of two threads.
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses 2 --dist worksteal

check: $(VENV)/ready
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy

format: $(VENV)/ready
	$(BIN)/ruff format src tests benchmarks
	$(BIN)/ruff check --fix src tests benchmarks

setup: $(VENV)/ready

bench: $(VENV)/ready
	$(BIN)/python benchmarks/limits.py
	$(BIN)/python benchmarks/encoding.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/convergence.py
	$(BIN)/python benchmarks/streaming.py
	$(BIN)/python benchmarks/scorers.py
	$(BIN)/python benchmarks/predictions.py
	$(BIN)/python benchmarks/quality.py --sizes 512x8 1024x16 --budget 1000000

sanitize:
	PYTHON=$(PYTHON) tests/sanitize.sh

neon:
	PYTHON=$(PYTHON) tests/neon.sh

$(VENV)/ready: pyproject.toml constraints.txt CMakeLists.txt $(wildcard src/semascope/kernels/core/*)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) .sanitize .neon demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
