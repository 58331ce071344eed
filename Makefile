# Everything runs in .venv, which is made on first use from the versions in constraints.txt.
PYTHON ?= python3
BIN := .venv/bin
GRADERS := --grader reward_seeking --grader eval_awareness --grader over_escalation

SIZE ?= full

.PHONY: demo test test-slow bench check verified lock audit licences wheel clean

.venv/installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "judge needs Python 3.11 or newer; try: make PYTHON=python3.11 $(MAKECMDGOALS)")'
	@echo "Installing into .venv; this takes a minute or two."
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[inspect,annotate,improve,report,ray,dev]'
	touch $@

demo: .venv/installed  ## label the bundled transcripts with three graders on the embedded model
	$(BIN)/judge label eval_sets/demo --run demo-recorded --model replay/offline/claude $(GRADERS)
	@echo "Now the embedded model: 108 questions, about five minutes on two free cores."
	$(BIN)/judge local pull
	$(BIN)/judge label eval_sets/demo --run demo --model local/smollm2-135m --method logprob $(GRADERS)

test: .venv/installed-dev check  ## the whole offline suite
	$(BIN)/judge local pull
	@# A file stays with one worker, which starts its cluster, browser, engine or run once; the order ends with short files.
	$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m 'not slow'

test-slow: .venv/installed-dev  ## Monte Carlo coverage of the intervals, minutes
	$(BIN)/pytest -m slow

bench: .venv/installed-dev  ## all benchmarks on a machine with nothing else to do; SIZE=small only shows that they run
	$(BIN)/python -m benchmarks.suite $(SIZE)

check: .venv/installed-dev  ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

verified:  ## .venv from files whose hashes constraints-hashed.txt knows, and from nothing else; CI begins with it
	$(PYTHON) -m venv .venv
	sed -n '/^uv==/,/[^\\]$$/p' constraints-hashed.txt | $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement /dev/stdin
	@# uv takes a twelfth of pip's CPU time, and does not read pip's configuration: where that leads to another index, pip installs.
	$(BIN)/uv pip install --quiet --no-cache --python $(BIN)/python --require-hashes --no-deps --requirement constraints-hashed.txt \
		|| $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes --no-deps --requirement constraints-hashed.txt
	$(BIN)/pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation --editable .
	$(BIN)/pip check
	touch .venv/installed .venv/installed-dev

lock:  ## constraints-hashed.txt anew, after constraints.txt has changed
	$(PYTHON) -m venv .venv/tools
	.venv/tools/bin/pip install --quiet --disable-pip-version-check uv
	echo '# constraints.txt, with the SHA-256 of every file that an index may serve for it. Made by `make lock`; CI installs from it.' > constraints-hashed.txt
	.venv/tools/bin/uv pip compile pyproject.toml --quiet --all-extras --universal --python-version 3.11.0 \
		--constraint constraints.txt --generate-hashes --no-annotate --no-header --no-config \
		--no-emit-index-url --no-emit-find-links >> constraints-hashed.txt

audit:  ## known holes in what is pinned; asks a public database
	$(PYTHON) -m venv .venv/tools
	.venv/tools/bin/pip install --quiet --disable-pip-version-check pip-audit
	.venv/tools/bin/pip-audit --disable-pip --require-hashes --requirement constraints-hashed.txt

licences: .venv/installed-dev  ## of everything that is installed
	$(PYTHON) -m venv .venv/tools
	.venv/tools/bin/pip install --quiet --disable-pip-version-check pip-licenses
	.venv/tools/bin/pip-licenses --python=$(BIN)/python --from=mixed --order=license

wheel: .venv/installed-dev  ## dist/*.whl: the same tree makes the same bytes, whoever builds it
	$(BIN)/python -m hatchling build --target wheel

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
