# make demo    real pictures, indexed and searched; make demo DIR=~/Pictures takes your own
# make test    the tests
# make check   all that CI checks: style, types, import order, tests
# make clean   removes the environment; your pictures and the index stay
PYTHON ?= python3
TORCH ?= torch==2.14.1 torchvision==0.29.1
FAISS ?= cpu

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
OTHER_FAISS := $(filter-out $(FAISS),cpu gpu)

.PHONY: help demo test check lint clean
.DELETE_ON_ERROR:

help:
	@sed -n '/^[^#]/q; s/^# //p' Makefile

demo: $(VENV)/.demo-$(FAISS)
	@$(BIN)/pixloom demo -- $${DIR:+"$$DIR"} || [ $$? -eq 1 ]  # 1: done, with unreadable files listed

test: $(VENV)/.dev-$(FAISS)
	@$(BIN)/python -m pytest

check: lint test

lint: $(VENV)/.dev-$(FAISS)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

clean:
	rm -rf $(VENV) dist .mypy_cache .ruff_cache .pytest_cache .hypothesis

# A stamp is touched last, so that an installation which was cut short is taken up again.
$(VENV)/.demo-$(FAISS): EXTRAS := $(FAISS),embedded,plots,demo
$(VENV)/.dev-$(FAISS): EXTRAS := $(FAISS),dev
$(VENV)/.demo-$(FAISS) $(VENV)/.dev-$(FAISS): pyproject.toml | $(VENV)/.torch
	@echo "Installing Pixloom and what it needs into $(VENV) ..."
	@rm -f $(VENV)/.*-$(OTHER_FAISS) && $(PIP) uninstall -qq -y faiss-$(OTHER_FAISS) 2>/dev/null
	@$(PIP) install -qq -e '.[$(EXTRAS)]'
	@touch $@

$(VENV)/.torch: | $(VENV)/.made
	@echo "Installing PyTorch, the largest part: this can take minutes ..."
	@$(PIP) install -qq $(TORCH) 2>/dev/null || echo "Not $(TORCH) here: taking the versions that pyproject.toml allows."
	@touch $@

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	    { echo "Pixloom needs Python 3.11 or newer, as in: make demo PYTHON=python3.12"; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV) || \
	    { echo "Python can't make $(VENV): on Debian and Ubuntu, install the package python3-venv."; exit 1; }
	@touch $@
