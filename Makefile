# Everything installs into .venv on first use. PYTHON chooses another interpreter, EXTRA adds arguments.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
EXTRA ?=

.PHONY: run test lint micro-model results clean
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
	$(BIN)/python -m pytest $(EXTRA)

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Rebuilds the embedded model from nothing, in place.
micro-model: $(VENV)/installed
	$(BIN)/python -m sdzero_bench.tasks.micro_world.build --out tasks/micro_world/model $(EXTRA)

# Makes results/micro-arith again: every method of the micro tier, 3 seeds each; about 25 minutes on 2 quiet cores.
results: $(VENV)/installed
	rm -rf runs/results
	for method in sdzero srt rft; do for seed in 0 1 2; do \
		$(BIN)/sdzero-bench run --method $$method --seed $$seed --out runs/results || exit 1; done; done
	$(BIN)/python -m sdzero_bench.reporting.seeds runs/results/* --out results/micro-arith
	$(BIN)/python -m sdzero_bench.tasks.micro_world.measure runs/results/sdzero-micro-arith-s0-* > results/micro-arith/localisation.json

clean:
	rm -rf $(VENV) build dist *.egg-info
