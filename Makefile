# make run: the whole experiment. make test: the tests. make test-slow: those that take minutes.
# make bench: the speed of drawing and training on this machine, beside references; five minutes.
# make docs: the documentation as a site, build/docs/index.html.
# All set everything up first.
# PY= another Python (3.11 or later), PIP_FLAGS= more options for pip, ARGS= options for offpath run.

PY ?= python3
PIP_FLAGS ?=
ARGS ?=
BIN := .venv/bin
# The variable, unlike -c, also pins what pip installs for a moment to build the package.
PIP := PIP_CONSTRAINT=$(CURDIR)/constraints.txt $(BIN)/python -m pip install -q \
       --disable-pip-version-check -c constraints.txt $(PIP_FLAGS)

.PHONY: run test test-browser test-slow bench docs lint check format clean

run: .venv/run-ready
	$(BIN)/offpath run $(ARGS)

test: .venv/test-ready
	$(BIN)/python -m pytest -q -n auto

test-browser: .venv/test-ready
	$(BIN)/python -m pytest -q -m browser

test-slow: .venv/test-ready
	$(BIN)/python -m pytest -q -m "slow and not gpu" --timeout 3600

bench: .venv/run-ready
	mkdir -p build/bench
	$(BIN)/python benchmarks/graphs.py --rounds 3 --seconds 0.2 > build/bench/graphs.json
	$(BIN)/python -m benchmarks.tables build/bench/graphs.json
	$(BIN)/python -m benchmarks.step --short --out build/bench/step.json
	$(BIN)/python -m benchmarks.scaling --short --out build/bench/scaling.json

docs: .venv/test-ready
	$(BIN)/python -m sphinx -q -W --keep-going -n -d build/doctrees -c docs . build/docs
	@echo "open build/docs/index.html"

lint: .venv/test-ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

check: lint test

format: .venv/test-ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp is made once the install is whole, and again when what it depends on changes.
.venv/run-ready: pyproject.toml constraints.txt
	@$(PY) -c 'import sys; sys.exit("offpath needs Python 3.11 or later: make PY=python3.11" if sys.version_info < (3, 11) else 0)'
	@echo "setting up .venv (once; a few minutes)"
	$(PY) -m venv .venv
	$(PIP) -e .
	@touch $@

.venv/test-ready: .venv/run-ready
	$(PIP) -e '.[browser,cluster,data,dev,docs,hub,onnx,test]'
	@touch $@
