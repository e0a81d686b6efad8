# Two commands are enough: `make run` makes the evidence base, `make test` proves the code.
SHELL := bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup run dashboard lab check test docs test-lowest fuzz fix lock browser clean
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

setup: $(READY) ## Build .venv from the lock file

$(READY): requirements.lock pyproject.toml
	@echo "Building $(VENV) from requirements.lock (a minute or two the first time) ..."
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "python3 is too old: 3.11 or later is needed"; exit 1; }
	@python3 -m venv $(VENV)
	@# uv does in seconds what takes pip minutes; it comes from the lock file too, hashes and all.
	@sed -n '/^uv==/,/^    # via/p' requirements.lock > $(VENV)/uv.txt
	@$(PIP) --require-hashes --requirement $(VENV)/uv.txt && \
	  $(BIN)/uv pip sync --quiet --python $(BIN)/python --compile-bytecode --require-hashes requirements.lock || \
	  $(PIP) --require-hashes --requirement requirements.lock
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $(READY)
	@echo "Ready. To type evidence by its name: . $(BIN)/activate"

run: $(READY) ## Sample county, every programme x cohort, release, site
	@$(BIN)/evidence demo .

dashboard: $(READY) ## Serve the board dashboard on this machine
	@$(BIN)/evidence dashboard

lab: $(READY) ## Open the notebooks in JupyterLab, to explore
	@$(BIN)/evidence lab

# Compiled files are kept, whatever the environment says: compiling is a third of a run.
check test: export PYTHONDONTWRITEBYTECODE :=
# Two workers on two cores: threads of OpenBLAS would only wait for one another (a third of a run).
check test: export OPENBLAS_NUM_THREADS := 1
check: $(READY) ## Lint, types, contracts and quick tests (under a minute)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q -n 2 --dist loadfile -m "not slow" \
	  --ignore tests/browser --ignore tests/notebooks --ignore tests/simulation

test: $(READY) browser ## Everything: what CI runs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -q -n 2 --dist loadfile --no-loadscope-reorder

docs: $(READY) ## Build the documentation in build/docs, without a warning
	$(BIN)/codespell README.md CONTRIBUTING.md docs
	$(BIN)/python -m sphinx -W --keep-going -q -b html docs build/docs

test-lowest: $(READY) ## Quick tests with the oldest versions that pyproject.toml allows
	@mkdir -p build
	$(BIN)/uv pip compile pyproject.toml --all-extras --resolution lowest-direct \
	  --python-version 3.11 --quiet --output-file build/lowest.txt
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python build/lowest
	$(BIN)/uv pip install --quiet --python build/lowest/bin/python --requirement build/lowest.txt
	$(BIN)/uv pip install --quiet --python build/lowest/bin/python --no-deps --no-build-isolation .
	build/lowest/bin/python -m pytest -q -m "not slow" \
	  --ignore tests/browser --ignore tests/notebooks --ignore tests/simulation

fuzz: $(READY) ## 5,000 malformed files and every wrong register
	EVIDENCE_FUZZ=5000 $(BIN)/pytest -q -s tests/data/test_malformed.py tests/run/test_rehearsal.py

fix: $(READY) ## Format and mend what can be mended by itself
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/nbstripout notebooks/*.ipynb dashboards/*.ipynb

lock: $(READY) ## Make requirements.lock anew from pyproject.toml
	$(BIN)/uv pip compile pyproject.toml --universal --generate-hashes --no-emit-index-url \
	  --all-extras --python-version 3.11 --quiet --output-file requirements.lock

# The browser tests need a Chromium: one that is there, else Debian's, else Playwright's own.
browser: $(READY)
	@if command -v chromium chromium-browser google-chrome >/dev/null 2>&1; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then \
	  apt-get update -qq && apt-get install -y -qq chromium >/dev/null; \
	else $(BIN)/playwright install chromium; fi

clean: ## Remove everything that was generated
	rm -rf $(VENV) runs published data/sample data/star
