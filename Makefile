# Everything a newcomer runs: `make demo` labels music, `make test` proves it, `make help` lists the rest.
# Installing is a file target: a second run starts at once.

PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt
# Byte code is cached even where the environment says otherwise: without it PyTorch alone takes six seconds to import.
export PYTHONDONTWRITEBYTECODE =
AUDIO ?=
ARGS ?=

# Without any of these files no CUDA device can be there, and PyTorch's gigabytes would lie idle.
DRIVER := $(firstword $(wildcard /dev/nvidiactl /proc/driver/nvidia/version /dev/dxg))
EXTRA ?= $(if $(DRIVER),gpu,cpu)
# Where the developer tools are they stay: they bring both back ends.
WANTED := $(if $(wildcard .venv/.installed-dev),dev,$(EXTRA))
WHY := $(if $(DRIVER),$(DRIVER) is there,no NVIDIA driver here)
STAMP := .venv/.installed-$(WANTED)
# onnxruntime and onnxruntime-gpu are one package under two names, and each overwrites the other's files.
RIVAL = $(if $(filter cpu,$1),onnxruntime-gpu,$(if $(filter Linux-x86_64,$(shell uname -sm | tr ' ' -)),onnxruntime,onnxruntime-gpu))
install = if $(BIN)/uv pip show --quiet --python $(BIN)/python $(call RIVAL,$1) 2>/dev/null; then \
	$(BIN)/uv pip uninstall --quiet --python $(BIN)/python onnxruntime onnxruntime-gpu; fi; \
	rm -f .venv/.installed-*; $(UV) --editable '.[$1]' && touch .venv/.installed-$1
# Compiled before the tests, that no test has to wait for it; nothing where it is done.
KERNELS = $(BIN)/genrestream kernels build >/dev/null
# What librosa compiles, before several processes of the tests would at once.
ORACLE = $(BIN)/python -m tests.featurizer.oracle

.PHONY: help demo test test-fast check format kafka clean
.DEFAULT_GOAL := help

help:  ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP)  ## Label music end to end without a broker: AUDIO="files or folders", ARGS="--interval 2", EXTRA=cpu|gpu
	@echo "genrestream[$(WANTED)]: $(WHY)" >&2
	@$(BIN)/genrestream demo $(ARGS) $(AUDIO)

test: .venv/.installed-dev  ## Run every test on every core (a real Apache Kafka is started where Java 17 and Maven are found)
	@$(KERNELS) & $(ORACLE) && wait $$!
	@OMP_NUM_THREADS=1 $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

test-fast: .venv/.installed-dev  ## Run the quick tests, on every core
	@$(KERNELS)
	@OMP_NUM_THREADS=1 $(BIN)/pytest -m "not slow and not broker and not gpu" -n auto --dist worksteal $(ARGS)

check: .venv/.installed-dev  ## Format, lint, types, import contracts
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: .venv/.installed-dev  ## Format and fix what can be fixed
	@$(BIN)/ruff check --fix --quiet . ; $(BIN)/ruff format .

kafka: $(STAMP)  ## Run a real single-node Apache Kafka on loopback in the foreground (Java 17, Maven)
	@$(BIN)/python -m deploy.local_kafka $(ARGS)

clean:  ## Remove the environment and every cache
	rm -rf .venv .cache build *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

.venv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "genrestream needs Python 3.11 or newer: make PYTHON=python3.11")'
	@echo "Making .venv ..." >&2
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv

.venv/.installed-cpu: pyproject.toml constraints.txt | .venv/bin/uv
	@echo "Installing genrestream[cpu]: $(WHY) (once; a minute at most) ..." >&2
	@$(call install,cpu)

.venv/.installed-gpu: pyproject.toml constraints.txt | .venv/bin/uv
	@echo "Installing genrestream[gpu]: $(WHY) (PyTorch with CUDA is about 3 GB to fetch; once) ..." >&2
	@$(call install,gpu)

.venv/.installed-dev: pyproject.toml constraints.txt | .venv/bin/uv
	@echo "Installing genrestream[dev], both back ends and the tools (about 3 GB to fetch; once) ..." >&2
	@$(call install,dev)
