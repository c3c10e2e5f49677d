# Everything runs in .venv, which is made from the lock files and remade only when they change.
# Needs Python 3.11 or newer and make, nothing else.

PORT ?= 8000
PYTHON ?= $(shell for python in python3.13 python3.12 python3.11 python3; do \
	if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then command -v $$python; break; fi; done)
# dbt's MCP server needs a newer one than we do.
AGENTS_PYTHON ?= $(shell for python in $(PYTHON) python3.13 python3.12 $(wildcard $(HOME)/.pyenv/versions/3.1[23].*/bin/python3); do \
	if $$python -c 'import sys; sys.exit(not (3, 12) <= sys.version_info < (3, 14))' 2>/dev/null; then command -v $$python; break; fi; done)
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input
SOURCES := gateway tests benchmarks hatch_build.py sbom.py

.DEFAULT_GOAL := help
.PHONY: help run platform test test-fast test-nightly clients orchestrators agents manifests packages check format bench schema pages pictures sbom lock demo clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(VENV)/run.stamp ## Start the gateway over the demo account (PORT=8000), or over what GATEWAY_* says
	@$(BIN)/python hatch_build.py || true
	@$(BIN)/gateway serve --port $(PORT)

test: $(VENV)/dev.stamp ## Run the tests (ARGS="-k slowest" passes options to pytest)
	@$(BIN)/python -m pytest --numprocesses auto --dist worksteal -m "not nightly" $(ARGS)

test-fast: $(VENV)/dev.stamp ## Run the tests that are not slow and need nothing but Python (2½ minutes of CPU time)
	@$(BIN)/python -m pytest --numprocesses auto --dist worksteal -m "not slow and not external and not nightly" $(ARGS)

test-nightly: $(VENV)/dev.stamp ## Run every test, the long repetitions of others too
	@$(BIN)/python -m pytest --numprocesses auto --dist worksteal $(ARGS)

clients: $(VENV)/clients/done.stamp ## Install programs written for dbt Cloud, on which the local platform is tested

orchestrators: $(VENV)/orchestrators/done.stamp ## Install Airflow's and Dagster's clients of dbt Cloud, for the same tests

agents: ## Install dbt's own MCP server, for the same tests (with Python 3.12 or 3.13, else it only says so)
	@if [ -n "$(AGENTS_PYTHON)" ]; then $(MAKE) --no-print-directory $(VENV)/agents/done.stamp; else \
		echo "dbt-mcp is not installed: it needs Python 3.12 or 3.13 (AGENTS_PYTHON=/path/to/python3.12). Its tests are skipped." >&2; fi

manifests: $(VENV)/manifests/done.stamp ## Install the schemas that the files under deploy/ are held against

packages: $(VENV)/dev.stamp ## Install the npm packages that tests need (else the first test that does waits for them)
	@$(BIN)/python -m tests.node

check: $(VENV)/dev.stamp ## Format, lint, types and import rules
	$(BIN)/ruff format --check $(wildcard $(SOURCES))
	$(BIN)/ruff check $(wildcard $(SOURCES))
	$(BIN)/mypy
	$(BIN)/python -m pytest -q tests/test_architecture.py

format: $(VENV)/dev.stamp ## Put the code into the project's format and mend what ruff can mend
	$(BIN)/ruff format $(wildcard $(SOURCES))
	$(BIN)/ruff check --fix $(wildcard $(SOURCES))

bench: $(VENV)/dev.stamp ## Measure the gateway beside its contenders (ARGS="--only lists --rounds 9" chooses)
	@$(BIN)/python -m benchmarks $(ARGS)

schema: $(VENV)/run.stamp ## Write schema.graphql anew from the code
	@$(BIN)/gateway schema > schema.graphql.new && mv schema.graphql.new schema.graphql

pages: $(VENV)/run.stamp ## Build the pages and GraphiQL's files where their sources changed (done by itself at installation)
	@$(BIN)/python hatch_build.py

pictures: $(VENV)/dev.stamp ## Write the pictures of docs/pages.md anew (needs Chromium)
	@PICTURES=write $(BIN)/python -m pytest -q tests/browser/test_pictures.py

sbom: $(VENV)/sbom/done.stamp $(VENV)/shipped.stamp ## Write what is shipped, with licences, to dist/sbom.cdx.json (CycloneDX) and dist/licenses.txt
	@$(BIN)/python sbom.py --tool $(VENV)/sbom/bin/cyclonedx-py --environment $(VENV)/shipped/bin/python

lock: $(VENV)/dev.stamp ## Resolve the dependencies of pyproject.toml and package.json anew into the lock files
	$(INSTALL) uv
	@for group in build node clients orchestrators manifests sbom; do $(LOCK) --group $$group -o requirements/$$group.lock || exit 1; done
	@$(subst version 3.11,version 3.12,$(LOCK)) --group agents -o requirements/agents.lock
	@$(LOCK) pyproject.toml $(SERVER_EXTRAS) -o requirements/run.lock
	@$(LOCK) pyproject.toml $(SERVER_EXTRAS) --group dev -c requirements/run.lock -o requirements/dev.lock
	@if command -v npm >/dev/null; then npm install --package-lock-only && for folder in dashboard tests/contract tests/federation tests/streaming; do npm --prefix $$folder install --package-lock-only; done; fi
# Data frames are for notebooks: a server does without.
SERVER_EXTRAS = --extra postgres --extra agents --extra tracing
LOCK = $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-annotate --no-header

demo: ## Make the demo account again by really running dbt (20 minutes; needs Debian's faketime)
	$(PYTHON) -m venv build/demo
	build/demo/bin/python -m pip install --quiet 'dbt-core==1.11.16' 'dbt-duckdb==1.11.1'
	build/demo/bin/python -m demo.build

clean: ## Remove the environment and everything built
	rm -rf $(VENV) build dist gateway/http/pages/assets gateway/http/pages/dashboard .mypy_cache .ruff_cache .pytest_cache

$(VENV)/run.stamp: requirements/run.lock requirements/build.lock hatch_build.py package-lock.json
	@if [ -z "$(PYTHON)" ]; then \
		echo "error: Python 3.11 or newer is needed and was not found; install it, or name it: make $(or $(MAKECMDGOALS),run) PYTHON=/path/to/python3.12" >&2; \
		exit 2; fi
	@echo "Preparing $(VENV) with $(PYTHON) (once; about half a minute) ..." >&2
	@$(PYTHON) -m venv $(VENV) || { \
		echo "error: $(PYTHON) cannot make a virtual environment; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 2; }
	@$(INSTALL) --require-hashes -r requirements/run.lock -r requirements/build.lock
	@command -v npm >/dev/null || $(INSTALL) --require-hashes -r requirements/node.lock
	@$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.lock $(VENV)/run.stamp
	@$(INSTALL) --require-hashes -r requirements/dev.lock
	@touch $@

# The locked packages and nothing else: what the image holds beside Python and the gateway.
$(VENV)/shipped.stamp: requirements/run.lock $(VENV)/run.stamp
	@$(PYTHON) -m venv --clear --without-pip $(VENV)/shipped
	@$(BIN)/python -m pip --python $(VENV)/shipped/bin/python install --quiet --disable-pip-version-check --no-input \
		--require-hashes -r requirements/run.lock
	@touch $@

$(VENV)/agents/done.stamp: OWN_PYTHON = $(AGENTS_PYTHON)

$(VENV)/%/done.stamp: requirements/%.lock $(VENV)/run.stamp
	@$(or $(OWN_PYTHON),$(PYTHON)) -m venv --clear $(VENV)/$*
	@$(subst $(BIN),$(VENV)/$*/bin,$(INSTALL)) --require-hashes -r requirements/$*.lock
	@touch $@
