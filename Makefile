# SPDX-License-Identifier: Apache-2.0
# The two commands: `make report` and `make test`. Both set everything up first, in .venv.
#
#   make report SEEDS=3 DATA=path OUT=dir   trains what the report needs and writes OUT/index.html
#   make test                               runs the tests
#   make setup                              only sets everything up
#   make bench                              times it beside PyTorch, JAX, Keras and scikit-learn, which it installs in
#                                           .venv-bench (an hour; ARGS=--quick: minutes; see shoal bench --help)
#   make replicate                          trains again what is published, and checks laws of training (minutes)
#   make prove                              the proofs in full: ten thousand configs, other builds (twenty minutes)
#   make lint | sanitize | docs             checks; the native tests under sanitizers (SANITIZER=thread: the other
#                                           one); the generated pages

PYTHON ?= python3
OUT ?= report
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
NATIVE := CMakeLists.txt $(wildcard native/*.h native/*.cpp native/kernels/*.h native/kernels/*.cpp)
ROOMS := $(shell find src/shoal -type d -not -name __pycache__)

.PHONY: setup report test bench replicate lint prove sanitize docs clean
.DELETE_ON_ERROR:

setup: $(READY)

report: $(READY)
	@$(BIN)/shoal report --out "$(OUT)" $(if $(SEEDS),--seeds "$(SEEDS)") $(if $(DATA),--data "$(DATA)") $(ARGS)

test: $(READY)
	@$(BIN)/pytest $(ARGS)

bench: $(READY) .venv-bench/.ready
	@$(BIN)/shoal bench $(if $(DATA),--data "$(DATA)") $(ARGS)

replicate: $(READY)
	@$(BIN)/python benchmarks/replicate.py $(if $(DATA),--data "$(DATA)") $(ARGS)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run --Werror native/*.h native/*.cpp native/kernels/*.h native/kernels/*.cpp

sanitize: $(READY)
	@$(BIN)/python tests/builds.py $(or $(SANITIZER),address) $(ARGS)

prove: $(READY)
	@$(BIN)/python tests/prove.py $(ARGS)

docs: $(READY)
	$(BIN)/python docs/write_cli.py
	$(BIN)/python docs/draw_engine.py

clean:
	rm -rf $(VENV) .venv-bench build

# One environment: pinned dependencies, then Shoal itself with its native engine built for this machine.
$(VENV)/.dependencies: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Shoal needs Python 3.11 or newer; $(PYTHON) is older. Use: make PYTHON=python3.12 ..." >&2; exit 2; }
	@c++ --version >/dev/null 2>&1 \
	  || { echo "Shoal needs a C++ compiler. On Debian or Ubuntu: sudo apt install g++" >&2; exit 2; }
	@echo "setting up $(VENV): a minute or two, once" >&2
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "That needs Python's venv module. On Debian or Ubuntu: sudo apt install python3-venv" >&2; exit 2; }
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

# A file that was added, moved or removed changes its folder: an editable install knows each file by its place.
$(READY): $(VENV)/.dependencies pyproject.toml $(NATIVE) $(ROOMS)
	@echo "building the native engine" >&2
	@CMAKE_GENERATOR=Ninja $(BIN)/pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@echo "ready: $(BIN)/shoal" >&2
	@touch $@

# Who Shoal is compared with: one by one, since a machine may lack any of them.
PEERS := src/shoal/bench/requirements.txt
.venv-bench/.ready: $(PEERS)
	@echo "setting up .venv-bench: a minute or more, once" >&2
	@$(PYTHON) -m venv .venv-bench
	@grep -v '^#' $(PEERS) | while read -r peer; do \
	  .venv-bench/bin/pip install --quiet --disable-pip-version-check \
	    $(if $(TORCH_INDEX),--extra-index-url "$(TORCH_INDEX)") "$$peer" >&2 \
	  || echo "$$peer cannot be had here: what needs it is left out of the comparison" >&2; done
	@touch $@
