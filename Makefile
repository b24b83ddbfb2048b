# Everything a contributor or a user runs. Needs python3 (3.11 or newer), make and a package index.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# Tests wait for sockets and processes: two runners more than there are processors keep these busy.
RUNNERS = $$(($$($(BIN)/python -c 'import os; print(os.cpu_count() or 1)') + 2))
# Dozens of processes are started: none of them may have to compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo test search bench check docs tables format lock clean
help:            ## this list
	@grep -E '^[a-z]+: .*##|^[a-z]+:  *##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 10

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "BotKit needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "python3 could not make a virtual environment; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "Installing the locked dependencies into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)

demo: $(READY)   ## both emulated clouds, BotKit between them and the demo page
	@$(BIN)/botkit demo

test: $(READY)   ## the whole test suite
	@$(BIN)/python -m pytest -n $(RUNNERS) --dist loadfile --no-loadscope-reorder

search: $(READY) ## new examples for the properties, thousands of each
	@$(BIN)/python -m pytest -n $(RUNNERS) --timeout 900 --hypothesis-profile=search $$(grep -rl '@given\|RuleBasedStateMachine' tests --include='test_*.py')

bench: $(READY)  ## the benchmark table
	@$(BIN)/python -m benchmarks

check: $(READY)  ## format, lint, types, walls, documentation
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(MAKE) --no-print-directory docs

docs: $(READY)   ## build the documentation into docs/_build/html; a warning is an error
	@$(BIN)/python -m sphinx -q -W --keep-going -j auto -b html docs docs/_build/html

tables: $(READY) ## write the reference pages that are generated from the code
	@$(BIN)/python scripts/reference.py

format: $(READY) ## let ruff format and fix what it can
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

lock: $(READY)   ## resolve the newest allowed dependencies into requirements.lock
	@$(PYTHON) scripts/lock.py

clean:           ## remove the virtual environment and caches
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis docs/_build var
