PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready

.PHONY: run test check bench faults lock audit help

# Serves the example case on port 8000, and prints a contributor's key.
run: $(READY)
	@$(BIN)/constancia keys create --name "make run" --scope contribute
	@$(BIN)/constancia serve --case tests/cases/venezuela-2026-01-08.json

# Runs the tests.
test: $(READY)
	@$(BIN)/pytest -n auto

# Checks format, lint, types, import layers and tests.
check: $(READY)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest -n auto

# Runs the benchmarks.
bench: $(READY)
	@$(BIN)/python -m tests.bench
	@$(BIN)/python -m tests.bench.people
	@$(BIN)/python -m tests.bench.slow

# Minutes of kill -9, lost connections, full disks and the like; fails if anything does not hold.
faults: $(READY)
	@$(BIN)/python -m tests.faults
	@$(BIN)/python -m tests.faults.mutants

# Looks every pinned dependency up among the known faults; one that cannot be looked up fails it.
audit: $(READY)
	@$(BIN)/pip install -q uv
	@$(BIN)/uv tool run -q pip-audit --strict --disable-pip --require-hashes -r requirements-dev.lock

# Pins the newest versions that pyproject.toml allows, with their hashes.
lock: $(READY)
	@$(BIN)/pip install -q uv
	@$(BIN)/uv pip compile -q pyproject.toml --extra dev --extra embedded --upgrade \
		--generate-hashes --universal --python-version 3.11 --no-header -o requirements-dev.lock
	@$(BIN)/uv pip compile -q pyproject.toml -c requirements-dev.lock --upgrade \
		--generate-hashes --universal --python-version 3.11 --no-header -o requirements.lock

# Lists the targets.
help:
	@awk '/^# /{why=substr($$0,3)} /^[a-z]+:/{sub(/:.*/,""); printf "make %-7s %s\n",$$1,why; why=""}' Makefile

$(READY): requirements-dev.lock pyproject.toml
	@echo "Setting up .venv (once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed.")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)
