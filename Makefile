# The commands of this project. `check` writes nothing into the tree; `fix` may.
# Every target works from a fresh clone: the environment is made once, from the ranges in pyproject.toml.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SOURCES := argosy bench sql_lite_frontend txn ranges node

.PHONY: help demo test soak check check-format check-lint check-types check-floors check-tidy fix bench mutants clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    three nodes, a loaded table, a killed node, a joined one: under two minutes"
	@echo "make test    all tests; warnings are errors"
	@echo "make soak    fresh seeds of the simulator, all cores, MINUTES=10; SEED= repeats them"
	@echo "make check   format, lint, types, floors, dead code, tidiness; changes nothing"
	@echo "make mutants planted bugs, each found by the simulated world; an hour, or PART=raft in ten minutes"
	@echo "make fix     what of it can be mended by itself"
	@echo "make bench   ten minutes of measurements, beside the peers that are installed; one report: bench-report/report.html"

$(READY): pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test,check,demo,bench]'
	@touch $(READY)

demo: $(READY)
	$(BIN)/python -m bench.demo

# Two processes: the simulated clusters are most of the work. TESTS=tests/raft runs a part.
test: $(READY)
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal $(TESTS)

MINUTES ?= 10
soak: $(READY)
	$(BIN)/python -m tests.simulator.soak --minutes $(MINUTES) $(if $(SEED),--seed $(SEED))

# `make -k check` goes on after the first finding.
CHECKS := format lint types floors tidy
check: $(CHECKS:%=check-%)

check-format: $(READY)
	$(BIN)/ruff format --check --no-cache $(SOURCES) tests
check-lint: $(READY)
	$(BIN)/ruff check --no-cache $(SOURCES) tests
check-types: $(READY)
	$(BIN)/mypy --strict --cache-dir $(VENV)/mypy $(SOURCES)
check-floors: $(READY)
	$(BIN)/lint-imports --no-cache
check-tidy: $(READY)
	$(BIN)/python -B -m tests.tidy

fix: $(READY)
	$(BIN)/ruff format --no-cache $(SOURCES) tests
	$(BIN)/ruff check --no-cache --fix $(SOURCES) tests

# Ends with one file to read, bench-report/report.html (OUTPUT=folder). Ctrl-C reports what was measured by then.
bench: $(READY)
	$(BIN)/python -m bench suite $(if $(OUTPUT),--output $(OUTPUT))

# Each planted bug must be found by the simulated world. PART=raft, leases, node, ranges, txn or sql runs a part.
mutants: $(READY)
	$(BIN)/python -m tests.mutants $(if $(PART),--part $(PART))

clean:
	rm -rf $(VENV) build *.egg-info .pytest_cache .hypothesis .ruff_cache .mypy_cache
