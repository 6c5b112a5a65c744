# Two commands matter: `make book` and `make test`. Both start from Python >= 3.11, make and a package registry.

PYTHON  ?= python3
VENV    ?= .venv
PROFILE ?= laptop
# The torch build: cpu, or for a GPU the CUDA version's name: make book TORCH=cu130
TORCH   ?= cpu
# An index that holds that build, where PyTorch's own cannot be reached.
TORCH_INDEX ?=
# Your own data folder (see README.md), instead of the environment's MIXVOCAB_DATA.
DATA    ?= $(MIXVOCAB_DATA)

.DEFAULT_GOAL := help
BIN := $(abspath $(VENV))/bin
export PATH := $(BIN):$(PATH)
# Threads that spin while they wait cost a shared machine most of its speed.
export OMP_WAIT_POLICY := passive
export TOKENIZERS_PARALLELISM := false
export HF_HUB_DISABLE_TELEMETRY := 1
export PYTHONUTF8 := 1
ifneq ($(strip $(DATA)),)
export MIXVOCAB_DATA := $(abspath $(DATA))
endif

SMOKE := $(CURDIR)/.cache/test

help:  ## this list
	@echo "Extremely small BERT models from mixed-vocabulary training: the book"
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo "  Options: PROFILE=smoke|laptop|evening|gpu|paper  DATA=folder  TORCH=cpu|cu130|...  PYTHON=python3.12  VENV=.venv"

setup:  ## install the locked packages into .venv (all other commands do it when needed)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
	  { echo "Python 3.11 or later is needed and $(PYTHON) is none; name one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) tools/install.py --venv '$(VENV)' --torch '$(TORCH)' --torch-index '$(TORCH_INDEX)'
	@$(BIN)/python -m mixvocab.widgets.assets || true

book: setup  ## run the chapters and render the book (PROFILE=laptop)
	@$(BIN)/mixbook build --profile '$(PROFILE)'

lab: setup  ## open the chapters in JupyterLab
	@$(BIN)/jupyter lab --notebook-dir=notebooks --ip=127.0.0.1

test: setup browser  ## check, run every chapter at smoke, build the book, test all of it
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .
	@rm -rf '$(SMOKE)' && mkdir -p '$(SMOKE)'
	@$(MAKE) --no-print-directory -j2 test-chapters test-library
	@# Who looks at pages mostly waits for a browser: one process more than there are cores.
	@MIXVOCAB_BOOK_HTML='$(SMOKE)/book' $(BIN)/pytest -m pages -n $$(($$(getconf _NPROCESSORS_ONLN) + 1)) --dist loadfile --no-loadscope-reorder tests

# The tests that need no rendered book run beside the chapters.
test-chapters:
	@MIXVOCAB_CACHE='$(SMOKE)/cache' $(BIN)/mixbook build --profile smoke --output '$(SMOKE)/book'

test-library:
	@$(BIN)/mypy
	@said='$(SMOKE)/library.txt'; $(BIN)/pytest -m 'not pages' tests > "$$said" 2>&1; \
	  failed=$$?; cat "$$said"; exit $$failed

faults: setup  ## kill runs at random, a hundred times: each has to go on and end as if nothing had happened
	@MIXVOCAB_KILLS=100 $(BIN)/pytest -n $$(getconf _NPROCESSORS_ONLN) --dist load tests/faults

smoke: setup  ## run every chapter at smoke and render them, without the tests
	@$(BIN)/mixbook build --profile smoke

shots: setup browser  ## screenshots of every page of the rendered book: light, dark, phone (book/_build/shots)
	@$(BIN)/python tools/shots.py

print: setup browser  ## the rendered book as one document (book/_build/book.pdf)
	@$(BIN)/python tools/print.py

pictures: setup browser  ## make the committed pictures anew: README's, the card, the icon
	@$(BIN)/python tools/pictures.py

bench: setup  ## time the library beside its peers, some minutes (results in benchmarks/results)
	@for name in vocabulary mixing scale training precision word_states augmentation latency page help; do $(BIN)/python benchmarks/$$name.py || exit 1; done

format: setup  ## put the code into its one format
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

lock: setup  ## resolve requirements.in into requirements.lock and environment.yml
	@$(BIN)/python tools/lock.py

clean:  ## remove what was built; .venv and computed artefacts stay
	@rm -rf book/_build book/chapters build .pytest_cache .mypy_cache .ruff_cache '$(SMOKE)'

distclean: clean  ## remove .venv, fetched scripts and computed artefacts too
	@rm -rf .venv .cache book/vendor

# A browser for the tests of the rendered book; without one they are skipped and say so.
browser:
	@command -v chromium >/dev/null || command -v chromium-browser >/dev/null || \
	  { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && echo "installing Debian's chromium for the browser tests" && \
	    apt-get update -qq >/dev/null 2>&1 && \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null 2>&1; } || true

.PHONY: help setup book lab test test-chapters test-library faults smoke shots print pictures bench format lock clean distclean browser
