# Each target sets up what it needs; a second run costs no set-up.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SETUP := $(VENV)/.set-up
SETUP_BENCH := $(VENV)/.set-up-bench

.PHONY: demo test check format bench docs new-rule clean

demo: $(SETUP) ## the main job on an inherited 59-table database
	$(BIN)/tenfold demo

test: $(SETUP) ## all tests, on every PostgreSQL that this machine has
	$(BIN)/pytest -n auto --dist worksteal

check: $(SETUP) ## format, lint, types, import contracts, generated pages
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m docs.generate --check

format: $(SETUP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(SETUP_BENCH) ## Tenfold against its limits, and its runtime against what a user would pick instead
	$(BIN)/tenfold bench audit
	$(BIN)/tenfold bench twin
	$(BIN)/tenfold bench runtime

docs: $(SETUP) ## pages that are generated from the code
	$(BIN)/python -m docs.generate

new-rule: $(SETUP) ## make new-rule ID=tenancy/my-new-rule: rule, case and page
	$(BIN)/python -m docs.new_rule "$(ID)"
	$(BIN)/python -m docs.generate

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find src tests docs -name __pycache__ -type d -prune -exec rm -rf {} +

$(SETUP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	    || { echo "Tenfold needs Python 3.11 or later: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 2; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

$(SETUP_BENCH): $(SETUP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[bench]'
	@touch $@
