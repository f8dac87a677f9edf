PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
READY := .venv/ready

.PHONY: help run test check bench faults outsiders nginx lock audit

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 11

run: $(READY) ## Serve the example case, on port 8000 or PORT=8100, and print a contributor's key
	@CONSTANCIA_TIME_ZONE=$${CONSTANCIA_TIME_ZONE:-America/Caracas} \
		$(BIN)/constancia serve --port $(PORT) --case tests/cases/venezuela-2026-01-08.json \
		--key-file "$${CONSTANCIA_DATA_DIR:-.constancia}/contribute.key"

test: $(READY) ## Run the tests
	@$(BIN)/pytest -n auto

check: $(READY) ## Run the checks before a change lands: format, lint, types, layers, tests
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/pytest -n auto

bench: $(READY) ## Measure latencies and throughput
	@$(BIN)/python -m tests.bench
	@$(BIN)/python -m tests.bench.people
	@$(BIN)/python -m tests.bench.slow

faults: $(READY) ## Kill processes, cut connections, fill disks; then run the mutants. Takes minutes
	@$(BIN)/python -m tests.faults
	@$(BIN)/python -m tests.faults.mutants

outsiders: $(READY) ## Run tools of others on the contract, the pages and the data. Needs npm and java
	@$(BIN)/python -m tests.outsiders

nginx: $(READY) ## Write api/server/nginx.contract.conf from the contract
	@$(BIN)/python -m api.server.nginx

lock: $(READY) ## Pin the newest versions that pyproject.toml allows, with their hashes
	@$(BIN)/pip install -q uv
	@$(BIN)/uv pip compile -q pyproject.toml --extra dev --extra embedded --upgrade \
		--generate-hashes --universal --python-version 3.11 --no-header -o requirements-dev.lock
	@$(BIN)/uv pip compile -q pyproject.toml -c requirements-dev.lock --upgrade \
		--generate-hashes --universal --python-version 3.11 --no-header -o requirements.lock

audit: $(READY) ## Look up each pinned dependency in the vulnerability database
	@$(BIN)/pip install -q uv
	@$(BIN)/uv tool run -q pip-audit --strict --disable-pip --require-hashes -r requirements-dev.lock

$(READY): requirements-dev.lock pyproject.toml
	@echo "Setting up .venv (once)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed.")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(READY)
