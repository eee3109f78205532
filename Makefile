# SPDX-License-Identifier: Apache-2.0
# Two commands do everything on a machine with Python 3.11 or newer: `make demo` and `make test`.
.DEFAULT_GOAL := help
.PHONY: help demo test soak lint format bench docs migration lock audit setup clean

BIN := .venv/bin

help: ## Explain every command
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1|\2/p' $(MAKEFILE_LIST) | while IFS='|' read -r name text; do \
		printf '  make %-9s %s\n' "$$name" "$$text"; done

demo: ## Set up and run the whole commons with a short story; EXIT=1 ends by itself, PORT=8081 moves it
	@sh deploy/dev/setup.sh runtime
	@$(BIN)/commons demo $(if $(PORT),--port $(PORT)) $(if $(filter-out 0,$(EXIT)),--exit)

setup: ## Make .venv for development, from the lock with hashes
	@sh deploy/dev/setup.sh dev

test: setup ## Run every test, three files at a time; what is absent is named and skipped (COMMONS_REQUIRE_ALL=1: fails)
	@$(BIN)/python -m pytest -n $(or $(JOBS),3) --dist loadfile --no-loadscope-reorder $(TESTS)

soak: setup ## Run the heavy proofs at full scale
	@COMMONS_SOAK=1 $(BIN)/python -m pytest -m slow $(TESTS)

lint: setup ## Check format, rules, types, directions of import, policies and docs; changes nothing
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python deploy/dev/house_rules.py
	@sh deploy/dev/lint-policies.sh
	@$(BIN)/python -m pytest -q tests/docs

format: setup ## Put Python and Rego into the one form
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	@if opa=$$(sh deploy/dev/find-opa.sh); then "$$opa" fmt --write policies; fi

bench: setup ## Measure the gateway beside others, then judge, log, ledger and withdrawal; PART=log is one of them
	@for part in $(or $(PART),gateway judge log ledger withdrawal); do echo "== $$part"; \
		$(BIN)/python -m tests.bench$$(test $$part = gateway || echo .$$part) $(ARGS) || failed=1; done; \
		exit $${failed:-0}

docs: setup ## Generate the reference pages from the code
	@$(BIN)/python deploy/dev/reference.py
	@$(BIN)/python -m gateway.policy.generate
	@$(BIN)/python -m connectors.sandbox.document docs/test-citizens.md

migration: setup ## Draft the next step of the schema's history: NAME="what changes"
	@$(BIN)/python deploy/dev/new_migration.py "$(NAME)"

lock: setup ## Resolve the locks again; UPGRADE=1 takes newer versions
	@sh deploy/dev/lock.sh $(if $(filter-out 0,$(UPGRADE)),--upgrade)

audit: setup ## Look the locked packages up among known vulnerabilities (asks the package index)
	@sh deploy/dev/audit.sh

clean: ## Remove what the commands above made
	@rm -rf .venv var dist bench-results .mypy_cache .ruff_cache .import_linter_cache .hypothesis .coverage
