# make demo | make lab | make test | make chaos | make check: each sets up what it needs, in .venv in this tree.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.ready
# As pip does for what it installs: processes that start need not compile it, where Python may not write it by itself.
BYTECODE = $(BIN)/python -m compileall -q amlab

.PHONY: demo demo-ten lab test chaos check exports notebooks pictures bench clean format
.DEFAULT_GOAL := demo

$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "amlab needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	$(BYTECODE)
	@touch $(STAMP)

# Without FILE: run a pool, kill a worker, verify the recording.  With FILE=x.gob.br: open, inspect, verify it.
demo: $(STAMP)
	@$(BYTECODE)
	$(BIN)/amlab demo $(if $(FILE),--file $(FILE))

# The demo ten times in a row: nothing wrong, nothing lost, no process left.
demo-ten: $(STAMP)
	$(BIN)/python -m tests.dbg.demo 10

# The tutorials in JupyterLab; everything stays on this computer.
lab: $(STAMP)
	$(BIN)/python -m jupyterlab --ip=127.0.0.1 $(if $(filter 0,$(shell id -u)),--allow-root) notebooks/00_index.ipynb

test: $(STAMP)
	$(BIN)/python -m pytest tests
	$(BIN)/python -m tests.notebooks

# Random fault schedules, CHAOS of them from SEED on, and KILLS kills in a row, of real processes; it takes some minutes.
CHAOS ?= 200
SEED  ?= 1
KILLS ?= 100
chaos: $(STAMP)
	AMLAB_SCHEDULES=$(CHAOS) AMLAB_SEED=$(SEED) AMLAB_KILLS=$(KILLS) $(BIN)/python -m pytest -vv \
		tests/core/node/test_chaos.py tests/core/node/test_pool.py::test_many_kills_in_a_row_lose_nothing

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

# Runs the tutorials again and writes their outputs.
notebooks: $(STAMP)
	$(BIN)/python -m tests.notebooks --write

# Records the sessions in exports/ again, by real runs.
exports: $(STAMP)
	$(BIN)/python -m amlab.dbg.demo.recordings exports

# Draws the pictures of README and tutorials again.
pictures: $(STAMP)
	$(BIN)/python -m tests.pictures

bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	@$(BYTECODE)
	$(BIN)/amlab bench --peers

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
