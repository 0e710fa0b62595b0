# The verbs of the house. Each is safe to repeat; `make help` lists them.
PYTHON ?= python3
ifeq ($(OS),Windows_NT)
BIN := .venv/Scripts
else
BIN := .venv/bin
endif
PY := $(BIN)/python
ARGS ?=
SUBJECT ?=

# A desk is many processes: without kept bytecode each of them compiles all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup up down logs check format test bench docs web wheel lock services services-stop clean

help: ## list the verbs
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' Makefile

setup: ## make .venv from the hashed locks and build the hub; does nothing when nothing changed
	@$(PYTHON) tools/setup.py

up: setup ## start every role in one process and print a sign-in link; Ctrl-C stops it (ARGS="--port 8600")
	@$(BIN)/powerdesk up $(ARGS)

down: ## stop the running desk
	@$(BIN)/powerdesk down $(ARGS)

logs: ## follow the running desk's log
	@$(PYTHON) tools/logs.py $(ARGS)

format: setup ## rewrite layout and the lint faults that have one safe mend
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .

check: setup ## layout, lint, types, import contracts, tidy, locks and docs in step; the same for the web
	@$(PY) tools/beside.py "-m ruff format --check . && -m ruff check ." "tools/web.py run check" \
		"-m mypy && -m mypy --strict tools benchmarks/harness.py" "tools/contracts.py" "tools/lock.py --check" \
		"tools/tidy.py" "tools/docs_build.py --check" "tools/docs_complete.py"

# Python's tests come last, so that the last line is the runner's own; several files at a time, as tests/conftest.py says.
test: check ## check, then every test; real services are fetched only when POWERDESK_REQUIRE_SERVICES=1
ifeq ($(POWERDESK_REQUIRE_SERVICES),1)
	@$(PY) tools/services.py install
endif
	@$(PY) tools/web.py run test
ifeq ($(ARGS),)
	@$(PY) -m pytest -n auto --dist loadfile --no-loadscope-reorder
else
	@$(PY) -m pytest $(ARGS)
endif

bench: ## run the benchmarks (SUBJECT=name for one); JSON lines
	@$(PYTHON) tools/setup.py --extra bench --extra scaled 1>&2
	@OPENBLAS_NUM_THREADS=1 $(PY) benchmarks/harness.py $(SUBJECT)  # as the compute process runs

docs: setup ## regenerate the reference pages, the problem pages and the import graph
	@$(PY) tools/docs_build.py

web: setup ## build the hub again
	@$(PY) tools/web.py build --force

wheel: setup ## build dist/powerdesk-*.whl with the hub inside
	@$(PY) -m hatchling build -t wheel -d dist

lock: setup ## resolve the dependencies again and rewrite requirements/
	@$(PY) tools/lock.py

services: setup ## install the real servers of the tests and start one of each in .services/
	@$(PY) tools/services.py install
	@$(PY) tools/services.py start

services-stop: ## stop what `make services` started
	@$(PY) tools/services.py stop

clean: ## remove what was built; keeps .venv and every data folder
	@$(PYTHON) tools/clean.py
