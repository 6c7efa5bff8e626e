# Each target makes the environment itself, and does so again only when pyproject.toml or constraints.txt changed.
# The plain lines behind each target stand in README.md.
PYTHON ?= python3
VENV   ?= .venv
SCALE  ?= mini
ARGS   ?=
TESTS  ?= -n 2
DATA   ?= $(BLURBSTUDY_DATA)
ENCODER ?=

BIN   := $(VENV)/bin
STAMP := $(VENV)/.made-from-constraints
PEERS := $(VENV)/.made-with-benchmark

.DEFAULT_GOAL := help
.PHONY: help setup report test lab check benchmark benchmark-gpu clean

help:
	@echo "make setup    make $(VENV) with all packages (done by the other targets too)"
	@echo "make report   run the study at SCALE=$(SCALE) and write report/$(SCALE)/index.html"
	@echo "make test     run the tests"
	@echo "make lab      open the notebooks in JupyterLab"
	@echo "make check    lint and formatting"
	@echo "make benchmark DATA=DIR ENCODER=DIR   speed and memory beside Hugging Face Trainer on this machine's CPU"
	@echo "make benchmark-gpu [DATA=DIR]         populations beside Hugging Face Trainer on this machine's GPU"
	@echo "make clean    remove $(VENV), caches, runs/ and report/ of the mini scale"
	@echo
	@echo "PYTHON=python3.12 chooses the Python, ARGS='...' goes to blurbstudy, pytest or the benchmark, TESTS='-n 0' runs tests in one process"

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than Python 3.11; name a newer one: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "$(PYTHON) cannot make environments; install python3-venv (or: pip install virtualenv && virtualenv $(VENV))" >&2; exit 1; }
	@echo "installing packages into $(VENV): 0.5 GB to download with a CPU build of torch, several GB with a CUDA build"
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test]"
	@touch $@

report: $(STAMP)
	$(BIN)/blurbstudy run --scale $(SCALE) $(ARGS)

test: $(STAMP)
	$(BIN)/python -m pytest $(TESTS) $(ARGS)

lab: $(STAMP)
	$(BIN)/jupyter lab $(ARGS) notebooks

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

$(PEERS): $(STAMP)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[benchmark]"
	@touch $@

benchmark: $(PEERS)
	@test -n "$(DATA)" -a -n "$(ENCODER)" || { echo "name the data and an encoder: make benchmark DATA=DIR ENCODER=DIR" >&2; exit 1; }
	$(BIN)/python benchmarks/finetuning.py --data $(DATA) --encoder $(ENCODER) $(ARGS)

benchmark-gpu: $(PEERS)
	$(BIN)/python benchmarks/gpu.py $(if $(DATA),--data $(DATA)) $(ARGS)

clean:
	rm -rf $(VENV) .cache .pytest_cache .ruff_cache runs/mini report/mini blurbstudy.egg-info
