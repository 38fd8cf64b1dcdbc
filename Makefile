# The QA fine-tuning lab. Needs only make and Python 3.11, 3.12 or 3.13; every target sets up what it needs.
#   PYTHON=/path/to/python make lab   choose the Python
#   TORCH=cpu make lab                on Linux without an NVIDIA GPU: saves several GB
#   LAB_ARGS="--no-browser" make lab  further arguments for JupyterLab
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
# The stamp's name holds a checksum of what it was installed from, so that a changed lock is installed once more.
STAMP := $(VENV)/installed-$(shell cat requirements.lock requirements/overrides.txt | cksum | cut -d' ' -f1)
COLAB := $(VENV)/colab-widgets

.PHONY: help lab tour test check notebooks lock clean

help: ## Show this list
	@echo "The QA fine-tuning lab. Say 'make' and one of these:"
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  \1|\2/p' Makefile | awk -F'|' '{ printf "%-12s %s\n", $$1, $$2 }'

$(STAMP):
	@PYTHON="$(PYTHON)" TORCH="$(TORCH)" sh requirements/install.sh $(VENV)
	@rm -f $(VENV)/installed-*
	@touch $@

$(COLAB): requirements/colab.txt | $(STAMP)
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --target $@ -r requirements/colab.txt
	@touch $@

lab: $(STAMP) ## Open JupyterLab on the first notebook
	@echo "Opening JupyterLab. Press Ctrl-C here to end it; your work is kept in lab-home/."
	@$(BIN)/labkit lab $(LAB_ARGS)

tour: $(STAMP) ## Run the whole path without a browser, from samples to verdict and report.html
	@$(BIN)/labkit tour

check: $(STAMP) $(COLAB) ## Lint, types and unit tests: a minute or two, before each commit
	@echo "Linting..."
	@$(BIN)/ruff check .
	@echo "Checking types..."
	@$(BIN)/mypy
	@echo "Running the unit tests..."
	@$(BIN)/python -m pytest -q tests/unit

test: $(STAMP) $(COLAB) ## Everything CI runs: lint, types, all tests, all notebooks
	@echo "Linting..."
	@$(BIN)/ruff check .
	@echo "Checking types..."
	@$(BIN)/mypy
	@echo "Running all tests, notebooks included; this takes a while..."
	@$(BIN)/python -m pytest tests

notebooks: $(STAMP) ## Build and execute the notebooks from notebooks/source
	@echo "Building the notebooks; each is executed from top to bottom..."
	@$(BIN)/python notebooks/build.py

lock: $(STAMP) ## Choose versions anew and write requirements.lock
	@echo "Resolving versions..."
	@UV=$(BIN)/uv bash requirements/lock.sh
	@echo "requirements.lock is written; bring environment.yml in step (make check says where)."

clean: ## Remove the virtual environment and caches; lab-home/ is kept
	@echo "Removing $(VENV) and caches. Your work in lab-home/ stays."
	@rm -rf $(VENV) .pytest_cache .ruff_cache .mypy_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
