# Everything a contributor or a user runs. Needs python3 (3.11 or newer), make and a package index.
PYTHON  ?= python3
VENV    := .venv
BIN     := $(VENV)/bin
# Two stages of one environment: what running needs, and on top of it what testing, linting and the documentation need.
RUN     := $(VENV)/.run-ready
DEVELOP := $(VENV)/.ready
# The same package with its dependencies at their lower bounds.
LOWEST  := .venv-lowest
PIP     := -m pip --quiet --disable-pip-version-check install
# Tests wait for sockets and processes: five runners for two processors, and at most six more than there are, keep these busy.
RUNNERS  = $$($(PYTHON) -c 'import os; n = os.cpu_count() or 1; print(min(5 * n // 2, n + 6))')
PARALLEL = -n $(RUNNERS) --dist loadfile --no-loadscope-reorder
# The folders whose tests call threads of the product directly.
RACES    = $(addprefix tests/,ledger service relay handlers asgi wsgi flask door http observability operate client testing)
# Dozens of processes are started: none of them may have to compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test test-slow test-lowest cluster faults soak races search fuzz bench bench-smoke check audit sbom docs tables format lock clean
help:              ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14

$(RUN): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "BotKit needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "python3 could not make a virtual environment; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "Installing requirements.lock into $(VENV) ..."
	@$(BIN)/python $(PIP) -r requirements.lock
	@$(BIN)/python $(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(DEVELOP): $(RUN) requirements-dev.lock
	@echo "Installing requirements-dev.lock into $(VENV) ..."
	@$(BIN)/python $(PIP) -r requirements-dev.lock
	@touch $@

$(LOWEST)/.ready: requirements.lock requirements-dev.lock pyproject.toml scripts/lowest.py
	@echo "Installing the lowest allowed dependencies into $(LOWEST) ..."
	@$(PYTHON) -m venv --clear $(LOWEST)
	@$(PYTHON) scripts/lowest.py > $(LOWEST)/requirements.txt
	@$(LOWEST)/bin/python $(PIP) -r $(LOWEST)/requirements.txt
	@$(LOWEST)/bin/python $(PIP) --no-deps --no-build-isolation -e .
	@touch $@

demo: $(RUN)       ## both emulated clouds, BotKit between them and the demo page
	@$(BIN)/botkit demo

test: $(DEVELOP)   ## the test suite, without what `make test-slow` and `make cluster` run
	@$(BIN)/python -m pytest $(PARALLEL) -m "not cluster and not slow"

test-slow: $(DEVELOP) ## the other tests of what starts programs or a browser, both doors and stores, more examples, types of what users write
	@$(BIN)/python -m pytest $(PARALLEL) -m "slow or hypothesis and not cluster" --hypothesis-profile=slow

test-lowest: $(LOWEST)/.ready ## `make test` and `make test-slow` with the lowest allowed dependencies (imports and types are checked by those alone)
	@$(LOWEST)/bin/python -m pytest $(PARALLEL) -m "not cluster" --ignore tests/test_imports.py --ignore tests/typing

cluster: $(DEVELOP) ## what takes long with several processes on one PostgreSQL
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m cluster

faults: $(DEVELOP) ## everything fails while hundreds chat, on SQLite and on PostgreSQL; a table; ARGUMENTS="--outage 600 …"
	@$(BIN)/python -m tests.hostile $(ARGUMENTS)

soak: $(DEVELOP) ## an hour of 500 conversations: memory and open files; ARGUMENTS="--minutes 10 --store PostgreSQL …"
	@$(BIN)/python -m tests.hostile.soak $(ARGUMENTS)

races: $(DEVELOP)  ## tests that wait too little for other threads, which pause at places that SEED=7 chooses
	@SEED=$(SEED) $(BIN)/python -m pytest -p tests.pauses $(PARALLEL) --timeout 900 -m "not cluster and not slow" $(RACES)

search: $(DEVELOP) ## thousands of new examples for each property test
	@$(BIN)/python -m pytest -n $(RUNNERS) --timeout 900 --hypothesis-profile=search $$(grep -rl '@given\|RuleBasedStateMachine' tests --include='test_*.py')

bench: $(DEVELOP)  ## the benchmark table
	@$(BIN)/python -m benchmarks

bench-smoke: $(DEVELOP) ## what a hook and an agent's message cost in calls, commits and tasks; fails above a bound
	@$(BIN)/python -m benchmarks.counts

check: $(DEVELOP)  ## format, lint, types, imports between packages, bill of materials, audit of dependencies, documentation
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python scripts/sbom.py --check
	@$(MAKE) --no-print-directory audit docs

audit: $(DEVELOP)  ## ask OSV for known vulnerabilities of all locked dependencies; says so if it cannot be reached
	@$(BIN)/python scripts/audit.py

sbom: $(DEVELOP)   ## write the bill of materials (CycloneDX) of what requirements.lock installs
	@$(BIN)/python scripts/sbom.py

fuzz: $(DEVELOP)   ## coverage-guided fuzzing of everything that others write, SECONDS each; its corpus is kept
	@$(BIN)/python $(PIP) -r requirements-fuzz.lock
	@$(BIN)/python -m tests.fuzz $(SECONDS)

docs: $(DEVELOP)   ## build the documentation into docs/_build/html; a warning is an error
	@$(BIN)/python -m sphinx -q -W --keep-going -j auto -b html docs docs/_build/html

tables: $(DEVELOP) ## write the reference pages and the schema that are generated from the code
	@$(BIN)/python -m botkit.config.reference
	@$(BIN)/python scripts/reference.py

format: $(DEVELOP) ## let ruff format and fix what it can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock:              ## pin the newest allowed dependencies in both lock files
	@$(PYTHON) scripts/lock.py

clean:             ## remove the virtual environments and caches
	@rm -rf $(VENV) $(LOWEST) .mypy_cache .pytest_cache .ruff_cache .hypothesis docs/_build var
