# Every target creates the environment if needed, and updates it when pyproject.toml or constraints.txt has changed.
# docs/development.md lists the plain commands behind each target.
PYTHON ?= python3
VENV   ?= .venv
SCALE  ?= mini
ARGS   ?=
TESTS  ?= -n 2 --dist loadgroup
DATA   ?= $(BLURBSTUDY_DATA)
ENCODER ?=

BIN   := $(VENV)/bin
STAMP := $(VENV)/.made-from-constraints
PEERS := $(VENV)/.made-with-benchmark

.DEFAULT_GOAL := help
.PHONY: help setup report test test-slow soak lab check docs benchmark benchmark-gpu clean

help:
	@echo "make report   report the published records, run the demonstration, and write report/index.html;"
	@echo "              SCALE=small runs that scale alone"
	@echo "make test     run the tests (5 to 16 minutes on two cores)"
	@echo "make test-slow   run the tests with browsers, whole studies and killed processes (up to 25 minutes)"
	@echo "make soak     kill processes and machines of a Ray cluster at random for some minutes; nothing may be lost"
	@echo "make lab      open copies of the notebooks (lab/) in JupyterLab"
	@echo "make check    check lint, formatting and types"
	@echo "make docs     regenerate docs/cli.md, and docs/findings.md from the published records"
	@echo "make setup    create $(VENV) with all packages (the other targets do this too)"
	@echo "make benchmark DATA=DIR ENCODER=DIR   compare speed and memory with Hugging Face Trainer on the CPU"
	@echo "make benchmark-gpu [DATA=DIR]         compare populations with Hugging Face Trainer on the GPU"
	@echo "make clean    remove $(VENV), caches, and the runs and report of the mini scale"
	@echo
	@echo "PYTHON=python3.12 selects the Python; ARGS='...' adds arguments; TESTS='-n 0' runs the tests in one process."

setup: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is older than Python 3.11; select a newer one: make $(MAKECMDGOALS) PYTHON=python3.11" >&2; exit 1; }
	@test -x $(BIN)/pip || $(PYTHON) -m venv $(VENV) || \
	  { rm -rf $(VENV); echo "$(PYTHON) cannot create environments; install python3-venv (or: pip install virtualenv && virtualenv $(VENV))" >&2; exit 1; }
	@echo "Installing packages into $(VENV) (0.5 GB with a CPU build of torch, several GB with a CUDA build)."
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[test,onnx,cluster]"
	@touch $@

report: $(STAMP)
ifeq ($(SCALE),mini)
	@if test -f studies/small/records.zip && ! test -e runs/small; then \
	  $(BIN)/blurbstudy report --scale small || true; \
	elif test -f studies/small/records.zip; then \
	  echo "runs/small is a store of your own: make report SCALE=small runs what it lacks and reports it."; \
	else echo "No findings on real data yet: studies/small has no records, so Tables 2 to 11 are demonstrations alone."; fi
endif
	@echo "Running the study at the $(SCALE) scale$(if $(filter mini,$(SCALE)), (19 minutes on two slow cores, less on others))."
	@echo "Finished runs are reused: after an interruption, run the same command again."
	$(BIN)/blurbstudy run --scale $(SCALE) $(ARGS)
	@echo "Open report/index.html in a browser."

test: $(STAMP)
	$(BIN)/python -m pytest $(TESTS) -m "not slow" $(ARGS)

test-slow: $(STAMP)
	$(BIN)/python -m pytest $(TESTS) -m "slow and not soak" $(ARGS)

soak: $(STAMP)
	$(BIN)/python -m pytest -n 0 -m soak -s $(ARGS)

lab: $(STAMP)
	$(BIN)/python notebooks/copy_for_lab.py lab
	$(BIN)/jupyter lab $(ARGS) lab

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python --level error

docs: $(STAMP)
	$(BIN)/python docs/generate_cli.py
	$(BIN)/python docs/generate_findings.py

$(PEERS): $(STAMP)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[benchmark]"
	@touch $@

benchmark: $(PEERS)
	@test -n "$(DATA)" -a -n "$(ENCODER)" || { echo "DATA and ENCODER are required: make benchmark DATA=DIR ENCODER=DIR" >&2; exit 1; }
	$(BIN)/python benchmarks/finetuning.py --data $(DATA) --encoder $(ENCODER) $(ARGS)

benchmark-gpu: $(PEERS)
	$(BIN)/python benchmarks/gpu.py $(if $(DATA),--data $(DATA)) $(ARGS)

clean:
	rm -rf $(VENV) .cache .pytest_cache .ruff_cache runs/mini report/mini blurbstudy.egg-info
