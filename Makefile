# One command for each thing that people do here. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CATALOGUES := $(patsubst %.po,%.mo,$(wildcard src/laurels/locale/*/LC_MESSAGES/laurels.po))
UV ?= uv

.DEFAULT_GOAL := help
KILLS ?= 50
.PHONY: help setup check test demo bench torture messages docs lock clean

help: ## List what can be made
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) $(CATALOGUES) ## Make .venv with everything pinned, and the laurels command in it

check: setup ## Format, lint and types, without running anything
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

test: check ## Everything that must hold before a change goes in
	$(BIN)/pytest -n 2 --dist worksteal

demo: setup ## Take a real history through a server, and show what an owner asks for
	$(BIN)/laurels demo

bench: setup ## Measure, beside what it is measured against
	$(BIN)/laurels bench

torture: setup ## Kill the service and PostgreSQL under load, KILLS times each; keeps what it printed
	$(BIN)/python tools/torture.py --kills $(KILLS)

messages: setup ## Extract texts into the catalogues, keep what is translated
	$(BIN)/python tools/messages.py

docs: setup ## Print the pages that are generated from the sources
	$(BIN)/python tools/errors_page.py > docs/errors.md
	$(BIN)/python tools/settings_page.py > docs/settings.md
	$(BIN)/python tools/jobs_page.py > docs/jobs.md
	$(BIN)/python tools/program_reference.py > docs/program-reference.md
	$(BIN)/python tools/program_schema.py > docs/program.schema.json
	$(BIN)/python tools/http_page.py
	$(BIN)/python -m laurels.web.api.openapi > docs/openapi.json

lock: ## Resolve the dependencies anew (needs uv)
	$(UV) pip compile pyproject.toml --all-extras --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-emit-find-links --no-header --no-annotate \
		--upgrade --quiet --output-file requirements.lock

clean: ## Remove the virtual environment and all that was generated
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis dist $(CATALOGUES)

# A Debian without python3-venv leaves half an environment behind: install it, begin again.
$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "laurels needs Python 3.11 or later; name one with PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			apt-get update -q && apt-get install -qy python3-venv && $(PYTHON) -m venv $(VENV); \
		else echo "install python3-venv, then run make setup again" >&2; exit 1; fi; }

$(STAMP): requirements.lock pyproject.toml hatch_build.py | $(BIN)/python
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

%.mo: %.po | $(STAMP)
	$(BIN)/pybabel -q compile -i $< -o $@
