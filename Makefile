# make demo: the whole loop on this machine. make test: every test. Both set up what they need.
PYTHON ?= python3.11
PROFILE ?= cpu
BIN := .venv/bin
READY := .venv/.ready-$(PROFILE)

.PHONY: setup demo test fast lint clean
.DEFAULT_GOAL := demo

setup: $(READY)

$(READY): pyproject.toml .ci/pins/$(PROFILE).txt
	@echo "setting up .venv ($(PROFILE) profile; a few minutes the first time)"
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --disable-pip-version-check --progress-bar on \
	  --constraint .ci/pins/$(PROFILE).txt --editable '.[$(PROFILE),dev]'
	@$(BIN)/python .ci/check_setup.py $(PROFILE)
	@touch $@

demo: setup
	$(BIN)/python run.py +repro=tinyzero hardware=cpu

fast: setup
	$(BIN)/python -m pytest -m "not slow and not slurm and not browser"

lint: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

test: lint fast
	$(BIN)/python -m pytest -m "slow"

clean:
	rm -rf .venv outputs
