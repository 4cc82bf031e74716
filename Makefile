# make demo    the whole of Winnow with a demo project, at http://127.0.0.1:8000/
# make serve   the same without the demo project
# make setup   only the environment, in .venv
# make check   lint, types, import rules, templates, migrations
# make test    check and the whole suite; ARGS="-k foo" for a part of it
# make test-services  the suite on PostgreSQL and Redis
# make lock    new lock files from requirements/*.in
# make clean   removes the environment and the caches, never var/
#
# WINNOW_HOME moves var/, WINNOW_PORT the port. TORCH_INDEX chooses torch's build, for example the CPU builds:
#   make setup TORCH_INDEX=<address of the index of that build>

SHELL := /bin/sh
.DEFAULT_GOAL := demo
.SUFFIXES:
.PHONY: demo serve setup setup-dev check test test-services lock clean python-is-new-enough

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
PIP := $(PY) -m pip --disable-pip-version-check
TORCH := torch==2.13.0
TORCH_INDEX ?=
ARGS ?=
JOBS ?= 2

# a stamp is named by the sum of what it stands for, so that changed requirements or an interrupted install are redone
LEARN_FILES := requirements/learn.txt requirements/baal.txt
DEV_FILES := $(LEARN_FILES) requirements/dev.txt
LEARN_STAMP := $(VENV)/.learn-$(shell cat $(LEARN_FILES) | cksum | tr ' ' '-')
DEV_STAMP := $(VENV)/.dev-$(shell cat $(DEV_FILES) | cksum | tr ' ' '-')

demo: setup
	@$(PY) manage.py demo

serve: setup
	@$(PY) manage.py serve

setup: $(LEARN_STAMP)

setup-dev: $(DEV_STAMP)

python-is-new-enough:
	@command -v $(PYTHON) >/dev/null || { echo "Winnow needs Python 3.11 or newer; there is no $(PYTHON) here. Install it, or name one: make PYTHON=/path/to/python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; v = sys.version.split()[0]; sys.version_info >= (3, 11) or sys.exit("Winnow needs Python 3.11 or newer; $(PYTHON) is " + v + ". Name a newer one: make PYTHON=python3.12")'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo "$(PYTHON) cannot make environments. On Debian and Ubuntu: apt install python3-venv"; exit 1; }

# order-only, so that the check runs when something is to be installed, and never makes the stamp old
$(LEARN_STAMP): | $(PY)
	@rm -f $(VENV)/.learn-*
	@$(PIP) --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) # an interrupted start
	@echo "[1/3] torch (the largest part, some minutes) ..."
	@$(PIP) install $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) $(TORCH)
	@echo "[2/3] Django, Celery, scikit-learn and the rest ..."
	@$(PIP) install -q -r requirements/learn.txt
	@echo "[3/3] baal ..."
	@$(PIP) install -q --no-deps -r requirements/baal.txt
	@touch $@
	@echo "The environment is ready in $(VENV)."

$(DEV_STAMP): | $(LEARN_STAMP)
	@rm -f $(VENV)/.dev-*
	@echo "Installing what the tests need ..."
	@$(PIP) install -q -r requirements/dev.txt
	@touch $@

$(PY):
	@$(MAKE) --no-print-directory python-is-new-enough
	@echo "Making the environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)

# the checks get a home and a key of their own, so that they need no prepared var/
OWN_HOME := $(VENV)/check
MANAGE := WINNOW_HOME=$(OWN_HOME) WINNOW_SECRET_KEY=only-for-checks-0123456789-0123456789-0123456789 $(PY) -W ignore manage.py

check: setup-dev
	@mkdir -p $(OWN_HOME)
	@echo "ruff ..." && $(PY) -m ruff check . && $(PY) -m ruff format --check .
	@echo "mypy ..." && $(PY) -m mypy
	@echo "import rules ..." && $(VENV)/bin/lint-imports --no-logo
	@echo "templates ..." && find templates -name '*.html' -exec $(VENV)/bin/djade --check {} +
	@echo "migrations and settings ..." && $(MANAGE) makemigrations --check --dry-run && $(MANAGE) check

SUITE = $(PY) -m pytest -n $(JOBS) --dist loadgroup $(ARGS)
WITH_CHROMIUM = chromium=$$($(PY) tests/find_chromium.py) && WINNOW_CHROMIUM="$$chromium"
BEGAN := $(shell date +%s)
TOOK = echo "$@ passed in $$(( $$(date +%s) - $(BEGAN) )) s"

test: check
	@$(WITH_CHROMIUM) $(SUITE) && $(TOOK)

test-services: export WINNOW_DATABASE_URL ?= postgres://postgres@127.0.0.1:5432/postgres
test-services: export WINNOW_BROKER_URL ?= redis://127.0.0.1:6379/9
# no other run's worker takes this run's messages
test-services: export WINNOW_BROKER_PREFIX ?= winnow-test-$(BEGAN)-$(shell echo $$PPID):
test-services: setup-dev
	@$(PY) tests/find_services.py
	@$(WITH_CHROMIUM) $(SUITE) && $(TOOK)

lock: python-is-new-enough
	@fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && for set in web learn dev; do \
	  echo "Locking $$set ..." && $(PYTHON) -m venv --clear "$$fresh" && \
	  "$$fresh/bin/python" -m pip install -q packaging -r requirements/$$set.in && \
	  "$$fresh/bin/python" requirements/lock.py requirements/$$set.in requirements/$$set.txt || exit 1; \
	done

clean:
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	@echo "Removed the environment and the caches; var/ with all your data is kept."
