# Everything runs in .venv, which is made on first use from the versions in constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
GRADERS := --grader reward_seeking --grader eval_awareness --grader over_escalation

.PHONY: demo test test-slow check bench clean

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "judge needs Python 3.11 or newer; try: make PYTHON=python3.11 $(MAKECMDGOALS)")'
	@echo "Installing into .venv; this takes a minute or two."
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[inspect,annotate,improve,report,dev]'
	touch $@

demo: .venv/installed  ## label the bundled transcripts with three graders on the embedded model
	$(BIN)/judge label eval_sets/demo --run demo-recorded --model replay/offline/claude $(GRADERS)
	@echo "Now the embedded model: 108 questions, about five minutes on two free cores."
	$(BIN)/judge local pull
	$(BIN)/judge label eval_sets/demo --run demo --model local/smollm2-135m --method logprob $(GRADERS)

test: .venv/installed-dev check  ## the whole offline suite
	$(BIN)/judge local pull
	$(BIN)/pytest -n 2 --dist loadgroup -m 'not slow'

test-slow: .venv/installed-dev  ## Monte Carlo coverage of the intervals, minutes
	$(BIN)/pytest -m slow

check: .venv/installed-dev  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
