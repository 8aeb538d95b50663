# Everything from a clone to running programs; `make help` lists the targets.

PYTHON ?= python3
# Packages depend on the distribution's own Python.
PACKAGING_PYTHON ?= /usr/bin/python3
# Of another project's Python packages nothing may leak in.
unexport PYTHONPATH

BIN := .venv/bin
# Parts are given to programs by PATH alone.
WITH_PARTS := PATH="$$PWD/.cache/parts/bin:$$PATH"; export PATH;

.DEFAULT_GOAL := help
.PHONY: help setup check check-format check-lint check-types check-layers test rows soak fuzz-api test-debian13 dashboards dashboard-schema dashboard-pictures demo format lock clean deb rpm test-deb test-rpm test-image

help: ## list these targets
	@sed -n 's/^\([a-z0-9-]*\):.*## \(.*\)/  make \1@\2/p' Makefile | while IFS=@ read -r target text; do \
		printf '%-25s %s\n' "$$target" "$$text"; done

setup: ## make .venv and .cache/parts in this clone; quick when nothing changed
	@$(PYTHON) -m dev.setup

check: setup ## format, lint, types, layers; under a minute
	@$(MAKE) --no-print-directory --jobs=4 --output-sync=target check-format check-lint check-types check-layers

check-format:
	$(BIN)/ruff format --check --quiet .

check-lint:
	$(BIN)/ruff check --quiet .

check-types:
	$(BIN)/mypy --no-error-summary

check-layers:
	$(BIN)/lint-imports --no-logo

test: check ## check, then every test on real parts; PYTEST="tests/dev -k lock" for some
ifdef PYTEST
	$(WITH_PARTS) $(BIN)/pytest -n auto --maxprocesses 4 --dist loadgroup $(PYTEST)
else
	# Whole clusters mostly wait for time to pass: more of them at once than there are cores, and nothing beside.
	$(WITH_PARTS) $(BIN)/pytest -n 3 --dist loadgroup tests/acceptance
	$(WITH_PARTS) $(BIN)/pytest -n auto --maxprocesses 4 --dist loadgroup --ignore tests/acceptance
endif

rows: setup ## what of the guide is tried by which tests
	@$(BIN)/python -m dev.rows

soak: setup ## many more and longer random sequences of failovers, outages of a minute and of ten, restores that are killed
	$(WITH_PARTS) HYPOTHESIS_PROFILE=soak $(BIN)/pytest -n 0 tests/failover/test_sequences.py
	$(WITH_PARTS) RLM_HA_OUTAGES=60,600 $(BIN)/pytest -n 0 tests/acceptance/test_report_logs.py
	$(WITH_PARTS) RLM_HA_KILLS=30 $(BIN)/pytest -n 0 tests/backup/test_journals.py -k killed

fuzz-api: setup ## ten minutes of questions to a real daemon, by its OpenAPI document; SEED=2 for others
	$(WITH_PARTS) RLM_HA_FUZZ_SECONDS=600 RLM_HA_FUZZ_SEED=$(or $(SEED),1) $(BIN)/pytest -n 0 tests/acceptance/test_api_fuzz.py

test-debian13: ## as root: failovers, store, dashboards, rules on the programs of Debian 13, in a system of its own
	@$(PYTHON) -m dev.debian13 $(PYTEST)

deb: ## a package for this machine's Debian or Ubuntu, in dist/
	@$(PACKAGING_PYTHON) -m dev.deb

rpm: ## a package for RHEL 9 and its like, in dist/
	@/usr/bin/python3.11 -m dev.rpm

test-deb: ## as root: builds for Debian 12 and 13, installs, upgrades and removes in systems of their own
	@$(PYTHON) -m dev.deb_trial $(RELEASE)

test-rpm: ## as root: builds for RHEL 9, installs, upgrades and removes, on a Debian 12 of its own
	@$(PYTHON) -m dev.rpm_trial

test-image: ## as root: carries out the Dockerfile on a Debian of its own, and runs what it makes; needs buildah
	@$(PYTHON) -m dev.image_trial

dashboards: setup ## write dashboards/*.json after dev/dashboards
	@$(BIN)/python -m dev.dashboards

dashboard-schema: setup ## judge the dashboards by Grafana's own schema; needs npm, which nothing else does
	@$(BIN)/python -m dev.dashboard_schema

dashboard-pictures: setup ## draw them with live data to docs/pictures, in five minutes; AGAIN=1: those of before; needs chromium
	@$(WITH_PARTS) $(BIN)/python -m dev.dashboards.pictures $(if $(AGAIN),--again)

demo: setup ## the whole thing on loopback; SCENARIO=primary-hangs or primary-dies for a story with an end
	@$(WITH_PARTS) exec $(BIN)/rlm-ha demo $${SCENARIO:+--scenario "$$SCENARIO"}

format: setup ## format the code and sort its imports
	$(BIN)/ruff check --quiet --select I --fix .
	$(BIN)/ruff format .

lock: ## write requirements.lock after pyproject.toml; UPGRADE=1 for the newest versions
	@$(PYTHON) -m dev.setup --lock $(if $(UPGRADE),--upgrade)

clean: ## remove all that setup and checks made
	rm -rf .venv .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
