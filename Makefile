# `make` lists the targets. Every target that needs Python installs it into .venv first.
# Python 3.11 or newer (with venv) and make are all that has to be there before.

PYTHON  ?= python3
VENV    ?= .venv
PROFILE ?= full
BIN     := $(VENV)/bin
STAMP   := $(VENV)/.alvae-$(if $(LOCKED),locked,installed)
UV      ?= uv

# Fitted VAEs and learning curves: what is there is not computed again.
ALVAE_STORE ?= $(CURDIR)/_store
export ALVAE_STORE

# Let glibc keep the memory that a training step frees, instead of asking for it again page by page.
# Other C libraries know neither variable.
MALLOC_MMAP_THRESHOLD_ ?= 33554432
MALLOC_TRIM_THRESHOLD_ ?= 268435456
export MALLOC_MMAP_THRESHOLD_ MALLOC_TRIM_THRESHOLD_

NOTEBOOKS  := $(wildcard notebooks/*.ipynb)
NBSTRIPOUT  = "$(BIN)/nbstripout" --extra-keys "metadata.language_info"
# A worker for each core, with one thread: threads of one would wait for cores that another keeps busy.
PYTEST      = OMP_NUM_THREADS=1 "$(BIN)/python" -m pytest -n logical --maxprocesses 4

ifneq ($(filter-out 1,$(LOCKED)),)
  $(error LOCKED is '$(LOCKED)'; allowed: 1, or nothing)
endif
ifneq ($(filter book,$(MAKECMDGOALS)),)
  ifeq ($(filter smoke full,$(PROFILE)),)
    $(error PROFILE is '$(PROFILE)'; allowed: smoke, full)
  endif
  ifneq ($(words $(PROFILE)),1)
    $(error PROFILE is '$(PROFILE)'; allowed: smoke, full)
  endif
endif

.DEFAULT_GOAL := help
.PHONY: help setup book pdf headline test mutants nightly lint format studies lock clean distclean

help: ## list the targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  PROFILE=smoke|full   size of the experiments in 'make book' (default full)"
	@echo "  PYTHON=python3       the Python, 3.11 or newer, that .venv is made with"
	@echo "  VENV=.venv           an environment of your own to use, such as \$$CONDA_PREFIX"
	@echo "  LOCKED=1             let pip check the hash of every file, for Python 3.11 on Linux, x86-64"
	@echo "  ALVAE_STORE=_store   folder in which results are kept"

setup: $(STAMP) ## install alvae and all its tools, pinned, into .venv

$(STAMP): pyproject.toml constraints.txt requirements.lock
	@command -v "$(PYTHON)" >/dev/null || { \
	  echo "alvae needs Python 3.11 or newer; there is no '$(PYTHON)' here. Name one: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x "$(BIN)/pip" || "$(PYTHON)" -c 'import sys; \
	sys.exit(sys.version_info < (3, 11) and "alvae needs Python 3.11 or newer; $(PYTHON) is %d.%d. Name another: make PYTHON=/path/to/python3.11" % sys.version_info[:2])'
	@test -x "$(BIN)/pip" || "$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "$(PYTHON) comes without the venv module; on Debian and Ubuntu it is the package python3-venv" >&2; exit 1; }
	test -x "$(BIN)/pip" || "$(PYTHON)" -m venv "$(VENV)"
ifeq ($(LOCKED),)
	"$(BIN)/python" -m pip install -c constraints.txt -e ".[book,test]"
else
# What is there already may have come unchecked: it is installed again. After that nothing is left to fetch;
# alvae is built with the setuptools that was just checked.
	"$(BIN)/python" -m pip install --force-reinstall --require-hashes -r requirements.lock
	"$(BIN)/python" -m pip install --no-index --no-deps --no-build-isolation -e .
	@touch "$(VENV)/.alvae-installed"
endif
	@touch "$@"

book: $(STAMP) ## run the experiments and build the book (PROFILE=smoke for a quick one)
	"$(BIN)/python" -m alvae.book --html --profile $(PROFILE)
	@echo "The book: $(CURDIR)/_build/html/index.html"

pdf: $(STAMP) ## print the pages of the last 'make book' into one PDF (needs Chromium)
	"$(BIN)/python" -m alvae.book --pdf

headline: $(STAMP) ## copy the figure of the README out of the book
	"$(BIN)/python" -m alvae.book --headline

test: $(STAMP) ## run the unit tests, then every notebook, then notebooks on other data
	$(PYTEST) --dist loadfile tests
	$(PYTEST) --dist worksteal --nbmake --nbmake-timeout=900 notebooks
	$(PYTEST) --dist worksteal tests -m slow

mutants: $(STAMP) ## sow small faults into the helper, and count how many its tests notice (hours)
	@test -x _build/cosmic-ray/bin/cosmic-ray || { "$(BIN)/python" -m venv _build/cosmic-ray && \
	  _build/cosmic-ray/bin/pip install cosmic-ray==8.7.0; }
	"$(BIN)/python" tests/mutants.py _build/cosmic-ray/bin/cosmic-ray

nightly: $(STAMP) ## what takes too long for every change: the smoke book killed, doubled and damaged
	"$(BIN)/python" -m pytest tests -m nightly -s

lint: $(STAMP) ## check code and notebooks: rules, format, no outputs
	"$(BIN)/ruff" check .
	"$(BIN)/ruff" format --check .
	$(if $(NOTEBOOKS),$(NBSTRIPOUT) --verify $(NOTEBOOKS))

format: $(STAMP) ## mend what lint finds, as far as tools can
	"$(BIN)/ruff" check --fix .
	"$(BIN)/ruff" format .
	$(if $(NOTEBOOKS),$(NBSTRIPOUT) $(NOTEBOOKS))

studies: $(STAMP) ## run the long comparisons of the book, some hours, into book/results
	"$(BIN)/python" -m alvae.book.studies

# --upgrade: otherwise uv would take over the hashes of the old file. torch is its CPU build, from PyTorch's
# index or, where UV_FIND_LINKS names a folder that has it, from there.
lock: ## write requirements.lock, the hashes of what constraints.txt pins (needs uv)
	"$(UV)" pip compile pyproject.toml --extra book --extra test -c constraints.txt --upgrade \
	  --python-version 3.11 --python-platform x86_64-manylinux_2_28 \
	  $(if $(UV_FIND_LINKS),,--torch-backend cpu) \
	  --generate-hashes --only-binary :all: --emit-build-options --no-annotate \
	  --custom-compile-command "make lock" --quiet -o requirements.lock

clean: ## remove the built book, stored results and caches; .venv stays
	rm -rf _build _store book/pages build dist alvae.egg-info
	rm -rf .pytest_cache .ruff_cache .hypothesis
	rm -rf notebooks/.ipynb_checkpoints
	find alvae tests -name __pycache__ -prune -exec rm -rf {} +

distclean: clean ## remove .venv, too
	rm -rf .venv
