# Everything installs into .venv on first use. PYTHON chooses another interpreter, EXTRA adds arguments.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
EXTRA ?=

.PHONY: run test test-slow lint micro-model learning clean
.DEFAULT_GOAL := run

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# Installs, trains SD-Zero on the embedded model (about 5 minutes on 2 cores) and shows what came of it.
run: $(VENV)/installed
	$(BIN)/sdzero-bench run --method sdzero $(EXTRA)

test: $(VENV)/installed
	$(BIN)/python -m pytest -m 'not slow' $(EXTRA)

# What takes longer than a few minutes, such as whole runs that are killed and resumed.
test-slow: $(VENV)/installed
	$(BIN)/python -m pytest -m slow $(EXTRA)

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Rebuilds the embedded model from nothing, in place.
micro-model: $(VENV)/installed
	$(BIN)/python -m sdzero_bench.tasks.micro_world.build --out tasks/micro_world/model $(EXTRA)

clean:
	rm -rf $(VENV) build dist *.egg-info
