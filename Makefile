# Every target sets up what it needs, in .venv, from the lock files. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
SHELL := /bin/bash
# One resolution for every Python and platform; without the registry's address, so that it names no host.
RESOLVE = $(UV) pip compile --quiet --universal --fork-strategy fewest --python-version 3.11 --generate-hashes --no-annotate --no-header --no-emit-index-url --upgrade
.DEFAULT_GOAL := help
export PATH := $(CURDIR)/.venv/bin:$(PATH)
.PHONY: help env quick repro test test-all verify serve lab new wheel lock lint types format hooks

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1|/' | column -t -s'|'

env: .venv/recommit.stamp ## make the environment alone, in .venv

quick: env ## a first report from a sample of the rows, in a minute; no result of the project changes
	@recommit quick

repro: env ## run the whole pipeline on all the data; does again only what changed
	@recommit repro
	@echo "Metrics:  .venv/bin/dvc metrics show"
	@echo "Inside:   source .venv/bin/activate, then plain dvc, jupyter and recommit"

test: lint types .venv/dev.stamp ## lint, type-check and run the tests
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 pytest -n 2 --dist worksteal

test-all: lint types .venv/dev.stamp ## also run what is slow and rarely breaks, as whole projects on tables of every kind
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 pytest -n 2 --dist worksteal -m "all or not all"

verify: env ## prove the last commit: replay every stage, compare every output, write it into docs/proof.json and README
	@recommit verify --record docs/proof.json --badge README.md

serve: .venv/serve.stamp ## answer requests for predictions over HTTP: make serve FLAGS="--port 9000 --model flights@prod"
	@recommit serve $(FLAGS)

lab: .venv/lab.stamp ## open the notebooks in JupyterLab: make lab PORT=9999 FLAGS=--no-browser; as root, FLAGS=--allow-root
	@recommit graph --start notebooks/START.md
	@jupyter lab --port=$(or $(PORT),8888) --LabApp.default_url=/lab/tree/notebooks/START.md $(FLAGS) \
	  || { [ $$(id -u) -ne 0 ] || echo "make: you are root, as in a container: make lab FLAGS=--allow-root"; exit 1; }

lint: .venv/dev.stamp ## check style, formatting, and what stages and notebooks declare
	@ruff check . && ruff format --check .
	@recommit check

types: .venv/dev.stamp ## check types
	@mypy

format: .venv/dev.stamp ## mend what lint complains of, where a tool can
	@ruff check --fix --quiet . ; ruff format .
	@nbstripout --keep-id notebooks/*.ipynb

hooks: .venv/dev.stamp ## install the Git hooks that call these targets
	@pre-commit install

# A virtual environment that holds exactly the lock file, compiled, and the hook that finds the code of the current tree.
.venv/recommit.stamp: locks/uv.txt locks/run.txt pyproject.toml $(wildcard install/*.* src/recommit/notebook/kernels/recommit/*)
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null \
	  || { echo "make: $(PYTHON) is not Python 3.11, 3.12 or 3.13: name one that is, as in make PYTHON=python3.12 env"; exit 2; }
	@echo "environment: .venv, from locks/run.txt"
	@test -x $(UV) || { $(PYTHON) -m venv .venv && $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/uv.txt; }
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes --compile-bytecode locks/run.txt locks/uv.txt
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --reinstall --compile-bytecode ./install
	@$(BIN)/dvc config --quiet --local core.site_cache_dir "$(CURDIR)/.dvc/tmp/site"
	@touch $@

.venv/%.stamp: locks/%.txt .venv/recommit.stamp
	@echo "environment: .venv, also from $<"
	@$(UV) pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode -r $<
	@touch $@

new: env ## start a project on your own table: make new TO=../churn DATA=customers.csv TARGET=left
	@recommit new "$(TO)" --data "$(DATA)" --target "$(TARGET)" $(FLAGS)

wheel: env ## build the machinery as a wheel, in dist; the same tree gives the same bytes
	@rm -rf dist && $(BIN)/hatchling build -t wheel

lock: $(UV) ## resolve pyproject.toml anew into the lock files
	$(RESOLVE) pyproject.toml --extra flights -o locks/run.txt
	$(RESOLVE) pyproject.toml --extra flights --extra dev -c locks/run.txt -o locks/dev.txt
	$(RESOLVE) pyproject.toml --extra flights --extra lab -c locks/run.txt -o locks/lab.txt
	$(RESOLVE) pyproject.toml --extra flights --extra serve -c locks/run.txt -o locks/serve.txt
	$(RESOLVE) pyproject.toml --extra flights --extra sql -c locks/run.txt -o locks/sql.txt
	echo "uv>=0.9" | $(RESOLVE) - -o locks/uv.txt

$(UV):
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r locks/uv.txt
