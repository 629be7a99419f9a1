# Every target works from a clean clone with nothing but Python 3.11 or newer (and `make`).
# PYTHON chooses the interpreter, N8N=real runs the demo on a real n8n instead of the stand-in.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt
N8N ?= fake

.PHONY: setup demo test test-slow test-live year crash bench lint clean

$(VENV)/.core: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "temoctl needs Python 3.11 or newer; set PYTHON=…")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --editable .
	touch $@

$(VENV)/.dev: $(VENV)/.core
	$(PIP) --editable '.[dev]'
	touch $@

$(VENV)/.live: $(VENV)/.dev
	$(PIP) --editable '.[dev,live]'
	touch $@

setup: $(VENV)/.dev

demo: $(VENV)/.core $(if $(filter real,$(N8N)),$(VENV)/.live)
	$(BIN)/python demo/run.py --n8n $(N8N)

test: $(VENV)/.dev
	$(BIN)/pytest -n 2 -m 'not live and not slow' $(PYTEST_ARGS)

test-slow: $(VENV)/.dev
	$(BIN)/pytest -m 'slow and not live' $(PYTEST_ARGS)

test-live: $(VENV)/.live
	$(BIN)/pytest tests/live -m live $(PYTEST_ARGS)

year: $(VENV)/.dev
	$(BIN)/python -m tests.year

crash: $(VENV)/.dev
	$(BIN)/python -m tests.crash

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf $(VENV) build dist .sandbox
